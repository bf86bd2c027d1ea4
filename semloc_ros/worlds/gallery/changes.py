"""What changes in the gallery: copies of posters, and paintings that hang elsewhere another day.

Copies hang there always: the same picture in several rooms, so that seeing it does not say
where one is. Moves and swaps belong to a `State`: ids of objects and instances and all pictures
stay, only places differ. A painting goes with its frame and its label, rigidly.

Each kind of change has a random stream of its own: more of one leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray
from semloc_ros.worlds.gallery.building import Room, Span, Wall
from semloc_ros.worlds.rendering.scene import Piece, SceneBuilder

_POSTERS, _MOVES, _SWAPS = 40, 41, 42  # random streams
_FRAME_ROOM = 0.1  # metres kept free left of a canvas: its frame and air
_LABEL_ROOM = 0.29  # right of it: its label and air
_LEAST_MOVE = 0.12  # metres


@dataclass(frozen=True, slots=True)
class State:
    """The gallery on one day: `light` is one of `lights.LIGHTS`; `moved` paintings hang elsewhere
    along their wall and `swapped` pairs have changed places, as far as they fit."""

    light: str = "day"
    moved: int = 0
    swapped: int = 0


USUAL = State()


def query_state(config: GalleryConfig) -> State:
    """The state in which the query run finds the gallery; the mapping run finds `USUAL`."""
    return State(config.light, config.moved_paintings, config.swapped_paintings)


@dataclass(frozen=True, slots=True)
class Hanging:
    """Where a painting hangs: `area` (left, top, right, bottom) of its canvas within `span` of the
    wall; `patches` and `triangles` are the rows of the scene that belong to it."""

    room: Room
    wall: Wall
    span: Span
    area: Piece
    patches: slice
    triangles: slice


def choose_posters(config: GalleryConfig, places: Sequence[int]) -> list[dict[int, int]]:
    """Per room: place → painting of the first room of which a copy hangs there.

    `places`: number of paintings of each room.
    """
    rng = np.random.default_rng([config.seed, _POSTERS])
    originals = rng.permutation(places[0])[: config.duplicated_posters].tolist()
    copies: list[dict[int, int]] = [{}]
    for number in places[1:]:
        chosen = rng.permutation(number)[: len(originals)].tolist()
        copies.append(dict(zip(chosen, originals[: len(chosen)], strict=True)))
    return copies


def rehang(
    builder: SceneBuilder, hangings: Sequence[Hanging], seed: int, state: State
) -> dict[int, FloatArray]:
    """Moves what hangs elsewhere in `state`; painting → its motion (4, 4) in the map.

    No painting is both swapped and moved.
    """
    motions = _swaps(hangings, state.swapped, np.random.default_rng([seed, _SWAPS]))
    rng = np.random.default_rng([seed, _MOVES])
    stay = [index for index in rng.permutation(len(hangings)).tolist() if index not in motions]
    moved = {index: _move(hangings[index], rng) for index in stay}
    far = [index for index in stay if _distance(moved[index]) >= _LEAST_MOVE]
    motions.update({index: moved[index] for index in far[: state.moved]})
    for index, motion in motions.items():
        _apply(builder, hangings[index], motion)
    return motions


def _swaps(
    hangings: Sequence[Hanging], pairs: int, rng: np.random.Generator
) -> dict[int, FloatArray]:
    """Pairs of different rooms whose paintings fit each other's place."""
    motions: dict[int, FloatArray] = {}
    order = rng.permutation(len(hangings)).tolist()
    for at, one in enumerate(order):
        for other in order[at + 1 :]:
            if len(motions) == 2 * pairs:
                return motions
            if one in motions or other in motions:
                continue
            a, b = hangings[one], hangings[other]
            if a.room is not b.room and _fits(a, b) and _fits(b, a):
                motions[one], motions[other] = _to_place(a, b), _to_place(b, a)
    return motions


def _fits(painting: Hanging, place: Hanging) -> bool:
    """Whether the painting with frame and label fits the place of the other."""
    width = painting.area[2] - painting.area[0]
    return width + _FRAME_ROOM + _LABEL_ROOM <= place.span[1] - place.span[0]


def _to_place(painting: Hanging, place: Hanging) -> FloatArray:
    """The motion that brings the painting where the other hangs, middle to middle as far as the
    wall is long enough."""
    left, top, right, bottom = painting.area
    low, high = place.span[0] + _FRAME_ROOM, place.span[1] - _LABEL_ROOM - (right - left)
    wanted = (place.area[0] + place.area[2] - (right - left)) / 2
    shift = np.array([np.clip(wanted, low, high) - left, 0.0, 0.0])
    shift[1] = (place.area[1] + place.area[3] - top - bottom) / 2
    return _carry(painting.wall, place.wall, shift)


def _move(painting: Hanging, rng: np.random.Generator) -> FloatArray:
    """A motion along the wall, towards where there is more room, and a little up or down."""
    left, _, right, _ = painting.area
    rooms = (
        left - painting.span[0] - _FRAME_ROOM,
        painting.span[1] - right - _LABEL_ROOM,
    )
    side = int(rooms[1] > rooms[0])
    along = max(rooms[side], 0.0) * rng.uniform(0.6, 1.0) * (2 * side - 1)
    up_or_down = rng.uniform(0.04, 0.12) * (2 * int(rng.integers(2)) - 1)
    return _carry(painting.wall, painting.wall, np.array([along, up_or_down, 0.0]))


def _carry(start: Wall, end: Wall, shift: FloatArray) -> FloatArray:
    """The motion (4, 4) that takes a thing at (u, v) of one wall to (u, v) + shift of another."""
    step = se3.make_pose(np.eye(3), shift)
    motion: FloatArray = end.map_from_wall @ step @ se3.inverse(start.map_from_wall)
    return motion


def _distance(motion: FloatArray) -> float:
    """How far a motion within a wall's plane goes, in metres."""
    return float(np.linalg.norm(motion[:3, 3]))


def _apply(builder: SceneBuilder, hanging: Hanging, motion: FloatArray) -> None:
    rotation = motion[:3, :3]
    builder.patches[hanging.patches] = [
        (
            rotation @ corner + motion[:3, 3], rotation @ across, rotation @ along, surface,
            instance,
        )
        for corner, across, along, surface, instance in builder.patches[hanging.patches]
    ]  # fmt: skip
    builder.triangles[hanging.triangles] = [
        se3.transform(motion, triangle) for triangle in builder.triangles[hanging.triangles]
    ]
