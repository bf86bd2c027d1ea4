"""How sure a pose is, from its inliers.

The covariance of an M-estimator is B^-1 M B^-1: M the second moment of the scores J^T w e of the
inliers, B their slope (Huber, Robust Statistics, 1981, section 6.3); so the scale of the errors is
measured, whatever the sigmas say. But M counts every inlier as an independent witness. They are
not: the points of one painting share the errors of the few views that triangulated them, and
neighbouring features share the blur. Errors that are alike within a part of the image add up
instead of averaging out. By how much is Kish's design effect; the number of inliers divided by
it is the effective number of observations. It is the larger of two figures:

- measured in this image: the scores are summed by cells, and the second moment of the sums is
  compared with M (cluster-robust covariance, Liang and Zeger, Biometrika 1986);
- assumed, since the pose absorbs what all cells have in common: 1 + (n - 1) rho for n inliers in
  a cell whose errors correlate by rho (Kish, Survey Sampling, 1965, section 5.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import CovarianceConfig
from semloc_ros.localization.resection import normal_matrix, residuals, robust_weights
from semloc_ros.types import Camera, Correspondences, FloatArray

_POSE_FREEDOMS = 6


def pose_covariance(
    camera: Camera, camera_from_map: FloatArray, inliers: Correspondences, config: CovarianceConfig
) -> FloatArray | None:
    """(6, 6) covariance of map_from_camera (see `types`), or None if the inliers leave a
    direction open."""
    found = residuals(camera, camera_from_map, inliers)
    weights = robust_weights(found, inliers.sigmas_px)
    scores = np.einsum("nki,n,nk->ni", found.jacobian, weights, found.errors_px)
    # The slope of a Cauchy score e / (1 + |e|^2), averaged over directions, is its weight squared.
    slope = normal_matrix(found, (weights * inliers.sigmas_px) ** 2)
    covariance = _sandwich(slope, scores)
    if covariance is None:
        return None
    cells = image_cells(camera, inliers.points_image, config.cells)
    effect = max(measured_effect(scores, cells), assumed_effect(cells, config.error_correlation))
    least = np.repeat(
        [config.least_position_sigma_m, np.radians(config.least_rotation_sigma_deg)], 3
    )
    honest: FloatArray = covariance * effect + np.diag(least**2)
    return honest


def mapping_covariance(build: Mapping[str, Any]) -> FloatArray:
    """(6, 6) in camera axes: how well the map knows the frame that its given poses define.

    `build` is that of the map's manifest. Where bundle adjustment has mended the given poses, it
    is what they were said to err by, or what they did err by if that is more, since they may be off
    by as much where the camera stands now. Poses believed exactly give 0.
    """
    refinement = build.get("refinement")
    if not refinement:
        return np.zeros((6, 6))
    said = build["options"]["refine"]
    position = np.maximum(refinement["position_rms_m"], said["position_sigma_m"])
    rotation = np.maximum(refinement["rotation_rms_deg"], said["rotation_sigma_deg"])
    return np.diag(np.r_[position, np.radians(rotation)] ** 2)


def image_cells(camera: Camera, pixels: FloatArray, across: int) -> NDArray[np.int64]:
    """Number (N,) of the cell of each pixel (N, 2), `across` cells by `across`."""
    shares = (pixels + 0.5) / (camera.width, camera.height)
    columns, rows = np.clip((shares * across).astype(np.int64), 0, across - 1).T
    return np.asarray(rows * across + columns)


def assumed_effect(cells: NDArray[np.int64], correlation: float) -> float:
    """Kish's 1 + (n - 1) rho, with the mean number of companions of an inlier for n - 1."""
    counts = np.bincount(cells)
    companions = float((counts**2).sum()) / max(len(cells), 1) - 1.0
    return 1.0 + correlation * max(companions, 0.0)


def measured_effect(scores: FloatArray, cells: NDArray[np.int64]) -> float:
    """By how much errors that are alike within cells raise the variance of the pose, >= 1.

    `scores` (N, 6), `cells` (N,). The mean over the six directions, since each alone is
    measured badly by a few cells.
    """
    _, number = np.unique(cells, return_inverse=True)
    sums = np.stack([np.bincount(number, column) for column in scores.T], axis=1)
    count = len(sums)
    if count <= _POSE_FREEDOMS:
        return len(scores) / count  # too few cells to tell: each counts as one observation
    ratio = np.trace(np.linalg.solve(scores.T @ scores, sums.T @ sums)) / _POSE_FREEDOMS
    return max(1.0, float(ratio) * count / (count - _POSE_FREEDOMS))


def _sandwich(slope: FloatArray, scores: FloatArray) -> FloatArray | None:
    """B^-1 M B^-1 for independent errors, corrected for the freedoms of the pose."""
    spare = len(scores) - _POSE_FREEDOMS
    if spare <= 0:
        return None
    try:
        bread = np.linalg.inv(slope)
    except np.linalg.LinAlgError:
        return None
    covariance: FloatArray = bread @ (scores.T @ scores) @ bread * (len(scores) / spare)
    covariance = (covariance + covariance.T) / 2
    healthy = np.isfinite(covariance).all() and np.linalg.eigvalsh(covariance)[0] > 0
    return covariance if healthy else None
