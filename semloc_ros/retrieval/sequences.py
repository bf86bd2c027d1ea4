"""Places that agree over the last images, not over one alone.

Two ways of the idea of SeqSLAM (Milford, Wyeth: SeqSLAM: visual route-based navigation for sunny
summer days and stormy winter nights, ICRA 2012), that a route is recognized where no single image
is: by the order of images, where two drives follow one way and nothing else is known
(`sequence_scores`); and by odometry, which says where the camera was when the last images were
taken, so that nothing is searched and the database may be in any order (`OdometrySequence`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

SLOPES = (0.8, 0.9, 1.0, 1.1, 1.2)  # images of the database for one of the queries
_LEAST_DEVIATION = 1e-6
_NEIGHBOURS = 8  # views that may be the one next to a pose


def sequence_scores(
    similarity: NDArray[np.floating], length: int, slopes: Sequence[float] = SLOPES,
    centred: bool = False,
) -> FloatArray:
    """Scores (Q, N) of queries in order with a database in order, by lines through their
    similarities (Q, N), which should be normalized (`fusion.normalized`, `local_contrast`).

    Each is the mean over the `length` last queries, or with `centred` those around it, along the
    best of lines of these `slopes`; 1: both drives in step. Queries before the first or after
    the last are left out; where a line leaves the database each counts as the query's mean.
    """
    values = np.asarray(similarity, np.float64)
    queries, count = values.shape
    padded = np.concatenate([values, values.mean(1, keepdims=True)], axis=1)
    steps = np.arange(length) - (length // 2 if centred else length - 1)
    best = np.full(values.shape, -np.inf)
    for slope in slopes:
        total, seen = np.zeros(values.shape), np.zeros((queries, 1))
        for step in steps.tolist():
            rows = np.arange(queries) + step
            inside = (rows >= 0) & (rows < queries)
            columns = np.rint(np.arange(count) + slope * step).astype(np.int64)
            columns[(columns < 0) | (columns >= count)] = count
            total[inside] += padded[rows[inside]][:, columns]
            seen[inside] += 1
        best = np.maximum(best, total / seen)
    return best


def local_contrast(similarity: NDArray[np.floating], window: int) -> FloatArray:
    """Similarities (Q, N) in standard deviations above their mean in a window of the database
    around each, `window` rows wide and cut at the ends: a stretch of the route that looks like
    everything no longer wins everywhere (equation 2 of the paper)."""
    values = np.asarray(similarity, np.float64)
    count = values.shape[1]
    low = np.clip(np.arange(count) - window // 2, 0, max(count - window, 0))
    high = np.minimum(low + window, count)
    sums, squares = (
        np.concatenate([np.zeros((len(values), 1)), np.cumsum(one, axis=1)], axis=1)
        for one in (values, values**2)
    )
    means = (sums[:, high] - sums[:, low]) / (high - low)
    variances = (squares[:, high] - squares[:, low]) / (high - low) - means**2
    deviations = np.sqrt(np.maximum(variances, _LEAST_DEVIATION**2))
    return np.asarray((values - means) / deviations)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one image was like: views (k,), their normalized scores (k,), the camera then."""

    odom_from_camera: FloatArray
    views: NDArray[np.int64]
    scores: FloatArray


class OdometrySequence:
    """Scores of views by the images of the last `length_m` metres.

    For each view that may be where the camera is now, odometry says from where the images before
    were taken; what counts is how well the views near there scored then: fully at that very
    place, and no more at `near_m` (metres) from it or turned by `near_angle` (radians), where the
    least score of that image counts. A place is worth the mean over the images. Images less than
    `step_m` from the last that was kept are not kept: standing still proves nothing new.
    `map_from_view` (V, 4, 4) are the poses of all views.
    """

    def __init__(
        self, map_from_view: FloatArray, length_m: float, step_m: float, near_m: float,
        near_angle: float,
    ) -> None:
        self._poses = np.asarray(map_from_view, np.float64)
        self._length_m, self._step_m = length_m, step_m
        self._near_m, self._near_angle = near_m, near_angle
        self._tree = cKDTree(self._poses[:, :3, 3])
        self._past: deque[_Seen] = deque()
        self._best: _Seen | None = None  # what the last image led to

    def reset(self) -> None:
        """Forget all images: odometry has jumped."""
        self._past.clear()
        self._best = None

    def add(
        self, odom_from_camera: FloatArray, views: NDArray[np.int64], scores: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Views and their scores (C,), the best first, after one more image.

        `odom_from_camera` (4, 4) when it was taken, `views` (k,) that it is like, different ones,
        and their normalized scores (k,). Views that only the images before speak for are among
        those that come back.
        """
        now = _Seen(np.asarray(odom_from_camera, np.float64), views, scores)
        self._forget(now)
        candidates, total = now.views, now.scores
        if self._past:
            candidates = self._candidates(now)
            images = [now, *self._past]
            total = np.mean([self._support(candidates, now, one) for one in images], axis=0)
        if not self._past or _way(self._past[-1], now) >= self._step_m:
            self._past.append(now)
        order = np.argsort(-total, kind="stable")
        candidates, total = candidates[order], total[order]
        most = len(views)
        self._best = _Seen(now.odom_from_camera, candidates[:most], total[:most])
        return candidates, total

    def _forget(self, now: _Seen) -> None:
        """Drop what lies farther back than `length_m` along the way."""
        way, newer = 0.0, now
        for number, seen in enumerate(reversed(self._past)):
            way += _way(newer, seen)
            newer = seen
            if way > self._length_m:
                for _ in range(len(self._past) - number):
                    self._past.popleft()
                return

    def _candidates(self, now: _Seen) -> NDArray[np.int64]:
        """The views of this image, and those next to where the best of the last one lead."""
        if self._best is None:
            return now.views
        step = se3.inverse(self._best.odom_from_camera) @ now.odom_from_camera
        carried = self._nearest(self._poses[self._best.views] @ step)
        every = np.concatenate([now.views, carried[carried >= 0]])
        return every[np.sort(np.unique(every, return_index=True)[1])]

    def _nearest(self, poses: FloatArray) -> NDArray[np.int64]:
        """The view next to each pose (N, 4, 4), -1 where none is near."""
        count = min(_NEIGHBOURS, len(self._poses))
        away, views = self._tree.query(poses[:, :3, 3], list(range(1, count + 1)))
        turns = poses[:, None, :3, :3], self._poses[views][:, :, :3, :3]
        nearness = self._nearness(away, _angles((turns[0] * turns[1]).sum((2, 3))))
        rows = np.arange(len(poses)), nearness.argmax(1)
        return np.where(nearness[rows] > 0, views[rows], -1).astype(np.int64)

    def _support(self, candidates: NDArray[np.int64], now: _Seen, seen: _Seen) -> FloatArray:
        """Scores (C,) that the image `seen` gives to candidates for the camera's place now."""
        back = se3.inverse(now.odom_from_camera) @ seen.odom_from_camera
        then, others = self._poses[candidates] @ back, self._poses[seen.views]
        away = cdist(then[:, :3, 3], others[:, :3, 3])
        turns = then[:, :3, :3].reshape(-1, 9) @ others[:, :3, :3].reshape(-1, 9).T
        floor = float(seen.scores.min())
        gained = self._nearness(away, _angles(turns)) * (seen.scores - floor)
        return np.asarray(floor + gained.max(1), np.float64)

    def _nearness(self, away: FloatArray, turn: FloatArray) -> FloatArray:
        """From 1, the same pose, to 0, far away in metres or radians."""
        nearness = (1 - (away / self._near_m) ** 2) * (1 - (turn / self._near_angle) ** 2)
        return np.where((away < self._near_m) & (turn < self._near_angle), nearness, 0.0)


def _angles(traces: FloatArray) -> FloatArray:
    """Of rotations by their traces, radians."""
    return np.asarray(np.arccos(np.clip((traces - 1) / 2, -1, 1)))


def _way(one: _Seen, other: _Seen) -> float:
    step = one.odom_from_camera[:3, 3] - other.odom_from_camera[:3, 3]
    return float(np.linalg.norm(step))
