"""Pictures of one traversal, taken by one thread per processor.

A picture is a function of the traversal and its index alone, so threads and interrupted runs
change nothing. Only a few pictures are on their way at a time: memory does not grow with the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.pictures import Exposure, develop, meter
from semloc_ros.worlds.recording.traversal import (
    MountedCamera,
    Stage,
    Stream,
    Traversal,
    WorldConfig,
    stream,
)
from semloc_ros.worlds.rendering.blur import motion_blur
from semloc_ros.worlds.rendering.renderer import Rendering

Shot = tuple[int, int]  # index of the picture, index of the camera


@dataclass(frozen=True, slots=True)
class Studio:
    """All that one traversal's pictures need."""

    config: WorldConfig
    cameras: Sequence[MountedCamera]
    traversal: Traversal
    stage: Stage

    def render(self, shot: Shot) -> Rendering:
        """The scene at the middle of the exposure, sharp."""
        index, mounted = shot[0], self.cameras[shot[1]]
        times = self.traversal.image_times[index : index + 1]
        pose = self.traversal.camera_from_map(mounted, times)[0]
        return self.stage.renderers[mounted.name].render(pose, self.stage.parts(float(times[0])))

    def develop(self, shot: Shot, rendering: Rendering) -> NDArray[np.uint8]:
        """The picture (H, W, 3) that the camera makes of it."""
        sensors, shutter = self.config.sensors, self.traversal.shutter
        exposure = meter(rendering.color, shutter, sensors.max_gain)
        color = rendering.color
        if sensors.motion_blur:
            color = self._blurred(shot, rendering, exposure)
        rng = stream(self.config, Stream.IMAGES, self.traversal.index, *shot)
        return develop(color, exposure, shutter.noise, sensors, rng)

    def _blurred(
        self, shot: Shot, rendering: Rendering, exposure: Exposure
    ) -> NDArray[np.float32]:
        mounted = self.cameras[shot[1]]
        half = exposure.seconds / 2
        times = self.traversal.image_times[shot[0]] + np.array([-half, half])
        earlier, later = self.traversal.camera_from_map(mounted, times)
        motion = later @ se3.inverse(earlier)
        return motion_blur(rendering.color, rendering.depth, mounted.camera, motion)

    def take(self, shot: Shot, folder: Path, with_truth: bool) -> None:
        """Write a picture, and its truth before it."""
        rendering, name = self.render(shot), self.cameras[shot[1]].name
        picture = self.develop(shot, rendering)
        if with_truth:
            frames.write_truth(folder, name, shot[0], rendering)
        data = frames.encode_jpeg(picture, self.config.sensors.jpeg_quality)
        frames.write_whole(frames.picture_path(folder, name, shot[0]), data)


def missing_shots(
    folder: Path, cameras: Sequence[MountedCamera], traversal: Traversal
) -> list[Shot]:
    """The pictures of a traversal that are not in its dataset folder yet, in order of time."""
    return [
        (index, number)
        for index in range(len(traversal.image_times))
        for number, one in enumerate(cameras)
        if not frames.picture_path(folder, one.name, index).exists()
    ]


def processors() -> int:
    """How many pictures are taken at once."""
    return len(os.sched_getaffinity(0))


def in_threads(work: Callable[[Shot], None], shots: Iterable[Shot]) -> Iterator[None]:
    """Does the work for each shot, one thread per processor; yields after each, in order."""
    workers = processors()
    pool = ThreadPoolExecutor(workers)
    try:
        ahead: list[Future[None]] = []
        for shot in shots:
            ahead.append(pool.submit(work, shot))
            if len(ahead) > 2 * workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
