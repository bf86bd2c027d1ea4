"""One moment of a world: its still scene and the parts that stand somewhere just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Part, Patches, Scene, place
from semloc_ros.worlds.rendering.tables import parts_table, patch_table


@dataclass(frozen=True, slots=True)
class Moment:
    """Still patches come first, those of parts behind them, so that rows of all arrays are patches.

    `table` (P, WIDTH) as in `tables`; `labels`, `instances`, `motions`, `objects`, `leaves` (0 or
    1) (P + 1,), the last row that of the sky, which -1 finds; `triangle_patch` (T,) of all
    triangles, still ones first; of the parts: `triangles` (M, 3, 3) map and their `caster`, none
    without parts.
    """

    table: FloatArray
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    leaves: NDArray[np.uint8]
    triangle_patch: NDArray[np.int32]
    triangles: FloatArray
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
        RayCaster(mesh.triangles),
    )


def _leaves(patches: Patches) -> NDArray[np.uint8]:
    return np.asarray(patches.two_sided & (patches.labels == classes.VEGETATION), dtype=np.uint8)
