"""Trajectories as ORB-SLAM3 and other SLAM systems save them, told apart by what stands in them.

- TUM, 8 numbers between blanks: seconds, x y z, qx qy qz qw. ORB-SLAM3 saves whole trajectories and
  keyframes so; its "EuRoC" files are the same with nanoseconds. Stamps from 1e14 on are
  nanoseconds (seconds beyond the year three million).
- EuRoC, numbers between commas, 8 or more: nanoseconds, x y z, qw qx qy qz, and more that is not
  read (the data set's own ground truth).
- KITTI, 12 numbers between blanks: the upper rows of the pose; no stamps, one row an image.

Poses are `world_from_body`: the body is the camera, or with an IMU what ORB-SLAM3 calls body.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.kitti import read_kitti
from semloc_ros.datasets.tables import floats, text_lines
from semloc_ros.errors import DatasetError, InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_FIRST_NANOSECONDS = Decimal(10) ** 14
_WANTED = "a trajectory: 8 numbers (TUM), 12 (KITTI) or 8 and more with commas (EuRoC) a line"


class TrajectoryFormat(str, Enum):
    """Who writes poses so."""

    TUM = "tum"
    EUROC = "euroc"
    KITTI = "kitti"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """`world_from_body` (N, 4, 4) by `stamps_ns` (N,), sorted; stamps are None in KITTI files."""

    stamps_ns: NDArray[np.int64] | None
    world_from_body: FloatArray


def read_trajectory(path: Path) -> Trajectory:
    """The poses of a file; DatasetError, in one line with file and line, if one is none."""
    kind = recognized(path)
    if kind is TrajectoryFormat.KITTI:
        return Trajectory(None, read_kitti(path))
    comma = kind is TrajectoryFormat.EUROC
    rows = [_row(where, line, comma) for where, line in _lines(path)]
    stamps = np.array([stamp for stamp, _ in rows], np.int64)
    order = np.argsort(stamps, kind="stable")
    twice = np.flatnonzero(np.diff(stamps[order]) == 0)
    if len(twice):
        wanted = "each stamp once"
        raise DatasetError(expected(str(path), wanted, f"{stamps[order][twice[0]]} ns twice"))
    return Trajectory(stamps[order], np.array([pose for _, pose in rows])[order])


def recognized(path: Path) -> TrajectoryFormat:
    """The format of a file by its first row; DatasetError if it is none of the three."""
    first = next(iter(_lines(path)), None)
    if first is None:
        raise DatasetError(expected(str(path), _WANTED, "no row"))
    where, line = first
    if "," in line:
        return TrajectoryFormat.EUROC
    fields = line.split()
    if len(fields) == 12:
        return TrajectoryFormat.KITTI
    if len(fields) == 8:
        return TrajectoryFormat.TUM
    raise DatasetError(expected(where, _WANTED, f"{len(fields)} numbers"))


def stamp_from_text(where: str, text: str) -> int:
    """Nanoseconds of a stamp in seconds or, from 1e14 on, in nanoseconds; DatasetError if it is
    no such number."""
    try:
        number = Decimal(text)
        scale = 1 if number >= _FIRST_NANOSECONDS else 1_000_000_000
        return int(np.int64(int(number * scale)))
    except (ValueError, OverflowError, InvalidOperation):
        raise DatasetError(expected(where, "a stamp", repr(text))) from None


def _lines(path: Path) -> list[tuple[str, str]]:
    return [
        (f"{path} line {number}", line)
        for number, line in enumerate(text_lines(path, _WANTED), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _row(where: str, line: str, comma: bool) -> tuple[int, FloatArray]:
    fields = [one.strip() for one in line.split(",")] if comma else line.split()
    if len(fields) < 8 or (not comma and len(fields) != 8):
        wanted = "8 numbers or more" if comma else "8 numbers"
        raise DatasetError(expected(where, wanted, len(fields)))
    stamp = stamp_from_text(where, fields[0])
    numbers = floats(where, fields[1:8])
    quaternion = numbers[[4, 5, 6, 3]] if comma else numbers[3:]
    try:
        return stamp, se3.from_quaternion_xyzw(numbers[:3], quaternion)
    except InputError as error:
        raise DatasetError(f"{where}: {error}") from None
