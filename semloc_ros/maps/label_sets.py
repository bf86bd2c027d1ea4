"""What the numbers of label maps mean: `labels.json` beside them.

    {"names": ["road", …], "stationary": [true, …], "parents": [0, …]}

`parents` are the Cityscapes train ids that the labels are parts of, 255 where there is none.
`stationary` may be null: which labels stay has to be learned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import MapError, expected

FILE_NAME = "labels.json"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """L labels: their names, which stay where they are (L,) bool, None if that is not known, and
    their classes (L,) uint8."""

    names: tuple[str, ...]
    stationary: NDArray[np.bool_] | None
    parents: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.names)


def cityscapes() -> LabelSet:
    """The 19 classes, of which 11 stay."""
    number = np.arange(len(classes.NAMES), dtype=np.uint8)
    return LabelSet(classes.NAMES, ~np.isin(number, list(classes.MOVABLE)), number)


def clusters(count: int) -> LabelSet:
    """Labels that mean nothing in words."""
    names = tuple(f"cluster {number}" for number in range(count))
    return LabelSet(names, None, np.full(count, classes.UNKNOWN, np.uint8))


def classes_named(names: Sequence[str], stationary: NDArray[np.bool_] | None) -> LabelSet:
    """Classes of any names; those that have the names of Cityscapes' are known to be those, and
    where all have, also which of them stay."""
    known = {name: number for number, name in enumerate(classes.NAMES)}
    parents = np.array([known.get(name, classes.UNKNOWN) for name in names], np.uint8)
    if stationary is None and classes.UNKNOWN not in parents:
        stationary = ~np.isin(parents, list(classes.MOVABLE))
    return LabelSet(tuple(names), stationary, parents)


def to_json(labels: LabelSet) -> str:
    """The text of `labels.json`."""
    content = {
        "names": list(labels.names),
        "stationary": None if labels.stationary is None else labels.stationary.tolist(),
        "parents": labels.parents.tolist(),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def find_label_set(folder: Path) -> LabelSet | None:
    """The labels that a folder of label maps, or the one around it, tells of; None if neither does.

    Raises MapError if the file is broken.
    """
    for place in (Path(folder), Path(folder).resolve().parent):
        if (place / FILE_NAME).is_file():
            return _read(place / FILE_NAME)
    return None


def _read(path: Path) -> LabelSet:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(str(name) for name in content["names"])
        stationary = _flags(content["stationary"])
        parents = np.array(content["parents"], np.uint8)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise MapError(expected(str(path), "names, stationary, parents", repr(error))) from None
    flags = len(names) if stationary is None else len(stationary)
    if not names or not len(names) == flags == parents.size:
        got = f"{len(names)} names, {flags} flags, {parents.size} parents"
        raise MapError(expected(str(path), "as many of each, at least one", got))
    return LabelSet(names, stationary, parents)


def _flags(values: Any) -> NDArray[np.bool_] | None:
    if values is None:
        return None
    for value in values:
        if not isinstance(value, bool):
            raise ValueError(f"stationary {value!r}"[:80])
    return np.array(values, np.bool_)
