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
from semloc_ros.worlds.rendering import antialias, eyesight
from semloc_ros.worlds.rendering.frame import Frame, Rays, Rows
from semloc_ros.worlds.rendering.lens import pixel_rays
from semloc_ros.worlds.rendering.light import Light
from semloc_ros.worlds.rendering.lighting import LightMaps
from semloc_ros.worlds.rendering.moment import moment_with, still_moment
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Part, Scene

_FEW_PROBES = 2.0  # of the texture, where a pixel is sampled several times
_BATCH = 20_000  # pixels sampled at once


@dataclass(frozen=True, slots=True)
class Rendering:
    """`color` (H, W, 3) float32 RGB, 0-255 and beyond where overexposed, linear in light; `depth`
    (H, W) float64 metres along the optical axis, inf = sky; `labels` (H, W) uint8 train ids;
    `instances` (H, W) uint16, 0 = sky; `motions` (H, W) uint8, values of `Motion`; `objects`
    (H, W) uint16, 0 = none; `object_uv` (H, W, 2) float32 place in the patch's texture, 0-1 from
    its top-left corner; `patches` (H, W) int32, still ones first, then those of the parts
    near enough to matter, -1 = sky."""

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
        counts = np.broadcast_to(atlas.level_counts[:, None], atlas.offsets.shape)
        self._camera, self._light = camera, light
        self._lamps = lights.lamps if any(light.lamps) else lights.lamps[:0]
        self._still = still_moment(scene)
        self._frame = Frame(
            caster, scene.mesh.triangles,
            atlas.texels, np.stack([atlas.offsets, atlas.widths, atlas.heights, counts], axis=2),
            (lights.values, lights.offsets, lights.sizes, lights.scales),
            light.arrays(np.zeros(3), np.array([1.0, 0.0, 0.0])), self._still,
        )  # fmt: skip
        self._pixels = pixel_rays(camera)
        self._eyesight = eyesight.Eyesight(eyesight.cut(camera, self._pixels), light)

    def render(self, camera_from_map: FloatArray, parts: Sequence[Part] = ()) -> Rendering:
        """What the camera sees from the pose `camera_from_map` (4, 4), with these parts there.

        May be called from several threads at once.
        """
        turn = np.ascontiguousarray(camera_from_map[:3, :3].T)
        eye = -turn @ camera_from_map[:3, 3]
        frame = dataclasses.replace(self._frame, light=self._light.arrays(eye, turn[:, 2]))
        rays = Rays(eye[None], turn, *self._pixels, np.zeros(len(self._pixels[0]), dtype=bool))
        triangles = frame.hit(rays)
        if parts:
            frame, rays = self._populated(frame, rays, triangles, parts)
            triangles = frame.with_parts(rays, triangles)
        return self._picture(frame, rays, triangles)

    def _populated(
        self, frame: Frame, rays: Rays, still: Rows, parts: Sequence[Part]
    ) -> tuple[Frame, Rays]:
        """The moment with those of the parts that matter, and the rays that may meet them."""
        tiles, (eye,), turn = self._eyesight.tiles, rays.eyes, rays.turn
        farthest = np.zeros(len(tiles.slopes))
        eyesight.farthest(
            eye, turn, rays.directions, frame.patches(still), frame.moment.table, tiles.of_pixel,
            farthest,
        )  # fmt: skip
        boxes = self._eyesight.boxes(parts)
        which = self._eyesight.pick(boxes, eye, turn, farthest)
        moment = moment_with(self._still, [parts[int(k)] for k in which], self._lamps)
        beside = self._eyesight.beside(boxes[which], eye, turn)
        return dataclasses.replace(frame, moment=moment), dataclasses.replace(rays, beside=beside)

    def _picture(self, frame: Frame, rays: Rays, triangles: Rows) -> Rendering:
        shape = (self._camera.height, self._camera.width)
        moment, patches = frame.moment, frame.patches(triangles)
        leaf = moment.leaves[patches]
        sunlit = _soft_sun(frame, rays, patches, leaf, shape)
        shaded = frame.shade(rays, patches, sunlit)
        image = _antialiased(frame, rays, triangles, leaf, shaded.colors, shape)
        return Rendering(
            image,
            (shaded.distances * self._pixels[0][:, 2]).reshape(shape),
            moment.labels[patches].reshape(shape),
            moment.instances[patches].reshape(shape),
            moment.motions[patches].reshape(shape),
            moment.objects[patches].reshape(shape),
            shaded.uvs.reshape(*shape, 2),
            patches.reshape(shape),
        )


def _soft_sun(
    frame: Frame, rays: Rays, patches: Rows, leaf: NDArray[np.uint8], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Share (N,) of the sun at each pixel, sampled within it at the borders of shadows."""
    sunlit = frame.sunlit(rays, patches)
    if not sunlit.any():
        return sunlit
    border = np.zeros(shape, dtype=bool)
    seen, lit = patches.reshape(shape), sunlit.reshape(shape)
    antialias.shadow_borders(seen, lit, leaf.reshape(shape), border)
    for which in _batches(border):
        inner = rays.within(which, antialias.SHADOW_LATTICE)
        same = np.repeat(patches[which], len(antialias.SHADOW_LATTICE))
        sunlit[which] = frame.sunlit(inner, same).reshape(len(which), -1).mean(axis=1)
    return sunlit


def _antialiased(
    frame: Frame, rays: Rays, triangles: Rows, leaf: NDArray[np.uint8],
    colors: NDArray[np.float32], shape: tuple[int, int],
) -> NDArray[np.float32]:  # fmt: skip
    """The image (H, W, 3), of `colors` (N, 3) at the centres of its pixels."""
    centres: NDArray[np.float32] = colors.reshape(*shape, 3)
    seen = frame.patches(triangles).reshape(shape)
    kinds = np.zeros(shape, dtype=np.uint8)
    antialias.edges(seen, centres, leaf.reshape(shape), kinds)
    image: NDArray[np.float32] = centres.copy()
    for kind, lattice in (
        (antialias.EDGE, antialias.EDGE_LATTICE),
        (antialias.LEAVES, antialias.LEAF_LATTICE),
    ):
        for which in _batches(kinds == kind):
            inner = rays.within(which, lattice)
            found = frame.patches(frame.hit_again(inner, which, triangles.reshape(shape)))
            sums = np.empty((len(which), 3), dtype=np.float32)
            missing = np.empty(len(found), dtype=np.int64)
            lost = antialias.blend(which, lattice, found, seen, centres, sums, missing)
            missing = missing[:lost]
            few = inner.only(missing)
            lit = frame.sunlit(few, found[missing])
            rest = frame.shade(few, found[missing], lit, _FEW_PROBES).colors
            np.add.at(sums, missing // len(lattice), rest)
            image.reshape(-1, 3)[which] = sums / np.float32(len(lattice))
    return image


def _batches(chosen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    which = np.flatnonzero(chosen)
    return [which[i : i + _BATCH] for i in range(0, len(which), _BATCH)]
