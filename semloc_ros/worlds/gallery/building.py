"""Parts of buildings: walls with doorways, and what hangs on them.

Map frame: x east, y north, z up, floor at z = 0. Wall coordinates, as a viewer in the room
sees the wall: u to the right, v down from the top edge, both in metres; `out` is the distance
from the wall into the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import Piece, SceneBuilder, Surface

Span = tuple[float, float]
_DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True, slots=True)
class Wall:
    """One side of a room: `top_left` (3,), unit `right` (3,), size in metres, doorway or None."""

    top_left: FloatArray
    right: FloatArray
    length: float
    height: float
    door: Span | None
    door_height: float

    @property
    def out(self) -> FloatArray:
        """Unit vector into the room."""
        return np.cross(_DOWN, self.right)

    def point(self, u: float, v: float, out: float = 0.0) -> FloatArray:
        """Map point (3,) of wall coordinates."""
        where: FloatArray = self.top_left + u * self.right + v * _DOWN + out * self.out
        return where

    @property
    def map_from_wall(self) -> FloatArray:
        """Pose (4, 4) of wall coordinates: u, v, and into the wall."""
        return se3.make_pose(np.stack([self.right, _DOWN, -self.out], axis=1), self.top_left)

    def pieces(self) -> list[Piece]:
        """The wall around its doorway, in wall coordinates."""
        if self.door is None:
            return [(0.0, 0.0, self.length, self.height)]
        left, right = self.door
        lintel = self.height - self.door_height
        return [
            (0.0, 0.0, left, self.height),
            (right, 0.0, self.length, self.height),
            (left, 0.0, right, lintel),
        ]

    def spans(self) -> list[Span]:
        """The parts of the wall's foot that are not doorway."""
        if self.door is None:
            return [(0.0, self.length)]
        return [(0.0, self.door[0]), (self.door[1], self.length)]


@dataclass(frozen=True, slots=True)
class Room:
    """A rectangular room: `low`, `high` (x, y) corners; walls north, east, south, west."""

    low: tuple[float, float]
    high: tuple[float, float]
    height: float
    walls: tuple[Wall, ...]

    @property
    def centre(self) -> FloatArray:
        """(x, y)."""
        return (np.array(self.low) + self.high) / 2


def make_room(
    low: tuple[float, float], high: tuple[float, float], height: float,
    doors: Sequence[bool], door_width: float, door_height: float,
) -> Room:  # fmt: skip
    """A room with a doorway in the middle of each wall (north, east, south, west) in `doors`."""
    (x0, y0), (x1, y1) = low, high
    corners = ((x0, y1), (x1, y1), (x1, y0), (x0, y0))
    walls = []
    for k in range(4):
        start, end = np.array(corners[k]), np.array(corners[(k + 1) % 4])
        length = float(np.linalg.norm(end - start))
        door = ((length - door_width) / 2, (length + door_width) / 2) if doors[k] else None
        right = np.append((end - start) / length, 0.0)
        walls.append(Wall(np.append(start, height), right, length, height, door, door_height))
    return Room(low, high, height, tuple(walls))


def add_wall_box(
    builder: SceneBuilder, wall: Wall, area: Piece, thickness: float, front: Surface,
    sides: Surface,
    instance: int, start: float = 0.0,
) -> None:  # fmt: skip
    """A flat box on the wall: `area` = left, top, right, bottom; it stands from `start` metres
    off the wall to `start + thickness`."""
    left, top, right, bottom = area
    end = start + thickness
    across, along = (right - left) * wall.right, (bottom - top) * _DOWN
    depth = thickness * wall.out
    builder.add_rectangle(wall.point(left, top, end), across, along, front, instance)
    builder.add_rectangle(wall.point(left, top, start), depth, along, sides, instance)
    builder.add_rectangle(wall.point(right, top, end), -depth, along, sides, instance)
    builder.add_rectangle(wall.point(left, top, start), across, depth, sides, instance)
    builder.add_rectangle(wall.point(left, bottom, end), across, -depth, sides, instance)


def add_frame(
    builder: SceneBuilder, wall: Wall, area: Piece, width: float, thickness: float,
    surface: Surface, instance: int, sill: bool = True,
) -> None:  # fmt: skip
    """Bars of `width` around `area` on the wall; without `sill` open at the foot."""
    left, top, right, bottom = area
    foot = bottom + width if sill else bottom
    bars = [
        (left - width, top - width, right + width, top),
        (left - width, top, left, foot),
        (right, top, right + width, foot),
    ]
    if sill:
        bars.append((left, bottom, right, foot))
    for bar in bars:
        add_wall_box(builder, wall, bar, thickness, surface, surface, instance)


def add_reveal(
    builder: SceneBuilder, wall: Wall, thickness: float, surface: Surface, floor: Surface,
    instance: int,
) -> None:  # fmt: skip
    """The inside of a doorway, through a wall of `thickness` behind `wall`."""
    if wall.door is None:
        return
    left, right = wall.door
    top, depth = wall.height - wall.door_height, thickness * wall.out
    across, along = (right - left) * wall.right, wall.door_height * _DOWN
    builder.add_rectangle(wall.point(left, top), -depth, along, surface, instance)
    builder.add_rectangle(wall.point(right, top, -thickness), depth, along, surface, instance)
    builder.add_rectangle(wall.point(left, top), across, -depth, surface, instance)
    floor_left = wall.point(left, wall.height, -thickness)
    builder.add_rectangle(floor_left, across, depth, floor, instance)
