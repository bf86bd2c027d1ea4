"""The border of the localizer: what is wrong with a frame, a prior or a map, in one line."""

from __future__ import annotations

import numpy as np

from semloc_ros.errors import InputError, MapError, expected
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.geometry.se3 import check_pose
from semloc_ros.localization.stages import Refused
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception.features import check_contrast, check_image, check_mask
from semloc_ros.types import FloatArray, Frame, NoPoseReason, Prior


def check_map(semantic_map: SemanticMap, feature_model: str) -> None:
    """Raise MapError if the map has no points or features of another kind."""
    if semantic_map.manifest.feature_model != feature_model:
        raise MapError(
            expected("map features", feature_model, semantic_map.manifest.feature_model)
        )
    if semantic_map.num_points == 0:
        raise MapError(expected("map", "at least one point", 0))


def check_frame(frame: Frame) -> None:
    """Refuse what cannot be an image of that camera."""
    try:
        check_image(frame.image)
        if frame.mask is not None:
            check_mask(frame.mask, frame.image)
        check_contrast(frame.image)
    except InputError as fault:
        raise Refused(NoPoseReason.BAD_IMAGE, str(fault)) from None
    _check_camera(frame)


def check_mapping_covariance(covariance: FloatArray) -> None:
    """Raise MapError if the map does not say in numbers how well its poses are known."""
    if not np.isfinite(covariance).all():
        got = np.diag(covariance).tolist()
        raise MapError(expected("map", "finite variances of its mended poses", got))


def check_prior(prior: Prior) -> None:
    """Refuse a prior that is not a pose with a covariance."""
    try:
        check_pose("prior", prior.camera_from_map)
    except InputError as fault:
        raise Refused(NoPoseReason.BAD_PRIOR, str(fault)) from None
    covariance = np.asarray(prior.covariance)
    wanted = "a finite symmetric (6, 6) matrix without negative eigenvalues"
    good = covariance.shape == (6, 6) and bool(np.isfinite(covariance).all())
    good = good and np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-12)
    if not good or np.linalg.eigvalsh(covariance)[0] < -1e-9:
        got = covariance.shape if covariance.shape != (6, 6) else np.diag(covariance).tolist()
        raise Refused(NoPoseReason.BAD_PRIOR, expected("prior covariance", wanted, got))


def _check_camera(frame: Frame) -> None:
    try:
        camera = check_camera("camera", frame.camera)
    except InputError as fault:
        raise Refused(NoPoseReason.BAD_CAMERA, str(fault)) from None
    height, width = frame.image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        wanted = f"{camera.width}x{camera.height} pixels as its camera says"
        raise Refused(NoPoseReason.BAD_IMAGE, expected("image", wanted, f"{width}x{height}"))
