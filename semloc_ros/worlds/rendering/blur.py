"""Motion blur of a still scene: each pixel is drawn out along its own way through the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.rendering.lens import pixel_rays

_MOST_TAPS = 15


def motion_blur(
    color: NDArray[np.float32], depth: FloatArray, camera: Camera, later_from_earlier: FloatArray
) -> NDArray[np.float32]:
    """The image (H, W, 3) exposed while the camera moves by `later_from_earlier` (4, 4).

    `color` (H, W, 3) and `depth` (H, W) metres, inf = sky, are those of the middle of the exposure,
    with its light linear. To first order in the motion; what moves itself is blurred as if still.
    """
    image = np.ascontiguousarray(color, dtype=np.float32)
    out = np.empty_like(image)
    _blur(image, depth, *pixel_rays(camera), np.ascontiguousarray(later_from_earlier), out)
    return out


@njit(cache=True, inline="always")
def _flow(ray: Any, by_x: Any, by_y: Any, nearness: float, motion: Any) -> Any:
    """Way (x, y) of a pixel: the change of its ray in units of its neighbours' (least squares)."""
    moved = np.empty(3)
    for c in range(3):
        turned = motion[c, 0] * ray[0] + motion[c, 1] * ray[1] + motion[c, 2] * ray[2]
        moved[c] = turned + motion[c, 3] * nearness
    length = np.sqrt((moved * moved).sum())
    xx, xy, yy, xd, yd = 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(3):
        change = moved[c] / length - ray[c]
        xx += by_x[c] * by_x[c]
        xy += by_x[c] * by_y[c]
        yy += by_y[c] * by_y[c]
        xd += by_x[c] * change
        yd += by_y[c] * change
    scale = 1.0 / (xx * yy - xy * xy)
    return (xd * yy - yd * xy) * scale, (yd * xx - xd * xy) * scale


@njit(cache=True, nogil=True)
def _blur(image: Any, depth: Any, rays: Any, by_x: Any, by_y: Any, motion: Any, out: Any) -> None:
    height, width = depth.shape
    for row in range(height):
        for column in range(width):
            i = row * width + column
            # The nearness of the sky is zero: only the turn of the camera moves it.
            nearness = rays[i, 2] / depth[row, column]
            x, y = _flow(rays[i], by_x[i], by_y[i], nearness, motion)
            longest = min(max(abs(x), abs(y)), 1.0 * _MOST_TAPS)
            taps = max(1, int(np.ceil(longest)))
            out[row, column, :] = 0.0
            for k in range(taps):
                at = (k + 0.5) / taps - 0.5
                u = min(max(column + at * x, 0.0), width - 1.001)
                v = min(max(row + at * y, 0.0), height - 1.001)
                a, b = int(u), int(v)
                fx, fy = u - a, v - b
                for c in range(3):
                    top = (1 - fx) * image[b, a, c] + fx * image[b, a + 1, c]
                    low = (1 - fx) * image[b + 1, a, c] + fx * image[b + 1, a + 1, c]
                    out[row, column, c] += ((1 - fy) * top + fy * low) / taps
