"""Trajectories in the TUM format, which evo and most tools read.

One line a pose: `timestamp tx ty tz qx qy qz qw`, the timestamp in seconds with nine decimals,
so that nanoseconds survive the round trip.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_HEADER = "# timestamp tx ty tz qx qy qz qw"


def write_tum(path: Path, stamps_ns: NDArray[np.int64], map_from_body: FloatArray) -> None:
    """Write stamps (N,) and poses (N, 4, 4) of a body in the map."""
    positions, quaternions = se3.to_quaternion_xyzw(map_from_body)
    lines = [_HEADER]
    for stamp, position, quaternion in zip(stamps_ns, positions, quaternions, strict=True):
        numbers = " ".join(f"{value:.9f}" for value in (*position, *quaternion))
        lines.append(f"{seconds_text(int(stamp))} {numbers}")
    path.write_text("\n".join(lines) + "\n")


def read_tum(path: Path) -> tuple[NDArray[np.int64], FloatArray]:
    """Stamps (N,) and poses (N, 4, 4), sorted by stamp.

    Raises DatasetError when the file is missing, empty, or has a line that is no pose.
    """
    rows = list(_rows(path))
    if not rows:
        raise DatasetError(expected(str(path), "at least one pose", "none"))
    stamps = np.array([stamp for stamp, _ in rows], dtype=np.int64)
    values = np.array([numbers for _, numbers in rows])
    order = np.argsort(stamps, kind="stable")
    poses = se3.from_quaternion_xyzw(values[order, :3], values[order, 3:])
    return stamps[order], poses


def seconds_text(stamp_ns: int) -> str:
    """Nanoseconds as decimal seconds, exactly."""
    sign = "-" if stamp_ns < 0 else ""
    whole, rest = divmod(abs(stamp_ns), 1_000_000_000)
    return f"{sign}{whole}.{rest:09d}"


def _rows(path: Path) -> Iterator[tuple[int, list[float]]]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(expected(str(path), "a readable TUM file", error)) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield _row(f"{path}:{number}", line)


def _row(place: str, line: str) -> tuple[int, list[float]]:
    words = line.split()
    wanted = "timestamp tx ty tz qx qy qz qw"
    if len(words) != 8:
        raise DatasetError(expected(place, wanted, f"{len(words)} columns"))
    try:
        stamp = int(np.int64(int(Decimal(words[0]) * 1_000_000_000)))  # or OverflowError
        numbers = [float(word) for word in words[1:]]
    except (ValueError, OverflowError, InvalidOperation):
        raise DatasetError(expected(place, wanted, repr(line))) from None
    if not np.isfinite(numbers).all() or np.linalg.norm(numbers[3:]) < 1e-6:
        raise DatasetError(expected(place, "finite numbers and a unit quaternion", repr(line)))
    return stamp, numbers
