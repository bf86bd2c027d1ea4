"""The inner loops of the renderer: from the hit patch to a colour, for each ray.

All kernels of a frame stand in this file, since numba's cache asks for the age of one file only.
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

_MOST_PROBES = 8.0
_STAND_OFF = 2e-3  # metres: shadow and mirror rays start off their surface
_THROUGH_LEAF = 0.45  # of the sun's light, seen from behind
_RIPPLES = np.array(  # of wet ground: wave numbers in x and y (1/m), slope
    [[3.1, 1.3, 0.006], [-1.9, 4.7, 0.006], [7.3, -5.9, 0.005], [-9.1, -8.3, 0.004]]
)


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
def _light_at(lights: Any, patch: int, u: float, v: float) -> Any:
    """Openness and lamp light (bilinear) at texel (u, v): nodes stand on the patch's border."""
    values, offsets, sizes, scales = lights
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


@njit(cache=True, inline="always")
def _dot(a: Any, b: Any) -> float:
    product: float = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


@njit(cache=True, inline="always")
def _turned(turn: Any, v: Any) -> Any:
    return (_dot(turn[0], v), _dot(turn[1], v), _dot(turn[2], v))


@njit(cache=True, inline="always")
def _step(direction: Any, slope: Any, distance: float, normal: Any, facing: float) -> Any:
    """How the hit point moves when the direction changes by `slope`."""
    swing = _dot(normal, slope) / facing
    return (
        distance * (slope[0] - direction[0] * swing),
        distance * (slope[1] - direction[1] * swing),
        distance * (slope[2] - direction[2] * swing),
    )


@njit(cache=True, inline="always")
def _reach(row: Any, eye: Any, facing: float) -> float:
    """Distance from `eye` to the plane of the patch along a ray."""
    reach: float = (
        (row[0] - eye[0]) * row[3] + (row[1] - eye[1]) * row[4] + (row[2] - eye[2]) * row[5]
    )
    return reach / facing


@njit(cache=True, inline="always")
def _along(origin: Any, direction: Any, distance: float) -> Any:
    return (
        origin[0] + distance * direction[0],
        origin[1] + distance * direction[1],
        origin[2] + distance * direction[2],
    )


@njit(cache=True, inline="always")
def _sky_at(sky: Any, direction: Any, weight: float, out: Any) -> None:
    """Adds the weighted colour of the sky; below the horizon that of the horizon."""
    rows, columns = sky.shape[0], sky.shape[1]
    length = np.sqrt(_dot(direction, direction))
    rise = np.arcsin(min(max(direction[2] / length, 0.0), 1.0)) / (np.pi / 2)
    y = min(max((1.0 - rise) * rows - 0.5, 0.0), rows - 1.0)
    x = np.arctan2(direction[1], direction[0]) / (2 * np.pi) * columns - 0.5
    left, top = int(np.floor(x)), int(y)
    fx, fy = x - left, y - top
    below = min(top + 1, rows - 1)
    a, b = left % columns, (left + 1) % columns
    for c in range(3):
        high = (1 - fx) * sky[top, a, c] + fx * sky[top, b, c]
        low = (1 - fx) * sky[below, a, c] + fx * sky[below, b, c]
        out[c] += weight * ((1 - fy) * high + fy * low)


@njit(cache=True, nogil=True)
def world_rays(turn: Any, rays: Any) -> Any:
    """The rays (N, 3) in map axes, float32, as the ray caster wants them."""
    world = np.empty((len(rays), 3), dtype=np.float32)
    for i in range(len(rays)):
        for c in range(3):
            world[i, c] = _dot(turn[c], rays[i])
    return world


@njit(cache=True, nogil=True)
def keep_nearer(
    eyes: Any, turn: Any, rays: Any, table: Any, which: Any, found: Any, patches: Any
) -> None:
    """Puts `found` (M,) into `patches` (N,) at `which` (M,) where it is nearer (exact planes)."""
    for k in range(len(which)):
        i = which[k]
        if found[k] < 0:
            continue
        direction, eye = _turned(turn, rays[i]), eyes[i % len(eyes)]
        if patches[i] >= 0:
            old, new = table[patches[i]], table[found[k]]
            before = _reach(old, eye, _dot(old[3:6], direction))
            if _reach(new, eye, _dot(new[3:6], direction)) >= before:
                continue
        patches[i] = found[k]


@njit(cache=True, nogil=True)
def sun_rays(
    eyes: Any, turn: Any, rays: Any, patches: Any, table: Any, sun: Any, starts: Any, which: Any
) -> int:
    """Fills the starts (M, 3) float32 of shadow rays and the ray (M,) each belongs to; returns M.

    Rays are needed where the side seen faces the sun, or where a leaf lets it through.
    """
    number = 0
    for i in range(len(rays)):
        if patches[i] < 0:
            continue
        row, eye = table[patches[i]], eyes[i % len(eyes)]
        direction = _turned(turn, rays[i])
        facing = _dot(row[3:6], direction)
        lit = -_dot(row[3:6], sun) if facing > 0 else _dot(row[3:6], sun)
        if lit <= 0 and row[TWO_SIDED] == 0:
            continue
        distance = _reach(row, eye, facing)
        # Off the surface on the side from which the sun comes, more where floats are coarse.
        side = _STAND_OFF + 2e-5 * distance
        if _dot(row[3:6], sun) < 0:
            side = -side
        for c in range(3):
            starts[number, c] = eye[c] + distance * direction[c] + side * row[3 + c]
        which[number] = i
        number += 1
    return number


@njit(cache=True, inline="always")
def _beam(lamp: Any, point: Any, normal: Any) -> float:
    """Light of a vehicle's dipped headlights: `lamp` = (position, forward, up, power)."""
    away = (point[0] - lamp[0], point[1] - lamp[1], point[2] - lamp[2])
    square = _dot(away, away)
    ahead = _dot(away, lamp[3:6])
    if ahead <= 0.1:
        return 0.0
    rise = _dot(away, lamp[6:9]) / ahead
    side = (square - ahead * ahead) / (ahead * ahead) - rise * rise
    lean = -_dot(away, normal) / np.sqrt(square)
    if lean <= 0.0:
        return 0.0
    # The cut-off lies a little below the horizon; some stray light goes above it.
    tilt = rise + 0.02
    upright = np.exp(-((tilt / (0.02 if tilt > 0 else 0.12)) ** 2))
    light: float = lamp[9] * lean * (upright + 0.04) * np.exp(-side / 0.18) * 100.0
    return light / (square + 4.0)


@njit(cache=True, inline="always")
def _fresnel(cosine: float) -> float:
    """Schlick 1994, "An inexpensive BRDF model", for water and glass."""
    rest = 1.0 - min(max(cosine, 0.0), 1.0)
    share: float = 0.02 + 0.98 * rest * rest * rest * rest * rest
    return share


@njit(cache=True, nogil=True)
def shade(
    eyes: Any, turn: Any, rays: Any, by_x: Any, by_y: Any, patches: Any, table: Any, atlas: Any,
    lights: Any, sunlit: Any, light: Any, colors: Any, distances: Any, uvs: Any, mirrors: Any,
) -> None:  # fmt: skip
    """Fills, for N rays, what they see.

    `eyes` (N or 1, 3); `rays` (N, 3) and their derivatives `by_x`, `by_y` per pixel step;
    `patches` (N,) hit, -1 = sky; `sunlit` (N,) share of the sun; `light` as `Light.arrays`.
    Out: `colors` (N, 3) float32, 0-255 and beyond; `distances` (N,) float64; `uvs` (N, 2) float32
    shares of the texture; `mirrors` (N,) float32 share of the colour that a mirror ray has to add.
    """
    factors, sun, sky, lamp, about = light
    number_of_maps = len(lights[1])
    reflected = np.empty(3, dtype=np.float32)
    for i in range(len(rays)):
        patch = patches[i]
        direction = _turned(turn, rays[i])
        colors[i, :] = 0.0
        uvs[i, :] = 0.0
        mirrors[i] = 0.0
        distances[i] = np.inf
        if patch < 0:
            _sky_at(sky, direction, 1.0, colors[i])
            continue
        row, eye = table[patch], eyes[i % len(eyes)]
        facing = _dot(row[3:6], direction)
        distance = _reach(row, eye, facing)
        distances[i] = distance
        side = -1.0 if facing > 0 else 1.0
        normal = (side * row[3], side * row[4], side * row[5])
        point = _along(eye, direction, distance)
        local = (point[0] - row[0], point[1] - row[1], point[2] - row[2])
        u, v = _dot(row[6:9], local), _dot(row[9:12], local)
        texture = int(row[TEXTURE])
        uvs[i, 0], uvs[i, 1] = u / atlas[2][texture, 0], v / atlas[3][texture, 0]
        px = _step(direction, _turned(turn, by_x[i]), distance, row[3:6], facing)
        py = _step(direction, _turned(turn, by_y[i]), distance, row[3:6], facing)
        across = (_dot(row[6:9], px), _dot(row[9:12], px))
        along = (_dot(row[6:9], py), _dot(row[9:12], py))
        _sample(atlas, texture, (u, v), across, along, colors[i])
        openness, lamps = row[OPENNESS], row[LAMP]
        if patch < number_of_maps:
            openness, lamps = _light_at(lights, patch, u, v)
        towards = _dot(normal, sun)
        if towards < 0:
            towards = -_THROUGH_LEAF * towards if row[TWO_SIDED] > 0 else 0.0
        towards *= sunlit[i]
        beam = _beam(lamp, point, normal) if lamp[9] > 0 else 0.0
        up = 0.5 + 0.5 * normal[2]
        length = np.sqrt(_dot(direction, direction))
        haze = np.exp(-distance * length * about[0])
        # Steep glossy things (glass, paint) always shine; ground does where it is wet.
        flat = normal[2] > 0.7
        mirror = row[GLOSS] * (about[1] if flat else 1.0)
        if mirror > 0:
            mirror *= _fresnel(abs(facing) / length)
        for c in range(3):
            sky_light = factors[0, c] * (up + (1.0 - up) * factors[3, c]) * openness
            own = factors[2, c] * towards + factors[1, c] * lamps + row[GLOW] + beam
            colors[i, c] *= (sky_light + own) * (1.0 - mirror) * haze
        if mirror > 0 and flat:
            mirrors[i] = mirror * haze
        elif mirror > 0:
            bounce = (
                direction[0] - 2 * facing * row[3], direction[1] - 2 * facing * row[4],
                direction[2] - 2 * facing * row[5],
            )  # fmt: skip
            reflected[:] = 0.0
            _sky_at(sky, bounce, mirror * haze * openness, reflected)
            dim = 1.0 if bounce[2] > 0 else 0.35
            for c in range(3):
                colors[i, c] += dim * reflected[c]
        if haze < 1.0:
            _sky_at(sky, (direction[0], direction[1], 0.0), 1.0 - haze, colors[i])


@njit(cache=True, nogil=True)
def mirror_rays(
    eyes: Any, turn: Any, rays: Any, by_x: Any, by_y: Any, patches: Any, table: Any,
    distances: Any, which: Any, starts: Any, out: Any, out_x: Any, out_y: Any,
) -> None:  # fmt: skip
    """Fills the mirror rays (M, 3) in map axes of the rays `which` (M,), with starts and
    derivatives; the ground ripples a little."""
    for k in range(len(which)):
        i = which[k]
        row, eye, direction = table[patches[i]], eyes[i % len(eyes)], _turned(turn, rays[i])
        point = _along(eye, direction, distances[i])
        tilt_x, tilt_y = 0.0, 0.0
        for wave in _RIPPLES:
            slope = wave[2] * np.sin(wave[0] * point[0] + wave[1] * point[1])
            tilt_x += slope * wave[0] / (abs(wave[0]) + abs(wave[1]))
            tilt_y += slope * wave[1] / (abs(wave[0]) + abs(wave[1]))
        side = -1.0 if _dot(row[3:6], direction) > 0 else 1.0
        normal = (side * row[3] + tilt_x, side * row[4] + tilt_y, side * row[5])
        twice = 2.0 / _dot(normal, normal)
        facing = min(_dot(normal, direction), -1e-3)
        slope_x, slope_y = _turned(turn, by_x[i]), _turned(turn, by_y[i])
        swing_x, swing_y = _dot(normal, slope_x), _dot(normal, slope_y)
        for c in range(3):
            starts[k, c] = point[c] + _STAND_OFF * side * row[3 + c]
            out[k, c] = direction[c] - twice * facing * normal[c]
            # Wet ground is no perfect mirror: what it shows is blurred.
            out_x[k, c] = 4.0 * (slope_x[c] - twice * swing_x * normal[c])
            out_y[k, c] = 4.0 * (slope_y[c] - twice * swing_y * normal[c])
