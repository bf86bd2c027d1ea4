"""A world on disk: the gallery's mapping run and query run as two bags.

The folder holds `mapping/` and `query/` (bags) and `world.json` (the configuration and a
fingerprint of it and of this room's code). It is written beside its place and renamed, so
that a killed run leaves no half world; a folder with the right fingerprint is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import GalleryConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.options import to_mapping
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.gallery.layout import Gallery, build_gallery
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.bag_writer import RobotBagWriter, encode_jpeg
from semloc_ros.worlds.recording.driving import Trajectory, drive_loop
from semloc_ros.worlds.rendering.lighting import bake
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.renderer import Renderer

Progress = Callable[[int, int], None]
WORLD_FILE = "world.json"
_START_NS = 1_760_000_000 * 10**9
_DAY_NS = 86_400 * 10**9
_FIRST_IMAGE_S = 0.0137  # the camera's clock does not tick with the wheels'


@dataclass(frozen=True, slots=True)
class Run:
    """One drive through the world: the index seeds its sensors' noise."""

    name: str
    index: int
    start_ns: int
    trajectory: Trajectory
    image_times: FloatArray
    odometry_times: FloatArray

    def stamps_ns(self, times: FloatArray) -> list[int]:
        """Absolute stamps of times since the start, in seconds."""
        return [self.start_ns + round(float(t) * 1e9) for t in times]


def make_gallery(config: GalleryConfig, folder: Path, progress: Progress | None = None) -> bool:
    """Writes the world unless it is there; returns whether it was written.

    Raises DatasetError if `folder` holds something else.
    """
    fingerprint = _fingerprint(config)
    if _found(folder) == fingerprint:
        return False
    if folder.exists() and any(folder.iterdir()) and _found(folder) is None:
        raise DatasetError(expected(str(folder), "a new folder or a world", "other files"))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _record_runs(config, partial, progress)
    about = {"world": "gallery", "fingerprint": fingerprint, "config": to_mapping(config)}
    (partial / WORLD_FILE).write_text(json.dumps(about, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return True


def gallery_renderer(gallery: Gallery, camera: Camera) -> Renderer:
    """The lit gallery seen by a camera."""
    caster = RayCaster(gallery.scene.mesh.triangles)
    lights = bake(gallery.scene.mesh.patches, caster, list(gallery.lamps), gallery.ambient)
    return Renderer(gallery.scene, lights, caster, camera)


def plan_runs(config: GalleryConfig, gallery: Gallery) -> tuple[Run, Run]:
    """The mapping run and the query run: other ways, other days, other sensor noise."""
    return (
        _plan(config, gallery, "mapping", 0, config.mapping_laps, config.mapping_rate),
        _plan(config, gallery, "query", 1, 1, config.query_rate),
    )


def _plan(
    config: GalleryConfig, gallery: Gallery, name: str, index: int, laps: int, rate: float
) -> Run:
    rng = np.random.default_rng([config.seed, 1, index])
    loop, spread = gallery.loop_xy, config.lateral_spread_m
    trajectory = drive_loop(loop, laps, spread, config.speed, rng)
    end = min(trajectory.duration, config.longest_run_s)
    return Run(
        name, index, _START_NS + index * _DAY_NS, trajectory,
        np.arange(_FIRST_IMAGE_S, end, 1 / rate), np.arange(0.0, end, 1 / config.odometry_rate),
    )  # fmt: skip


def _record_runs(config: GalleryConfig, folder: Path, progress: Progress | None) -> None:
    gallery = build_gallery(config)
    camera = sensors.camera_of(config)
    renderer = gallery_renderer(gallery, camera)
    runs = plan_runs(config, gallery)
    total, done = sum(len(run.image_times) for run in runs), 0
    for run in runs:
        with RobotBagWriter(folder / run.name, config.storage) as bag:
            for _ in _record(config, renderer, camera, run, bag):
                done += 1
                if progress:
                    progress(done, total)


def _record(
    config: GalleryConfig, renderer: Renderer, camera: Camera, run: Run, bag: RobotBagWriter
) -> Iterator[None]:
    """Writes the run's messages in the order of their stamps; yields after each image."""
    odometry = sensors.wheel_odometry(
        run.trajectory.planar(run.odometry_times), run.odometry_times, config,
        np.random.default_rng([config.seed, 2, run.index]),
    )  # fmt: skip
    bag.static_transform(run.start_ns, sensors.base_from_camera(config))
    images = _pictures(config, renderer, run)
    image_stamps, stamps = run.stamps_ns(run.image_times), run.stamps_ns(run.odometry_times)
    base_at_images = run.trajectory.map_from_base(run.image_times)
    bases = run.trajectory.map_from_base(run.odometry_times)
    taken = 0
    for i, stamp in enumerate([*stamps, 2**62]):
        while taken < len(image_stamps) and image_stamps[taken] < stamp:
            bag.truth(image_stamps[taken], base_at_images[taken])
            bag.image(image_stamps[taken], next(images), camera)
            taken += 1
            yield
        if i < len(stamps):
            state = (odometry.odom_from_base[i], odometry.covariances[i], odometry.twists[i])
            bag.odometry(stamp, *state)
            bag.truth(stamp, bases[i])


def _pictures(config: GalleryConfig, renderer: Renderer, run: Run) -> Iterator[NDArray[np.uint8]]:
    """The run's JPEG images in order, rendered by one thread per processor, a few ahead."""
    base_from_camera = sensors.base_from_camera(config)
    poses = se3.inverse(run.trajectory.map_from_base(run.image_times) @ base_from_camera)

    def picture(index: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng([config.seed, 3, run.index, index])
        color = renderer.render(poses[index]).color
        return encode_jpeg(sensors.expose(color, config, rng), config.jpeg_quality)

    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[Future[NDArray[np.uint8]]] = []
        for index in range(len(poses)):
            ahead.append(pool.submit(picture, index))
            if len(ahead) > 2 * workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()


def _fingerprint(config: GalleryConfig) -> str:
    """Hash of the configuration and of the code that makes the world."""
    digest = hashlib.sha256(json.dumps(to_mapping(config), sort_keys=True).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _found(folder: Path) -> str | None:
    """The fingerprint of the world in `folder`, if a whole one is there."""
    try:
        about = json.loads((folder / WORLD_FILE).read_text())
        return str(about["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
