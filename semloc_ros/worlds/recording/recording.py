"""A world on disk: bags, dataset folders with the truth of every pixel, or both.

    world.json                 the configuration, traversals and cameras, and a fingerprint of
                               the configuration and of this room's code
    <traversal>/               a ROS 2 bag (`bag_writer`)
    frames/<traversal>/        a dataset folder (`frames`)
    objects/                   reference images of the objects of interest (`objects`)

It is written beside its place, in `<folder>.partial`, and renamed, so that a killed run leaves no
half world; the next run goes on where it stopped. Pictures come first, bags are made from them.
A world with the right fingerprint is kept, and gets the outputs that it lacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.options import to_mapping
from semloc_ros.worlds.recording import frames, sensors
from semloc_ros.worlds.recording.bags import write_bag
from semloc_ros.worlds.recording.objects import OBJECTS_FILE, write_objects
from semloc_ros.worlds.recording.shots import Studio, in_threads, missing_shots
from semloc_ros.worlds.recording.traversal import Stream, Traversal, World, WorldConfig, stream

Progress = Callable[[int, int], None]
WORLD_FILE = "world.json"
OUTPUTS = {"bags": {"bags"}, "frames": {"frames"}, "both": {"bags", "frames"}}
_MAKING_FILE = "making.json"
_FORMAT = 2  # of the folder; another one is another world


def make_world(
    name: str,
    config: WorldConfig,
    build: Callable[[], World],
    folder: Path,
    output: str = "bags",
    progress: Progress | None = None,
    about: dict[str, Any] | None = None,
) -> bool:
    """Writes the world unless it is there; returns whether it was written.

    `build` is called if there is something to do. `about` are further facts that make it another
    world. Raises DatasetError if `folder` holds something else or cannot be written, ConfigError
    for an `output` that is none of OUTPUTS.
    """
    if output not in OUTPUTS:
        raise ConfigError(expected("output", " or ".join(OUTPUTS), repr(output)))
    folder = folder.resolve()
    facts = {"world": name, "format": _FORMAT, **(about or {}), "config": to_mapping(config)}
    fingerprint = _fingerprint(facts)
    try:
        if _is_there(folder, fingerprint, OUTPUTS[output]):
            return False
        partial = _partial(folder, fingerprint, OUTPUTS[output])
        recorder = _Recorder(build(), partial, OUTPUTS[output], progress)
        recorder.record()
        _finish(recorder, {**facts, "fingerprint": fingerprint}, folder)
    except OSError as error:
        wanted = "a folder that can be written"
        raise DatasetError(expected(str(folder), wanted, error.strerror or error)) from None
    return True


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Writes all of a world that is not in `folder` yet."""

    world: World
    folder: Path
    outputs: set[str]
    progress: Progress | None

    def record(self) -> None:
        """All traversals, one after the other."""
        total = sum(len(t.image_times) for t in self.world.traversals) * len(self.world.cameras)
        missing = [
            missing_shots(self.dataset(one), self.world.cameras, one)
            for one in self.world.traversals
        ]
        done = total - sum(map(len, missing))
        for traversal, shots in zip(self.world.traversals, missing, strict=True):
            truth = "frames" in self.outputs
            if shots or (truth and not (self.dataset(traversal) / OBJECTS_FILE).exists()):
                stage = self.world.stage(traversal)
                studio = Studio(self.world.config, self.world.cameras, traversal, stage)
                done = self._take(studio, shots, done, total)
                del stage, studio  # before the next one is built
            self._write_logs(traversal)

    def dataset(self, traversal: Traversal) -> Path:
        """The dataset folder of a traversal."""
        return self.folder / "frames" / traversal.name

    def _take(self, studio: Studio, shots: list[tuple[int, int]], done: int, total: int) -> int:
        folder, truth = self.dataset(studio.traversal), "frames" in self.outputs
        if self.progress:
            self.progress(done, total)
        for _ in in_threads(lambda shot: studio.take(shot, folder, truth), shots):
            done += 1
            if self.progress:
                self.progress(done, total)
        if truth:
            write_objects(self.folder, folder, studio.stage.objects)
        return done

    def _write_logs(self, traversal: Traversal) -> None:
        config, dataset = self.world.config, self.dataset(traversal)
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


def _is_there(folder: Path, fingerprint: str, outputs: set[str]) -> bool:
    """Whether the world is there; DatasetError if something else is."""
    found = _read(folder / WORLD_FILE)
    if folder.exists() and not folder.is_dir():
        raise DatasetError(expected(str(folder), "a new folder or a world", "a file"))
    if not found and folder.exists() and any(folder.iterdir()):
        raise DatasetError(expected(str(folder), "a new folder or a world", "other files"))
    return found.get("fingerprint") == fingerprint and outputs <= set(found.get("outputs", ()))


def _partial(folder: Path, fingerprint: str, outputs: set[str]) -> Path:
    """The folder to go on in: what a killed run left, a world that lacks an output, or a new one.

    A world that lacks an output must not lose one: what it has is made again if it must be.
    """
    partial = folder.with_name(folder.name + ".partial")
    there, making = _read(folder / WORLD_FILE), _read(partial / _MAKING_FILE)
    if partial.exists() and not making and any(partial.iterdir()):
        raise DatasetError(expected(str(partial), "the remains of a world", "other files"))
    wanted = {"fingerprint": fingerprint, "truth": "frames" in outputs}
    has_frames = (folder / "frames").is_dir() and there.get("fingerprint") == fingerprint
    if has_frames:
        outputs |= set(there["outputs"])
        shutil.rmtree(partial, ignore_errors=True)
        frames.write_whole(folder / _MAKING_FILE, json.dumps(wanted | {"truth": True}).encode())
        os.replace(folder, partial)
        (partial / WORLD_FILE).unlink()
    elif making.get("fingerprint") != fingerprint or (wanted["truth"] and not making.get("truth")):
        shutil.rmtree(partial, ignore_errors=True)
        frames.write_whole(partial / _MAKING_FILE, json.dumps(wanted).encode())
    return partial


def _finish(recorder: _Recorder, facts: dict[str, Any], folder: Path) -> None:
    partial, world = recorder.folder, recorder.world
    if "frames" not in recorder.outputs:
        shutil.rmtree(partial / "frames")
    described = {
        **{name: value for name, value in facts.items() if name != "config"},
        "outputs": sorted(recorder.outputs),
        "near_m": frames.NEAR_M,
        "cameras": [_describe_camera(one) for one in world.cameras],
        "traversals": [_describe(one) for one in world.traversals],
        "config": facts["config"],
    }
    (partial / WORLD_FILE).write_text(json.dumps(described, indent=2) + "\n")
    (partial / _MAKING_FILE).unlink()
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)


def _describe_camera(mounted: Any) -> dict[str, Any]:
    camera = mounted.camera
    return {
        "name": mounted.name,
        "frame": mounted.frame,
        **{key: getattr(camera, key) for key in ("model", "width", "height", "fx", "fy", "cx")},
        "cy": camera.cy,
        "distortion": list(camera.distortion),
        "base_from_camera": mounted.base_from_camera.tolist(),
    }


def _describe(traversal: Traversal) -> dict[str, Any]:
    trajectory = traversal.trajectory
    return {
        "name": traversal.name,
        "setting": traversal.setting,
        "day": traversal.index,
        "start_ns": traversal.start_ns,
        "seconds": round(trajectory.duration, 3),
        "metres": round(float(trajectory.way[-1]), 3),
        "images": len(traversal.image_times),
    }


def _fingerprint(facts: dict[str, Any]) -> str:
    """Hash of what the world is made of and of the code that makes it."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """The facts in a file of ours, or none."""
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) and "fingerprint" in about else {}
