"""One moment of a world: its still scene and the parts that stand somewhere just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Mesh, Part, Patches, Scene, place
from semloc_ros.worlds.rendering.tables import parts_table, patch_table

_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)])
_FAR = 250.0  # metres: parts farther away are left out
_MOST_SPHERES = 4096
_NEAR = 1e-3  # metres: boxes are cut off here before the camera


@dataclass(frozen=True, slots=True)
class Moment:
    """Still patches come first, those of parts behind them, so that rows of all arrays are patches.

    `table` (P, WIDTH) as in `tables`; `labels`, `instances`, `motions`, `objects`, `leaves` (0 or
    1) (P + 1,), the last row that of the sky, which -1 finds; `triangle_patch` (T,) of all
    triangles, still ones first; of the parts: `triangles` (M, 3, 3) map, their `caster`, and
    `boxes` (K, 8, 3) map, the corners around each; no caster without parts.
    """

    table: FloatArray
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    leaves: NDArray[np.uint8]
    triangle_patch: NDArray[np.int32]
    triangles: FloatArray
    boxes: FloatArray
    caster: RayCaster | None = None


def still_moment(scene: Scene) -> Moment:
    """The moment without parts."""
    own = scene.mesh.patches
    return Moment(
        patch_table(own),
        np.append(own.labels, np.uint8(classes.SKY)),
        np.append(own.instances, np.uint16(0)),
        np.append(own.motions, np.uint8(0)),
        np.append(own.objects, np.uint16(0)),
        np.append(_leaves(own), np.uint8(0)),
        scene.mesh.triangle_patch,
        np.empty((0, 3, 3)),
        np.empty((0, 8, 3)),
    )


def moment_with(still: Moment, parts: Sequence[Part], lamps: FloatArray) -> Moment:
    """The moment with these parts, lit by `lamps` (L, 4)."""
    if not parts:
        return still
    mesh = place(parts)
    own = mesh.patches
    return Moment(
        np.concatenate([still.table, parts_table(own, lamps)]),
        np.concatenate([still.labels[:-1], own.labels, still.labels[-1:]]),
        np.concatenate([still.instances[:-1], own.instances, still.instances[-1:]]),
        np.concatenate([still.motions[:-1], own.motions, still.motions[-1:]]),
        np.concatenate([still.objects[:-1], own.objects, still.objects[-1:]]),
        np.concatenate([still.leaves[:-1], _leaves(own), still.leaves[-1:]]),
        np.concatenate([still.triangle_patch, mesh.triangle_patch + np.int32(len(still.table))]),
        mesh.triangles,
        _boxes(mesh.triangles, [len(part.mesh.triangles) for part in parts]),
        RayCaster(mesh.triangles),
    )


@dataclass(slots=True)
class Eyesight:
    """Which parts a camera may see: `half_angle` rad of the cone around all its rays; `margin`
    metres beside the cone that shadows and mirrors reach."""

    half_angle: float
    margin: float
    _spheres: dict[int, tuple[Mesh, FloatArray]] = field(default_factory=dict)

    def pick(self, parts: Sequence[Part], eye: FloatArray, forward: FloatArray) -> list[Part]:
        """The parts near the cone from `eye` (3,) around `forward` (3,) unit, and not too far."""
        if not parts:
            return []
        spheres = np.array([self._sphere(part.mesh) for part in parts])
        poses = np.array([part.map_from_mesh for part in parts])
        centres = np.einsum("kij,kj->ki", poses[:, :3, :3], spheres[:, :3]) + poses[:, :3, 3]
        away = centres - eye
        distance = np.linalg.norm(away, axis=1)
        cosine = np.einsum("ki,i->k", away, forward) / np.maximum(distance, 1e-9)
        aside = np.arccos(np.clip(cosine, -1, 1)) - self.half_angle
        gap = distance * np.sin(np.clip(aside, 0, np.pi / 2)) - spheres[:, 3]
        kept = np.flatnonzero((gap < self.margin) & (distance < _FAR + spheres[:, 3]))
        return [parts[int(k)] for k in kept]

    def _sphere(self, mesh: Mesh) -> FloatArray:
        """Centre and radius (4,) around a mesh, kept for the next frame."""
        known = self._spheres.get(id(mesh))
        if known is not None and known[0] is mesh:
            return known[1]
        corners = mesh.triangles.reshape(-1, 3)
        centre = (corners.min(axis=0) + corners.max(axis=0)) / 2
        radius = np.sqrt(((corners - centre) ** 2).sum(axis=1).max())
        if len(self._spheres) >= _MOST_SPHERES:
            self._spheres.clear()
        self._spheres[id(mesh)] = mesh, np.append(centre, radius)
        return np.append(centre, radius)


def _leaves(patches: Patches) -> NDArray[np.uint8]:
    return np.asarray(patches.two_sided & (patches.labels == classes.VEGETATION), dtype=np.uint8)


def _boxes(triangles: FloatArray, counts: Sequence[int]) -> FloatArray:
    starts = 3 * np.concatenate([[0], np.cumsum(counts)[:-1]])
    corners = triangles.reshape(-1, 3)
    ends = np.stack([f.reduceat(corners, starts, axis=0) for f in (np.minimum, np.maximum)], axis=1)
    return ends[:, _CORNERS, np.arange(3)]


@njit(cache=True, nogil=True)
def mark_tiles(
    slopes: FloatArray, boxes: FloatArray, turn: FloatArray, eye: FloatArray,
    near: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Marks the tiles (K,) of an image that some box may touch.

    `slopes` (K, 4) smallest x / z and y / z and largest of a tile's rays in camera axes; tiles that
    look aside hold infinities; they are always marked.
    """
    depths, x, y = np.empty(8), np.empty(8), np.empty(8)
    for k in range(len(slopes)):
        near[k] = np.isinf(slopes[k]).any()
    for b in range(len(boxes)):
        for k in range(8):
            away = boxes[b, k] - eye
            depths[k] = (turn[:, 2] * away).sum()
            x[k], y[k] = (turn[:, 0] * away).sum(), (turn[:, 1] * away).sum()
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for k in range(8):
            for m in range(8):
                # The corner itself, or where the way to a corner behind the camera leaves the view.
                share = 0.0
                if depths[k] < _NEAR or (m != k and depths[m] >= _NEAR):
                    continue
                if m != k:
                    share = (depths[k] - _NEAR) / (depths[k] - depths[m])
                z = depths[k] + share * (depths[m] - depths[k])
                across, along = x[k] + share * (x[m] - x[k]), y[k] + share * (y[m] - y[k])
                low_x, high_x = min(low_x, across / z), max(high_x, across / z)
                low_y, high_y = min(low_y, along / z), max(high_y, along / z)
        for k in range(len(slopes)):
            if slopes[k, 0] <= high_x and slopes[k, 2] >= low_x:
                near[k] |= slopes[k, 1] <= high_y and slopes[k, 3] >= low_y
