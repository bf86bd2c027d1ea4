"""The gallery: rooms in a ring, joined by doorways, hung with paintings.

Rooms stand in a grid of `columns` by two; a loop through their doorways passes all of them.
Everything is drawn from one seed. Objects have instance ids: 1 is the building, each
painting, bench and plinth has its own. What may differ from day to day (the light, where
paintings hang) is a `changes.State`: ids and everything else stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray
from semloc_ros.worlds.gallery.building import (
    Room,
    Span,
    Wall,
    add_frame,
    add_reveal,
    add_wall_box,
    make_room,
)
from semloc_ros.worlds.gallery.changes import USUAL, Hanging, State, choose_posters, rehang
from semloc_ros.worlds.gallery.lights import LIGHTS, Setting, burning_panels, spots
from semloc_ros.worlds.rendering.light import Light
from semloc_ros.worlds.rendering.lighting import Lamp
from semloc_ros.worlds.rendering.scene import Piece, Scene, SceneBuilder, Surface
from semloc_ros.worlds.textures import paintings, surfaces

WALL_THICKNESS = 0.2
_DOOR = (1.7, 2.35)  # width, height
_FRAME = (0.06, 0.034)  # width, thickness of a picture frame
_CANVAS = 0.04  # metres off the wall: proud of its frame, so that no view hides its border
_PANELS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))  # shares of the room
_EYE_LEVEL = 1.5  # height of a painting's middle
_WALL_COLORS = ((206, 198, 184), (178, 196, 200), (204, 180, 168), (190, 200, 176), (198, 190, 206))
_WOODS = ((120, 78, 46), (164, 120, 76), (70, 46, 34), (190, 160, 96))


@dataclass(frozen=True, slots=True)
class Painting:
    """`corners_map` (4, 3): top left, top right, bottom right, bottom left of the canvas;
    `texture` (H, W, 3) its picture, texel corners on those corners. Copies of a poster have the
    same `object_id`, and an `instance` each."""

    object_id: int
    instance: int
    style: str
    corners_map: FloatArray
    texture: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The scene and what is known of it. `lamps` are those that burn. `loop_xy` (N, 2): corners of
    the ring of rooms, counter-clockwise, so that a camera looking right sees the outer walls.
    `obstacles` (N, 4): x, y, x, y of furniture on the floor."""

    scene: Scene
    lamps: tuple[Lamp, ...]
    light: Light
    paintings: tuple[Painting, ...]
    rooms: tuple[Room, ...]
    loop_xy: FloatArray
    obstacles: FloatArray


def build_gallery(
    config: GalleryConfig, state: State = USUAL, builder: SceneBuilder | None = None
) -> Gallery:
    """The gallery of a configuration in a state: same arguments, same gallery, bit for bit.

    `builder` may hold the textures of what will move there.
    """
    setting = LIGHTS[state.light]
    rng = np.random.default_rng([config.seed, 0])
    decorator = _Decorator(config, setting, rng, builder or SceneBuilder())
    rooms = _floor_plan(config)
    places = _places(rooms, config)
    posters = choose_posters(config, [len(here) for here in places])
    for number, (room, here, twins) in enumerate(zip(rooms, places, posters, strict=True)):
        decorator.add_shell(room, burning_panels(config.seed, number, setting))
        decorator.hang_paintings(room, here, twins)
        decorator.add_furniture(*_furniture(room, rooms))
    decorator.rehang(state)
    return Gallery(
        scene=decorator.builder.build(),
        lamps=tuple(decorator.lamps),
        light=setting.light(),
        paintings=tuple(decorator.paintings),
        rooms=tuple(rooms),
        loop_xy=_ring_corners(rooms),
        obstacles=np.array(decorator.obstacles),
    )


def ring_xy(config: GalleryConfig) -> FloatArray:
    """The corners `Gallery.loop_xy` (N, 2), without building the gallery."""
    return _ring_corners(_floor_plan(config))


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What is known of a room before it is built: `places`, where paintings hang when nothing has
    been moved: `middle` (3,) and `out` (3,), the unit vector into the room; `furniture` (N, 2) the
    middles of what stands on the floor, to 15 cm."""

    room: Room
    places: tuple[tuple[FloatArray, FloatArray], ...]
    furniture: FloatArray


def plan_rooms(config: GalleryConfig) -> list[RoomPlan]:
    """The rooms of `build_gallery`, without building them."""
    rooms = _floor_plan(config)
    return [
        RoomPlan(
            room,
            tuple(
                (wall.point((start + end) / 2, wall.height - _EYE_LEVEL), wall.out)
                for wall, (start, end) in places
            ),
            np.stack(_furniture(room, rooms)),
        )
        for room, places in zip(rooms, _places(rooms, config), strict=True)
    ]


def _floor_plan(config: GalleryConfig) -> list[Room]:
    width, depth, height = config.room_width_m, config.room_depth_m, config.room_height_m
    rooms = []
    for row in range(2):
        for column in range(config.columns):
            x, y = column * (width + WALL_THICKNESS), row * (depth + WALL_THICKNESS)
            end = column in (0, config.columns - 1)
            doors = (row == 0 and end, column < config.columns - 1, row == 1 and end, column > 0)
            rooms.append(make_room((x, y), (x + width, y + depth), height, doors, *_DOOR))
    return rooms


def _ring_corners(rooms: list[Room]) -> FloatArray:
    centres = np.array([room.centre for room in rooms])
    (x0, y0), (x1, y1) = centres.min(axis=0), centres.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _outward(room: Room, rooms: list[Room]) -> FloatArray:
    """Signs (x, y) of the direction from the middle of the building to this room."""
    middle = np.mean([other.centre for other in rooms], axis=0)
    outward: FloatArray = np.sign(np.round(room.centre - middle, 3))
    return outward


def _furniture(room: Room, rooms: list[Room]) -> tuple[FloatArray, FloatArray]:
    """Where (2,) the bench and the plinth stand, roughly: on the outer side of the room, away from
    the path."""
    outward, half = _outward(room, rooms), (np.array(room.high) - room.low) / 2
    return room.centre + outward * (half - 1.5), room.centre + outward * (half - 0.7)


class _Decorator:
    """Fills a scene room by room; every random choice comes from one generator, in order."""

    def __init__(
        self, config: GalleryConfig, setting: Setting, rng: np.random.Generator,
        builder: SceneBuilder,
    ) -> None:  # fmt: skip
        self.builder = builder
        self.lamps: list[Lamp] = []
        self.paintings: list[Painting] = []
        self.hangings: list[Hanging] = []
        self.obstacles: list[tuple[float, float, float, float]] = []
        self._config, self._setting, self._rng = config, setting, rng
        self._scale = 1000.0 / config.texel_mm
        self._building = self.builder.new_instance()
        self._canvases: dict[int, Surface] = {}
        self._styles: list[str] = []
        self._wall_colors: list[tuple[int, ...]] = []

    def add_shell(self, room: Room, burning: NDArray[np.bool_]) -> None:
        """Floor, ceiling, walls, skirting, door frames and lamps."""
        rng, builder, instance = self._rng, self.builder, self._building
        (x0, y0), (x1, y1) = room.low, room.high
        width, depth = x1 - x0, y1 - y0
        flooring = surfaces.parquet if rng.uniform() < 0.55 else surfaces.tiles
        stone = (176, 170, 160) if flooring is surfaces.tiles else _choose(rng, _WOODS[:2])
        floor = builder.add_surface(
            flooring(self._size(width, depth), rng, self._scale, stone), label=classes.BUILDING
        )
        above = builder.add_surface(
            surfaces.ceiling(self._size(width, depth, 0.5), rng, self._scale / 2),
            label=classes.BUILDING,
        )
        builder.add_rectangle([x0, y1, 0], [width, 0, 0], [0, -depth, 0], floor, instance)
        builder.add_rectangle([x0, y0, room.height], [width, 0, 0], [0, depth, 0], above, instance)
        color = np.array(self._next_wall_color()) * rng.normal(1, 0.02, 3)
        trim = self._wood(3.0, 0.12, _choose(rng, _WOODS))
        for k, wall in enumerate(room.walls):
            self._add_wall(wall, color, trim)
            if k < 2:  # a doorway is shared: the room to the south or west makes its inside
                add_reveal(builder, wall, WALL_THICKNESS, trim, trim, instance)
        self._add_lamps(room, burning)

    def hang_paintings(
        self, room: Room, places: Sequence[tuple[Wall, Span]], twins: Mapping[int, int]
    ) -> None:
        """Paintings in the middle of the stretches of wall `places`; `twins`: place in the room →
        painting of which a copy hangs there instead."""
        for place, (wall, span) in enumerate(places):
            builder = self.builder
            first = len(builder.patches), len(builder.triangles)
            twin = self.paintings[twins[place]] if place in twins else None
            area = self._hang(wall, span, twin)
            rows = slice(first[0], len(builder.patches)), slice(first[1], len(builder.triangles))
            self.hangings.append(Hanging(room, wall, span, area, *rows))

    def rehang(self, state: State) -> None:
        """Moves and swaps paintings after all of them hang; spot lights follow them."""
        moves = rehang(self.builder, self.hangings, self._config.seed, state)
        for index, motion in moves.items():
            painting = self.paintings[index]
            corners = se3.transform(motion, painting.corners_map)
            self.paintings[index] = replace(painting, corners_map=corners)
        if self._setting.spots:
            canvases = [painting.corners_map for painting in self.paintings]
            self.lamps += spots(canvases, self._config.room_height_m)

    def add_furniture(self, bench: FloatArray, plinth: FloatArray) -> None:
        """A bench and a plinth near these places (2,)."""
        self._bench(bench + self._rng.uniform(-0.15, 0.15, 2))
        self._plinth(plinth + self._rng.uniform(-0.15, 0.15, 2))

    def _add_wall(self, wall: Wall, color: FloatArray, trim: Surface) -> None:
        builder, rng, instance = self.builder, self._rng, self._building
        image = surfaces.plaster(self._size(wall.length, wall.height), rng, self._scale, color)
        across, down = wall.length * wall.right, np.array([0, 0, -wall.height])
        plastered = builder.add_surface(image, label=classes.BUILDING)
        builder.add_rectangle(wall.top_left, across, down, plastered, instance, wall.pieces())
        frame = 0.11 if wall.door else 0.0
        for start, end in wall.spans():
            inner = (start + frame * (start > 0), end - frame * (end < wall.length))
            skirting = (inner[0], wall.height - 0.1, inner[1], wall.height)
            add_wall_box(builder, wall, skirting, 0.018, trim, trim, instance)
        if wall.door:
            opening = (wall.door[0], wall.height - wall.door_height, wall.door[1], wall.height)
            add_frame(builder, wall, opening, frame, 0.035, trim, instance, sill=False)

    def _add_lamps(self, room: Room, burning: NDArray[np.bool_]) -> None:
        dark = self.builder.add_surface(surfaces.plain(self._setting.panel), label=classes.BUILDING)
        lit = replace(dark, glow=self._setting.glow)
        low, size = np.array(room.low), np.array(room.high) - room.low
        power = 1.15 * room.height**2 / 4
        for burns, share in zip(burning, _PANELS, strict=True):
            x, y = low + size * share
            lamp = Lamp((x, y, room.height - 0.35), power * self._rng.uniform(0.8, 1.2))
            self.lamps += [lamp] if burns else []
            corner, panel = [x - 0.3, y - 0.3, room.height - 0.04], lit if burns else dark
            self.builder.add_rectangle(corner, [0.6, 0, 0], [0, 0.6, 0], panel, self._building)

    def _hang(self, wall: Wall, span: Span, twin: Painting | None) -> Piece:
        """Paints and hangs a picture, or a copy of `twin`; returns its area on the wall."""
        rng, builder = self._rng, self.builder
        room_for = span[1] - span[0] - 0.5
        height = rng.uniform(0.85, 1.35)
        width = min(height * rng.uniform(0.75, 1.7), room_for)
        aside, lower = rng.uniform(-0.1, 0.1), rng.uniform(-0.08, 0.08)
        style = self._next_style()
        picture = paintings.paint(style, self._size(width, height, 1.6), rng)
        object_id, instance = len(self.paintings) + 1, builder.new_instance()
        if twin:  # all the same the picture was painted: so the others are those without copies
            object_id, style, picture = twin.object_id, twin.style, twin.texture
            width, height = _print_size(twin, room_for)
        else:
            self._canvases[object_id] = builder.add_surface(picture, object_id=object_id)
        left = (span[0] + span[1] - width) / 2 + aside
        top = wall.height - _EYE_LEVEL - height / 2 + lower
        area = (left, top, left + width, top + height)
        bars = self._wood(0.8, 0.06, _choose(rng, (*_WOODS, (200, 170, 80), (40, 38, 36))))
        add_wall_box(builder, wall, area, _CANVAS, self._canvases[object_id], bars, instance)
        add_frame(builder, wall, area, *_FRAME, bars, instance)
        corners = np.array([wall.point(u, v, _CANVAS) for u, v in _corners(area)])
        self.paintings.append(Painting(object_id, instance, style, corners, picture))
        self._add_label(wall, left + width + 0.12, top + height - 0.2)
        return area

    def _add_label(self, wall: Wall, left: float, top: float) -> None:
        plate = surfaces.label(self._size(0.13, 0.17, 3.0), self._rng)
        paper = self.builder.add_surface(plate)
        area = (left, top, left + 0.13, top + 0.17)
        add_wall_box(self.builder, wall, area, 0.005, paper, paper, self._building)

    def _next_style(self) -> str:
        """Styles in shuffled rounds, so that each room shows several."""
        if not self._styles:
            self._styles = [str(s) for s in self._rng.permutation(list(paintings.STYLES))]
        return self._styles.pop()

    def _next_wall_color(self) -> tuple[int, ...]:
        """Like the styles: neighbours differ."""
        if not self._wall_colors:
            order = self._rng.permutation(len(_WALL_COLORS))
            self._wall_colors = [_WALL_COLORS[i] for i in order]
        return self._wall_colors.pop()

    def _bench(self, centre: FloatArray) -> None:
        builder, instance = self.builder, self.builder.new_instance()
        long, short = (0.75, 0.24) if self._rng.uniform() < 0.5 else (0.24, 0.75)
        x, y = centre
        color = _choose(self._rng, ((96, 44, 38), (52, 60, 74), (70, 74, 50)))
        seat = surfaces.leather(self._size(1.5, 0.5), self._rng, self._scale, color)
        top, legs = builder.add_surface(seat), self._wood(0.4, 0.08, _WOODS[2])
        builder.add_box([x - long, y - short, 0.36], [x + long, y + short, 0.46], [top], instance)
        for sx, sy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            foot = np.array([x + sx * (long - 0.06), y + sy * (short - 0.06), 0.0])
            builder.add_box(foot - [0.03, 0.03, 0], foot + [0.03, 0.03, 0.36], [legs], instance)
        self.obstacles.append((x - long, y - short, x + long, y + short))

    def _plinth(self, centre: FloatArray) -> None:
        builder, rng, instance = self.builder, self._rng, self.builder.new_instance()
        x, y = centre
        stone = surfaces.plaster(self._size(0.4, 1.0), rng, self._scale, (228, 226, 220))
        base = builder.add_surface(stone)
        builder.add_box([x - 0.2, y - 0.2, 0], [x + 0.2, y + 0.2, 0.95], [base], instance)
        top = 0.95
        for _ in range(int(rng.integers(2, 5))):
            half, height = rng.uniform(0.06, 0.17, 2), rng.uniform(0.1, 0.28)
            style = str(rng.choice(["marble", "blocks", "dots"]))
            block = builder.add_surface(paintings.paint(style, self._size(0.3, 0.25), rng))
            builder.add_box(
                [x, y, top] - np.append(half, 0),
                [x, y, top + height] + np.append(half, 0),
                [block],
                instance,
            )
            top += height
        self.obstacles.append((x - 0.2, y - 0.2, x + 0.2, y + 0.2))

    def _wood(self, length: float, width: float, color: tuple[int, ...]) -> Surface:
        image = surfaces.wood(self._size(length, width), self._rng, self._scale, color)
        return self.builder.add_surface(image)

    def _size(self, width: float, height: float, finer: float = 1.0) -> tuple[int, int]:
        """Texels (rows, columns) of an area in metres."""
        scale = finer * self._scale
        return max(4, round(height * scale)), max(4, round(width * scale))


def _places(rooms: list[Room], config: GalleryConfig) -> list[list[tuple[Wall, Span]]]:
    """Where the paintings of each room hang, doorless walls first."""
    left, found = config.paintings, []
    for room in rooms:
        walls = sorted(room.walls, key=lambda wall: wall.door is not None)
        slots = [(wall, span) for wall in walls for span in _slots(wall)]
        found.append(slots[: min(config.paintings_per_room, left)])
        left -= len(found[-1])
    return found


def _print_size(twin: Painting, room_for: float) -> tuple[float, float]:
    """Width and height of a copy: those of the other, smaller where the wall is too short."""
    top_left, top_right, _, bottom_left = twin.corners_map
    width = float(np.linalg.norm(top_right - top_left))
    height = float(np.linalg.norm(bottom_left - top_left))
    share = min(1.0, room_for / width)
    return share * width, share * height


def _slots(wall: Wall) -> list[Span]:
    """Stretches of wall, each for one painting."""
    slots = []
    for start, end in wall.spans():
        number = max(1, round((end - start) / 2.5))
        edges = np.linspace(start, end, number + 1)
        slots += [(float(a), float(b)) for a, b in zip(edges, edges[1:], strict=False)]
    return slots


def _corners(area: tuple[float, float, float, float]) -> tuple[Span, ...]:
    left, top, right, bottom = area
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _choose(rng: np.random.Generator, options: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return options[int(rng.integers(len(options)))]
