"""The street as a world to record: a car maps it in summer and comes again in other conditions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semloc_ros.config import StreetConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.actors.cast import STREET, Cast, make_cast
from semloc_ros.worlds.actors.swaying import Flag, WavingCrowns, make_flag
from semloc_ros.worlds.actors.traffic import Traffic
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.driving import CAR, Trajectory, drive_loop, make_sway
from semloc_ros.worlds.recording.free_views import FreeViews
from semloc_ros.worlds.recording.pictures import Shutter
from semloc_ros.worlds.recording.recording import Progress, make_world
from semloc_ros.worlds.recording.traversal import (
    MountedCamera,
    PlannedObject,
    Stage,
    Stream,
    Traversal,
)
from semloc_ros.worlds.rendering.light import Light
from semloc_ros.worlds.rendering.lighting import LightMaps, bake
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.renderer import Renderer
from semloc_ros.worlds.rendering.scene import Part, Scene, SceneBuilder
from semloc_ros.worlds.street.conditions import CONDITIONS, Condition
from semloc_ros.worlds.street.plan import StreetPlan
from semloc_ros.worlds.street.site import LANE, make_site
from semloc_ros.worlds.street.street import build_street

_SPACING, _REACH = 0.8, 4.0  # metres of the light maps: see `lighting.bake`


def make_street(
    config: StreetConfig,
    folder: Path,
    conditions: Sequence[str] = tuple(CONDITIONS),
    progress: Progress | None = None,
    output: str = "both",
) -> bool:
    """Writes the street unless it is there: see `make_world`. ConfigError for a condition that
    there is not."""
    check_conditions(conditions)
    return make_world(
        "street", config, lambda: StreetWorld(config, conditions), folder, output, progress,
        {"conditions": list(conditions)},
    )  # fmt: skip


def check_conditions(conditions: Sequence[str]) -> None:
    """ConfigError for a condition that there is not, naming the nearest, or that comes twice."""
    for name in conditions:
        if name not in CONDITIONS:
            near = difflib.get_close_matches(name, CONDITIONS, n=1, cutoff=0.0)[0]
            raise ConfigError(f"conditions: {name} is unknown, did you mean {near}?")
    if len(set(conditions)) < len(conditions):
        raise ConfigError(expected("conditions", "each once", ",".join(conditions)))


class StreetWorld:
    """The street of a configuration with its traversals, `mapping` (in summer) and one query
    traversal per condition, named after it: see `recording.ViewedWorld`."""

    views: FreeViews | None = None

    def __init__(self, config: StreetConfig, conditions: Sequence[str]) -> None:
        self.config = config
        self.cameras = mounted_cameras(config)
        runs = [("mapping", "summer", 0)]
        # Days are those of all conditions: leaving one out leaves the others as they are.
        runs += [(name, name, 1 + list(CONDITIONS).index(name)) for name in conditions]
        self.traversals = tuple(plan_run(config, *run) for run in runs)

    def stage(self, traversal: Traversal) -> Stage:
        """The street in the condition of a traversal, with its traffic."""
        setting, index = traversal.setting, traversal.index
        scenery = build_scenery(self.config, setting, index)
        renderers = {one.name: scenery.renderer(one.camera) for one in self.cameras}
        objects = [
            PlannedObject(one.object_id, one.instance, one.corners_map, one.texture)
            for one in scenery.plan.objects
        ]
        rng = plans.stream(self.config, Stream.TRAFFIC, traversal.index)
        moving = scenery.moving(self.config, traversal.trajectory, rng, traversal.seconds)

        def parts(time_s: float) -> list[Part]:
            return moving(time_s, traversal.trajectory.planar(np.array([time_s]))[0, :2])

        return Stage(renderers, parts, objects)


@dataclass(frozen=True, slots=True)
class Scenery:
    """The street in one condition and light, and those who may appear in it."""

    plan: StreetPlan
    cast: Cast
    flag: Flag
    scene: Scene
    caster: RayCaster
    light_maps: LightMaps
    light: Light

    def renderer(self, camera: Camera) -> Renderer:
        """The street seen by a camera."""
        return Renderer(self.scene, self.light_maps, self.caster, camera, self.light)

    def moving(
        self, config: StreetConfig, ego: Trajectory | None, rng: np.random.Generator,
        duration: float,
    ) -> Callable[[float, FloatArray], list[Part]]:  # fmt: skip
        """All parts within sight of a place (2,) at a time in seconds, for `duration` seconds;
        `ego` is the car, if there is one."""
        traffic = Traffic(
            self.cast, self.plan, ego, config.traffic, rng, duration, parked=config.parked
        )
        crowns = WavingCrowns(self.plan.swaying, rng)
        return lambda time_s, place: traffic.parts(time_s, place) + crowns.parts(time_s)


def build_scenery(
    config: StreetConfig, name: str, index: int, *, swaying: bool = False
) -> Scenery:
    """The street in the condition `name`; sky, leaves and cast are those of traversal `index`. With
    `swaying`, crowns near the cameras of clips move in the wind."""
    condition, builder = CONDITIONS[name], SceneBuilder()
    rng = plans.stream(config, Stream.CAST, index)
    # Before the street: models are taken out of the builder, the street stays in it.
    cast = make_cast(builder, rng, STREET, night=condition.lamps_on, winter=condition.snow)
    flag = make_flag(builder, rng)
    plan = build_street(config, condition, builder, day=index, swaying=swaying)
    scene = builder.build()
    caster = RayCaster(scene.mesh.triangles)
    maps = bake(scene.mesh.patches, caster, plan.lamps, spacing=_SPACING, reach=_REACH)
    light = condition.light(plans.stream(config, Stream.LIGHT, index))
    return Scenery(plan, cast, flag, scene, caster, maps, light)


def mounted_cameras(config: StreetConfig) -> tuple[MountedCamera, ...]:
    """The cameras on the car's roof, as `config.cameras` says."""
    camera = plans.lens(config.image_width, config.image_height, config.field_of_view_deg)
    yaw, pitch = np.radians(config.camera_yaw_deg), np.radians(4.0)
    if config.cameras == "front":
        return (MountedCamera("camera", camera, plans.mount(0.0, pitch, (0.6, 0.0, 1.7))),)
    return (
        MountedCamera("camera_left", camera, plans.mount(yaw, pitch, (0.5, 0.45, 1.7))),
        MountedCamera("camera_right", camera, plans.mount(-yaw, pitch, (0.5, -0.45, 1.7))),
    )


def plan_run(config: StreetConfig, name: str, condition: str, index: int) -> Traversal:
    """The traversal of that name, condition and day."""
    rng = plans.stream(config, Stream.DRIVE, index)
    mapping = name == "mapping"
    trajectory = _drive(config, config.mapping_laps if mapping else 1, rng)
    rate = config.mapping_rate if mapping else config.query_rate
    shutter = _shutter(config, CONDITIONS[condition], rng)
    return plans.plan_traversal(name, condition, index, trajectory, shutter, rate, config)


def _drive(config: StreetConfig, laps: int, rng: np.random.Generator) -> Trajectory:
    corners = make_site(config).corners(LANE)
    speed = config.speed * rng.uniform(0.9, 1.1)
    flat = drive_loop(corners, laps, config.lateral_spread_m, speed, rng, CAR)
    sway = make_sway(config.sway, flat.duration, rng)
    return Trajectory(flat.times, flat.way, flat.xy, flat.heading, flat.speed, sway)


def _shutter(config: StreetConfig, condition: Condition, rng: np.random.Generator) -> Shutter:
    return Shutter(
        condition.exposure_s, config.longest_exposure_ms / 1e3,
        plans.brightness(config.sensors, rng), condition.noise,
    )  # fmt: skip
