"""Homographies: (3, 3), named by direction as poses are; `b_from_a` takes points of a to b.

Their sign is such that what b shows has a positive last coordinate.

Robust estimation: MAGSAC++ (Barath et al., CVPR 2020) as OpenCV has it, then all inliers by least
squares, weighted by their standard deviations.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.types import FloatArray

_ROUNDS = 10  # of least squares; quadratic from near by, so more never help
_SETTLED = 1e-9  # of the unit square


def apply(b_from_a: FloatArray, points: ArrayLike) -> FloatArray:
    """Points (..., 2) of a in b; NaN for those behind it, or at infinity."""
    rows = np.asarray(points, np.float64)
    x, y, w = np.moveaxis(rows @ b_from_a[:, :2].T + b_from_a[:, 2], -1, 0)
    w = np.where(w > 0, w, np.nan)
    return np.stack([x / w, y / w], axis=-1)


def inverse(b_from_a: FloatArray) -> FloatArray:
    """a from b."""
    return np.asarray(np.linalg.inv(b_from_a))


def pixels_from_uv(size: tuple[int, int]) -> FloatArray:
    """From (u, v) of a reference image (see `maps.objects`) to pixels of a picture of it that is
    `size` (height, width)."""
    height, width = size
    return np.array([[width, 0.0, -0.5], [0.0, height, -0.5], [0.0, 0.0, 1.0]])


def scales_at(b_from_a: FloatArray, point: ArrayLike) -> FloatArray:
    """(2,) lengths in b of a unit step along x and along y of a, at a point (2,) of a."""
    at = np.asarray(point, np.float64)
    x, y, w = b_from_a @ np.array([*at, 1.0])
    jacobian = (b_from_a[:2, :2] * w - np.outer([x, y], b_from_a[2, :2])) / w**2
    return np.asarray(np.linalg.norm(jacobian, axis=0))


def apparent_size(b_from_uv: FloatArray, shape: tuple[int, int]) -> FloatArray | None:
    """(height, width) in pixels that the unit square has where it is in a picture of `shape`
    (height, width): the median over what is inside; None where nothing is."""
    steps = (np.arange(9) + 0.5) / 9
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    pixels = apply(b_from_uv, grid)
    inside = ((pixels > -0.5) & (pixels < np.subtract(shape[::-1], 0.5))).all(1)
    if not inside.any():
        return None
    scales = [scales_at(b_from_uv, point) for point in grid[inside]]
    return np.asarray(np.median(scales, axis=0))[::-1]


def motion(before: FloatArray, after: FloatArray) -> float:
    """How far corners and middle of the unit square are apart in b by two `b_from_uv`, at most,
    over its diagonal; infinite if there is no diagonal, or what was there vanishes."""
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]])
    one, other = (apply(matrix, corners) for matrix in (before, after))
    there = np.isfinite(one).all(1)
    sides = np.linalg.norm(one[there, None] - one[None, there], axis=2)
    if there.sum() < 2 or sides.max() == 0:
        return np.inf
    moved = np.linalg.norm(one - other, axis=1)[there]
    return float(np.nan_to_num(moved, nan=np.inf).max() / sides.max())


def fit_robustly(
    points_a: FloatArray, points_b: FloatArray, sigmas: FloatArray, max_error: float, seed: int = 0
) -> tuple[FloatArray, NDArray[np.bool_]] | None:
    """`b_from_a` of matches (N, 2) of which some are wrong, and which of them (N,) are not.

    `sigmas` (N,) standard deviations of the points of b, in its unit; `max_error` of an inlier, in
    that unit. None where no homography has four inliers, or it turns the plane inside out.
    """
    if len(points_a) < 4:
        return None
    middle, spread = points_a.mean(0), max(float(points_a.std(0).max()), 1e-9)
    scaled = (points_a - middle) / spread  # OpenCV's solver asks for numbers near each other's
    found, marks = cv2.findHomography(scaled, points_b, _sampling(max_error, seed))
    if found is None:
        return None
    inliers = marks.ravel() > 0
    if inliers.sum() < 4 or not np.isfinite(found).all():
        return None
    start = np.asarray(found, np.float64)
    better = _least_squares(start, scaled[inliers], points_b[inliers], sigmas[inliers])
    b_from_a = better @ np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, spread]]) / spread
    b_from_a /= b_from_a[2] @ [*np.median(points_a[inliers], axis=0), 1.0]
    errors = np.linalg.norm(apply(b_from_a, points_a) - points_b, axis=1)
    kept = np.nan_to_num(errors, nan=np.inf) <= max_error
    if kept.sum() < 4 or np.linalg.det(b_from_a) <= 0:
        return None
    return b_from_a, kept


def _sampling(max_error: float, seed: int) -> cv2.UsacParams:
    """MAGSAC++ with a seed of its own, so that results repeat."""
    how = cv2.UsacParams()
    how.threshold, how.confidence, how.maxIterations = max_error, 0.9999, 5000
    how.randomGeneratorState, how.isParallel = seed, False
    how.sampler, how.score = cv2.SAMPLING_UNIFORM, cv2.SCORE_METHOD_MAGSAC
    how.loMethod, how.loIterations, how.loSampleSize = cv2.LOCAL_OPTIM_SIGMA, 10, 14
    return how


def _least_squares(
    start: FloatArray, points_a: FloatArray, points_b: FloatArray, sigmas: FloatArray
) -> FloatArray:
    """All matches, weighted, with little said by those that lie far out (Cauchy)."""
    matrix = start / start[2, 2]
    homogeneous = np.c_[points_a, np.ones(len(points_a))]
    for _ in range(_ROUNDS):
        x, y, w = (homogeneous @ matrix.T).T
        errors = (np.stack([x / w, y / w], 1) - points_b) / sigmas[:, None]
        weights = 1.0 / (1.0 + (errors**2).sum(1) / 9.0) / (w * sigmas) ** 2
        rows = np.zeros((len(points_a), 2, 8))
        rows[:, 0, :3] = rows[:, 1, 3:6] = homogeneous
        rows[:, 0, 6:] = -(x / w)[:, None] * points_a
        rows[:, 1, 6:] = -(y / w)[:, None] * points_a
        normal = np.einsum("nij,nik,n->jk", rows, rows, weights)
        right = np.einsum("nij,ni,n->j", rows, errors * (w * sigmas)[:, None], weights)
        step = np.linalg.lstsq(normal, -right, rcond=None)[0]
        matrix = matrix + np.append(step, 0.0).reshape(3, 3)
        if np.abs(step).max() < _SETTLED * np.abs(matrix).max():
            break
    return np.asarray(matrix)
