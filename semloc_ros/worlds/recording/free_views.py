"""Pictures that visitors of a world take, each with a camera of its own, as a dataset folder.

    frames/views/              kapture (`frames`): sensors view_000000, … and no rig;
                               pictures views/000000.jpg with their truth, objects.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.objects import OBJECTS_FILE, write_objects
from semloc_ros.worlds.recording.pictures import Shutter, develop, meter
from semloc_ros.worlds.recording.shots import in_threads
from semloc_ros.worlds.recording.traversal import (
    PlannedObject,
    Stream,
    WorldConfig,
    start_of_day_ns,
    stream,
)
from semloc_ros.worlds.recording.viewpoints import Viewpoint
from semloc_ros.worlds.rendering.renderer import Renderer, Rendering
from semloc_ros.worlds.rendering.scene import Part

FOLDER = "views"
EVERY_S = 4.0  # between pictures: visitors have gone on since the last
_FROM_CAMERA = 0.75  # metres: whom the camera would be in is not there


@dataclass(frozen=True, slots=True)
class ViewStage:
    """The world as the pictures find it: what renders it for a camera, what moves by time in
    seconds, and the objects of interest."""

    renderer: Callable[[Camera], Renderer]
    parts: Callable[[float], Sequence[Part]]
    objects: Sequence[PlannedObject]


@dataclass(frozen=True, slots=True)
class FreeViews:
    """All pictures of a world, one every `EVERY_S`: `viewpoints` and as many `shutters`; `setting`
    names the state of the world; `index` seeds noise and is the day; `build` makes the stage, which
    may take a while."""

    config: WorldConfig
    setting: str
    index: int
    viewpoints: Sequence[Viewpoint]
    shutters: Sequence[Shutter]
    build: Callable[[], ViewStage]

    def missing(self, world: Path) -> list[int]:
        """The pictures that are not there yet."""
        folder = _folder(world)
        numbers = range(len(self.viewpoints))
        return [k for k in numbers if not frames.picture_path(folder, FOLDER, k).exists()]

    def write(self, world: Path, told: Callable[[int, str], None]) -> None:
        """All that is missing; `told` hears how many of these are there, and what is done."""
        folder, missing = _folder(world), self.missing(world)
        if missing or not (folder / OBJECTS_FILE).exists():
            told(0, f"building {FOLDER}")
            stage = self.build()
            shots = ((number, 0) for number in missing)
            taken = in_threads(lambda shot: self._take(stage, shot[0], folder), shots)
            for done, _ in enumerate(taken, 1):
                told(done, FOLDER)
            write_objects(world, folder, stage.objects)
        cameras = [one.camera for one in self.viewpoints]
        poses = [one.camera_from_map for one in self.viewpoints]
        start = start_of_day_ns(self.index)
        stamps = [start + round(EVERY_S * 1e9) * k for k in range(len(poses))]
        frames.write_view_tables(folder, FOLDER, stamps, cameras, poses)

    def describe(self) -> dict[str, Any]:
        """For world.json."""
        return {
            "name": FOLDER,
            "setting": self.setting,
            "day": self.index,
            "images": len(self.viewpoints),
        }

    def render(self, stage: ViewStage, number: int) -> Rendering:
        """A picture's scene, sharp: visitors hold still while they take it."""
        view = self.viewpoints[number]
        eye = se3.inverse(view.camera_from_map)[:2, 3]
        parts = [one for one in stage.parts(EVERY_S * number) if _distance(one, eye) > _FROM_CAMERA]
        return stage.renderer(view.camera).render(view.camera_from_map, parts)

    def develop(self, number: int, rendering: Rendering) -> NDArray[np.uint8]:
        """The picture (H, W, 3) that the camera makes of it."""
        sensors, shutter = self.config.sensors, self.shutters[number]
        exposure = meter(rendering.color, shutter, sensors.max_gain)
        rng = stream(self.config, Stream.IMAGES, self.index, number)
        return develop(rendering.color, exposure, shutter.noise, sensors, rng)

    def _take(self, stage: ViewStage, number: int, folder: Path) -> None:
        rendering = self.render(stage, number)
        picture = self.develop(number, rendering)
        frames.write_truth(folder, FOLDER, number, rendering)
        data = frames.encode_jpeg(picture, self.config.sensors.jpeg_quality)
        frames.write_whole(frames.picture_path(folder, FOLDER, number), data)


def _folder(world: Path) -> Path:
    return world / "frames" / FOLDER


def _distance(part: Part, eye: FloatArray) -> float:
    return float(np.linalg.norm(part.map_from_mesh[:2, 3] - eye))
