"""Images with exact truth by ray casting.

Conventions: `types.Camera` and `geometry.cameras`, so distortion is that of the lens itself,
not of a warped picture: each pixel's ray goes where the lens sends it. The image is what
falls on the square of a pixel, so an edge lies where its projection says, to a hundredth of
a pixel. All truth is that of the ray through the pixel's centre.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.rendering.frame import Frame, Rays, Rows
from semloc_ros.worlds.rendering.lens import pixel_rays
from semloc_ros.worlds.rendering.light import Light
from semloc_ros.worlds.rendering.lighting import LightMaps
from semloc_ros.worlds.rendering.moment import Moment, moment_with, still_moment, tiles_near
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Part, Scene
from semloc_ros.worlds.rendering.tables import LEAF

# Where a pixel that sees more than one patch is sampled: a lattice of which every row and every
# column holds one point, so that upright edges are as exact as slanted ones.
_EDGE_LATTICE = (np.stack([np.arange(8), 3 * np.arange(8) % 8], axis=1) + 0.5) / 8 - 0.5
# Among leaves nobody measures an edge.
_LEAF_LATTICE = (np.stack([np.arange(3), 2 * np.arange(3) % 3], axis=1) + 0.5) / 3 - 0.5
# Of the border of a shadow only the sun is sampled, not the texture.
_SHADOW_LATTICE = (np.stack([np.arange(5), 2 * np.arange(5) % 5], axis=1) + 0.5) / 5 - 0.5
_BATCH = 20_000  # pixels sampled at once
_TILE = 16  # pixels: blocks of the image that are asked whether they may see a part


@dataclass(frozen=True, slots=True)
class Rendering:
    """`color` (H, W, 3) float32 RGB, 0-255 and beyond where overexposed, linear in light; `depth`
    (H, W) float64 metres along the optical axis, inf = sky; `labels` (H, W) uint8 train ids;
    `instances` (H, W) uint16, 0 = sky; `motions` (H, W) uint8, values of `Motion`; `objects`
    (H, W) uint16, 0 = none; `object_uv` (H, W, 2) float32 place in the patch's texture, 0-1 from
    its top-left corner; `patches` (H, W) int32, still ones first, then those of the parts in
    order, -1 = sky."""

    color: NDArray[np.float32]
    depth: FloatArray
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    object_uv: NDArray[np.float32]
    patches: NDArray[np.int32]


class Renderer:
    """One camera in one scene in one light."""

    def __init__(
        self, scene: Scene, lights: LightMaps, caster: RayCaster, camera: Camera, light: Light
    ) -> None:
        atlas = scene.atlas
        self._camera, self._light = camera, light
        self._lamps = lights.lamps if any(light.lamps) else lights.lamps[:0]
        self._still = still_moment(scene)
        self._frame = Frame(
            caster, scene.mesh.triangle_patch,
            (atlas.texels, atlas.offsets, atlas.widths, atlas.heights, atlas.level_counts),
            (lights.values, lights.offsets, lights.sizes, lights.scales),
            light.arrays(np.zeros(3), np.array([1.0, 0.0, 0.0])), self._still,
        )  # fmt: skip
        self._pixels = pixel_rays(camera)
        self._tile_of, self._tiles, self._tile_cosines = _tiles(camera, self._pixels[0])

    def render(self, camera_from_map: FloatArray, parts: Sequence[Part] = ()) -> Rendering:
        """What the camera sees from the pose `camera_from_map` (4, 4), with these parts there.

        May be called from several threads at once.
        """
        turn = np.ascontiguousarray(camera_from_map[:3, :3].T)
        eye = -turn @ camera_from_map[:3, 3]
        moment = moment_with(self._still, parts, self._lamps)
        light = self._light.arrays(eye, turn[:, 2])
        frame = dataclasses.replace(self._frame, moment=moment, light=light)
        rays = Rays(eye[None], turn, *self._pixels, self._beside(moment, turn, eye))
        return self._picture(frame, rays)

    def _beside(self, moment: Moment, turn: FloatArray, eye: FloatArray) -> NDArray[np.bool_]:
        """Pixels (N,) that may see a part."""
        near = np.zeros(len(self._tiles), dtype=bool)
        if moment.spheres is not None:
            tiles_near(self._tiles, self._tile_cosines, turn, eye, moment.spheres, near)
        return np.asarray(near[self._tile_of])

    def _picture(self, frame: Frame, rays: Rays) -> Rendering:
        shape = (self._camera.height, self._camera.width)
        patches = frame.hit(rays)
        sunlit = frame.sunlit(rays, patches)
        leaf = frame.moment.table[patches, LEAF] > 0
        edges, shadows, leafy = _edges(
            patches.reshape(shape), sunlit.reshape(shape), leaf.reshape(shape)
        )
        for which in _batches(shadows & ~edges):
            inner = rays.within(which, _SHADOW_LATTICE)
            parts = np.repeat(patches[which], len(_SHADOW_LATTICE))
            sunlit[which] = frame.sunlit(inner, parts).reshape(len(which), -1).mean(axis=1)
        shaded = frame.shade(rays, patches, sunlit)
        for which in _batches(edges & ~leafy):
            shaded.colors[which] = _sampled(frame, rays, which, _EDGE_LATTICE)
        for which in _batches(edges & leafy):
            shaded.colors[which] = _sampled(frame, rays, which, _LEAF_LATTICE)
        moment = frame.moment
        return Rendering(
            shaded.colors.reshape(*shape, 3),
            (shaded.distances * self._pixels[0][:, 2]).reshape(shape),
            moment.labels[patches].reshape(shape),
            moment.instances[patches].reshape(shape),
            moment.motions[patches].reshape(shape),
            moment.objects[patches].reshape(shape),
            shaded.uvs.reshape(*shape, 2),
            patches.reshape(shape),
        )


def _sampled(
    frame: Frame, rays: Rays, which: NDArray[np.intp], lattice: FloatArray
) -> NDArray[np.float32]:
    """Mean colour (M, 3) of the rays `lattice` within each pixel."""
    inner = rays.within(which, lattice)
    patches = frame.hit(inner)
    colors = frame.shade(inner, patches, frame.sunlit(inner, patches)).colors
    mean: NDArray[np.float32] = colors.reshape(len(which), -1, 3).mean(axis=1)
    return mean


def _batches(chosen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    which = np.flatnonzero(chosen)
    return [which[i : i + _BATCH] for i in range(0, len(which), _BATCH)]


def _tiles(camera: Camera, rays: FloatArray) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Tile (N,) of each pixel; of each tile (K,) its mean ray (K, 3) and the cosine (K,) of the
    angle to the farthest of its pixels, and a pixel more."""
    v, u = np.divmod(np.arange(len(rays)), camera.width)
    across = -(-camera.width // _TILE)
    tile = (v // _TILE) * across + u // _TILE
    sums = np.stack([np.bincount(tile, rays[:, c]) for c in range(3)], axis=1)
    centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    angles = np.arccos(np.minimum(np.einsum("ij,ij->i", centres[tile], rays), 1.0))
    farthest = np.zeros(len(centres))
    np.maximum.at(farthest, tile, angles)
    return tile, centres, np.cos(farthest * (1 + 2 / _TILE))


def _edges(
    patches: Rows, sunlit: NDArray[np.float32], leaf: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels (N,) of which a neighbour sees another patch, is lit otherwise, is a leaf."""
    edge, shadow, leafy = (np.zeros(patches.shape, dtype=bool) for _ in range(3))
    leafy |= leaf
    for one, two in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1),), (slice(1, None),)),
    ):
        other, dark = patches[one] != patches[two], sunlit[one] != sunlit[two]
        for here, there in ((one, two), (two, one)):
            edge[here] |= other
            shadow[here] |= dark
            leafy[here] |= other & leaf[there]
    return edge.ravel(), shadow.ravel(), leafy.ravel()
