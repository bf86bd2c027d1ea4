"""Each point moved to where its observations agree best, the poses as they are.

The triangulator's points come from its best samples; the least-squares point of all
observations is several times more accurate (Hartley and Sturm, "Triangulation", 1997).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semloc_ros.maps.points import point_jacobians, reprojection_residuals
from semloc_ros.maps.tracks import Tracks, sum_by_point
from semloc_ros.types import FloatArray, PosedImage

_ROBUST_PX = 1.0  # Cauchy scale: an observation's pull fades beyond
_ITERATIONS = 10
_CONVERGED = 1e-4  # relative decrease of the cost of all points
_UNSEEN = 1e6  # squared error of an observation behind the camera


def refine_points(
    tracks: Tracks, images: Sequence[PosedImage], keypoints: Sequence[NDArray[np.float32]]
) -> Tracks:
    """The tracks with points of least Cauchy loss, by Levenberg-Marquardt on all at once.

    A point only moves where that lowers its own cost, so that none becomes worse.
    """
    damping = np.full(len(tracks), 1e-3)
    errors = reprojection_residuals(tracks, images, keypoints)
    costs = _costs(errors, tracks)
    for _ in range(_ITERATIONS):
        moved = tracks.with_points(tracks.points_map + _steps(errors, tracks, images, damping))
        moved_errors = reprojection_residuals(moved, images, keypoints)
        moved_costs = _costs(moved_errors, tracks)
        better = moved_costs < costs
        gain = float((costs - moved_costs)[better].sum())
        tracks = tracks.with_points(
            np.where(better[:, None], moved.points_map, tracks.points_map)
        )
        errors = np.where(better[tracks.point_of][:, None], moved_errors, errors)
        costs = np.where(better, moved_costs, costs)
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-9, 1e9)
        if gain < _CONVERGED * costs.sum():
            break
    return tracks


def _steps(
    errors: FloatArray, tracks: Tracks, images: Sequence[PosedImage], damping: FloatArray
) -> FloatArray:
    jacobians = np.nan_to_num(point_jacobians(tracks, images))
    weights = 1.0 / (1.0 + _squared(errors) / _ROBUST_PX**2)
    weighted = jacobians * weights[:, None, None]
    matrices = sum_by_point(weighted.transpose(0, 2, 1) @ jacobians, tracks)
    gradients = sum_by_point((weighted * np.nan_to_num(errors)[:, :, None]).sum(1), tracks)
    scale = np.maximum(np.trace(matrices, axis1=1, axis2=2) / 3, 1e-12)
    matrices += (damping * scale)[:, None, None] * np.eye(3)
    solved = np.linalg.solve(matrices, gradients[:, :, None])[:, :, 0]
    return -np.asarray(solved, np.float64)


def _costs(errors: FloatArray, tracks: Tracks) -> FloatArray:
    return sum_by_point(np.asarray(np.log1p(_squared(errors) / _ROBUST_PX**2)), tracks)


def _squared(errors: FloatArray) -> FloatArray:
    squared: FloatArray = np.nan_to_num((errors**2).sum(1), nan=_UNSEEN)
    return squared
