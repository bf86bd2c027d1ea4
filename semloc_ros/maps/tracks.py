"""Tracks: which features of which views are one point, and where the point is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Tracks:
    """P points and their T observations, grouped by point.

    `points_map` (P, 3); `offsets` (P + 1,); `views` (T,) and `features` (T,): row of the
    feature within its view.
    """

    points_map: FloatArray
    offsets: NDArray[np.int64]
    views: NDArray[np.int32]
    features: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.points_map)

    @property
    def point_of(self) -> NDArray[np.int64]:
        """The point of each observation, (T,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def select(self, kept: NDArray[np.bool_]) -> Tracks:
        """The points where `kept` (P,) is true."""
        observations = np.repeat(kept, np.diff(self.offsets))
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[kept])]).astype(np.int64)
        return Tracks(
            self.points_map[kept], offsets, self.views[observations], self.features[observations]
        )

    def with_points(self, points_map: FloatArray) -> Tracks:
        """The same observations of points that lie elsewhere, (P, 3)."""
        return dataclasses.replace(self, points_map=points_map)

    def select_observations(self, kept: NDArray[np.bool_]) -> Tracks:
        """All points, with the observations where `kept` (T,) is true."""
        counts = np.bincount(self.point_of[kept], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Tracks(self.points_map, offsets, self.views[kept], self.features[kept])


def sum_by_point(values: NDArray[np.float64], tracks: Tracks) -> NDArray[np.float64]:
    """Sums (P, ...) of values (T, ...) over the observations of each point."""
    total = np.zeros((len(tracks), *values.shape[1:]))
    filled = np.flatnonzero(np.diff(tracks.offsets))
    if len(filled):
        total[filled] = np.add.reduceat(values, tracks.offsets[filled], axis=0)
    return total


def longest(tracks: Tracks, count: int, num_views: int, per_view: int = 100) -> Tracks:
    """About `count` points of the longest tracks, and at least `per_view` of each view's.

    Equally long tracks go by their row, so that the choice is always the same.
    """
    order = np.argsort(-np.diff(tracks.offsets), kind="stable")
    kept = np.zeros(len(tracks), bool)
    kept[order[:count]] = True
    rank = np.empty(len(tracks), np.int64)
    rank[order] = np.arange(len(tracks))
    point_of = tracks.point_of
    by_view = np.lexsort((rank[point_of], tracks.views))
    starts = np.searchsorted(tracks.views[by_view], np.arange(num_views))
    place = np.arange(len(by_view)) - starts[tracks.views[by_view]]
    kept[point_of[by_view[place < per_view]]] = True
    return tracks.select(kept)
