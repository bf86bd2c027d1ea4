"""What falls on the square of a pixel that sees more than one patch.

Rays within the pixel say which patches it sees and how much of each; the colour of a patch is that
at the nearest pixel centre that sees it. Only what no centre sees is shaded by itself.
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
