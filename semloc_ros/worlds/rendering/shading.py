"""The inner loops of the renderer: from the hit triangle to a colour, for each ray.

The plane of a patch is intersected in float64, so the depth is exact. A pixel's footprint on
the texture is a parallelogram; it is covered by up to eight trilinear probes along its longer
side (anisotropic filtering after Heckbert, "Fundamentals of texture mapping", 1989, as
graphics hardware does it), so nothing aliases, and nothing shifts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_MOST_PROBES = 8.0


@njit(cache=True, inline="always")
def _bilinear(
    texels: Any, offset: int, width: int, height: int, u: float, v: float, weight: float, out: Any
) -> None:
    """Adds the weighted colour at (u, v) texels; beyond the border the last texel goes on."""
    x, y = u - 0.5, v - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - top
    x0, x1 = min(max(left, 0), width - 1), min(max(left + 1, 0), width - 1)
    y0, y1 = min(max(top, 0), height - 1), min(max(top + 1, 0), height - 1)
    a, b = offset + y0 * width, offset + y1 * width
    w00, w01 = weight * (1 - fx) * (1 - fy), weight * fx * (1 - fy)
    w10, w11 = weight * (1 - fx) * fy, weight * fx * fy
    for c in range(3):
        out[c] += (
            w00 * texels[a + x0, c]
            + w01 * texels[a + x1, c]
            + w10 * texels[b + x0, c]
            + w11 * texels[b + x1, c]
        )


@njit(cache=True, inline="always")
def _trilinear(
    atlas: Any, texture: int, u: float, v: float, lod: float, weight: float, out: Any
) -> None:
    texels, offsets, widths, heights, counts = atlas
    lod = min(max(lod, 0.0), counts[texture] - 1.0)
    level = int(lod)
    share = lod - level
    for step in range(2):
        part = share if step == 1 else 1.0 - share
        if part > 0.0:
            k = level + step
            size = 1.0 / (1 << k)
            _bilinear(
                texels, offsets[texture, k], widths[texture, k], heights[texture, k],
                u * size, v * size, part * weight, out,
            )  # fmt: skip


@njit(cache=True)
def _sample(atlas: Any, texture: int, uv: Any, across: Any, along: Any, out: Any) -> None:
    """Colour of the footprint spanned by `across` and `along` (texels) around `uv`."""
    first = np.sqrt(across[0] ** 2 + across[1] ** 2)
    second = np.sqrt(along[0] ** 2 + along[1] ** 2)
    major = across if first >= second else along
    longer, shorter = max(first, second), min(first, second)
    area = abs(across[0] * along[1] - across[1] * along[0])
    shorter = min(shorter, area / max(longer, 1e-9))
    probes = max(1.0, min(_MOST_PROBES, np.ceil(longer / max(shorter, 1.0) - 0.25)))
    lod = np.log2(max(shorter, longer / probes, 1e-3))
    for i in range(int(probes)):
        at = (i + 0.5) / probes - 0.5
        _trilinear(
            atlas, texture, uv[0] + at * major[0], uv[1] + at * major[1], lod, 1.0 / probes, out
        )


@njit(cache=True, inline="always")
def _light_at(lights: Any, patch: int, u: float, v: float) -> float:
    """Light (bilinear) at texel (u, v): nodes stand on the border of the patch."""
    values, offsets, sizes, scales = lights
    width, height = sizes[patch, 0], sizes[patch, 1]
    x = min(max(u * scales[patch, 0], 0.0), width - 1.000001)
    y = min(max(v * scales[patch, 1], 0.0), height - 1.000001)
    i, j = int(x), int(y)
    fx, fy = x - i, y - j
    at = offsets[patch] + j * width + i
    top = values[at] * (1 - fx) + values[at + 1] * fx
    bottom = values[at + width] * (1 - fx) + values[at + width + 1] * fx
    light: float = top * (1 - fy) + bottom * fy
    return light


@njit(cache=True, inline="always")
def _dot(a: Any, b: Any) -> float:
    product: float = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


@njit(cache=True, inline="always")
def _step(direction: Any, slope: Any, distance: float, normal: Any, facing: float) -> Any:
    """How the hit point moves when the direction changes by `slope`."""
    swing = _dot(normal, slope) / facing
    return (
        distance * (slope[0] - direction[0] * swing),
        distance * (slope[1] - direction[1] * swing),
        distance * (slope[2] - direction[2] * swing),
    )


@njit(cache=True, nogil=True)
def shade(
    eye: Any, directions: Any, by_x: Any, by_y: Any, patches: Any, planes: Any, atlas: Any,
    lights: Any, colors: Any, distances: Any,
) -> None:  # fmt: skip
    """Fills `colors` (N, 3) float32 (0-255, light applied) and `distances` (N,) float64.

    `eye` (3,); `directions` (N, 3) and their derivatives `by_x`, `by_y` per pixel step;
    `patches` (N,) int32 hit, -1 = none (black, infinite); `planes` = (origins, normals,
    texel_axes, textures, reach) of the scene, reach (P,) = (origin - eye) . normal.
    """
    origins, normals, axes, textures, reach = planes
    for i in range(len(directions)):
        patch = patches[i]
        colors[i, :] = 0.0
        distances[i] = np.inf
        if patch < 0:
            continue
        normal, u_axis, v_axis = normals[patch], axes[patch, 0], axes[patch, 1]
        direction = directions[i]
        facing = _dot(normal, direction)
        distance = reach[patch] / facing
        distances[i] = distance
        x = eye[0] + distance * direction[0] - origins[patch, 0]
        y = eye[1] + distance * direction[1] - origins[patch, 1]
        z = eye[2] + distance * direction[2] - origins[patch, 2]
        point = (x, y, z)
        uv = (_dot(u_axis, point), _dot(v_axis, point))
        px = _step(direction, by_x[i], distance, normal, facing)
        py = _step(direction, by_y[i], distance, normal, facing)
        across = (_dot(u_axis, px), _dot(v_axis, px))
        along = (_dot(u_axis, py), _dot(v_axis, py))
        _sample(atlas, textures[patch], uv, across, along, colors[i])
        light = _light_at(lights, patch, uv[0], uv[1])
        for c in range(3):
            colors[i, c] *= light
