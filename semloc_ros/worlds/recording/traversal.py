"""One drive through a world: when, how and under which conditions, and what it is rendered in.

Every random choice comes from the world's seed and the traversal's index, so that any frame can
be made alone: that is what makes recordings resumable and the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import GalleryConfig, SensorsConfig, StreetConfig
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.recording.driving import Trajectory
from semloc_ros.worlds.recording.pictures import Shutter
from semloc_ros.worlds.rendering.renderer import Renderer
from semloc_ros.worlds.rendering.scene import Part

WorldConfig = GalleryConfig | StreetConfig
_START_NS = 1_760_000_000 * 10**9
_DAY_NS = 86_400 * 10**9
_FIRST_IMAGE_S = 0.0137  # the camera's clock does not tick with the wheels'
_FIRST_IMU_S = 0.0021


class Stream(IntEnum):
    """Random streams of a world: seeds are [seed of the world, stream, index of the traversal]."""

    DRIVE = 1
    ODOMETRY = 2
    IMAGES = 3
    IMU = 4
    LIGHT = 5
    CAST = 6
    TRAFFIC = 7
    VIEWS = 8


@dataclass(frozen=True, slots=True)
class MountedCamera:
    """A camera on the robot; topics and frame are named after it."""

    name: str
    camera: Camera
    base_from_camera: FloatArray

    @property
    def frame(self) -> str:
        """Its optical frame in tf."""
        return f"{self.name}_optical"


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """A planar object of interest where it is in one traversal: see `street.plan.PlanarObject`."""

    object_id: int
    instance: int
    corners_map: FloatArray
    texture: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Traversal:
    """One drive: `setting` names the state of the world; `index` seeds its noise and counts days;
    it ends after `seconds`, maybe on the way; times are seconds (N,) since its start."""

    name: str
    setting: str
    index: int
    trajectory: Trajectory
    seconds: float
    shutter: Shutter
    image_times: FloatArray
    odometry_times: FloatArray
    imu_times: FloatArray

    @property
    def start_ns(self) -> int:
        """When it begins: each traversal has its own day."""
        return start_of_day_ns(self.index)

    def stamps_ns(self, times: FloatArray) -> list[int]:
        """Absolute stamps of times since the start, in seconds."""
        return [self.start_ns + round(float(t) * 1e9) for t in times]

    def camera_from_map(self, mounted: MountedCamera, times: FloatArray) -> FloatArray:
        """Poses (N, 4, 4) of a camera at the times (N,) in seconds since the start."""
        return se3.inverse(self.trajectory.map_from_base(times) @ mounted.base_from_camera)


@dataclass(frozen=True, slots=True)
class Stage:
    """The world as one traversal finds it: a renderer by camera name, what moves by time in
    seconds, and the objects of interest."""

    renderers: dict[str, Renderer]
    parts: Callable[[float], Sequence[Part]]
    objects: Sequence[PlannedObject]


class World(Protocol):
    """What is recorded. `stage` builds a traversal's state of the world, which may take a while;
    the caller keeps one at a time."""

    @property
    def config(self) -> WorldConfig: ...

    @property
    def cameras(self) -> tuple[MountedCamera, ...]: ...

    @property
    def traversals(self) -> tuple[Traversal, ...]: ...

    def stage(self, traversal: Traversal) -> Stage: ...


def start_of_day_ns(day: int) -> int:
    """The first stamp of a day, counted from 0."""
    return _START_NS + day * _DAY_NS


def plan_traversal(
    name: str,
    setting: str,
    index: int,
    trajectory: Trajectory,
    shutter: Shutter,
    rate: float,
    config: WorldConfig,
) -> Traversal:
    """A traversal with `rate` images per second, until it arrives or time is up."""
    end = min(trajectory.duration, config.longest_run_s)
    sensors = config.sensors
    return Traversal(
        name, setting, index, trajectory, end, shutter,
        np.arange(_FIRST_IMAGE_S, end, 1 / rate),
        np.arange(0.0, end, 1 / sensors.odometry_rate),
        np.arange(_FIRST_IMU_S, end, 1 / sensors.imu_rate),
    )  # fmt: skip


def stream(config: WorldConfig, which: Stream, *indices: int) -> np.random.Generator:
    """The generator of one stream of a world, for a traversal, a frame and so on."""
    return np.random.default_rng([config.seed, which, *indices])


def lens(width: int, height: int, field_of_view_deg: float) -> Camera:
    """A mild wide-angle lens, its principal point a little off; `field_of_view_deg` across."""
    focal = width / 2 / np.tan(np.radians(field_of_view_deg) / 2)
    return Camera(
        "radtan", width, height, float(focal), float(focal * 1.0015),
        0.503 * width, 0.492 * height, (-0.055, 0.021, 4e-4, -3e-4, 0.0),
    )  # fmt: skip


def mount(yaw: float, pitch: float, position: tuple[float, float, float]) -> FloatArray:
    """`base_from_camera` (4, 4): the camera looks `yaw` rad to the left and `pitch` rad upwards."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return se3.make_pose(rotation, np.array(position))


def brightness(sensors: SensorsConfig, rng: np.random.Generator) -> float:
    """The mean grey level that a run aims at: cameras are set a third of a stop apart."""
    return float(sensors.brightness * 2 ** rng.normal(0.0, 1 / 3))
