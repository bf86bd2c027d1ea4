"""One moment of a world: its still scene and the parts that stand somewhere just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Part, Scene, place
from semloc_ros.worlds.rendering.tables import parts_table, patch_table


@dataclass(frozen=True, slots=True)
class Moment:
    """Still patches come first, those of parts behind them, so that rows of all arrays are patches.

    `table` (P, WIDTH) as in `tables`; `labels`, `instances`, `motions`, `objects` (P + 1,), the
    last row that of the sky, which -1 finds; `caster` of the parts with `triangle_patch` (T,), and
    `spheres` (K, 4) map, centre and radius, around them; None without parts.
    """

    table: FloatArray
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    caster: RayCaster | None = None
    triangle_patch: NDArray[np.int32] | None = None
    spheres: FloatArray | None = None


def still_moment(scene: Scene) -> Moment:
    """The moment without parts."""
    own = scene.mesh.patches
    return Moment(
        patch_table(own),
        np.append(own.labels, np.uint8(classes.SKY)),
        np.append(own.instances, np.uint16(0)),
        np.append(own.motions, np.uint8(0)),
        np.append(own.objects, np.uint16(0)),
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
        RayCaster(mesh.triangles),
        mesh.triangle_patch + np.int32(len(still.table)),
        _spheres(mesh.triangles, [len(part.mesh.triangles) for part in parts]),
    )


def _spheres(triangles: FloatArray, counts: Sequence[int]) -> FloatArray:
    starts = 3 * np.concatenate([[0], np.cumsum(counts)[:-1]])
    corners = triangles.reshape(-1, 3)
    low, high = (f.reduceat(corners, starts, axis=0) for f in (np.minimum, np.maximum))
    radius = 0.5 * np.linalg.norm(high - low, axis=1)
    return np.column_stack([0.5 * (low + high), radius])


@njit(cache=True, nogil=True)
def tiles_near(
    centres: FloatArray, cosines: FloatArray, turn: FloatArray, eye: FloatArray,
    spheres: FloatArray, near: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Marks the tiles (K,) of an image that some sphere may touch: unit rays `centres` (K, 3) in
    camera axes, `cosines` (K,) of the angle from there to the tile's corners."""
    for s in range(len(spheres)):
        away = spheres[s, :3] - eye
        distance = np.sqrt((away * away).sum())
        if distance <= spheres[s, 3]:
            near[:] = True
            return
        local = turn.T.copy() @ (away / distance)
        sphere = np.arcsin(spheres[s, 3] / distance)
        for k in range(len(centres)):
            cosine = (centres[k] * local).sum()
            angle = np.arccos(min(max(cosine, -1.0), 1.0))
            if angle <= sphere + np.arccos(cosines[k]):
                near[k] = True
