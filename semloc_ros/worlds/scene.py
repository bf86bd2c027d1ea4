"""A scene: triangles on textured planar patches, in map coordinates (z up, metres).

A patch is a plane with one texture, one object instance and one light map; any number of
triangles may lie on it. A rectangle is one patch with two triangles, a wall with a doorway
one patch with six. A curved mesh has one patch per triangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.textures import TextureAtlas, build_atlas

Image = NDArray[np.uint8]
Piece = tuple[float, float, float, float]  # left, top, right, bottom in metres
WHOLE: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What is ray cast. All per-patch arrays have P rows, per-triangle arrays T rows.

    `triangles` (T, 3, 3) metres; `triangle_patch` (T,); `origins` (P, 3) the top-left corner of
    the texture; `normals` (P, 3) unit, towards the viewer; `texel_axes` (P, 2, 3): the dot
    product with (point - origin) is the texel coordinate (u right, v down); `extents` (P, 2)
    metres; `textures` (P,); `instances` (P,) object id, from 1; `glow` (P,) own light of lamps.
    """

    triangles: FloatArray
    triangle_patch: NDArray[np.int32]
    origins: FloatArray
    normals: FloatArray
    texel_axes: FloatArray
    extents: FloatArray
    textures: NDArray[np.int64]
    instances: NDArray[np.uint16]
    glow: FloatArray
    atlas: TextureAtlas


@dataclass(slots=True)
class SceneBuilder:
    """Collects rectangles and boxes; `build` makes the arrays."""

    images: list[Image] = field(default_factory=list)
    triangles: list[FloatArray] = field(default_factory=list)
    triangle_patch: list[int] = field(default_factory=list)
    patches: list[tuple[FloatArray, FloatArray, FloatArray, int, int, float]] = field(
        default_factory=list
    )
    num_instances: int = 0

    def new_instance(self) -> int:
        """The next object id."""
        self.num_instances += 1
        return self.num_instances

    def add_texture(self, image: Image) -> int:
        """Index of the texture (H, W, 3) uint8."""
        self.images.append(np.ascontiguousarray(image))
        return len(self.images) - 1

    def add_rectangle(
        self,
        top_left: ArrayLike,
        right: ArrayLike,
        down: ArrayLike,
        texture: int,
        instance: int,
        pieces: Sequence[Piece] = WHOLE,
        glow: float = 0.0,
    ) -> None:
        """A patch that a viewer sees with its texture upright.

        `right` and `down` (3,) are the full edges in metres. `pieces` restricts the surface to
        parts of it; texture and light stay those of the whole.
        """
        corner, across, along = (np.asarray(v, dtype=np.float64) for v in (top_left, right, down))
        width, height = float(np.linalg.norm(across)), float(np.linalg.norm(along))
        self.patches.append((corner, across, along, texture, instance, glow))
        for left, top, end, bottom in pieces or ((0.0, 0.0, width, height),):
            steps = np.array([[left, top], [end, top], [end, bottom], [left, bottom]])
            quad = corner + steps / (width, height) @ np.stack([across, along])
            self.triangles += [quad[[0, 1, 2]], quad[[0, 2, 3]]]
            self.triangle_patch += [len(self.patches) - 1] * 2

    def add_box(
        self, low: ArrayLike, high: ArrayLike, textures: Sequence[int], instance: int
    ) -> None:
        """An axis-aligned box; `textures` = (sides, top) or one for all."""
        a, b = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        sx, sy, sz = np.diag(b - a)
        sides, top = textures[0], textures[-1]
        self.add_rectangle([a[0], a[1], b[2]], sx, -sz, sides, instance)  # seen from -y
        self.add_rectangle([b[0], b[1], b[2]], -sx, -sz, sides, instance)  # from +y
        self.add_rectangle([a[0], b[1], b[2]], -sy, -sz, sides, instance)  # from -x
        self.add_rectangle([b[0], a[1], b[2]], sy, -sz, sides, instance)  # from +x
        self.add_rectangle([a[0], b[1], b[2]], sx, -sy, top, instance)  # from above
        self.add_rectangle([a[0], a[1], a[2]], sx, sy, sides, instance)  # from below

    def build(self) -> Scene:
        """The scene of all that was added."""
        corners, across, along = (np.array([p[i] for p in self.patches]) for i in range(3))
        textures = np.array([p[3] for p in self.patches], dtype=np.int64)
        extents = np.stack([np.linalg.norm(v, axis=1) for v in (across, along)], axis=1)
        sizes = np.array([image.shape[1::-1] for image in self.images], dtype=np.float64)
        scale = sizes[textures] / extents**2
        normals = np.cross(along, across)
        return Scene(
            triangles=np.array(self.triangles),
            triangle_patch=np.array(self.triangle_patch, dtype=np.int32),
            origins=corners,
            normals=normals / np.linalg.norm(normals, axis=1, keepdims=True),
            texel_axes=np.stack([across, along], axis=1) * scale[:, :, None],
            extents=extents,
            textures=textures,
            instances=np.array([p[4] for p in self.patches], dtype=np.uint16),
            glow=np.array([p[5] for p in self.patches]),
            atlas=build_atlas(self.images),
        )
