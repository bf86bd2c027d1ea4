"""Light maps: how open each place is and how much lamp light falls there, baked once.

Each patch has a grid of nodes (at least 2 x 2). Of a node is kept the share of its hemisphere that
is open (rays, weighted by the cosine) and the light of all lamps that it sees; what colours these
have is for the `Light` of the traversal to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Patches

_OFFSET = 0.01  # metres: nodes stand off their surface and inside its border
_HEMISPHERE_RAYS = 64
_STRAY_LIGHT = 0.1  # of a lamp, where its shade is
_DARK = 2e-3  # less light than this is none
_MOST_NODES = 400  # along an edge: the plain around a town needs none so close
_BATCH = 50_000  # nodes baked at once, for the sake of memory


@dataclass(frozen=True, slots=True)
class Lamp:
    """A shaded light at `position` (3,) map: `power` is the light it gives at one metre straight
    below; upwards it gives a tenth of that."""

    position: tuple[float, float, float]
    power: float


@dataclass(frozen=True, slots=True)
class LightMaps:
    """`values` (N, 2) float32 of all nodes: openness 0-1 and lamp light; per patch: `offsets` (P,),
    `sizes` (P, 2) nodes and `scales` (P, 2) nodes per texel; `lamps` (L, 4) position and power."""

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    scales: FloatArray
    lamps: FloatArray


def bake(
    patches: Patches, caster: RayCaster, lamps: Sequence[Lamp], *, spacing: float = 0.12,
    reach: float = 1.6,
) -> LightMaps:  # fmt: skip
    """The light maps of all patches.

    `spacing` metres between nodes, more on patches of hundreds of nodes along an edge; a surface
    farther than `reach` metres does not darken.
    """
    sizes = np.ceil(patches.extents / spacing).astype(np.int64) + 1
    sizes = np.clip(sizes, 2, _MOST_NODES)
    counts = sizes.prod(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rows = np.repeat(np.arange(len(sizes), dtype=np.int32), counts)
    values = np.zeros((len(rows), 2), dtype=np.float32)
    table = np.array([[*lamp.position, lamp.power] for lamp in lamps]).reshape(-1, 4)
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        normals = patches.normals[some]
        # What is seen from both sides is lit by what is above it.
        both = patches.two_sided[some]
        normals = np.where((both & (normals[:, 2] < 0))[:, None], -normals, normals)
        index = np.arange(start, start + len(some)) - offsets[some]
        positions = _nodes(patches, sizes, some, index, normals)
        batch = values[start : start + len(some)]
        batch[:, 0] = _openness(caster, positions, normals, reach)
        for lamp in table:
            _add_lamp(batch[:, 1], caster, positions, normals, both, lamp)
    texels = np.linalg.norm(patches.texel_axes, axis=2) * patches.extents
    return LightMaps(values, offsets, sizes, (sizes - 1) / texels, table)


def _nodes(
    patches: Patches, sizes: NDArray[np.int64], rows: NDArray[np.int32],
    index: NDArray[np.int64], normals: FloatArray,
) -> FloatArray:  # fmt: skip
    """Positions (N, 3), row by row of each patch, a little in front of it."""
    edges = patches.texel_axes / np.linalg.norm(patches.texel_axes, axis=2, keepdims=True)
    inset = np.minimum(_OFFSET, patches.extents / 4)
    steps = (patches.extents - 2 * inset) / (sizes - 1)
    column, line = index % sizes[rows, 0], index // sizes[rows, 0]
    nodes: FloatArray = patches.origins[rows] + _OFFSET * normals
    for axis, count in enumerate((column, line)):
        along = inset[rows, axis] + count * steps[rows, axis]
        nodes += along[:, None] * edges[rows, axis]
    return nodes


def _openness(
    caster: RayCaster, positions: FloatArray, normals: FloatArray, reach: float
) -> FloatArray:
    """How freely each node (N,) sees its hemisphere, in [0, 1], cosine-weighted."""
    helper = np.where(np.abs(normals[:, 2:]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]])
    across = np.cross(helper, normals)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    total: FloatArray = np.zeros(len(positions))
    for x, y in _disc(_HEMISPHERE_RAYS):
        height = np.sqrt(max(0.0, 1 - x * x - y * y))
        directions = x * across + y * along + height * normals
        total += caster.distances(positions, directions, reach) / reach
    return total / _HEMISPHERE_RAYS


def _disc(number: int) -> FloatArray:
    """Points (number, 2) spread evenly over the unit disc (Vogel's spiral)."""
    index = np.arange(number)
    radius, angle = np.sqrt((index + 0.5) / number), index * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _add_lamp(
    values: NDArray[np.float32], caster: RayCaster, positions: FloatArray, normals: FloatArray,
    both: NDArray[np.bool_], lamp: FloatArray,
) -> None:  # fmt: skip
    """Adds the light of `lamp` (position, power) to the nodes it reaches."""
    reach = np.sqrt(lamp[3] / _DARK)
    near = np.flatnonzero((np.abs(positions - lamp[:3]) < reach).all(axis=1))
    towards = lamp[:3] - positions[near]
    distance = np.linalg.norm(towards, axis=1)
    directions = towards / distance[:, None]
    cosine = np.einsum("ij,ij->i", directions, normals[near])
    cosine = np.where(both[near], np.abs(cosine), cosine)
    beam = np.maximum(directions[:, 2], _STRAY_LIGHT)
    light = lamp[3] * beam * np.maximum(cosine, 0.0) / np.maximum(distance, 0.3) ** 2
    lit = light > _DARK
    near, light, distance = near[lit], light[lit], distance[lit]
    free = caster.distances(positions[near], directions[lit], 100.0) > distance - 0.02
    values[near] += light * free
