"""The gallery as a world to record: a mapping run and a query run of a robot with one camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.types import Camera
from semloc_ros.worlds.actors.cast import GALLERY, Cast, make_cast
from semloc_ros.worlds.actors.visitors import Hall, Visitors
from semloc_ros.worlds.gallery.changes import USUAL, State, query_state
from semloc_ros.worlds.gallery.layout import Gallery, build_gallery, ring_xy
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.driving import Trajectory, drive_loop
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
from semloc_ros.worlds.rendering.scene import Part, SceneBuilder


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
        self.traversals = plan_runs(config)
        self._stages: dict[tuple[State, int], Stage] = {}

    def stage(self, traversal: Traversal) -> Stage:
        """The gallery as a traversal finds it; the last is kept for those that find the same."""
        query = traversal.name == "query"
        state = query_state(self.config) if query else USUAL
        crowd = self.config.crowd if query else 0
        if (state, crowd) not in self._stages:
            self._stages.clear()
            self._stages[state, crowd] = self._build(traversal, state, crowd)
        return self._stages[state, crowd]

    def _build(self, traversal: Traversal, state: State, crowd: int) -> Stage:
        builder, rng = SceneBuilder(), plans.stream(self.config, Stream.CAST, traversal.index)
        cast = make_cast(builder, rng, GALLERY) if crowd else None
        gallery = build_gallery(self.config, state, builder)
        parts: Callable[[float], Sequence[Part]] = _nobody
        if cast:
            parts = visitors(gallery, cast, crowd, traversal.trajectory, rng, traversal.seconds)
        objects = [
            PlannedObject(one.object_id, one.instance, one.corners_map, one.texture)
            for one in gallery.paintings
        ]
        (mounted,) = self.cameras
        return Stage({mounted.name: gallery_renderer(gallery, mounted.camera)}, parts, objects)


def visitors(
    gallery: Gallery, cast: Cast, crowd: int, ego: Trajectory | None, rng: np.random.Generator,
    duration: float,
) -> Callable[[float], Sequence[Part]]:  # fmt: skip
    """The parts of visitors by time in seconds, for `duration` seconds; `ego` is the robot, if
    there is one; `crowd` 0 (none) to 3."""
    canvases = np.array([one.corners_map for one in gallery.paintings])
    hall = Hall(gallery.rooms, gallery.loop_xy, gallery.obstacles, canvases)
    return Visitors(cast, hall, crowd, ego, rng, duration).parts


def _nobody(time_s: float) -> Sequence[Part]:
    return ()


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


def plan_runs(config: GalleryConfig) -> tuple[Traversal, Traversal]:
    """The mapping run and the query run: other ways, other days, other sensor noise."""
    return (
        _plan(config, "mapping", USUAL.light, config.mapping_laps, config.mapping_rate),
        _plan(config, "query", config.light, 1, config.query_rate),
    )


def _plan(config: GalleryConfig, name: str, light: str, laps: int, rate: float) -> Traversal:
    index = int(name == "query")
    rng = plans.stream(config, Stream.DRIVE, index)
    speed = config.speed * rng.uniform(0.95, 1.05)
    trajectory = drive_loop(ring_xy(config), laps, config.lateral_spread_m, speed, rng)
    shutter = Shutter(
        config.exposure_ms / 1e3, config.longest_exposure_ms / 1e3,
        plans.brightness(config.sensors, rng),
    )  # fmt: skip
    return plans.plan_traversal(name, light, index, trajectory, shutter, rate, config)
