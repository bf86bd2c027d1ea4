"""Motion blur of a still scene: each pixel is drawn out along its own way through the image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.rendering.lens import pixel_rays
from semloc_ros.worlds.rendering.vectors import dot, three, turned

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
    turn, shift = later_from_earlier[:3, :3], later_from_earlier[:3, 3]
    _blur(image, depth, pixel_rays(camera)[0], _steps(camera), turn.copy(), shift.copy(), out)
    return out


@lru_cache(maxsize=4)
def _steps(camera: Camera) -> NDArray[np.float32]:
    """(H*W, 6) what a change of a pixel's ray is in steps to its neighbours (least squares): x and
    y are its products with the first and the last three."""
    _, by_x, by_y = pixel_rays(camera)
    xx, xy, yy = (
        np.einsum("ni,ni->n", a, b) for a, b in ((by_x, by_x), (by_x, by_y), (by_y, by_y))
    )
    scale = 1 / (xx * yy - xy * xy)
    rows = np.hstack(
        [
            (scale * yy)[:, None] * by_x - (scale * xy)[:, None] * by_y,
            (scale * xx)[:, None] * by_y - (scale * xy)[:, None] * by_x,
        ]
    )
    return rows.astype(np.float32)


@njit(cache=True, inline="always")
def _flow(ray: Any, step: Any, nearness: float, turn: Any, shift: Any) -> Any:
    """Way (x, y) of a pixel whose ray is moved, in pixels."""
    moved = turned(turn, ray)
    moved = (
        moved[0] + shift[0] * nearness, moved[1] + shift[1] * nearness,
        moved[2] + shift[2] * nearness,
    )  # fmt: skip
    scale = 1.0 / np.sqrt(dot(moved, moved))
    change = (scale * moved[0] - ray[0], scale * moved[1] - ray[1], scale * moved[2] - ray[2])
    return dot(step[:3], change), dot(step[3:], change)


@njit(cache=True, nogil=True, fastmath={"contract", "afn", "arcp", "reassoc"})
def _blur(image: Any, depth: Any, rays: Any, steps: Any, turn: Any, shift: Any, out: Any) -> None:
    height, width = depth.shape
    right, low = np.float32(width - 1.001), np.float32(height - 1.001)
    one, zero, half = np.float32(1), np.float32(0), np.float32(0.5)
    for row in range(height):
        for column in range(width):
            i = row * width + column
            # The nearness of the sky is zero: only the turn of the camera moves it.
            nearness = rays[i, 2] / depth[row, column]
            x, y = _flow(three(rays, i, 0), steps[i], nearness, turn, shift)
            taps = max(1, int(np.ceil(min(max(abs(x), abs(y)), 1.0 * _MOST_TAPS))))
            share = one / np.float32(taps)
            dx, dy = np.float32(x) * share, np.float32(y) * share
            start = half * np.float32(1 - taps)
            red = green = blue = zero
            for k in range(taps):
                at = start + np.float32(k)
                u = min(max(np.float32(column) + at * dx, zero), right)
                v = min(max(np.float32(row) + at * dy, zero), low)
                a, b = int(u), int(v)
                fx, fy = u - np.float32(a), v - np.float32(b)
                p, q, r, s = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
                one_up, two_up = image[b, a], image[b, a + 1]
                one_low, two_low = image[b + 1, a], image[b + 1, a + 1]
                red += p * one_up[0] + q * two_up[0] + r * one_low[0] + s * two_low[0]
                green += p * one_up[1] + q * two_up[1] + r * one_low[1] + s * two_low[1]
                blue += p * one_up[2] + q * two_up[2] + r * one_low[2] + s * two_low[2]
            out[row, column, 0], out[row, column, 1] = red * share, green * share
            out[row, column, 2] = blue * share
