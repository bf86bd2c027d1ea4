"""Kernels that make rays, and that say what rays have met.

Rays come in the camera's axes; `turn` (3, 3) turns them to map axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from semloc_ros.worlds.rendering.tables import TWO_SIDED
from semloc_ros.worlds.rendering.vectors import along, dot, reach, three, turned

_STAND_OFF = 2e-3  # metres: shadow and mirror rays start off their surface
_RIPPLES = np.array(  # of wet ground: wave numbers in x and y (1/m), slope
    [[3.1, 1.3, 0.006], [-1.9, 4.7, 0.006], [7.3, -5.9, 0.005], [-9.1, -8.3, 0.004]]
)


@njit(cache=True, nogil=True)
def world_rays(turn: Any, rays: Any) -> Any:
    """The rays (N, 3) in map axes, float32, as the ray caster wants them."""
    world = np.empty((len(rays), 3), dtype=np.float32)
    for i in range(len(rays)):
        world[i, 0], world[i, 1], world[i, 2] = turned(turn, three(rays, i, 0))
    return world


@njit(cache=True, nogil=True)
def patches_of(triangles: Any, rows: Any) -> Any:
    """The patches `rows[triangles]` (N,) int32, -1 for -1."""
    patches = np.empty(len(triangles), dtype=np.int32)
    for i in range(len(triangles)):
        patches[i] = -1 if triangles[i] < 0 else rows[triangles[i]]
    return patches


@njit(cache=True, nogil=True, error_model="numpy")
def keep_nearer(
    eyes: Any, turn: Any, rays: Any, table: Any, rows: Any, which: Any, found: Any, shift: int,
    triangles: Any,
) -> None:  # fmt: skip
    """Puts `found` (M,) + `shift` into `triangles` (N,) at `which` (M,) where it is nearer (exact
    planes); `rows` are the patches of all triangles."""
    for k in range(len(which)):
        i, new = which[k], found[k] + shift
        if found[k] < 0:
            continue
        if triangles[i] >= 0:
            direction = turned(turn, three(rays, i, 0))
            eye = three(eyes, i if len(eyes) > 1 else 0, 0)
            one, two = rows[triangles[i]], rows[new]
            fronts = three(table, one, 3), three(table, two, 3)
            before, now = dot(fronts[0], direction), dot(fronts[1], direction)
            before = reach(three(table, one, 0), fronts[0], eye, before)
            if reach(three(table, two, 0), fronts[1], eye, now) >= before:
                continue
        triangles[i] = new


@njit(cache=True, nogil=True, error_model="numpy")
def sun_rays(
    eyes: Any, turn: Any, rays: Any, patches: Any, table: Any, sun: Any, starts: Any, which: Any
) -> int:
    """Fills the starts (M, 3) float32 of shadow rays and the ray (M,) each belongs to; returns M.

    Rays are needed where the side seen faces the sun, or where a leaf lets it through.
    """
    number = 0
    for i in range(len(rays)):
        patch = patches[i]
        if patch < 0:
            continue
        front, eye = three(table, patch, 3), three(eyes, i if len(eyes) > 1 else 0, 0)
        direction = turned(turn, three(rays, i, 0))
        facing, lit = dot(front, direction), dot(front, sun)
        if (lit > 0) == (facing > 0) and table[patch, TWO_SIDED] == 0:
            continue
        distance = reach(three(table, patch, 0), front, eye, facing)
        # Off the surface on the side from which the sun comes, more where floats are coarse.
        off = _STAND_OFF + 2e-5 * distance
        if lit < 0:
            off = -off
        for c in range(3):
            starts[number, c] = eye[c] + distance * direction[c] + off * front[c]
        which[number] = i
        number += 1
    return number


@njit(cache=True, nogil=True, error_model="numpy")
def mirror_rays(
    eyes: Any, turn: Any, rays: Any, by_x: Any, by_y: Any, patches: Any, table: Any,
    distances: Any, which: Any, starts: Any, out: Any, out_x: Any, out_y: Any,
) -> None:  # fmt: skip
    """Fills the mirror rays (M, 3) in map axes of the rays `which` (M,), with starts and
    derivatives; the ground ripples a little."""
    for k in range(len(which)):
        i = which[k]
        eye = three(eyes, i if len(eyes) > 1 else 0, 0)
        front, direction = three(table, patches[i], 3), turned(turn, three(rays, i, 0))
        point = along(eye, direction, distances[i])
        tilt_x, tilt_y = 0.0, 0.0
        for w in range(len(_RIPPLES)):
            kx, ky, steep = three(_RIPPLES, w, 0)
            slope = steep * np.sin(kx * point[0] + ky * point[1]) / (abs(kx) + abs(ky))
            tilt_x, tilt_y = tilt_x + slope * kx, tilt_y + slope * ky
        side = -1.0 if dot(front, direction) > 0 else 1.0
        normal = (side * front[0] + tilt_x, side * front[1] + tilt_y, side * front[2])
        twice = 2.0 / dot(normal, normal)
        facing = min(dot(normal, direction), -1e-3)
        slope_x = turned(turn, three(by_x, i, 0))
        slope_y = turned(turn, three(by_y, i, 0))
        swing_x, swing_y = dot(normal, slope_x), dot(normal, slope_y)
        for c in range(3):
            starts[k, c] = point[c] + _STAND_OFF * side * front[c]
            out[k, c] = direction[c] - twice * facing * normal[c]
            # Wet ground is no perfect mirror: what it shows is blurred.
            out_x[k, c] = 4.0 * (slope_x[c] - twice * swing_x * normal[c])
            out_y[k, c] = 4.0 * (slope_y[c] - twice * swing_y * normal[c])
