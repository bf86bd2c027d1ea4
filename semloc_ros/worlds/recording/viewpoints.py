"""Where visitors of a gallery take pictures: before the paintings, at eye level, hardly level.

As the test views of Virtual Gallery (Weinzaepfel et al., CVPR 2019, section 4): random positions,
heights, orientations and focal lengths that are plausible and span the whole scene. Viewpoints
depend on the gallery's seed and sizes alone, not on its light, its visitors or what was moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.gallery.layout import RoomPlan, plan_rooms
from semloc_ros.worlds.recording import traversal as plans

_AT_RANDOM = 0.12  # share of the pictures that are of no painting in particular
_HEIGHT = (1.4, 1.9)  # metres
_DISTANCE = (1.0, 4.5)  # metres to the painting that is meant
_ASIDE = np.radians(30.0)  # 1 sigma of the angle to the painting's normal
_MOST_ASIDE = np.radians(65.0)
_OFF_MIDDLE = 0.45  # of the view's width: so far off the middle of the picture it is, at most
_PITCH, _ROLL = np.radians(4.0), np.radians(3.0)  # 1 sigma
_LEVEL_PITCH = np.radians(20.0)  # 1 sigma, of pictures of nothing in particular
_VIEW = (50.0, 75.0)  # degrees across
_FROM_WALLS, _FROM_FURNITURE = 0.45, (0.95, 0.6)  # metres; from the middle of bench and plinth
_ONE_SIDE = 30  # places before one painting that are tried


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """One picture: its camera, and `camera_from_map` (4, 4)."""

    camera: Camera
    camera_from_map: FloatArray


def plan_viewpoints(config: GalleryConfig, rng: np.random.Generator) -> tuple[Viewpoint, ...]:
    """`config.free_views` viewpoints; every painting is meant about equally often."""
    rooms = plan_rooms(config)
    return tuple(
        _viewpoint(config, rooms, meant, rng)
        for meant in _meant(rooms, config.free_views, rng)
    )


def _meant(
    rooms: Sequence[RoomPlan], number: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Room and place of the painting that each picture is of, in shuffled rounds."""
    places = [(k, j) for k, room in enumerate(rooms) for j in range(len(room.places))]
    found: list[tuple[int, int]] = []
    while places and len(found) < number:
        found += [places[int(k)] for k in rng.permutation(len(places))]
    return found[:number] or [(int(k), -1) for k in rng.integers(len(rooms), size=number)]


def _viewpoint(
    config: GalleryConfig, rooms: Sequence[RoomPlan], meant: tuple[int, int],
    rng: np.random.Generator,
) -> Viewpoint:  # fmt: skip
    low, high = (1 / np.tan(np.radians(view) / 2) for view in _VIEW)
    view = 2 * np.arctan(1 / rng.uniform(high, low))  # focal lengths are equally likely
    room, height = rooms[meant[0]], rng.uniform(*_HEIGHT)
    spot = None
    if meant[1] >= 0 and rng.uniform() >= _AT_RANDOM:
        middle, out = room.places[meant[1]]
        spot = _before(room, middle, out, rng)
    if spot is None:
        spot, yaw = _anywhere(room, rng), rng.uniform(-np.pi, np.pi)
        pitch = rng.normal(0, _LEVEL_PITCH)
    else:
        x, y, z = middle - np.append(spot, height)
        yaw = np.arctan2(y, x) + view * rng.uniform(-_OFF_MIDDLE, _OFF_MIDDLE)
        pitch = np.arctan2(z, np.hypot(x, y)) + rng.normal(0, _PITCH)
    level = plans.mount(float(yaw), float(pitch), (float(spot[0]), float(spot[1]), height))
    rolled = level @ se3.exp(np.array([0, 0, 0, 0, 0, rng.normal(0, _ROLL)]))
    return Viewpoint(_camera(config, float(view)), se3.inverse(rolled))


def _camera(config: GalleryConfig, view: float) -> Camera:
    """A pinhole, `view` rad across: phones take the distortion out of their pictures."""
    width, height = config.image_width, config.image_height
    focal = float(width / 2 / np.tan(view / 2))
    return Camera("pinhole", width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def _before(
    room: RoomPlan, middle: FloatArray, out: FloatArray, rng: np.random.Generator
) -> FloatArray | None:
    """A place (2,) in the room from which the painting can be seen, or None."""
    for _ in range(_ONE_SIDE):
        aside = float(np.clip(rng.normal(0, _ASIDE), -_MOST_ASIDE, _MOST_ASIDE))
        cosine, sine = np.cos(aside), np.sin(aside)
        way = np.array([cosine * out[0] - sine * out[1], sine * out[0] + cosine * out[1]])
        spot: FloatArray = middle[:2] + rng.uniform(*_DISTANCE) * way
        if _may_stand(room, spot):
            return spot
    return None


def _anywhere(room: RoomPlan, rng: np.random.Generator) -> FloatArray:
    while True:
        spot = rng.uniform(room.room.low, room.room.high)
        if _may_stand(room, spot):
            return spot


def _may_stand(room: RoomPlan, spot: FloatArray) -> bool:
    low, high = np.array(room.room.low) + _FROM_WALLS, np.array(room.room.high) - _FROM_WALLS
    far = np.linalg.norm(room.furniture - spot, axis=1) > _FROM_FURNITURE
    return bool((spot > low).all() and (spot < high).all() and far.all())
