"""Trajectories in the KITTI format, which evo reads: 12 numbers a line, the upper three rows of
the pose, row by row; no stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semloc_ros.errors import DatasetError, InputError, expected
from semloc_ros.geometry.se3 import check_pose
from semloc_ros.types import FloatArray


def write_kitti(path: Path, poses: FloatArray) -> None:
    """Write poses (N, 4, 4)."""
    rows = poses[:, :3].reshape(-1, 12)
    path.write_text("".join(" ".join(f"{value:.9f}" for value in row) + "\n" for row in rows))


def read_kitti(path: Path) -> FloatArray:
    """Poses (N, 4, 4); DatasetError naming the line that is none, or an empty file."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(expected(str(path), "a readable KITTI file", error)) from None
    poses = [_pose(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line]
    if not poses:
        raise DatasetError(expected(str(path), "at least one pose", "none"))
    return np.array(poses)


def _pose(place: str, line: str) -> FloatArray:
    try:
        numbers = np.array([float(word) for word in line.split()])
        if len(numbers) != 12:
            raise DatasetError(expected(place, "12 numbers", len(numbers)))
        return check_pose(place, np.vstack([numbers.reshape(3, 4), [0, 0, 0, 1]]))
    except ValueError:
        raise DatasetError(expected(place, "12 numbers", repr(line))) from None
    except InputError as error:
        raise DatasetError(str(error)) from None
