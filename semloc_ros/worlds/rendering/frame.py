"""Tracing rays at one moment in one light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering import antialias, shading, tracing
from semloc_ros.worlds.rendering.moment import Moment
from semloc_ros.worlds.rendering.raycaster import RayCaster

Rows = NDArray[np.int32]
_PROBES = 8.0
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
        made = antialias.inner_rays(self.directions, self.by_x, self.by_y, which, lattice)
        return Rays(self.eyes, self.turn, *made, np.repeat(self.beside[which], len(lattice)))

    def only(self, which: NDArray[np.intp]) -> Rays:
        """These of the rays; for rays of one eye."""
        directions, by_x, by_y = (a[which] for a in (self.directions, self.by_x, self.by_y))
        return Rays(self.eyes, self.turn, directions, by_x, by_y, self.beside[which])


@dataclass(frozen=True, slots=True)
class Shaded:
    """`colors` (N, 3) float32, `distances` (N,) in lengths of the ray, `uvs` (N, 2) float32."""

    colors: NDArray[np.float32]
    distances: FloatArray
    uvs: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """`caster` and `triangles` (T, 3, 3) of the still scene; `texels` (N, 3) of the atlas and
    `levels` (T, L, 4) offset, width, height and number of levels; `lights` as the kernels read
    them; `light` as of `Light.arrays`."""

    caster: RayCaster
    triangles: FloatArray
    texels: NDArray[np.uint8]
    levels: NDArray[np.int64]
    lights: tuple[NDArray[Any], ...]
    light: tuple[NDArray[Any], ...]
    moment: Moment

    def hit(self, rays: Rays) -> Rows:
        """Triangle (N,) that each ray meets first, those of parts behind the still ones, or -1."""
        world = tracing.world_rays(rays.turn, rays.directions)
        return self._before(rays, world, self.caster.first_hits(_starts(rays.eyes), world))

    def with_parts(self, rays: Rays, still: Rows) -> Rows:
        """As `hit`, where the triangles `still` (N,) are what they meet without the parts."""
        return self._before(rays, tracing.world_rays(rays.turn, rays.directions), still)

    def _before(self, rays: Rays, world: NDArray[np.float32], first: Rows) -> Rows:
        moving, which = self.moment.caster, np.flatnonzero(rays.beside)
        if moving is not None and len(which):
            eyes = rays.eyes[0] if len(rays.eyes) == 1 else rays.eyes[which]
            found = moving.first_hits(eyes, world[which])
            tracing.keep_nearer(
                rays.eyes, rays.turn, rays.directions, self.moment.table,
                self.moment.triangle_patch, which, found, len(self.triangles), first,
            )  # fmt: skip
        return first

    def hit_again(self, rays: Rays, which: NDArray[np.intp], seen: Rows) -> Rows:
        """As `hit`, for rays within the pixels `which` (M,) of one eye: they are tried first on the
        triangles `seen` (H, W) there and around."""
        found = np.empty(len(rays.directions), dtype=np.int32)
        unknown = np.empty(len(found), dtype=np.int64)
        number = antialias.retry(
            rays.eyes[0], rays.turn, rays.directions, which, seen, self.triangles,
            self.moment.triangles, found, unknown,
        )  # fmt: skip
        unknown = unknown[:number]
        found[unknown] = self.hit(rays.only(unknown))
        return found

    def patches(self, triangles: Rows) -> Rows:
        """Patch (N,) of each triangle, -1 for -1."""
        rows: Rows = tracing.patches_of(triangles, self.moment.triangle_patch)
        return rows

    def sunlit(self, rays: Rays, patches: Rows) -> NDArray[np.float32]:
        """Share (N,) of the sun that gets where the rays end: 0 or 1."""
        lit = np.zeros(len(patches), dtype=np.float32)
        sun = self.light[1]
        if not sun.any():
            return lit
        starts = np.empty((len(patches), 3), dtype=np.float32)
        which = np.empty(len(patches), dtype=np.int64)
        number = tracing.sun_rays(
            rays.eyes, rays.turn, rays.directions, patches, self.moment.table, sun, starts, which
        )
        starts, which = starts[:number], which[:number]
        for caster in (self.caster, self.moment.caster):
            if caster is not None and len(which):
                free = ~caster.blocked(starts, sun)
                starts, which = starts[free], which[free]
        lit[which] = 1.0
        return lit

    def shade(
        self, rays: Rays, patches: Rows, sunlit: NDArray[np.float32], probes: float = _PROBES
    ) -> Shaded:
        """What is seen at the ends of the rays, with what mirrors there; at most `probes` of the
        texture along a pixel's footprint."""
        shaded, mirrors = self._shade(rays, patches, sunlit, probes)
        which = np.flatnonzero(mirrors > _FAINT)
        if len(which):
            mirrored = self._mirrored(rays, patches, shaded.distances, which)
            ends = self.patches(self.hit(mirrored))
            seen, _ = self._shade(mirrored, ends, self.sunlit(mirrored, ends), 1.0)
            shaded.colors[which] += mirrors[which, None] * seen.colors
        return shaded

    def _shade(
        self, rays: Rays, patches: Rows, sunlit: NDArray[np.float32], probes: float
    ) -> tuple[Shaded, NDArray[np.float32]]:
        number = len(patches)
        colors, uvs, mirrors = (
            np.empty(shape, dtype=np.float32) for shape in ((number, 3), (number, 2), number)
        )
        distances = np.empty(number)
        shading.shade(
            rays.eyes, rays.turn, rays.directions, rays.by_x, rays.by_y, patches,
            self.moment.table, self.texels, self.levels, self.lights, sunlit, self.light, probes,
            colors, distances, uvs, mirrors,
        )  # fmt: skip
        return Shaded(colors, distances, uvs), mirrors

    def _mirrored(
        self, rays: Rays, patches: Rows, distances: FloatArray, which: NDArray[np.intp]
    ) -> Rays:
        eyes, directions, by_x, by_y = np.empty((4, len(which), 3))
        tracing.mirror_rays(
            rays.eyes, rays.turn, rays.directions, rays.by_x, rays.by_y, patches,
            self.moment.table, distances, which, eyes, directions, by_x, by_y,
        )  # fmt: skip
        everywhere = np.ones(len(which), dtype=bool)
        return Rays(eyes, np.eye(3), directions, by_x, by_y, everywhere)


def _starts(eyes: FloatArray) -> FloatArray:
    return eyes[0] if len(eyes) == 1 else eyes
