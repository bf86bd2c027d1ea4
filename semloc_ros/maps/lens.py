"""Small corrections of a camera's intrinsics: the focal length and two radial coefficients.

A lens correction is (3,): the relative change of fx and fy, whose ratio is that of the sensor's
pixels and stays, and what is added to the first two distortion coefficients (k1, k2 of "radtan"
and of "fisheye"; a pinhole becomes "radtan").
"""

from __future__ import annotations

import dataclasses

import numpy as np

from semloc_ros.geometry import cameras
from semloc_ros.types import Camera, FloatArray

LENS_SIZE = 3
_STEP = 1e-6  # of a coefficient, for its derivative


def corrected(camera: Camera, lens: FloatArray) -> Camera:
    """The camera after a lens correction."""
    factor = 1.0 + float(lens[0])
    camera = dataclasses.replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)
    if not lens[1:].any():
        return camera
    coefficients = list(camera.distortion) or [0.0] * 4
    coefficients[0] += float(lens[1])
    coefficients[1] += float(lens[2])
    model = "radtan" if camera.model == "pinhole" else camera.model
    return dataclasses.replace(camera, model=model, distortion=tuple(coefficients))


def lens_jacobian(camera: Camera, points_camera: FloatArray) -> FloatArray:
    """Derivative (N, 2, 3) of the pixels of points (N, 3) by a lens correction; NaN unseen.

    Pixels are linear in the focal length; the radial part is a central difference.
    """
    pixels, _ = cameras.project(camera, points_camera)
    jacobian = np.zeros((len(pixels), 2, LENS_SIZE))
    jacobian[:, :, 0] = pixels - (camera.cx, camera.cy)
    for column in (1, 2):
        step = np.eye(LENS_SIZE)[column] * _STEP
        more, less = (
            cameras.project(corrected(camera, sign * step), points_camera)[0] for sign in (1, -1)
        )
        jacobian[:, :, column] = (more - less) / (2 * _STEP)
    return jacobian
