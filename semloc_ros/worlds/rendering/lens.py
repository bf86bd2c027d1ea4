"""The rays of a camera's pixels, in the camera's axes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from semloc_ros.geometry import cameras
from semloc_ros.types import Camera, FloatArray


@lru_cache(maxsize=4)
def pixel_rays(camera: Camera) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit rays (H*W, 3) of the pixel centres, and their change per pixel to the right and down."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=float), np.arange(camera.height, dtype=float))
    pixels = np.column_stack([u.ravel(), v.ravel()])
    half_x, half_y = np.array([0.5, 0.0]), np.array([0.0, 0.5])
    by_x = cameras.unproject(camera, pixels + half_x) - cameras.unproject(camera, pixels - half_x)
    by_y = cameras.unproject(camera, pixels + half_y) - cameras.unproject(camera, pixels - half_y)
    rays = cameras.unproject(camera, pixels), by_x, by_y
    for array in rays:
        array.setflags(write=False)
    return rays
