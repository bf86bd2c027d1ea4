"""Least-squares pose from 2D-3D correspondences (resection).

The error of a pose is that of `geometry.uncertainty`: (delta, theta) in fixed map axes, of
map_from_camera. With X a map point and c the camera's centre, to first order

    x_camera = R_cm (X - c) + R_cm [X - c]_x theta - R_cm delta
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.types import Camera, Correspondences, FloatArray

_ITERATIONS = 20
_CONVERGED = 1e-5  # metres and radians: far below what any pose is known to
_ROBUST_SCALE = 2.0  # standard deviations at which an observation's pull starts to fade


@dataclass(frozen=True, slots=True)
class Residuals:
    """`errors_px` (N, 2) predicted minus measured, NaN where unseen; `jacobian` (N, 2, 6) by
    the pose's error; `seen` (N,)."""

    errors_px: FloatArray
    jacobian: FloatArray
    seen: NDArray[np.bool_]


def pose_jacobian(
    camera: Camera, camera_from_map: FloatArray, points_map: FloatArray
) -> FloatArray:
    """Derivative (N, 2, 6) of the pixels of map points (N, 3) by the error of the pose."""
    rotation = camera_from_map[:3, :3]
    centre = -rotation.T @ camera_from_map[:3, 3]
    by_camera = cameras.project_jacobian(camera, se3.transform(camera_from_map, points_map))
    by_map = by_camera @ rotation
    return np.concatenate([-by_map, by_map @ se3.hat(points_map - centre)], axis=2)


def residuals(camera: Camera, camera_from_map: FloatArray, matches: Correspondences) -> Residuals:
    """How far the pose puts the points from where they were measured."""
    in_camera = se3.transform(camera_from_map, matches.points_map)
    pixels, seen = cameras.project(camera, in_camera)
    jacobian = pose_jacobian(camera, camera_from_map, matches.points_map)
    return Residuals(pixels - matches.points_image, jacobian, seen)


def reprojection_errors(
    camera: Camera, camera_from_map: FloatArray, matches: Correspondences
) -> FloatArray:
    """Distances (N,) in pixels between predicted and measured; infinite where unseen."""
    in_camera = se3.transform(camera_from_map, matches.points_map)
    pixels, seen = cameras.project(camera, in_camera)
    distances = np.linalg.norm(pixels - matches.points_image, axis=1)
    return np.where(seen, distances, np.inf)


def refine_pose(
    camera: Camera, camera_from_map: FloatArray, matches: Correspondences,
    iterations: int = _ITERATIONS,
) -> FloatArray:
    """The pose (4, 4) that minimizes the Cauchy loss of the whitened errors.

    Iteratively reweighted Gauss-Newton from a good start; observations count by their
    `sigmas_px`. Returns the start if the problem is singular.
    """
    pose = camera_from_map
    for _ in range(iterations):
        now = residuals(camera, pose, matches)
        step = _gauss_newton_step(now, robust_weights(now, matches.sigmas_px))
        if step is None:
            return pose
        pose = se3.inverse(perturb(se3.inverse(pose), step))
        if np.abs(step).max() < _CONVERGED:
            break
    return pose


def robust_weights(found: Residuals, sigmas_px: FloatArray) -> FloatArray:
    """Cauchy weights (N,) over variances; 0 where unseen.

    The scale of the errors is measured (median), so sigmas need only be right in proportion.
    """
    squared = np.where(found.seen, (found.errors_px**2).sum(1), np.inf) / sigmas_px**2
    scale = robust_scale(squared[found.seen])
    return 1.0 / (1.0 + squared / (_ROBUST_SCALE * scale) ** 2) / sigmas_px**2


def robust_scale(squared: FloatArray) -> float:
    """Standard deviation per axis of whitened 2D errors, from the median of their squares.

    The squared length of a unit 2D Gaussian error has the median 2 ln 2.
    """
    if len(squared) == 0:
        return 1.0
    return float(np.sqrt(max(np.median(squared), 1e-12) / (2.0 * np.log(2.0))))


def normal_matrix(found: Residuals, weights: FloatArray) -> FloatArray:
    """J^T W J, (6, 6), over the observations that are seen."""
    rows = found.jacobian[found.seen]
    weighted = rows * weights[found.seen][:, None, None]
    matrix: FloatArray = weighted.reshape(-1, 6).T @ rows.reshape(-1, 6)
    return matrix


def _gauss_newton_step(found: Residuals, weights: FloatArray) -> FloatArray | None:
    rows, errors = found.jacobian[found.seen], found.errors_px[found.seen]
    weighted = errors * weights[found.seen][:, None]
    gradient = rows.reshape(-1, 6).T @ weighted.ravel()
    try:
        step: FloatArray = -np.linalg.solve(normal_matrix(found, weights), gradient)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None
