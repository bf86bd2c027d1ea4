"""Which pose belongs to which frame, and what the truth is at a stamp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

Stamps = NDArray[np.int64]


def associate(wanted_ns: Stamps, offered_ns: Stamps, tolerance_ns: int) -> NDArray[np.int64]:
    """For each wanted stamp the row of the offered stamp that belongs to it, or -1.

    One-to-one: pairs within the tolerance are taken by growing difference (ties: earlier rows
    first), and neither side is used twice; so a pose cannot answer for two frames, nor can
    twice the same frame be answered.
    """
    rows, columns = _pairs_within(wanted_ns, offered_ns, tolerance_ns)
    difference = np.abs(wanted_ns[rows] - offered_ns[columns])
    matched = np.full(len(wanted_ns), -1, dtype=np.int64)
    taken = np.zeros(len(offered_ns), dtype=bool)
    for pair in np.lexsort((columns, rows, difference)):
        row, column = rows[pair], columns[pair]
        if matched[row] < 0 and not taken[column]:
            matched[row], taken[column] = column, True
    return matched


def poses_at(
    wanted_ns: Stamps, stamps_ns: Stamps, poses: FloatArray, max_gap_ns: int
) -> FloatArray:
    """Poses (N, 4, 4) of a trajectory at the wanted stamps, by screw interpolation.

    `stamps_ns` (T,) ascending, `poses` (T, 4, 4). Stamps outside the trajectory, or inside a
    gap longer than `max_gap_ns`, have no pose: NaN. A stamp of the trajectory itself is exact.
    """
    after = np.clip(np.searchsorted(stamps_ns, wanted_ns), 0, len(stamps_ns) - 1)
    before = np.maximum(np.where(stamps_ns[after] == wanted_ns, after, after - 1), 0)
    gap = stamps_ns[after] - stamps_ns[before]
    inside = (stamps_ns[before] <= wanted_ns) & (wanted_ns <= stamps_ns[after])
    known = inside & (gap <= max_gap_ns)
    result = np.full((len(wanted_ns), 4, 4), np.nan)
    fraction = (wanted_ns - stamps_ns[before])[known] / np.maximum(gap[known], 1)
    result[known] = se3.interpolate(poses[before[known]], poses[after[known]], fraction)
    exact = known & (gap == 0)
    result[exact] = poses[before[exact]]
    return result


def _pairs_within(
    wanted_ns: Stamps, offered_ns: Stamps, tolerance_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of all pairs of stamps that differ by at most the tolerance."""
    order = np.argsort(offered_ns, kind="stable")
    ordered = offered_ns[order]
    first = np.searchsorted(ordered, wanted_ns - tolerance_ns, side="left")
    last = np.searchsorted(ordered, wanted_ns + tolerance_ns, side="right")
    rows = np.repeat(np.arange(len(wanted_ns)), last - first)
    spans = [order[low:high] for low, high in zip(first, last, strict=True)]
    columns = np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64)
    return rows, columns.astype(np.int64)
