"""The gallery as a world to record: a mapping run and a query run of a robot with one camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.types import Camera
from semloc_ros.worlds.gallery.changes import USUAL, query_state
from semloc_ros.worlds.gallery.layout import Gallery, build_gallery
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.driving import drive_loop
from semloc_ros.worlds.recording.pictures import Shutter
from semloc_ros.worlds.recording.recording import Progress, make_world
from semloc_ros.worlds.recording.traversal import (
    MountedCamera,
    PlannedObject,
    Stage,
    Stream,
    Traversal,
)
from semloc_ros.worlds.rendering.lighting import bake
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.renderer import Renderer


def make_gallery(
    config: GalleryConfig, folder: Path, progress: Progress | None = None, output: str = "bags"
) -> bool:
    """Writes the gallery unless it is there: see `make_world`."""
    return make_world("gallery", config, lambda: GalleryWorld(config), folder, output, progress)


class GalleryWorld:
    """The gallery of a configuration with its traversals: see `traversal.World`."""

    def __init__(self, config: GalleryConfig) -> None:
        self.config = config
        self.cameras = (mounted_camera(config),)
        self.gallery = build_gallery(config)
        self.traversals = plan_runs(config, self.gallery)

    def stage(self, traversal: Traversal) -> Stage:
        """The gallery as a traversal finds it."""
        state = query_state(self.config) if traversal.index else USUAL
        gallery = self.gallery if state == USUAL else build_gallery(self.config, state)
        renderer = gallery_renderer(gallery, self.cameras[0].camera)
        objects = [
            PlannedObject(one.object_id, one.instance, one.corners_map, one.texture)
            for one in gallery.paintings
        ]
        return Stage({self.cameras[0].name: renderer}, lambda time_s: (), objects)


def mounted_camera(config: GalleryConfig) -> MountedCamera:
    """The robot's camera: on a mast, turned aside, tilted up a little."""
    camera = plans.lens(config.image_width, config.image_height, config.field_of_view_deg)
    yaw, pitch = np.radians(config.camera_yaw_deg), np.radians(3.0)
    return MountedCamera("camera", camera, plans.mount(yaw, pitch, (0.12, -0.04, 1.15)))


def gallery_renderer(gallery: Gallery, camera: Camera) -> Renderer:
    """The lit gallery seen by a camera."""
    caster = RayCaster(gallery.scene.mesh.triangles)
    maps = bake(gallery.scene.mesh.patches, caster, gallery.lamps)
    return Renderer(gallery.scene, maps, caster, camera, gallery.light)


def plan_runs(config: GalleryConfig, gallery: Gallery) -> tuple[Traversal, Traversal]:
    """The mapping run and the query run: other ways, other days, other sensor noise."""
    return (
        _plan(config, gallery, "mapping", USUAL.light, config.mapping_laps, config.mapping_rate),
        _plan(config, gallery, "query", config.light, 1, config.query_rate),
    )


def _plan(
    config: GalleryConfig, gallery: Gallery, name: str, setting: str, laps: int, rate: float
) -> Traversal:
    index = int(name == "query")
    rng = plans.stream(config, Stream.DRIVE, index)
    speed = config.speed * rng.uniform(0.95, 1.05)
    trajectory = drive_loop(gallery.loop_xy, laps, config.lateral_spread_m, speed, rng)
    shutter = Shutter(
        config.exposure_ms / 1e3, config.longest_exposure_ms / 1e3,
        plans.brightness(config.sensors, rng),
    )  # fmt: skip
    return plans.plan_traversal(name, setting, index, trajectory, shutter, rate, config)
