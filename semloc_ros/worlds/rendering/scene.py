"""A scene: triangles on textured planar patches, in map coordinates (z up, metres).

A patch is a plane with one texture, one object instance and one light map; any number of
triangles may lie on it. A rectangle is one patch with two triangles, a wall with a doorway
one patch with six. A curved mesh has one patch per triangle.

What stands still is built once; what moves is a `Part`: a small scene in its own frame (a wheel,
an arm) put somewhere for one frame. Both take their textures from one atlas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.atlas import TextureAtlas, build_atlas

Image = NDArray[np.uint8]
Piece = tuple[float, float, float, float]  # left, top, right, bottom in metres
WHOLE: tuple[Piece, ...] = ()


class Motion(IntEnum):
    """What a surface does; the values are those of motion images."""

    STATIC = 0
    SWAYING = 64  # moves and stays: leaves in the wind, a flag
    MOVABLE = 128  # stands still here and now: a parked car
    MOVING = 255


@dataclass(frozen=True, slots=True)
class Surface:
    """What a patch is made of, but for its shape.

    `texture` index; `label` Cityscapes train id (`semloc_ros.classes`), 255 = unknown; `object_id`
    planar object of interest whose reference image is the texture, 0 = none; `motion`; `glow` own
    light (1 shows the texture as it is); `gloss` share of light reflected as by a mirror at
    grazing view, 0-1; `two_sided` seen and lit from both sides (leaves); `part` says what it is of
    a thing ("door"), for finer labels: nothing that is rendered asks for it.
    """

    texture: int
    label: int = 255
    object_id: int = 0
    motion: Motion = Motion.STATIC
    glow: float = 0.0
    gloss: float = 0.0
    two_sided: bool = False
    part: str = ""


@dataclass(frozen=True, slots=True)
class Patches:
    """Planes; all arrays have P rows.

    `origins` (P, 3) the top-left corner of the texture; `normals` (P, 3) unit, towards the viewer;
    `texel_axes` (P, 2, 3): the dot product with (point - origin) is the texel coordinate (u right,
    v down); `extents` (P, 2) metres; `instances` (P,) object instance, from 1; the others as in
    `Surface`.
    """

    origins: FloatArray
    normals: FloatArray
    texel_axes: FloatArray
    extents: FloatArray
    textures: NDArray[np.int64]
    instances: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    glow: FloatArray
    gloss: FloatArray
    two_sided: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.origins)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles (T, 3, 3) metres on patches: `triangle_patch` (T,) row of `patches`."""

    triangles: FloatArray
    triangle_patch: NDArray[np.int32]
    patches: Patches


@dataclass(frozen=True, slots=True)
class Part:
    """A mesh put somewhere for one frame: `map_from_mesh` (4, 4) rigid; all its patches take this
    `instance` and this `motion`."""

    mesh: Mesh
    map_from_mesh: FloatArray
    instance: int
    motion: Motion = Motion.MOVING


@dataclass(frozen=True, slots=True)
class Scene:
    """What is ray cast: the still mesh in map coordinates, and the textures of all meshes."""

    mesh: Mesh
    atlas: TextureAtlas


def place(parts: Sequence[Part]) -> Mesh:
    """One mesh in map coordinates of the parts of one frame, which are not none."""
    meshes = [_placed(part) for part in parts]
    counts = np.cumsum([0] + [len(mesh.patches) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.triangles for mesh in meshes]),
        np.concatenate(
            [mesh.triangle_patch + np.int32(n) for mesh, n in zip(meshes, counts, strict=True)]
        ),
        join_patches([mesh.patches for mesh in meshes]),
    )


def join_patches(groups: Sequence[Patches]) -> Patches:
    """The patches of all groups, in order."""
    names = [field.name for field in dataclasses.fields(Patches)]
    return Patches(**{name: np.concatenate([getattr(g, name) for g in groups]) for name in names})


def _placed(part: Part) -> Mesh:
    rotation, shift = part.map_from_mesh[:3, :3], part.map_from_mesh[:3, 3]
    own = part.mesh.patches
    patches = dataclasses.replace(
        own,
        origins=own.origins @ rotation.T + shift,
        normals=own.normals @ rotation.T,
        texel_axes=own.texel_axes @ rotation.T,
        instances=np.full(len(own), part.instance, dtype=np.uint16),
        motions=np.full(len(own), part.motion, dtype=np.uint8),
    )
    return Mesh(part.mesh.triangles @ rotation.T + shift, part.mesh.triangle_patch, patches)


@dataclass(slots=True)
class SceneBuilder:
    """Collects textures, patches and triangles.

    `build` makes the still scene of all that was added; `take_mesh` makes a mesh of what was added
    since the last call instead and takes it out, for what moves. One builder for both, since
    textures are shared.
    """

    images: list[Image] = field(default_factory=list)
    triangles: list[FloatArray] = field(default_factory=list)
    triangle_patch: list[int] = field(default_factory=list)
    patches: list[tuple[FloatArray, FloatArray, FloatArray, Surface, int]] = field(
        default_factory=list
    )
    num_instances: int = 0

    def new_instance(self) -> int:
        """The next object instance."""
        self.num_instances += 1
        return self.num_instances

    def add_texture(self, image: Image) -> int:
        """Index of the texture (H, W, 3) uint8."""
        self.images.append(np.ascontiguousarray(image))
        return len(self.images) - 1

    def add_surface(self, image: Image, **about: Any) -> Surface:
        """A `Surface` with this new texture (H, W, 3) uint8; `about` are its other fields."""
        return Surface(self.add_texture(image), **about)

    def add_rectangle(
        self,
        top_left: ArrayLike,
        right: ArrayLike,
        down: ArrayLike,
        surface: Surface,
        instance: int,
        pieces: Sequence[Piece] = WHOLE,
    ) -> None:
        """A patch that a viewer sees with its texture upright.

        `right` and `down` (3,) are the full edges in metres, at right angles. `pieces` restricts
        the surface to parts of it; texture and light stay those of the whole.
        """
        corner, across, along = (np.asarray(v, dtype=np.float64) for v in (top_left, right, down))
        width, height = float(np.linalg.norm(across)), float(np.linalg.norm(along))
        patch = self._add_patch(corner, across, along, surface, instance)
        for left, top, end, bottom in pieces or ((0.0, 0.0, width, height),):
            steps = np.array([[left, top], [end, top], [end, bottom], [left, bottom]])
            self._add_fan(corner + steps / (width, height) @ np.stack([across, along]), patch)

    def add_polygon(
        self,
        corner: ArrayLike,
        right: ArrayLike,
        down: ArrayLike,
        outline: ArrayLike,
        surface: Surface,
        instance: int,
    ) -> None:
        """A patch cut to the polygon `outline` (N, 2): shares of `right` and `down` from `corner`,
        star-shaped as seen from its first point (any convex one is)."""
        start, across, along = (np.asarray(v, dtype=np.float64) for v in (corner, right, down))
        patch = self._add_patch(start, across, along, surface, instance)
        self._add_fan(start + np.asarray(outline) @ np.stack([across, along]), patch)

    def add_box(
        self, low: ArrayLike, high: ArrayLike, surfaces: Sequence[Surface], instance: int
    ) -> None:
        """An axis-aligned box; `surfaces` = (sides, top) or one for all."""
        a, b = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        sx, sy, sz = np.diag(b - a)
        sides, top = surfaces[0], surfaces[-1]
        self.add_rectangle([a[0], a[1], b[2]], sx, -sz, sides, instance)  # seen from -y
        self.add_rectangle([b[0], b[1], b[2]], -sx, -sz, sides, instance)  # from +y
        self.add_rectangle([a[0], b[1], b[2]], -sy, -sz, sides, instance)  # from -x
        self.add_rectangle([b[0], a[1], b[2]], sy, -sz, sides, instance)  # from +x
        self.add_rectangle([a[0], b[1], b[2]], sx, -sy, top, instance)  # from above
        self.add_rectangle([a[0], a[1], a[2]], sx, sy, sides, instance)  # from below

    def take_mesh(self) -> Mesh:
        """The mesh of all triangles now here, which are taken out; textures stay."""
        mesh = Mesh(
            np.array(self.triangles),
            np.array(self.triangle_patch, dtype=np.int32),
            self._patches(),
        )
        self.triangles, self.triangle_patch, self.patches = [], [], []
        return mesh

    def build(self) -> Scene:
        """The scene of all triangles now here and of all textures ever added."""
        return Scene(self.take_mesh(), build_atlas(self.images))

    def _add_patch(
        self, corner: FloatArray, across: FloatArray, along: FloatArray, surface: Surface,
        instance: int,
    ) -> int:  # fmt: skip
        self.patches.append((corner, across, along, surface, instance))
        return len(self.patches) - 1

    def _add_fan(self, outline: FloatArray, patch: int) -> None:
        count = len(outline) - 2
        self.triangles += [outline[[0, i + 1, i + 2]] for i in range(count)]
        self.triangle_patch += [patch] * count

    def _patches(self) -> Patches:
        corners, across, along = (np.array([p[i] for p in self.patches]) for i in range(3))
        surfaces = [p[3] for p in self.patches]
        textures = np.array([one.texture for one in surfaces], dtype=np.int64)
        extents = np.stack([np.linalg.norm(v, axis=1) for v in (across, along)], axis=1)
        sizes = np.array([image.shape[1::-1] for image in self.images], dtype=np.float64)
        scale = sizes[textures] / extents**2
        normals = np.cross(along, across)
        return Patches(
            origins=corners,
            normals=normals / np.linalg.norm(normals, axis=1, keepdims=True),
            texel_axes=np.stack([across, along], axis=1) * scale[:, :, None],
            extents=extents,
            textures=textures,
            instances=np.array([p[4] for p in self.patches], dtype=np.uint16),
            labels=np.array([one.label for one in surfaces], dtype=np.uint8),
            objects=np.array([one.object_id for one in surfaces], dtype=np.uint16),
            motions=np.array([one.motion for one in surfaces], dtype=np.uint8),
            glow=np.array([one.glow for one in surfaces]),
            gloss=np.array([one.gloss for one in surfaces]),
            two_sided=np.array([one.two_sided for one in surfaces]),
        )
