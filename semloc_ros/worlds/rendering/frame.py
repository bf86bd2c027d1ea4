"""Tracing rays at one moment in one light."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering import shading
from semloc_ros.worlds.rendering.moment import Moment
from semloc_ros.worlds.rendering.raycaster import RayCaster

Rows = NDArray[np.int32]
_FAINT = 0.01  # share of a colour below which no mirror ray is worth it


@dataclass(frozen=True, slots=True)
class Rays:
    """`eyes` (1 or N, 3) map; `directions` (N, 3) and their change per pixel `by_x`, `by_y`
    (N, 3), turned to map axes by `turn` (3, 3); `beside` (N,) whether a part may be seen."""

    eyes: FloatArray
    turn: FloatArray
    directions: FloatArray
    by_x: FloatArray
    by_y: FloatArray
    beside: NDArray[np.bool_]

    def within(self, which: NDArray[np.intp], lattice: FloatArray) -> Rays:
        """Rays (M * L) within the pixels `which` (M,), at the points `lattice` (L, 2) of each;
        for rays of one eye."""
        by_x, by_y = self.by_x[which], self.by_y[which]
        shifts = lattice[:, :1] * by_x[:, None] + lattice[:, 1:] * by_y[:, None]
        number = len(lattice)
        return dataclasses.replace(
            self,
            directions=(self.directions[which, None] + shifts).reshape(-1, 3),
            by_x=np.repeat(by_x / np.sqrt(number), number, axis=0),
            by_y=np.repeat(by_y / np.sqrt(number), number, axis=0),
            beside=np.repeat(self.beside[which], number),
        )


@dataclass(frozen=True, slots=True)
class Shaded:
    """`colors` (N, 3) float32, `distances` (N,) in lengths of the ray, `uvs` (N, 2) float32."""

    colors: NDArray[np.float32]
    distances: FloatArray
    uvs: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """`caster` and `triangle_patch` of the still scene, `atlas` and `lights` as the kernels read
    them, `light` as of `Light.arrays`."""

    caster: RayCaster
    triangle_patch: Rows
    atlas: tuple[NDArray[Any], ...]
    lights: tuple[NDArray[Any], ...]
    light: tuple[NDArray[Any], ...]
    moment: Moment

    def hit(self, rays: Rays) -> Rows:
        """Patch (N,) that each ray meets first, -1 = none."""
        world = shading.world_rays(rays.turn, rays.directions)
        triangles = self.caster.first_hits(_starts(rays.eyes), world)
        patches = np.where(triangles < 0, np.int32(-1), self.triangle_patch[triangles])
        moving, rows = self.moment.caster, self.moment.triangle_patch
        which = np.flatnonzero(rays.beside)
        if moving is not None and rows is not None and len(which):
            eyes = rays.eyes[0] if len(rays.eyes) == 1 else rays.eyes[which]
            triangles = moving.first_hits(eyes, world[which])
            found = np.where(triangles < 0, np.int32(-1), rows[triangles])
            shading.keep_nearer(
                rays.eyes, rays.turn, rays.directions, self.moment.table, which, found, patches
            )
        return patches

    def sunlit(self, rays: Rays, patches: Rows) -> NDArray[np.float32]:
        """Share (N,) of the sun that gets where the rays end: 0 or 1."""
        lit = np.zeros(len(patches), dtype=np.float32)
        sun = self.light[1]
        if not sun.any():
            return lit
        starts = np.empty((len(patches), 3), dtype=np.float32)
        which = np.empty(len(patches), dtype=np.int64)
        number = shading.sun_rays(
            rays.eyes, rays.turn, rays.directions, patches, self.moment.table, sun, starts, which
        )
        starts, which = starts[:number], which[:number]
        for caster in (self.caster, self.moment.caster):
            if caster is not None and len(which):
                free = ~caster.blocked(starts, sun)
                starts, which = starts[free], which[free]
        lit[which] = 1.0
        return lit

    def shade(self, rays: Rays, patches: Rows, sunlit: NDArray[np.float32]) -> Shaded:
        """What is seen at the ends of the rays, with what mirrors there."""
        shaded, mirrors = self._shade(rays, patches, sunlit)
        which = np.flatnonzero(mirrors > _FAINT)
        if len(which):
            mirrored = self._mirrored(rays, patches, shaded.distances, which)
            ends = self.hit(mirrored)
            seen, _ = self._shade(mirrored, ends, self.sunlit(mirrored, ends))
            shaded.colors[which] += mirrors[which, None] * seen.colors
        return shaded

    def _shade(
        self, rays: Rays, patches: Rows, sunlit: NDArray[np.float32]
    ) -> tuple[Shaded, NDArray[np.float32]]:
        number = len(patches)
        colors, uvs, mirrors = (
            np.empty(shape, dtype=np.float32) for shape in ((number, 3), (number, 2), number)
        )
        distances = np.empty(number)
        shading.shade(
            rays.eyes, rays.turn, rays.directions, rays.by_x, rays.by_y, patches,
            self.moment.table, self.atlas, self.lights, sunlit, self.light,
            colors, distances, uvs, mirrors,
        )  # fmt: skip
        return Shaded(colors, distances, uvs), mirrors

    def _mirrored(
        self, rays: Rays, patches: Rows, distances: FloatArray, which: NDArray[np.intp]
    ) -> Rays:
        eyes, directions, by_x, by_y = np.empty((4, len(which), 3))
        shading.mirror_rays(
            rays.eyes, rays.turn, rays.directions, rays.by_x, rays.by_y, patches,
            self.moment.table, distances, which, eyes, directions, by_x, by_y,
        )  # fmt: skip
        everywhere = np.ones(len(which), dtype=bool)
        return Rays(eyes, np.eye(3), directions, by_x, by_y, everywhere)


def _starts(eyes: FloatArray) -> FloatArray:
    return eyes[0] if len(eyes) == 1 else eyes
