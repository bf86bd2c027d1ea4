"""The gallery as a world to record: a mapping run and a query run of a robot, and free views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.types import Camera
from semloc_ros.worlds.actors.cast import GALLERY, Cast, make_cast
from semloc_ros.worlds.actors.visitors import Hall, Visitors
from semloc_ros.worlds.gallery.changes import State, query_state
from semloc_ros.worlds.gallery.layout import Gallery, build_gallery, ring_xy
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.driving import Trajectory, drive_loop
from semloc_ros.worlds.recording.free_views import EVERY_S, FreeViews, ViewStage
from semloc_ros.worlds.recording.pictures import Shutter
from semloc_ros.worlds.recording.recording import Progress, make_world
from semloc_ros.worlds.recording.traversal import (
    MountedCamera,
    PlannedObject,
    Stage,
    Stream,
    Traversal,
)
from semloc_ros.worlds.recording.viewpoints import plan_viewpoints
from semloc_ros.worlds.rendering.lighting import bake
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.renderer import Renderer
from semloc_ros.worlds.rendering.scene import Part, SceneBuilder

_VIEWS_DAY = 2  # after those of the two runs
_EYE_LEVEL = 1.65  # metres: the six cameras of Virtual Gallery's robot


def make_gallery(
    config: GalleryConfig, folder: Path, progress: Progress | None = None, output: str = "bags"
) -> bool:
    """Writes the gallery unless it is there: see `make_world`.

    Also ConfigError if nothing is to be made, or free views without frames.
    """
    if config.free_views and output == "bags":
        raise ConfigError(expected("output", "frames or both: free_views come with them", output))
    if config.runs == "none" and not config.free_views:
        raise ConfigError(expected("runs", "a run, or free_views above 0", "none of both"))
    return make_world("gallery", config, lambda: GalleryWorld(config), folder, output, progress)


class GalleryWorld:
    """The gallery of a configuration with its traversals: see `recording.ViewedWorld`."""

    def __init__(self, config: GalleryConfig) -> None:
        self.config = config
        self.cameras = mounted_cameras(config)
        wanted = ("mapping", "query") if config.runs == "both" else (config.runs,)
        self.traversals = tuple(one for one in plan_runs(config) if one.name in wanted)
        self.views = self._plan_views() if config.free_views else None
        self._stages: dict[tuple[State, int], Stage] = {}

    def stage(self, traversal: Traversal) -> Stage:
        """The gallery as a traversal finds it; the last is kept for those that find the same."""
        query = traversal.name == "query"
        state = query_state(self.config) if query else State(self.config.mapping_light)
        crowd = self.config.crowd if query else 0
        if (state, crowd) not in self._stages:
            self._stages.clear()
            self._stages[state, crowd] = self._build(traversal, state, crowd)
        return self._stages[state, crowd]

    def _build(self, traversal: Traversal, state: State, crowd: int) -> Stage:
        ego, index, seconds = traversal.trajectory, traversal.index, traversal.seconds
        built = self._populated(state, crowd, index, ego, seconds)
        renderers = {one.name: built.renderer(one.camera) for one in self.cameras}
        return Stage(renderers, built.parts, built.objects)

    def _populated(
        self, state: State, crowd: int, index: int, ego: Trajectory | None, seconds: float
    ) -> ViewStage:
        """The gallery and its visitors, who are drawn by `index`, for so many seconds."""
        builder, rng = SceneBuilder(), plans.stream(self.config, Stream.CAST, index)
        cast = make_cast(builder, rng, GALLERY) if crowd else None
        gallery = build_gallery(self.config, state, builder)
        parts: Callable[[float], Sequence[Part]] = _nobody
        if cast:
            parts = visitors(gallery, cast, crowd, ego, rng, seconds)
        objects = [
            PlannedObject(one.object_id, one.instance, one.corners_map, one.texture)
            for one in gallery.paintings
        ]
        return ViewStage(gallery_renderers(gallery), parts, objects)

    def _plan_views(self) -> FreeViews:
        config, rng = self.config, plans.stream(self.config, Stream.VIEWS)
        viewpoints = plan_viewpoints(config, rng)
        shutters = [_shutter(config, rng) for _ in viewpoints]
        state, seconds = query_state(config), EVERY_S * len(viewpoints)

        def build() -> ViewStage:
            return self._populated(state, config.crowd, _VIEWS_DAY, None, seconds)

        return FreeViews(config, config.light, _VIEWS_DAY, viewpoints, shutters, build)


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


def mounted_cameras(config: GalleryConfig) -> tuple[MountedCamera, ...]:
    """One camera, or `camera_0` (ahead) to `camera_5`, counted to the left, all level."""
    if config.cameras == "one":
        return (mounted_camera(config),)
    camera = plans.lens(config.image_width, config.image_height, config.field_of_view_deg)
    turns = np.radians(np.arange(0.0, 360.0, 60.0))
    return tuple(
        MountedCamera(f"camera_{k}", camera, plans.mount(turn, 0.0, (0.0, 0.0, _EYE_LEVEL)))
        for k, turn in enumerate(turns.tolist())
    )


def mounted_camera(config: GalleryConfig) -> MountedCamera:
    """The robot's camera: on a mast, turned aside, tilted up a little."""
    camera = plans.lens(config.image_width, config.image_height, config.field_of_view_deg)
    yaw, pitch = np.radians(config.camera_yaw_deg), np.radians(3.0)
    return MountedCamera("camera", camera, plans.mount(yaw, pitch, (0.12, -0.04, 1.15)))


def gallery_renderer(gallery: Gallery, camera: Camera) -> Renderer:
    """The lit gallery seen by a camera."""
    return gallery_renderers(gallery)(camera)


def gallery_renderers(gallery: Gallery) -> Callable[[Camera], Renderer]:
    """The lit gallery, seen by any camera."""
    caster = RayCaster(gallery.scene.mesh.triangles)
    maps = bake(gallery.scene.mesh.patches, caster, gallery.lamps)
    return lambda camera: Renderer(gallery.scene, maps, caster, camera, gallery.light)


def plan_runs(config: GalleryConfig) -> tuple[Traversal, Traversal]:
    """The mapping run and the query run: other ways, other days, other sensor noise."""
    return (
        _plan(config, "mapping", config.mapping_light, config.mapping_laps, config.mapping_rate),
        _plan(config, "query", config.light, 1, config.query_rate),
    )


def _plan(config: GalleryConfig, name: str, light: str, laps: int, rate: float) -> Traversal:
    index = int(name == "query")
    rng = plans.stream(config, Stream.DRIVE, index)
    speed = config.speed * rng.uniform(0.95, 1.05)
    trajectory = drive_loop(ring_xy(config), laps, config.lateral_spread_m, speed, rng)
    shutter = _shutter(config, rng)
    return plans.plan_traversal(name, light, index, trajectory, shutter, rate, config)


def _shutter(config: GalleryConfig, rng: np.random.Generator) -> Shutter:
    return Shutter(
        config.exposure_ms / 1e3, config.longest_exposure_ms / 1e3,
        plans.brightness(config.sensors, rng),
    )  # fmt: skip
