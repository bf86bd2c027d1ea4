"""What the numbers of label maps mean: `labels.json` beside them.

    {"names": ["road", …], "stationary": [true, …], "parents": [0, …]}

`parents` are the Cityscapes train ids that the labels are parts of, 255 where there is none.
"""

from __future__ import annotations

import json
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
    """L labels: their names, which stay where they are (L,) bool, their classes (L,) uint8."""

    names: tuple[str, ...]
    stationary: NDArray[np.bool_]
    parents: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.names)


def cityscapes() -> LabelSet:
    """The 19 classes, of which 11 stay."""
    number = np.arange(len(classes.NAMES), dtype=np.uint8)
    return LabelSet(classes.NAMES, ~np.isin(number, list(classes.MOVABLE)), number)


def to_json(labels: LabelSet) -> str:
    """The text of `labels.json`."""
    content = {
        "names": list(labels.names),
        "stationary": labels.stationary.tolist(),
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
        stationary = [_flag(value) for value in content["stationary"]]
        parents = np.array(content["parents"], np.uint8)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise MapError(expected(str(path), "names, stationary, parents", repr(error))) from None
    if not names or not len(names) == len(stationary) == parents.size:
        got = f"{len(names)} names, {len(stationary)} flags, {parents.size} parents"
        raise MapError(expected(str(path), "as many of each, at least one", got))
    return LabelSet(names, np.array(stationary, np.bool_), parents)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"stationary {value!r}"[:80])
    return value
