"""What the kernels read of a patch: a row of float64 each, close together in memory.

Columns: origin 0-2, normal 3-5, texel axes 6-8 (u) and 9-11 (v), then those named below. Light maps
belong to still patches; the patches of parts have one openness and one lamp light each.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import Patches

GLOW, GLOSS, TWO_SIDED, TEXTURE, OPENNESS, LAMP, WIDTH = 12, 13, 14, 15, 16, 17, 18
_SHADED = 0.55  # openness of a part's patch at the ground
_OPEN_HEIGHT = 1.5  # metres: from here on a part sees the whole sky


def patch_table(patches: Patches) -> FloatArray:
    """The table (P, WIDTH) of patches, openness 1 and no lamp light."""
    table = np.zeros((len(patches), WIDTH))
    table[:, 0:3], table[:, 3:6] = patches.origins, patches.normals
    table[:, 6:12] = patches.texel_axes.reshape(-1, 6)
    table[:, GLOW], table[:, GLOSS] = patches.glow, patches.gloss
    table[:, TWO_SIDED], table[:, TEXTURE] = patches.two_sided, patches.textures
    table[:, OPENNESS] = 1.0
    return table


def parts_table(patches: Patches, lamps: FloatArray) -> FloatArray:
    """The table (P, WIDTH) of moving patches, lit by `lamps` (L, 4: position, power) without
    shadows."""
    table = patch_table(patches)
    edges = patches.texel_axes / (patches.texel_axes**2).sum(axis=2, keepdims=True)
    lengths = patches.extents * np.sqrt((patches.texel_axes**2).sum(axis=2))
    centres = patches.origins + 0.5 * (edges * lengths[:, :, None]).sum(axis=1)
    height = np.clip(centres[:, 2] / _OPEN_HEIGHT, 0.0, 1.0)
    table[:, OPENNESS] = _SHADED + (1 - _SHADED) * height
    _add_lamps(table, centres, lamps)
    return table


@njit(cache=True, nogil=True)
def _add_lamps(table: FloatArray, centres: FloatArray, lamps: FloatArray) -> None:
    for i in range(len(table)):
        for k in range(len(lamps)):
            x = lamps[k, 0] - centres[i, 0]
            y = lamps[k, 1] - centres[i, 1]
            z = lamps[k, 2] - centres[i, 2]
            square = max(x * x + y * y + z * z, 0.09)
            if lamps[k, 3] < 2e-3 * square:
                continue
            distance = np.sqrt(square)
            facing = (table[i, 3] * x + table[i, 4] * y + table[i, 5] * z) / distance
            # Round things are lit past their edge: half Lambert.
            wrapped = max(0.0, 0.7 * facing + 0.3)
            table[i, LAMP] += lamps[k, 3] * max(z / distance, 0.1) * wrapped / square
