"""The errors of a study of pose networks, and the table (CSV) that keeps them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray

COMBINATIONS = {
    "UT/UT": (False, False), "UT/MT": (False, True),
    "MT/UT": (True, False), "MT/MT": (True, True),
}  # fmt: skip
_COLUMNS = ("training", "model", "test", "image", "masked_share", "position_m", "rotation_deg")
_WORDS = {False: "unmasked", True: "masked"}
_NUMBERS = 3  # of a row, the last of it


@dataclass(frozen=True, slots=True)
class Trial:
    """Errors (N,) of one network, metres and degrees, on images that were masked or not."""

    model: str
    trained_masked: bool
    tested_masked: bool
    position: FloatArray
    rotation: FloatArray


@dataclass(frozen=True, slots=True)
class Study:
    """Trials on the same images: their names, and the share (N,) that could be masked of what
    the networks see of them."""

    names: tuple[str, ...]
    masked_share: FloatArray
    trials: tuple[Trial, ...]

    def errors(self, combination: str, kind: str) -> FloatArray:
        """Errors (S, N) of a combination's S networks, (0, N) if there are none."""
        chosen = self._of(combination)
        rows = [getattr(one, kind) for one in chosen]
        return np.array(rows, np.float64).reshape(len(rows), len(self.names))

    def models(self, combination: str) -> list[str]:
        """The names of a combination's networks, in the order of `errors`."""
        return [one.model for one in self._of(combination)]

    def _of(self, combination: str) -> list[Trial]:
        wanted = COMBINATIONS[combination]
        return [one for one in self.trials if (one.trained_masked, one.tested_masked) == wanted]


def check_study(study: Study) -> None:
    """Raises DatasetError unless all networks of a training were tested both ways, on all images,
    and there are some of both trainings."""
    for training in ("UT", "MT"):
        sides = [sorted(study.models(f"{training}/{test}")) for test in ("UT", "MT")]
        if sides[0] != sides[1] or not sides[0]:
            wanted = f"the same networks of {training} with masks and without, one or more"
            raise DatasetError(expected("errors", wanted, f"{sides[0]} and {sides[1]}"))
        if len(set(sides[0])) < len(sides[0]):
            raise DatasetError(expected("errors", "networks of different names", sides[0]))
    shapes = {one.position.shape for one in study.trials} | {study.masked_share.shape}
    if not study.names or shapes != {(len(study.names),)}:
        wanted = f"errors of {len(study.names) or 'some'} images"
        raise DatasetError(expected("errors", wanted, sorted(shapes)))


def write_errors(study: Study, path: Path) -> None:
    """All errors as a table (CSV), a row for each network, test and image."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for one in study.trials:
            said = (_WORDS[one.trained_masked], one.model, _WORDS[one.tested_masked])
            each = zip(study.names, study.masked_share, one.position, one.rotation, strict=True)
            for name, *numbers in each:
                rows.writerow((*said, name, *(f"{number:.9g}" for number in numbers)))


def read_errors(path: Path) -> Study:
    """What `write_errors` wrote. Raises DatasetError, naming the line, for what is no such file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(expected(str(path), "a readable table", error)) from None
    if not lines or tuple(lines[0]) != _COLUMNS:
        wanted = f"the columns {', '.join(_COLUMNS)}"
        raise DatasetError(expected(str(path), wanted, ", ".join(lines[0]) if lines else "none"))
    rows = [_row(f"{path}:{number}", line) for number, line in enumerate(lines[1:], 2)]
    groups = {
        key: [row[1:] for row in part]
        for key, part in groupby(sorted(rows, key=lambda row: row[0]), key=lambda row: row[0])
    }
    return _study(path, groups)


def _row(where: str, line: list[str]) -> tuple[tuple[str, bool, bool], str, FloatArray]:
    masked = {word: flag for flag, word in _WORDS.items()}
    try:
        training, model, test, name, *numbers = line
        key = (model, masked[training], masked[test])
        values = np.array([float(one) for one in numbers])
    except (KeyError, ValueError):
        values = np.empty(0)
    if len(values) != _NUMBERS or not np.isfinite(values).all():
        raise DatasetError(expected(where, ", ".join(_COLUMNS), ",".join(line)))
    if values.min() < 0 or values[0] > 1:
        wanted = "a share of 0 to 1, and errors that are not negative"
        raise DatasetError(expected(where, wanted, ",".join(line)))
    return key, name, values


def _study(path: Path, groups: Mapping[tuple[str, bool, bool], list[Any]]) -> Study:
    trials, names, share = [], (), np.empty(0)
    for (model, trained, tested), rows in groups.items():
        found = tuple(name for name, _ in rows)
        numbers = np.array([values for _, values in rows])
        names, share = names or found, share if len(share) else numbers[:, 0]
        if found != names or not np.array_equal(share, numbers[:, 0]):
            wanted = "the same images, in the same order, of each network and test"
            raise DatasetError(expected(str(path), wanted, f"others of {model}"))
        trials.append(Trial(model, trained, tested, numbers[:, 1], numbers[:, 2]))
    study = Study(names, share, tuple(trials))
    check_study(study)
    return study
