"""Rows, poses and cameras in text files of public data sets.

Every fault is a DatasetError of one line with the file and, where there is one, the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.types import Camera, FloatArray

Row = tuple[str, list[str]]
_MOST_STRETCH = 0.01  # of a quaternion's length from 1: files round to six digits or more


def text_lines(path: Path, wanted: str) -> list[str]:
    """The lines of a text file; `wanted` says what it should have been."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DatasetError(expected(str(path), wanted, "no such file")) from None
    except UnicodeDecodeError:
        raise DatasetError(expected(str(path), wanted, "no text file")) from None
    except OSError as error:
        raise DatasetError(expected(str(path), wanted, error.strerror)) from None


def read_rows(
    path: Path, wanted: str, fields: Sequence[int], skip: int = 0, comment: str = "#"
) -> Iterator[Row]:
    """(file and line, fields between blanks) of each row.

    Empty lines, lines that begin with `comment` and the first `skip` lines are passed over. A
    row whose number of fields is not among `fields` is a fault.
    """
    for number, line in enumerate(text_lines(path, wanted), 1):
        row = line.split()
        if number <= skip or not row or row[0].startswith(comment):
            continue
        where = f"{path} line {number}"
        if len(row) not in fields:
            counts = " or ".join(map(str, fields))
            raise DatasetError(expected(where, f"{counts} fields", len(row)))
        yield where, row


def floats(where: str, fields: Sequence[str]) -> FloatArray:
    """The fields as finite numbers (N,)."""
    try:
        numbers = np.array([float(one) for one in fields])
    except ValueError as error:
        raise DatasetError(expected(where, "numbers", str(error))) from None
    if not np.isfinite(numbers).all():
        raise DatasetError(expected(where, "finite numbers", " ".join(fields)))
    return numbers


def integer(where: str, text: str) -> int:
    """The field as a whole number."""
    try:
        return int(text)
    except ValueError:
        raise DatasetError(expected(where, "a whole number", repr(text))) from None


def pose_from_centre(where: str, wxyz: FloatArray, centre: FloatArray) -> FloatArray:
    """`camera_from_map` of the rotation map → camera, as a quaternion w x y z, and the camera's
    centre in the map. A length other than 1 is a fault: then the columns are others."""
    length = float(np.linalg.norm(wxyz))
    if not abs(length - 1.0) < _MOST_STRETCH:
        raise DatasetError(expected(where, "a unit quaternion", f"one of length {length:.6g}"))
    try:
        turn = se3.from_quaternion_xyzw(np.zeros(3), wxyz[[1, 2, 3, 0]])
    except SemlocError as error:
        raise DatasetError(f"{where}: {error}") from None
    return se3.make_pose(turn[:3, :3], -turn[:3, :3] @ centre)


def pose_from_matrix(where: str, matrix: FloatArray) -> FloatArray:
    """The matrix (4, 4) as a pose, its rotation checked and freed of the file's rounding."""
    try:
        pose = se3.check_pose(where, matrix)
    except SemlocError as error:
        raise DatasetError(str(error)) from None
    left, _, right = np.linalg.svd(pose[:3, :3])
    return se3.make_pose(left @ right, pose[:3, 3])


def checked_camera(where: str, camera: Camera) -> Camera:
    """The camera, if its numbers can be those of a camera."""
    try:
        return check_camera(where, camera)
    except SemlocError as error:
        raise DatasetError(str(error)) from None
