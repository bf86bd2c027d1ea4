"""A world on disk: bags, dataset folders with the truth of every pixel, or both.

    world.json                 the configuration, traversals and cameras, and a fingerprint of
                               the configuration and of this room's code
    <traversal>/               a ROS 2 bag (`bag_writer`)
    frames/<traversal>/        a dataset folder (`frames`)
    objects/                   reference images of the objects of interest (`objects`)

Pictures come first, bags are made from them. `folders` says how a killed run goes on. A world that
is there gets the outputs that it lacks.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import to_mapping
from semloc_ros.worlds.recording import frames, sensors
from semloc_ros.worlds.recording.bags import write_bag
from semloc_ros.worlds.recording.folders import make_folder
from semloc_ros.worlds.recording.free_views import FreeViews
from semloc_ros.worlds.recording.objects import OBJECTS_FILE, write_objects
from semloc_ros.worlds.recording.shots import Shot, Studio, in_threads, missing_shots
from semloc_ros.worlds.recording.traversal import (
    MountedCamera,
    Stream,
    Traversal,
    World,
    WorldConfig,
    stream,
)

Progress = Callable[[int, int, str], None]  # pictures done, of how many, what is being done
OUTPUTS = {"bags": {"bags"}, "frames": {"frames"}, "both": {"bags", "frames"}}


class ViewedWorld(World, Protocol):
    """A world in which visitors may take pictures, too."""

    @property
    def views(self) -> FreeViews | None: ...


def make_world(
    name: str,
    config: WorldConfig,
    build: Callable[[], ViewedWorld],
    folder: Path,
    output: str,
    progress: Progress | None = None,
    about: dict[str, Any] | None = None,
) -> bool:
    """Writes the world unless it is there; returns whether it was written.

    `build` is called if there is something to do; `about` are further facts that make it another
    world; `progress` counts pictures. DatasetError as for `folders.make_folder`, ConfigError for
    an `output` that is none of OUTPUTS.
    """
    if output not in OUTPUTS:
        raise ConfigError(expected("output", " or ".join(OUTPUTS), repr(output)))

    def fill(partial: Path, outputs: set[str]) -> dict[str, Any]:
        world = build()
        _Recorder(world, partial, outputs, progress).record()
        return {
            "near_m": frames.NEAR_M,
            "cameras": [_describe_camera(one) for one in world.cameras],
            "traversals": [_describe(one) for one in world.traversals],
            **({"views": world.views.describe()} if world.views else {}),
        }

    facts = {"world": name, **(about or {}), "config": to_mapping(config)}
    return make_folder(folder, facts, OUTPUTS[output], fill)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Writes all of a world that is not in `folder` yet."""

    world: ViewedWorld
    folder: Path
    outputs: set[str]
    progress: Progress | None

    def record(self) -> None:
        """All traversals, one after the other, then the free views."""
        views = self.world.views
        missing = [
            missing_shots(self._dataset(one), self.world.cameras, one)
            for one in self.world.traversals
        ]
        total = sum(len(t.image_times) for t in self.world.traversals) * len(self.world.cameras)
        done = total - sum(map(len, missing))
        if views:
            total += len(views.viewpoints)
            done += len(views.viewpoints) - len(views.missing(self.folder))
        for traversal, shots in zip(self.world.traversals, missing, strict=True):
            self._take(traversal, shots, done, total)
            done += len(shots)
            self._write_logs(traversal)
        if views:
            views.write(self.folder, lambda more, doing: self._tell(done + more, total, doing))
        if "frames" not in self.outputs:
            shutil.rmtree(self.folder / "frames")

    def _dataset(self, traversal: Traversal) -> Path:
        """The dataset folder of a traversal."""
        return self.folder / "frames" / traversal.name

    def _take(self, traversal: Traversal, shots: list[Shot], done: int, total: int) -> None:
        """The pictures that are missing; `done` of `total` are there."""
        folder, truth = self._dataset(traversal), "frames" in self.outputs
        if not shots and (not truth or (folder / OBJECTS_FILE).exists()):
            return
        self._tell(done, total, f"building {traversal.name}")
        stage = self.world.stage(traversal)
        studio = Studio(self.world.config, self.world.cameras, traversal, stage)
        self._tell(done, total, traversal.name)
        for _ in in_threads(lambda shot: studio.take(shot, folder, truth), shots):
            done += 1
            self._tell(done, total, traversal.name)
        if truth:
            write_objects(self.folder, folder, stage.objects)

    def _tell(self, done: int, total: int, doing: str) -> None:
        if self.progress:
            self.progress(done, total, doing)

    def _write_logs(self, traversal: Traversal) -> None:
        """Tables and bag."""
        config, dataset = self.world.config, self._dataset(traversal)
        odometry = sensors.wheel_odometry(
            traversal.trajectory.planar(traversal.odometry_times), traversal.odometry_times,
            config.sensors, stream(config, Stream.ODOMETRY, traversal.index),
        )  # fmt: skip
        inertial = sensors.inertial(
            traversal.trajectory, traversal.imu_times, config.sensors,
            stream(config, Stream.IMU, traversal.index),
        )  # fmt: skip
        if "frames" in self.outputs:
            frames.write_tables(dataset, self.world.cameras, traversal, odometry, inertial)
        if "bags" in self.outputs:
            bag = self.folder / traversal.name
            write_bag(bag, dataset, self.world, traversal, odometry, inertial)


def _describe_camera(mounted: MountedCamera) -> dict[str, Any]:
    camera = mounted.camera
    return {
        "name": mounted.name,
        "frame": mounted.frame,
        "model": camera.model,
        "width": camera.width,
        "height": camera.height,
        "matrix": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion": list(camera.distortion),
        "base_from_camera": mounted.base_from_camera.tolist(),
    }


def _describe(traversal: Traversal) -> dict[str, Any]:
    metres = np.interp(traversal.seconds, traversal.trajectory.times, traversal.trajectory.way)
    return {
        "name": traversal.name,
        "setting": traversal.setting,
        "day": traversal.index,
        "start_ns": traversal.start_ns,
        "seconds": round(traversal.seconds, 3),
        "metres": round(float(metres), 3),
        "images": len(traversal.image_times),
    }
