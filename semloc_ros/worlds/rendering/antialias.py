"""What falls on the square of a pixel that sees more than one patch.

Rays within the pixel say which patches it sees and how much of each; the colour of a patch is that
at the nearest pixel centre that sees it. Only what no centre around sees is cast and shaded by
itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros.types import FloatArray

# Where a pixel is sampled: a lattice of which every row and every column holds one point, so that
# upright edges are as exact as slanted ones.
EDGE_LATTICE = (np.stack([np.arange(8), 3 * np.arange(8) % 8], axis=1) + 0.5) / 8 - 0.5
# Among leaves nobody measures an edge.
LEAF_LATTICE = (np.array([[0, 1], [1, 2], [2, 0]]) + 0.5) / 3 - 0.5
# Of the border of a shadow only the sun is sampled, not the texture.
SHADOW_LATTICE = (np.stack([np.arange(5), 2 * np.arange(5) % 5], axis=1) + 0.5) / 5 - 0.5
NOTHING, LEAVES, EDGE = 0, 1, 2
_RIM = 1e-9  # of a triangle, so that no ray slips between two
_FAINT = 0.03  # relative difference of colours that is not worth sampling


def inner_rays(
    rays: FloatArray, by_x: FloatArray, by_y: FloatArray, which: NDArray[np.intp],
    lattice: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Rays (M * L, 3) at the points `lattice` (L, 2) of the pixels `which` (M,), with their changes
    per step from one to the next."""
    made = np.empty((3, len(which) * len(lattice), 3))
    _fill_inner(rays, by_x, by_y, which, lattice, made[0], made[1], made[2])
    return made[0], made[1], made[2]


@njit(cache=True, nogil=True)
def _fill_inner(
    rays: Any, by_x: Any, by_y: Any, which: Any, lattice: Any, out: Any, out_x: Any, out_y: Any
) -> None:
    number = len(lattice)
    step = 1.0 / np.sqrt(number)
    for k in range(len(which)):
        i = which[k]
        for s in range(number):
            j = k * number + s
            for c in range(3):
                across, along = by_x[i, c], by_y[i, c]
                out[j, c] = rays[i, c] + lattice[s, 0] * across + lattice[s, 1] * along
                out_x[j, c], out_y[j, c] = step * across, step * along


@njit(cache=True, nogil=True)
def shadow_borders(patches: Any, sunlit: Any, leaf: Any, out: Any) -> None:
    """Marks pixels (H, W) of which a neighbour on the same patch, but no leaf, is lit otherwise."""
    height, width = patches.shape
    for y in range(height):
        for x in range(width):
            for axis in range(2):
                u, v = min(x + 1 - axis, width - 1), min(y + axis, height - 1)
                same = patches[y, x] == patches[v, u] and leaf[y, x] == 0
                if same and sunlit[y, x] != sunlit[v, u]:
                    out[y, x] = out[v, u] = True


@njit(cache=True, nogil=True)
def edges(patches: Any, colors: Any, leaf: Any, out: Any) -> None:
    """Fills (H, W) with EDGE or LEAVES where a neighbour sees another patch that looks different,
    LEAVES where one of the two is a leaf, not both: a crown is rough in itself."""
    height, width = patches.shape
    for y in range(height):
        for x in range(width):
            for axis in range(2):
                u, v = min(x + 1 - axis, width - 1), min(y + axis, height - 1)
                leaves = leaf[y, x] + leaf[v, u]
                if patches[y, x] == patches[v, u] or leaves == 2:
                    continue
                for c in range(3):
                    one, two = colors[y, x, c], colors[v, u, c]
                    if abs(one - two) > _FAINT * max(one, two):
                        kind = EDGE if leaves == 0 else LEAVES
                        out[y, x], out[v, u] = max(out[y, x], kind), max(out[v, u], kind)
                        break


@njit(cache=True, nogil=True)
def blend(
    which: Any, lattice: Any, found: Any, patches: Any, colors: Any, out: Any, missing: Any
) -> int:
    """Sums, for the pixels `which` (M,), the colours (M, 3) `out` of the patches `found` (M * L,)
    at the points `lattice` (L, 2); fills `missing` with the rays whose patch no pixel centre around
    sees, and returns their number."""
    height, width = patches.shape
    number, lost = len(lattice), 0
    for k in range(len(which)):
        y, x = which[k] // width, which[k] % width
        out[k, :] = 0.0
        for s in range(number):
            j = k * number + s
            best, u, v = 1e9, -1, -1
            for b in range(max(y - 1, 0), min(y + 2, height)):
                for a in range(max(x - 1, 0), min(x + 2, width)):
                    if patches[b, a] == found[j]:
                        far = (a - x - lattice[s, 0]) ** 2 + (b - y - lattice[s, 1]) ** 2
                        if far < best:
                            best, u, v = far, a, b
            if u < 0:
                missing[lost] = j
                lost += 1
                continue
            for c in range(3):
                out[k, c] += colors[v, u, c]
    return lost


@njit(cache=True, nogil=True)
def _candidates(seen: Any, y: int, x: int, out: Any) -> Any:
    """Fills `out` (9,) with the triangles at a pixel and around it; returns their number and
    whether there is sky too."""
    number, sky = 0, False
    for b in range(max(y - 1, 0), min(y + 2, seen.shape[0])):
        for a in range(max(x - 1, 0), min(x + 2, seen.shape[1])):
            triangle = seen[b, a]
            known = False
            for k in range(number):
                known |= out[k] == triangle
            if triangle < 0:
                sky = True
            elif not known:
                out[number] = triangle
                number += 1
    return number, sky


@njit(cache=True, nogil=True, error_model="numpy")
def _distance(eye: Any, x: float, y: float, z: float, corners: Any) -> float:
    """Distance along the ray (x, y, z) to a triangle, inf beside it (Moeller and Trumbore 1997)."""
    ax, ay, az = corners[0, 0], corners[0, 1], corners[0, 2]
    px, py, pz = corners[1, 0] - ax, corners[1, 1] - ay, corners[1, 2] - az
    qx, qy, qz = corners[2, 0] - ax, corners[2, 1] - ay, corners[2, 2] - az
    sx, sy, sz = eye[0] - ax, eye[1] - ay, eye[2] - az
    cx, cy, cz = y * qz - z * qy, z * qx - x * qz, x * qy - y * qx
    scale = 1.0 / (px * cx + py * cy + pz * cz)
    u = (sx * cx + sy * cy + sz * cz) * scale
    dx, dy, dz = sy * pz - sz * py, sz * px - sx * pz, sx * py - sy * px
    v = (x * dx + y * dy + z * dz) * scale
    away: float = (qx * dx + qy * dy + qz * dz) * scale
    inside = u >= -_RIM and v >= -_RIM and u + v <= 1.0 + _RIM and away > 0.0
    return away if inside else np.inf


@njit(cache=True, nogil=True)
def retry(
    eye: Any, turn: Any, rays: Any, which: Any, seen: Any, still: Any, moving: Any, found: Any,
    unknown: Any,
) -> int:  # fmt: skip
    """Fills `found` (N,) with the nearest of the triangles that the pixel of each ray or one around
    it sees, -1 = sky; those that meet none are counted and named in `unknown`.

    `rays` (N, 3), the same number for each pixel of `which` (M,); `seen` (H, W) triangles at the
    pixel centres; corners of the triangles: `still` (T, 3, 3), then `moving`.
    """
    near = np.empty(9, dtype=np.int32)
    each, lost = len(rays) // len(which), 0
    for k in range(len(which)):
        number, sky = _candidates(seen, which[k] // seen.shape[1], which[k] % seen.shape[1], near)
        for j in range(k * each, (k + 1) * each):
            a, b, c = rays[j, 0], rays[j, 1], rays[j, 2]
            x = turn[0, 0] * a + turn[0, 1] * b + turn[0, 2] * c
            y = turn[1, 0] * a + turn[1, 1] * b + turn[1, 2] * c
            z = turn[2, 0] * a + turn[2, 1] * b + turn[2, 2] * c
            nearest, found[j] = np.inf, -1
            for m in range(number):
                i = near[m]
                corners = still[i] if i < len(still) else moving[i - len(still)]
                away = _distance(eye, x, y, z, corners)
                if away < nearest:
                    nearest, found[j] = away, i
            if found[j] < 0 and not sky:
                unknown[lost] = j
                lost += 1
    return lost
