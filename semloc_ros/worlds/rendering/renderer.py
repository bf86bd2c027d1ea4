"""Images with exact truth by ray casting.

Conventions: `types.Camera` and `geometry.cameras`, so distortion is that of the lens itself,
not of a warped picture: each pixel's ray goes where the lens sends it. The image is what
falls on the square of a pixel, so an edge lies where its projection says, to a hundredth of
a pixel. Depth and instance are those of the ray through the pixel's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.rendering.lighting import LightMaps
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Scene
from semloc_ros.worlds.rendering.shading import shade

# Where a pixel that sees more than one patch is sampled: a lattice of which every row and every
# column holds one point, so that upright edges are as exact as slanted ones.
_EDGE_SAMPLES = 8
_LATTICE = (np.stack([np.arange(8), 3 * np.arange(8) % 8], axis=1) + 0.5) / 8 - 0.5


@dataclass(frozen=True, slots=True)
class Rendering:
    """`color` (H, W, 3) float32, 0-255 and beyond where overexposed; `depth` (H, W) float64
    metres along the optical axis, inf = nothing; `instances` (H, W) uint16, 0 = nothing;
    `patches` (H, W) int32, -1 = nothing."""

    color: NDArray[np.float32]
    depth: FloatArray
    instances: NDArray[np.uint16]
    patches: NDArray[np.int32]


class Renderer:
    """One camera in one lit scene."""

    def __init__(self, scene: Scene, lights: LightMaps, caster: RayCaster, camera: Camera) -> None:
        atlas = scene.atlas
        self._scene, self._caster, self._camera = scene, caster, camera
        self._atlas = (
            atlas.texels, atlas.offsets, atlas.widths, atlas.heights, atlas.level_counts
        )  # fmt: skip
        self._lights = (lights.values, lights.offsets, lights.sizes, lights.scales)
        self._rays, self._by_x, self._by_y = _pixel_rays(camera)

    def render(self, camera_from_map: FloatArray) -> Rendering:
        """What the camera sees from the pose `camera_from_map` (4, 4)."""
        map_from_camera = camera_from_map[:3, :3].T
        eye = -map_from_camera @ camera_from_map[:3, 3]
        rays, by_x, by_y = (
            # Not `@`: its threads fight with those that render the other frames.
            np.einsum("ij,kj->ik", a, map_from_camera)
            for a in (self._rays, self._by_x, self._by_y)
        )
        patches = self._hit(eye, rays)
        colors, distances = self._shade(eye, rays, by_x, by_y, patches)
        shape = (self._camera.height, self._camera.width)
        for edge in np.array_split(np.flatnonzero(_edges(patches.reshape(shape))), 4):
            colors[edge] = self._supersample(eye, rays[edge], by_x[edge], by_y[edge])
        found = self._scene.mesh.patches.instances[patches]
        instances = np.where(patches < 0, 0, found).astype(np.uint16)
        depth = (distances * self._rays[:, 2]).reshape(shape)
        return Rendering(
            colors.reshape(*shape, 3), depth, instances.reshape(shape), patches.reshape(shape)
        )

    def _hit(self, eye: FloatArray, rays: FloatArray) -> NDArray[np.int32]:
        triangles = self._caster.first_hits(eye, rays)
        found = self._scene.mesh.triangle_patch[triangles]
        return np.where(triangles < 0, -1, found).astype(np.int32)

    def _shade(
        self, eye: FloatArray, rays: FloatArray, by_x: FloatArray, by_y: FloatArray,
        patches: NDArray[np.int32],
    ) -> tuple[NDArray[np.float32], FloatArray]:  # fmt: skip
        colors = np.empty((len(rays), 3), dtype=np.float32)
        distances = np.empty(len(rays))
        scene = self._scene.mesh.patches
        reach = np.einsum("ij,ij->i", scene.origins - eye, scene.normals)
        planes = (scene.origins, scene.normals, scene.texel_axes, scene.textures, reach)
        shade(eye, rays, by_x, by_y, patches, planes, self._atlas, self._lights, colors, distances)
        return colors, distances

    def _supersample(
        self, eye: FloatArray, rays: FloatArray, by_x: FloatArray, by_y: FloatArray
    ) -> NDArray[np.float32]:
        """Mean colour (N, 3) of several rays within each pixel."""
        across = _LATTICE[:, :1] * by_x[:, None]
        along = _LATTICE[:, 1:] * by_y[:, None]
        inner = (rays[:, None] + across + along).reshape(-1, 3)
        small_x, small_y = (
            np.repeat(a / np.sqrt(_EDGE_SAMPLES), _EDGE_SAMPLES, axis=0) for a in (by_x, by_y)
        )
        colors, _ = self._shade(eye, inner, small_x, small_y, self._hit(eye, inner))
        mean: NDArray[np.float32] = colors.reshape(-1, _EDGE_SAMPLES, 3).mean(axis=1)
        return mean


def _pixel_rays(camera: Camera) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit rays (H*W, 3) of the pixel centres, and their change per pixel to the right and down."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=float), np.arange(camera.height, dtype=float))
    pixels = np.column_stack([u.ravel(), v.ravel()])
    half_x, half_y = np.array([0.5, 0.0]), np.array([0.0, 0.5])
    by_x = cameras.unproject(camera, pixels + half_x) - cameras.unproject(camera, pixels - half_x)
    by_y = cameras.unproject(camera, pixels + half_y) - cameras.unproject(camera, pixels - half_y)
    return cameras.unproject(camera, pixels), by_x, by_y


def _edges(patches: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels (H, W) of which a neighbour sees another patch."""
    edge = np.zeros(patches.shape, dtype=bool)
    across, along = np.diff(patches, axis=1) != 0, np.diff(patches, axis=0) != 0
    edge[:, :-1] |= across
    edge[:, 1:] |= across
    edge[:-1] |= along
    edge[1:] |= along
    return edge
