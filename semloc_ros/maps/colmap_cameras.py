"""Cameras of COLMAP and kapture ↔ `types.Camera`, and the half pixel between them.

COLMAP's pixel (0, 0) is the CORNER of the top-left pixel, ours is its centre: a keypoint or a
principal point (u, v) of ours is (u + 0.5, v + 0.5) there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semloc_ros.errors import InputError, MapError, expected
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.types import Camera, CameraModel

HALF_PIXEL = 0.5  # what COLMAP's pixel coordinates have more than ours

# COLMAP model → ours, number of focal lengths, number of distortion coefficients
_MODELS: dict[str, tuple[CameraModel, int, int]] = {
    "SIMPLE_PINHOLE": ("pinhole", 1, 0),
    "PINHOLE": ("pinhole", 2, 0),
    "SIMPLE_RADIAL": ("radtan", 1, 1),
    "RADIAL": ("radtan", 1, 2),
    "OPENCV": ("radtan", 2, 4),
    "FULL_OPENCV": ("radtan", 2, 8),
    "SIMPLE_RADIAL_FISHEYE": ("fisheye", 1, 1),
    "RADIAL_FISHEYE": ("fisheye", 1, 2),
    "OPENCV_FISHEYE": ("fisheye", 2, 4),
}


def from_colmap(
    name: str, model: str, width: int, height: int, params: Sequence[float],
    pixel_shift: float = HALF_PIXEL,
) -> Camera:
    """Our camera of a COLMAP model name and its parameters.

    `pixel_shift` is what the source's pixel coordinates have more than ours (0 for sources
    that count from pixel centres). Raises MapError for models that have no counterpart, a
    wrong number of parameters, or numbers that are no camera's.
    """
    if model not in _MODELS:
        raise MapError(expected(name, "a camera model of " + ", ".join(_MODELS), model))
    ours, focal_count, distortion_count = _MODELS[model]
    if len(params) != focal_count + 2 + distortion_count:
        wanted = f"{focal_count + 2 + distortion_count} parameters for {model}"
        raise MapError(expected(name, wanted, len(params)))
    fx, fy = (params[0], params[focal_count - 1])
    cx, cy = (float(value) - pixel_shift for value in params[focal_count : focal_count + 2])
    distortion = np.zeros(max(distortion_count, 0 if ours == "pinhole" else 4))
    distortion[:distortion_count] = params[focal_count + 2 :]
    size = (int(width), int(height))
    camera = Camera(ours, *size, float(fx), float(fy), cx, cy, tuple(distortion.tolist()))
    try:
        return check_camera(name, camera)
    except InputError as error:
        raise MapError(str(error)) from None


def to_colmap(camera: Camera) -> tuple[str, list[float]]:
    """COLMAP's model name and parameters of our camera, principal point counted its way."""
    params = [camera.fx, camera.fy, camera.cx + HALF_PIXEL, camera.cy + HALF_PIXEL]
    if camera.model == "pinhole":
        return "PINHOLE", params
    if camera.model == "fisheye":
        return "OPENCV_FISHEYE", [*params, *camera.distortion]
    if len(camera.distortion) == 4:
        return "OPENCV", [*params, *camera.distortion]
    rest = [0.0] * (8 - len(camera.distortion))
    return "FULL_OPENCV", [*params, *camera.distortion, *rest]
