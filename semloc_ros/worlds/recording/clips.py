"""Clips of static cameras with their true moving masks, in the layout of CDnet 2014.

    <clip>/input/in000001.jpg, groundtruth/gt000001.png, ROI.png, temporalROI.txt
    world.json                 the configuration, and a fingerprint of it and of this room's code

Truth per pixel: 255 moves, 170 sways (leaves, flags), 50 lies in the sun's shadow of what moves, 0
stands still, parked cars too. A clip has one exposure. Clips are named
after their view and condition; the gallery's after their room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ClipConfig, GalleryConfig, StreetConfig
from semloc_ros.geometry import se3
from semloc_ros.options import to_mapping
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.actors.cast import GALLERY, make_cast
from semloc_ros.worlds.actors.swaying import WavingFlag
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.folders import make_folder
from semloc_ros.worlds.recording.frames import encode_jpeg, write_whole
from semloc_ros.worlds.recording.gallery import gallery_renderer, visitors
from semloc_ros.worlds.recording.pictures import Exposure, Shutter, develop, meter
from semloc_ros.worlds.recording.recording import Progress
from semloc_ros.worlds.recording.shots import in_threads
from semloc_ros.worlds.recording.street import build_scenery, check_conditions
from semloc_ros.worlds.rendering.renderer import Renderer, Rendering
from semloc_ros.worlds.rendering.scene import Motion, Part, SceneBuilder
from semloc_ros.worlds.street.clips import clip_views
from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT, ClipView, StreetPlan
from semloc_ros.worlds.street.site import make_site

_FIRST_S = 20.0  # traffic is under way when a clip begins
_ROOMS = 2  # of the gallery, with a camera in each
_FLAGS = 19_000  # instances of flags
_FLAG_AHEAD, _TO_KERB = 11.0, 0.9  # metres before the camera; from the middle of the sidewalk
_CORNER, _HEIGHT = 0.35, 0.35  # metres from walls and ceiling to the gallery's cameras
_MASKS = np.zeros(256, dtype=np.uint8)
_MASKS[[Motion.SWAYING, Motion.MOVING]] = 170, 255
_SHADOW, _DARKER = 50, 0.85  # at most this share of the light is left there


@dataclass(frozen=True, slots=True)
class _Set:
    """What some clips are taken of: `parts` by time in seconds and place (2,), a
    shutter, and whether the sun shines."""

    name: str
    renderer: Renderer
    parts: Callable[[float, FloatArray], Sequence[Part]]
    views: Sequence[ClipView]
    shutter: Shutter
    sunny: bool = False


def make_clips(
    config: ClipConfig,
    folder: Path,
    conditions: Sequence[str] = ("summer",),
    progress: Progress | None = None,
) -> bool:
    """Writes the clips unless they are there: see `folders.make_folder`."""
    check_conditions(conditions)

    def fill(making: Path, outputs: set[str]) -> dict[str, Any]:
        clips: list[_Clip] = []
        number = len(clip_views(make_site(config.street))) * len(conditions) + _ROOMS

        def building(what: str) -> None:
            _tell(progress, len(clips), number, f"building {what}", 0, clip_length(config))

        for scenery in _sets(config, conditions, building):
            for view in scenery.views:
                name = "_".join(filter(None, (view.name, scenery.name)))
                clips.append(_Clip(making / name, config, scenery, view, len(clips)))
                clips[-1].write(partial(_tell, progress, len(clips) - 1, number, name))
        return {"clips": [clip.folder.name for clip in clips]}

    facts = {"world": "clips", "conditions": list(conditions), "config": to_mapping(config)}
    return make_folder(folder, facts, {"clips"}, fill)


def _tell(
    progress: Progress | None, before: int, number: int, doing: str, done: int, length: int
) -> None:  # fmt: skip
    """`done` of the `length` frames of a clip, `before` clips of `number` being ready."""
    if progress:
        progress(before * length + done, number * length, doing)


def _sets(
    config: ClipConfig, conditions: Sequence[str], building: Callable[[str], None]
) -> Iterator[_Set]:  # fmt: skip
    """All that clips are taken of, one at a time; `building` hears what comes next."""
    camera = plans.lens(config.image_width, config.image_height, config.field_of_view_deg)
    for name in conditions:
        building(f"street, {name}")
        yield _street(config, replace(config.street, seed=config.seed), name, camera)
    building("gallery")
    yield _gallery(config, replace(config.gallery, seed=config.seed), camera)


def _street(
    config: ClipConfig, street: StreetConfig, name: str, camera: Camera
) -> _Set:
    condition, index = CONDITIONS[name], list(CONDITIONS).index(name)
    scenery = build_scenery(street, name, index, swaying=True)
    rng = plans.stream(street, plans.Stream.TRAFFIC, index, 1)
    moving = scenery.moving(street, None, rng, _FIRST_S + config.seconds)
    flags = [
        WavingFlag(scenery.flag, _flag_place(scenery.plan, view), _FLAGS + 2 * number)
        for number, view in enumerate(scenery.plan.clip_views)
    ]

    def parts(time_s: float, place: FloatArray) -> list[Part]:
        return moving(time_s, place) + [part for one in flags for part in one.parts(time_s)]

    shutter = Shutter(
        condition.exposure_s, config.longest_exposure_ms / 1e3, config.sensors.brightness,
        condition.noise,
    )  # fmt: skip
    sunny = scenery.light.sun_direction is not None
    return _Set(name, scenery.renderer(camera), parts, scenery.plan.clip_views, shutter, sunny)


def _flag_place(plan: StreetPlan, view: ClipView) -> FloatArray:
    """`map_from_flag` (4, 4): on the sidewalk, at the kerb, in the middle of a view."""
    wanted = (view.map_from_camera @ [0, 0, _FLAG_AHEAD, 1])[:2]
    kerb = _nearest(plan.walks, wanted)
    road = _nearest([lane.xy for lane in plan.lanes if lane.kind == "car"], kerb)
    place = kerb + _TO_KERB * (road - kerb) / np.linalg.norm(road - kerb)
    return se3.make_pose(np.eye(3), np.append(place, SIDEWALK_HEIGHT))


def _nearest(lines: Iterable[FloatArray], point: FloatArray) -> FloatArray:
    """The point (2,) of all lines (N, 2) that is nearest to a point."""
    starts = np.concatenate([line[:-1] for line in lines])
    ways = np.concatenate([np.diff(line, axis=0) for line in lines])
    share = np.einsum("ij,ij->i", point - starts, ways) / np.einsum("ij,ij->i", ways, ways)
    feet = starts + np.clip(share, 0, 1)[:, None] * ways
    nearest: FloatArray = feet[np.argmin(np.linalg.norm(feet - point, axis=1))]
    return nearest


def _gallery(config: ClipConfig, gallery: GalleryConfig, camera: Camera) -> _Set:
    builder, rng = SceneBuilder(), plans.stream(gallery, plans.Stream.CAST, 2)
    cast = make_cast(builder, rng, GALLERY)
    built = build_gallery(gallery, builder=builder)
    crowd = visitors(built, cast, config.crowd, None, rng, _FIRST_S + config.seconds)
    shutter = Shutter(
        gallery.exposure_ms / 1e3, config.longest_exposure_ms / 1e3, config.sensors.brightness
    )
    views = tuple(
        ClipView(f"gallery_{number}", _from_a_corner(gallery, centre))
        for number, centre in enumerate(built.loop_xy[:: 4 // _ROOMS], 1)
    )
    renderer = gallery_renderer(built, camera)
    return _Set("", renderer, lambda time_s, place: crowd(time_s), views, shutter)


def _from_a_corner(config: GalleryConfig, centre: FloatArray) -> FloatArray:
    """`map_from_camera` (4, 4) high in a corner of the room around `centre` (2,), looking across
    the room to the floor."""
    half = np.array([config.room_width_m, config.room_depth_m]) / 2
    eye = np.append(centre - half + _CORNER, config.room_height_m - _HEIGHT)
    forward = np.append(centre + 0.3 * half, 0.6) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return se3.make_pose(rotation, eye)


@dataclass(frozen=True, slots=True)
class _Clip:
    """One clip in the making: `index` seeds its noise."""

    folder: Path
    config: ClipConfig
    scenery: _Set
    view: ClipView
    index: int

    def write(self, told: Callable[[int, int], None]) -> None:
        """All frames that are not there; `told` hears how many are."""
        length = clip_length(self.config)
        missing = [n for n in range(length) if not self._input(n).exists()]
        done = length - len(missing)
        if missing:
            exposure = self._exposure()
            take = partial(self._take, exposure)
            for _ in in_threads(lambda shot: take(shot[0]), ((n, 0) for n in missing)):
                done += 1
                told(done, length)
        region = np.full((self.config.image_height, self.config.image_width), 255, dtype=np.uint8)
        write_whole(self.folder / "ROI.png", _png(region))
        write_whole(self.folder / "temporalROI.txt", f"1 {length}\n".encode())

    def _take(self, exposure: Exposure, number: int) -> None:
        rendering = self._render(number)
        rng = np.random.default_rng([self.config.seed, plans.Stream.IMAGES, self.index, number])
        sensors = self.config.sensors
        noise = self.scenery.shutter.noise
        picture = develop(rendering.color, exposure, noise, sensors, rng)
        truth = self.folder / "groundtruth" / f"gt{number + 1:06d}.png"
        write_whole(truth, _png(self._mask(number, rendering)))
        write_whole(self._input(number), encode_jpeg(picture, sensors.jpeg_quality))

    def _exposure(self) -> Exposure:
        """That of the first frame: a static camera's, so what changes is the world."""
        color = self._render(0).color
        return meter(color, self.scenery.shutter, self.config.sensors.max_gain)

    def _mask(self, number: int, rendering: Rendering) -> NDArray[np.uint8]:
        mask = _MASKS[rendering.motions]
        if self.scenery.sunny and (mask == 255).any():
            shade = shadows(rendering, self._render(number, moving=False))
            mask[shade & (mask == 0)] = _SHADOW
        return mask

    def _render(self, number: int, *, moving: bool = True) -> Rendering:
        time_s, pose = _FIRST_S + number / self.config.rate, self.view.map_from_camera
        parts = self.scenery.parts(time_s, pose[:2, 3])
        if not moving:
            parts = [part for part in parts if part.motion is not Motion.MOVING]
        return self.scenery.renderer.render(se3.inverse(pose), parts)

    def _input(self, number: int) -> Path:
        return self.folder / "input" / f"in{number + 1:06d}.jpg"


def shadows(with_all: Rendering, without: Rendering) -> NDArray[np.bool_]:
    """Where (H, W) it is darker with what moves than without, although nothing of it is there."""
    light, free = (one.color.sum(axis=2) for one in (with_all, without))
    # The rim of what moves takes its colour in part.
    there = cv2.dilate((with_all.motions == Motion.MOVING).astype(np.uint8), np.ones((3, 3)))
    return np.asarray((light < _DARKER * free) & (there == 0))


def clip_length(config: ClipConfig) -> int:
    """Frames of each clip."""
    return max(1, round(config.seconds * config.rate))


def _png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1].tobytes())
