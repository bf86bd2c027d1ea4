"""Which poses are believed: enough inliers, spread over the image, sure, and not against the
prior."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from semloc_ros.config import GateConfig
from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.stages import Refused
from semloc_ros.types import Camera, Correspondences, FloatArray, NoPoseReason, Prior


def check(
    camera: Camera, camera_from_map: FloatArray, covariance: FloatArray,
    inliers: Correspondences, prior: Prior | None, config: GateConfig,
) -> None:
    """Refuse (`Refused`) a pose that is not to be believed; `covariance` as in `types`."""
    check_spread(inliers, camera, config)
    check_uncertainty(covariance, config)
    if prior is not None:
        check_prior(camera_from_map, covariance, prior, config)


def check_spread(inliers: Correspondences, camera: Camera, config: GateConfig) -> None:
    """Refuse inliers that lie on a line or in one spot: they leave the pose open."""
    diagonal = float(np.hypot(camera.width, camera.height))
    across = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(inliers.points_image.T))[0], 0.0)))
    if across < config.min_spread * diagonal:
        detail = f"inliers spread {across:.1f} px across, need {config.min_spread * diagonal:.1f}"
        raise Refused(NoPoseReason.DEGENERATE, detail, num_inliers=len(inliers))


def check_uncertainty(covariance: FloatArray, config: GateConfig) -> None:
    """Refuse a pose that is not known well enough along every axis."""
    position = float(np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1]))
    rotation = float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance[3:, 3:])[-1])))
    if position > config.max_position_sigma_m:
        detail = f"position sigma {position:.3g} m, allowed {config.max_position_sigma_m:g}"
        raise Refused(NoPoseReason.TOO_UNCERTAIN, detail)
    if rotation > config.max_rotation_sigma_deg:
        detail = f"rotation sigma {rotation:.3g} deg, allowed {config.max_rotation_sigma_deg:g}"
        raise Refused(NoPoseReason.TOO_UNCERTAIN, detail)


def check_prior(
    camera_from_map: FloatArray, covariance: FloatArray, prior: Prior, config: GateConfig
) -> None:
    """Refuse a pose outside the gate around the prior (Mahalanobis distance, chi-square)."""
    error = error_vector(se3.inverse(camera_from_map), se3.inverse(prior.camera_from_map))
    try:
        distance = nees(error, covariance + _without_negative(prior.covariance))
    except InputError as fault:  # variances so far apart that their sum is singular
        raise Refused(NoPoseReason.BAD_PRIOR, f"prior and pose: {fault}") from None
    allowed = float(chi2.ppf(config.prior_probability, 6))
    if distance > allowed:
        shift, turn = np.linalg.norm(error[:3]), np.degrees(np.linalg.norm(error[3:]))
        detail = f"{shift:.3g} m and {turn:.3g} deg from the prior, squared Mahalanobis distance"
        detail += f" {distance:.1f}, allowed {allowed:.1f}"
        raise Refused(NoPoseReason.AGAINST_PRIOR, detail)


def _without_negative(covariance: FloatArray) -> FloatArray:
    """The nearest matrix without the slightly negative eigenvalues that rounding leaves."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    nearest: FloatArray = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return nearest
