"""How sure a pose is: from its inliers, honestly."""

from __future__ import annotations

import numpy as np

from semloc_ros.localization.resection import normal_matrix, residuals, robust_scale, robust_weights
from semloc_ros.types import Camera, Correspondences, FloatArray


def pose_covariance(
    camera: Camera, camera_from_map: FloatArray, inliers: Correspondences
) -> FloatArray | None:
    """(6, 6) covariance of map_from_camera (see `types`), or None if the inliers leave a
    direction open."""
    found = residuals(camera, camera_from_map, inliers)
    squared = (found.errors_px**2).sum(1) / inliers.sigmas_px**2
    scale = robust_scale(squared[found.seen])
    matrix = normal_matrix(found, robust_weights(found, inliers.sigmas_px))
    try:
        covariance: FloatArray = np.linalg.inv(matrix) * scale**2
    except np.linalg.LinAlgError:
        return None
    healthy = np.isfinite(covariance).all() and np.linalg.eigvalsh(covariance)[0] > 0
    return (covariance + covariance.T) / 2 if healthy else None
