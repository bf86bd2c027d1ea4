"""Light maps: lamps with shadows and ambient occlusion, baked once per patches.

Each patch has a grid of nodes about a decimetre apart. The light at a node is the ambient
light by the share of the sky it sees (rays over its hemisphere) plus each lamp it sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Patches

_NODE_SPACING = 0.12  # metres
_OFFSET = 0.01  # metres: nodes stand off their surface and inside its border
_HEMISPHERE_RAYS = 64
_STRAY_LIGHT = 0.1  # of a lamp, where its shade is
_OPEN = 1.6  # metres: a surface farther than this does not darken


@dataclass(frozen=True, slots=True)
class Lamp:
    """A shaded light at `position` (3,) map: `power` is the light it gives at one metre straight
    below; upwards it gives a tenth of that."""

    position: tuple[float, float, float]
    power: float


@dataclass(frozen=True, slots=True)
class LightMaps:
    """`values` (N,) float32 light of all nodes; per patch: `offsets` (P,), `sizes` (P, 2) nodes
    and `scales` (P, 2) nodes per texel."""

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    scales: FloatArray


def bake(patches: Patches, caster: RayCaster, lamps: list[Lamp], ambient: float) -> LightMaps:
    """The light maps of all patches."""
    sizes = np.maximum(np.ceil(patches.extents / _NODE_SPACING).astype(np.int64) + 1, 2)
    counts = sizes.prod(axis=1)
    nodes = [_nodes(patches, patch, sizes[patch]) for patch in range(len(sizes))]
    positions = np.concatenate(nodes)
    normals = np.repeat(patches.normals, counts, axis=0)
    values = ambient * _openness(caster, positions, normals)
    for lamp in lamps:
        values += _lamp_light(caster, positions, normals, lamp)
    values += np.repeat(patches.glow, counts)
    texels = np.linalg.norm(patches.texel_axes, axis=2) * patches.extents
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return LightMaps(values.astype(np.float32), offsets, sizes, (sizes - 1) / texels)


def _nodes(patches: Patches, patch: int, size: NDArray[np.int64]) -> FloatArray:
    """Positions (N, 3), row by row, a little in front of the patch."""
    axes = patches.texel_axes[patch]
    edges = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    inset = np.minimum(_OFFSET, patches.extents[patch] / 4)
    u, v = (np.linspace(inset[k], patches.extents[patch, k] - inset[k], size[k]) for k in range(2))
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    nodes: FloatArray = patches.origins[patch] + grid @ edges + _OFFSET * patches.normals[patch]
    return nodes


def _openness(caster: RayCaster, positions: FloatArray, normals: FloatArray) -> FloatArray:
    """How freely each node (N,) sees its hemisphere, in [0, 1], cosine-weighted."""
    helper = np.where(np.abs(normals[:, 2:]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]])
    across = np.cross(helper, normals)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    total: FloatArray = np.zeros(len(positions))
    for x, y in _disc(_HEMISPHERE_RAYS):
        height = np.sqrt(max(0.0, 1 - x * x - y * y))
        directions = x * across + y * along + height * normals
        total += caster.distances(positions, directions, _OPEN) / _OPEN
    return total / _HEMISPHERE_RAYS


def _disc(number: int) -> FloatArray:
    """Points (number, 2) spread evenly over the unit disc (Vogel's spiral)."""
    index = np.arange(number)
    radius, angle = np.sqrt((index + 0.5) / number), index * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _lamp_light(
    caster: RayCaster, positions: FloatArray, normals: FloatArray, lamp: Lamp
) -> FloatArray:
    towards = np.asarray(lamp.position) - positions
    distance = np.linalg.norm(towards, axis=1)
    directions = towards / distance[:, None]
    cosine = np.einsum("ij,ij->i", directions, normals)
    beam = np.maximum(directions[:, 2], _STRAY_LIGHT)
    light: FloatArray = lamp.power * beam * np.maximum(cosine, 0.0) / np.maximum(distance, 0.3) ** 2
    near = light > 2e-3
    free = caster.distances(positions[near], directions[near], 100.0) > distance[near] - 0.02
    light[near] *= free
    light[~near] = 0.0
    return light
