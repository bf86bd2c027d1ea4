"""The errors of a study of pose networks, and the table (CSV) that keeps them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

COMBINATIONS = {
    "UT/UT": (False, False), "UT/MT": (False, True),
    "MT/UT": (True, False), "MT/MT": (True, True),
}  # fmt: skip
_COLUMNS = ("training", "model", "test", "image", "masked_share", "position_m", "rotation_deg")
_WORDS = {False: "unmasked", True: "masked"}
ONE_GUESS = "one guess"  # stands where the name of a network does, for all images together
_NO_SIDE = "none"  # of one guess: nothing was trained, and masks change nothing
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
    the networks see of them.

    `guess` are the errors (N,) by kind of who looks at no image: see `one_guess`; None where an
    older file does not have them.
    """

    names: tuple[str, ...]
    masked_share: FloatArray
    trials: tuple[Trial, ...]
    guess: Mapping[str, FloatArray] | None = None

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


def one_guess(map_from_camera: FloatArray) -> dict[str, FloatArray]:
    """Errors (N,) by kind, metres and degrees, of one guess for all poses (N, 4, 4): the median of
    their positions and the mean of their rotations. It knows the test, as no training does, so a
    network that learned something is clearly better."""
    guess = np.eye(4)
    guess[:3, 3] = np.median(map_from_camera[:, :3, 3], axis=0)
    guess[:3, :3] = Rotation.from_matrix(map_from_camera[:, :3, :3]).mean().as_matrix()
    metres, angles = se3.pose_error(np.broadcast_to(guess, map_from_camera.shape), map_from_camera)
    return {"position": metres, "rotation": np.degrees(angles)}


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
    """All errors as a table (CSV), a row for each network, test and image, and for one guess."""
    parts = [
        (_WORDS[one.trained_masked], one.model, _WORDS[one.tested_masked], one.position,
         one.rotation) for one in study.trials
    ]  # fmt: skip
    if study.guess is not None:
        guess = study.guess["position"], study.guess["rotation"]
        parts.append((_NO_SIDE, ONE_GUESS, _NO_SIDE, *guess))
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for *said, position, rotation in parts:
            each = zip(study.names, study.masked_share, position, rotation, strict=True)
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


def _row(where: str, line: list[str]) -> tuple[tuple[str, str, str], str, FloatArray]:
    try:
        training, model, test, name, *numbers = line
        key = (model, _side(training), _side(test))
        if key != (ONE_GUESS, _NO_SIDE, _NO_SIDE) and _NO_SIDE in key[1:]:
            raise ValueError
        values = np.array([float(one) for one in numbers])
    except ValueError:
        values = np.empty(0)
    if len(values) != _NUMBERS or not np.isfinite(values).all():
        raise DatasetError(expected(where, ", ".join(_COLUMNS), ",".join(line)))
    if values.min() < 0 or values[0] > 1:
        wanted = "a share of 0 to 1, and errors that are not negative"
        raise DatasetError(expected(where, wanted, ",".join(line)))
    return key, name, values


def _side(word: str) -> str:
    """The word, if it says how a network was trained or tested; ValueError otherwise."""
    if word not in (*_WORDS.values(), _NO_SIDE):
        raise ValueError
    return word


def _study(path: Path, groups: Mapping[tuple[str, str, str], list[Any]]) -> Study:
    trials, guess, names, share = [], None, (), np.empty(0)
    for (model, trained, tested), rows in groups.items():
        found = tuple(name for name, _ in rows)
        numbers = np.array([values for _, values in rows])
        names, share = names or found, share if len(share) else numbers[:, 0]
        if found != names or not np.array_equal(share, numbers[:, 0]):
            wanted = "the same images, in the same order, of each network and test"
            raise DatasetError(expected(str(path), wanted, f"others of {model}"))
        if trained == _NO_SIDE:
            guess = {"position": numbers[:, 1], "rotation": numbers[:, 2]}
            continue
        sides = trained == _WORDS[True], tested == _WORDS[True]
        trials.append(Trial(model, *sides, numbers[:, 1], numbers[:, 2]))
    study = Study(names, share, tuple(trials), guess)
    check_study(study)
    return study
