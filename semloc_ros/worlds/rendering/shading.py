"""The inner loops of the renderer: from the hit patch to a colour, for each ray.

Rays come in the camera's axes; `turn` (3, 3) turns them to map axes.

The plane of a patch is intersected in float64, so the depth is exact. A pixel's footprint on
the texture is a parallelogram; it is covered by up to eight trilinear probes along its longer
side (anisotropic filtering after Heckbert, "Fundamentals of texture mapping", 1989, as
graphics hardware does it), so nothing aliases, and nothing shifts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from semloc_ros.worlds.rendering.tables import (
    GLOSS,
    GLOW,
    LAMP,
    OPENNESS,
    TEXTURE,
    TWO_SIDED,
)  # fmt: skip
from semloc_ros.worlds.rendering.vectors import along, dot, reach, three, turned

_THROUGH_LEAF = 0.45  # of the sun's light, seen from behind
# Sums in any order: off by the last bits of a float64. Infinities stay what they are.
_LOOSE = {"contract", "afn", "arcp", "nsz", "reassoc"}
_SURROUNDINGS = 0.35  # of the horizon's light, mirrored from below it


@njit(inline="always")
def _bilinear(
    texels: Any, offset: int, width: int, height: int, u: float, v: float, weight: float
) -> Any:
    """The weighted colour at (u, v) texels; beyond the border the last texel goes on."""
    x, y = u - 0.5, v - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - top
    x0, x1 = min(max(left, 0), width - 1), min(max(left + 1, 0), width - 1)
    y0, y1 = min(max(top, 0), height - 1), min(max(top + 1, 0), height - 1)
    a, b = offset + y0 * width, offset + y1 * width
    w00, w01 = weight * (1 - fx) * (1 - fy), weight * fx * (1 - fy)
    w10, w11 = weight * (1 - fx) * fy, weight * fx * fy
    p, q, r, s = a + x0, a + x1, b + x0, b + x1
    return (
        w00 * texels[p, 0] + w01 * texels[q, 0] + w10 * texels[r, 0] + w11 * texels[s, 0],
        w00 * texels[p, 1] + w01 * texels[q, 1] + w10 * texels[r, 1] + w11 * texels[s, 1],
        w00 * texels[p, 2] + w01 * texels[q, 2] + w10 * texels[r, 2] + w11 * texels[s, 2],
    )


@njit(cache=True, error_model="numpy", fastmath=_LOOSE)
def _sample(
    texels: Any, levels: Any, texture: int, u: float, v: float, ux: float, vx: float, uy: float,
    vy: float, most: float,
) -> Any:  # fmt: skip
    """Colour of the footprint spanned by (ux, vx) and (uy, vy) texels around (u, v), by at most
    `most` trilinear probes along its longer side."""
    first, second = np.sqrt(ux * ux + vx * vx), np.sqrt(uy * uy + vy * vy)
    longer, shorter, du, dv = first, second, ux, vx
    if second > first:
        longer, shorter, du, dv = second, first, uy, vy
    shorter = min(shorter, abs(ux * vy - vx * uy) / max(longer, 1e-9))
    probes = max(1.0, min(most, np.ceil(longer / max(shorter, 1.0) - 0.25)))
    top = levels[texture, 0, 3] - 1.0
    lod = min(max(np.log2(max(shorter, longer / probes, 1e-3)), 0.0), top)
    level = int(lod)
    share = lod - level
    red, green, blue = 0.0, 0.0, 0.0
    for step in range(2):
        weight = (share if step == 1 else 1.0 - share) / probes
        if weight <= 0.0:
            continue
        k = level + step
        size = 1.0 / (1 << k)
        offset, width, height = levels[texture, k, 0], levels[texture, k, 1], levels[texture, k, 2]
        for i in range(int(probes)):
            at = (i + 0.5) / probes - 0.5
            x, y = (u + at * du) * size, (v + at * dv) * size
            color = _bilinear(texels, offset, width, height, x, y, weight)
            red, green, blue = red + color[0], green + color[1], blue + color[2]
    return red, green, blue


@njit(inline="always")
def _light_at(
    values: Any, offsets: Any, sizes: Any, scales: Any, patch: int, u: float, v: float
) -> Any:
    """Openness and lamp light (bilinear) at texel (u, v): nodes stand on the patch's border."""
    width, height = sizes[patch, 0], sizes[patch, 1]
    x = min(max(u * scales[patch, 0], 0.0), width - 1.000001)
    y = min(max(v * scales[patch, 1], 0.0), height - 1.000001)
    i, j = int(x), int(y)
    fx, fy = x - i, y - j
    at = offsets[patch] + j * width + i
    a, b = (1 - fx) * (1 - fy), fx * (1 - fy)
    c, d = (1 - fx) * fy, fx * fy
    end = at + width
    return (
        a * values[at, 0] + b * values[at + 1, 0] + c * values[end, 0] + d * values[end + 1, 0],
        a * values[at, 1] + b * values[at + 1, 1] + c * values[end, 1] + d * values[end + 1, 1],
    )


@njit(inline="always")
def _step(direction: Any, slope: Any, distance: float, normal: Any, facing: float) -> Any:
    """How the hit point moves when the direction changes by `slope`."""
    swing = dot(normal, slope) / facing
    return (
        distance * (slope[0] - direction[0] * swing),
        distance * (slope[1] - direction[1] * swing),
        distance * (slope[2] - direction[2] * swing),
    )


@njit(cache=True, error_model="numpy", fastmath=_LOOSE)
def _sky_at(sky: Any, x: float, y: float, z: float) -> Any:
    """Colour of the sky in a direction; below the horizon that of the horizon."""
    rows, columns = sky.shape[0], sky.shape[1]
    rise = 0.0
    if z > 0:
        rise = np.arctan2(z, np.sqrt(x * x + y * y)) / (np.pi / 2)
    line = min(max((1.0 - rise) * rows - 0.5, 0.0), rows - 1.0)
    column = np.arctan2(y, x) / (2 * np.pi) * columns - 0.5
    left, top = int(np.floor(column)), int(line)
    fx, fy = column - left, line - top
    below = min(top + 1, rows - 1)
    a, b = left % columns, (left + 1) % columns
    p, q, r, s = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    return (
        p * sky[top, a, 0] + q * sky[top, b, 0] + r * sky[below, a, 0] + s * sky[below, b, 0],
        p * sky[top, a, 1] + q * sky[top, b, 1] + r * sky[below, a, 1] + s * sky[below, b, 1],
        p * sky[top, a, 2] + q * sky[top, b, 2] + r * sky[below, a, 2] + s * sky[below, b, 2],
    )


@njit(inline="always")
def _horizon_at(horizon: Any, x: float, y: float) -> Any:
    """Colour of the horizon in a direction: see `Light.horizon`."""
    share = x / max(abs(x) + abs(y), 1e-12)
    quarter = 1.0 - share if y >= 0 else 3.0 + share
    return three(horizon, int(quarter * (0.25 * (len(horizon) - 1)) + 0.5), 0)


@njit(inline="always")
def _beam(lamp: Any, point: Any, normal: Any) -> float:
    """Light of a vehicle's dipped headlights: `lamp` = (position, forward, up, power)."""
    away = (point[0] - lamp[0], point[1] - lamp[1], point[2] - lamp[2])
    square = dot(away, away)
    ahead = dot(away, lamp[3:6])
    if ahead <= 0.1:
        return 0.0
    rise = dot(away, lamp[6:9]) / ahead
    side = (square - ahead * ahead) / (ahead * ahead) - rise * rise
    lean = -dot(away, normal) / np.sqrt(square)
    if lean <= 0.0:
        return 0.0
    # The cut-off lies a little below the horizon; some stray light goes above it.
    tilt = rise + 0.02
    upright = np.exp(-((tilt / (0.02 if tilt > 0 else 0.12)) ** 2))
    light: float = lamp[9] * lean * (upright + 0.04) * np.exp(-side / 0.18) * 100.0
    return light / (square + 4.0)


@njit(inline="always")
def _fresnel(cosine: float) -> float:
    """Schlick 1994, "An inexpensive BRDF model", for water and glass."""
    rest = 1.0 - min(max(cosine, 0.0), 1.0)
    share: float = 0.02 + 0.98 * rest * rest * rest * rest * rest
    return share


@njit(cache=True, error_model="numpy", fastmath=_LOOSE)
def _shine(sky: Any, direction: Any, normal: Any, facing: float, share: float) -> Any:
    """What a steep glossy surface shows: the sky, or dim surroundings."""
    x = direction[0] - 2 * facing * normal[0]
    y = direction[1] - 2 * facing * normal[1]
    z = direction[2] - 2 * facing * normal[2]
    seen = _sky_at(sky, x, y, z)
    if z < 0:
        share *= _SURROUNDINGS
    return share * seen[0], share * seen[1], share * seen[2]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_LOOSE)
def shade(
    eyes: Any, turn: Any, rays: Any, by_x: Any, by_y: Any, patches: Any, table: Any, texels: Any,
    levels: Any, lights: Any, sunlit: Any, light: Any, most_probes: float,
    colors: Any, distances: Any, uvs: Any, mirrors: Any,
) -> None:  # fmt: skip
    """Fills, for N rays, what they see.

    `eyes` (N or 1, 3); `rays` (N, 3) and their derivatives `by_x`, `by_y` per pixel step;
    `patches` (N,) hit, -1 = sky; `texels`, `levels` of the atlas; `sunlit` (N,) share of the sun;
    `light` as `Light.arrays`. Out: `colors` (N, 3) float32, 0-255 and beyond; `distances` (N,)
    float64; `uvs` (N, 2) float32 shares of the texture; `mirrors` (N,) float32 share of the colour
    that a mirror ray has to add.
    """
    factors, sun, sky, horizon, lamp, about = light
    values, offsets, sizes, scales = lights
    sun = (sun[0], sun[1], sun[2])
    thickness, wetness = about[0], about[1]
    for i in range(len(rays)):
        patch = patches[i]
        direction = turned(turn, three(rays, i, 0))
        mirrors[i] = 0.0
        if patch < 0:
            uvs[i, 0], uvs[i, 1] = 0.0, 0.0
            distances[i] = np.inf
            seen = _sky_at(sky, direction[0], direction[1], direction[2])
            colors[i, 0], colors[i, 1], colors[i, 2] = seen
            continue
        eye = three(eyes, i if len(eyes) > 1 else 0, 0)
        origin, front = three(table, patch, 0), three(table, patch, 3)
        u_axis, v_axis = three(table, patch, 6), three(table, patch, 9)
        facing = dot(front, direction)
        distance = reach(origin, front, eye, facing)
        distances[i] = distance
        side = -1.0 if facing > 0 else 1.0
        normal = (side * front[0], side * front[1], side * front[2])
        point = along(eye, direction, distance)
        local = (point[0] - origin[0], point[1] - origin[1], point[2] - origin[2])
        u, v = dot(u_axis, local), dot(v_axis, local)
        texture = int(table[patch, TEXTURE])
        uvs[i, 0], uvs[i, 1] = u / levels[texture, 0, 1], v / levels[texture, 0, 2]
        px = _step(direction, turned(turn, three(by_x, i, 0)), distance, front, facing)
        py = _step(direction, turned(turn, three(by_y, i, 0)), distance, front, facing)
        color = _sample(
            texels, levels, texture, u, v, dot(u_axis, px), dot(v_axis, px),
            dot(u_axis, py), dot(v_axis, py), most_probes,
        )  # fmt: skip
        openness, lamps = table[patch, OPENNESS], table[patch, LAMP]
        if patch < len(offsets):
            openness, lamps = _light_at(values, offsets, sizes, scales, patch, u, v)
        towards = dot(normal, sun)
        if towards < 0:
            towards = -_THROUGH_LEAF * towards if table[patch, TWO_SIDED] > 0 else 0.0
        towards *= sunlit[i]
        own = table[patch, GLOW]
        if lamp[9] > 0:
            own += _beam(lamp, point, normal)
        up = 0.5 + 0.5 * normal[2]
        # Steep glossy things (glass, paint) always shine; ground does where it is wet.
        mirror, flat = table[patch, GLOSS], normal[2] > 0.7
        if flat:
            mirror *= wetness
        length = np.sqrt(dot(direction, direction))
        shine = (0.0, 0.0, 0.0)
        if mirror > 0:
            mirror *= _fresnel(abs(facing) / length)
            if not flat:
                shine = _shine(sky, direction, normal, side * facing, mirror * openness)
        veil = 1.0 - np.exp(-distance * length * thickness) if thickness > 0 else 0.0
        haze = (0.0, 0.0, 0.0)
        if veil > 0:
            haze = _horizon_at(horizon, direction[0], direction[1])
        if flat:
            mirrors[i] = mirror * (1.0 - veil)
        for c in range(3):
            sky_light = factors[0, c] * (up + (1.0 - up) * factors[3, c]) * openness
            lit = sky_light + factors[2, c] * towards + factors[1, c] * lamps + own
            seen_here = color[c] * lit * (1.0 - mirror) + shine[c]
            colors[i, c] = seen_here * (1.0 - veil) + haze[c] * veil
