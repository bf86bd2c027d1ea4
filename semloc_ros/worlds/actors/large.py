"""Buses, trucks and trams: upright boxes with rounded edges and rows of windows.

Frame: x forward, y left, z up; the origin lies on the ground midway between the axles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.shaping import Shape, all_round, beam, block, hull, views_of
from semloc_ros.worlds.actors.vehicle import (
    Vehicle,
    add_lamp,
    add_panel,
    add_wheels,
    add_windows,
    dress,
    paint_dark,
)
from semloc_ros.worlds.rendering.scene import SceneBuilder
from semloc_ros.worlds.textures import vehicles as paint
from semloc_ros.worlds.textures.canvas import Canvas, Image
from semloc_ros.worlds.textures.vehicles import ViewPainter

_SCALE = 50.0
_LINES = ("12 CENTRAL", "5 HARBOUR", "31 PARK", "7 STATION", "88 HILLSIDE")
_PAINTS = ((186, 34, 36), (28, 84, 150), (232, 190, 60), (52, 120, 84), (222, 222, 216))
SECTION_LENGTH = 9.2  # of a tram, with its gangway
_TRAM = (8.7, 2.4, 3.35)


@dataclass(frozen=True, slots=True)
class _Box:
    """A body `length` x `width` x `height` whose floor lies at `floor`; `x0` of its rear end;
    `nose`, `tail`: how far these ends are rounded off."""

    x0: float
    length: float
    width: float
    height: float
    floor: float
    nose: float = 0.25
    tail: float = 0.12

    def sections(self) -> FloatArray:
        """Half sections, front first."""
        along = np.unique([0, 0.3 * self.nose, self.nose, 1.2, self.length / 2,
                           self.length - self.tail, self.length])  # fmt: skip
        ends = [0, 0.3 * self.nose, self.nose, self.length - self.tail, self.length]
        inset = np.interp(along, ends, [self.nose, 0.35 * self.nose, 0, 0, 0.5 * self.tail])
        half = self.width / 2 - 0.6 * inset
        top = self.height - 0.8 * inset
        one = np.ones(len(along))
        y = np.stack([0.97 * half, half, half, half - 0.06, half - 0.22, 0 * half], axis=1)
        z = np.stack([self.floor * one, self.floor + 0.1 * one, top - 0.45, top - 0.16,
                      top - 0.03, top], axis=1)  # fmt: skip
        x = np.repeat((self.x0 + self.length - along)[:, None], y.shape[1], axis=1)
        return np.stack([x, y, z], axis=2)

    @property
    def low(self) -> FloatArray:
        """Lowest corner of the painted views, which reach down to the ground."""
        return np.array([self.x0, -self.width / 2, 0.0])

    @property
    def high(self) -> FloatArray:
        """Highest corner."""
        return np.array([self.x0 + self.length, self.width / 2, self.height])


def make_bus(builder: SceneBuilder, rng: np.random.Generator, night: bool = False) -> Vehicle:
    """A city bus of 11.5 m with doors on the right and a sign that tells where it goes; its
    windows are painted for day or night."""
    body = _Box(-4.6, 11.5, 2.5, 3.05, 0.3)
    color = _PAINTS[int(rng.integers(len(_PAINTS)))]
    axles, line = (2.9, -2.9), _LINES[int(rng.integers(len(_LINES)))]
    left, right = (_bus_side(body, color, axles, doors) for doors in ((), (0.5, 4.9, 8.7)))
    sides = dress(
        builder, classes.BUS, _bus_front(body, color, rng), _bus_rear(body, color, rng), left,
        _roof(body, color, rng), right,
    )  # fmt: skip
    shape = Shape(builder)
    _panes(shape, builder, body, (1.3, 2.58), (left, right), classes.BUS, rng, night)
    shape.add(hull(body.sections()), views_of(body.low, body.high, sides))
    _unit(shape, builder, [0.6, -0.7, 3.0], [3.4, 0.7, 3.28], classes.BUS)
    add_wheels(shape, builder, axles, body.width / 2 - 0.13, 0.48, 0.28, classes.BUS, rng)
    front, rear = body.high[0] + 0.005, body.x0 - 0.005
    add_panel(shape, builder, [front, 0, 2.78], 1.7, 0.26, _sign(line), classes.BUS)
    for side in (-0.9, 0.9):
        add_lamp(shape, builder, [front, side, 0.75], 0.32, 0.16, True, classes.BUS)
        add_lamp(shape, builder, [rear, side, 1.0], 0.16, 0.4, False, classes.BUS)
    reach = (body.x0, float(body.high[0]))
    mesh = shape.mesh()
    return Vehicle("bus", mesh, mesh, reach, body.width, axles[0] - axles[1])


def make_truck(builder: SceneBuilder, rng: np.random.Generator) -> Vehicle:
    """A delivery truck: cab, frame, and a box with its firm's colours."""
    cab = _Box(2.15, 1.95, 2.25, 2.55, 0.45, 0.3)
    cargo = _Box(-3.4, 5.4, 2.4, 3.3, 0.95, 0.04, 0.04)
    color, other = (_PAINTS[int(i)] for i in rng.permutation(len(_PAINTS))[:2])
    shape = Shape(builder)
    top = Canvas((1, 1), 16, color).image
    sides = dress(
        builder, classes.TRUCK, _cab_front(cab, color, rng), top, _cab_side(cab, color), top
    )
    shape.add(hull(cab.sections()), views_of(cab.low, cab.high, sides))
    painted, plain = _cargo_side(cargo, other, rng), Canvas((1, 1), 16, (210, 210, 208)).image
    sides = dress(
        builder, classes.TRUCK, plain, _cargo_rear(cargo, rng), painted, plain,
        painted[:, ::-1],  # so that its words can be read
    )  # fmt: skip
    shape.add(hull(cargo.sections()), views_of(cargo.low, cargo.high, sides))
    _unit(shape, builder, [-3.3, -0.5, 0.55], [3.6, 0.5, 0.98], classes.TRUCK)
    add_wheels(shape, builder, (2.9, -1.9), 0.98, 0.46, 0.28, classes.TRUCK, rng)
    for side in (-0.85, 0.85):
        add_lamp(shape, builder, [4.105, side, 0.78], 0.3, 0.16, True, classes.TRUCK)
        add_lamp(shape, builder, [-3.405, side, 1.05], 0.3, 0.14, False, classes.TRUCK)
    mesh = shape.mesh()
    return Vehicle("truck", mesh, mesh, (-3.4, 4.1), 2.4, 4.8)


def make_tram(
    builder: SceneBuilder, rng: np.random.Generator, night: bool = False
) -> tuple[Vehicle, ...]:
    """The three sections of a tram, the leading one first; see `make_bus` for `night`."""
    color = _PAINTS[int(rng.integers(2))]
    length, width, height = _TRAM
    tail = SECTION_LENGTH - length
    made = []
    for name, nose, end in (("lead", 0.7, 0.05), ("middle", 0.05, 0.05), ("last", 0.05, 0.7)):
        body = _Box(-length / 2, length, width, height, 0.3, nose, end)
        shape = Shape(builder)
        front = _tram_end(body, color, rng) if name == "lead" else paint_dark()
        rear = _tram_end(body, color, rng) if name == "last" else paint_dark()
        side = _tram_side(body, color)
        sides = dress(builder, classes.TRAIN, front, rear, side, _roof(body, color, rng))
        _panes(shape, builder, body, (1.42, 2.74), (side, side), classes.TRAIN, rng, night)
        shape.add(hull(body.sections()), views_of(body.low, body.high, sides))
        for x in (-2.2, 2.2):
            _unit(shape, builder, [x - 0.9, -0.95, 0.0], [x + 0.9, 0.95, 0.5], classes.TRAIN)
        if name != "last":
            x = -length / 2
            _unit(shape, builder, [x - tail, -1.05, 0.4], [x + 0.1, 1.05, 3.1], classes.TRAIN)
        _unit(shape, builder, [-1.6, -0.8, 3.3], [1.4, 0.8, 3.6], classes.TRAIN)
        if name == "middle":
            _pantograph(shape, builder)
        _tram_lamps(shape, builder, name, length / 2 + 0.005)
        mesh = shape.mesh()
        made.append(Vehicle(name, mesh, mesh, (-length / 2, length / 2), width, 4.4))
    return tuple(made)


def _panes(
    shape: Shape, builder: SceneBuilder, body: _Box, z: tuple[float, float],
    painted: tuple[Image, Image], label: int, rng: np.random.Generator, night: bool,
) -> None:  # fmt: skip
    """The windows of both sides once more, a little in front, cut out of the painted views."""
    low, high = body.low + [0.3, -0.008, z[0]], body.high - [0.8, -0.008, body.height - z[1]]
    images = []
    for image in painted:
        rows = len(image) * (1 - np.array([z[1], z[0]]) / body.height)
        columns = image.shape[1] * np.array([0.8, body.length - 0.3]) / body.length
        (top, foot), (start, end) = np.rint(rows).astype(int), np.rint(columns).astype(int)
        cut = np.ascontiguousarray(image[top:foot, start:end])
        images.append(paint.lamplit(cut, rng) if night else cut)
    add_windows(shape, builder, list(low), list(high), (images[0], images[1]), label)


def _tram_lamps(shape: Shape, builder: SceneBuilder, name: str, x: float) -> None:
    if name == "lead":
        line = _sign("4 RINGS")
        add_panel(shape, builder, [x, 0, 2.72], 1.0, 0.22, line, classes.TRAIN)
    for side in (-0.55, 0.55):
        if name == "lead":
            add_lamp(shape, builder, [x, side, 0.85], 0.22, 0.14, True, classes.TRAIN)
        elif name == "last":
            add_lamp(shape, builder, [-x, side, 0.85], 0.2, 0.14, False, classes.TRAIN)


def _pantograph(shape: Shape, builder: SceneBuilder) -> None:
    steel = builder.add_surface(Canvas((1, 1), 4, (60, 62, 64)).image, label=classes.TRAIN)
    views = views_of([-2, -1, 3], [2, 1, 5], all_round(steel))
    for y in (-0.4, 0.4):
        shape.add(beam([0.6, y, 3.6], [-0.5, y, 4.2], (0.03, 0.03), 4), views)
        shape.add(beam([-0.5, y, 4.2], [0.4, y, 4.9], (0.03, 0.03), 4), views)
    shape.add(beam([0.4, -0.8, 4.9], [0.4, 0.8, 4.9], (0.04, 0.04), 4), views)


def _unit(
    shape: Shape, builder: SceneBuilder, low: list[float], high: list[float], label: int
) -> None:
    """A dark box: a frame, a bogie, what stands on a roof."""
    grey = builder.add_surface(Canvas((1, 1), 4, (52, 53, 56)).image, label=label)
    shape.add(block(low, high), views_of(low, high, all_round(grey)))


def _sign(words: str) -> Image:
    canvas = Canvas((1.7, 0.26), 130.0, (10, 10, 10))
    canvas.text(words, [0.08, 0.2], 0.16, (255, 176, 40))
    return canvas.image


def _roof(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    canvas = Canvas((body.length, body.width), 16.0, [0.4 * c + 120 for c in color])
    canvas.stain(rng, 0.04, 1.0)
    return canvas.image


def _doors(painter: ViewPainter, left: float, z: tuple[float, float]) -> None:
    """Two glazed leaves, 1.3 m wide together."""
    painter.panel((left - 0.04, left + 1.34), (z[0], z[1] + 0.05), paint.RUBBER)
    for k in range(2):
        a = left + 0.66 * k
        painter.glass([[a, z[0] + 0.05], [a + 0.62, z[0] + 0.05], [a + 0.62, z[1]], [a, z[1]]], 0.4)


def _bus_side(
    body: _Box, color: tuple[int, int, int], axles: tuple[float, float], doors: tuple[float, ...]
) -> Image:
    painter = ViewPainter(body.length, body.height, _SCALE, color)
    paint.body_shade(painter, 2.7)
    painter.panel((0, body.length), (0, 0.42), (40, 40, 42))
    painter.panel((0, body.length), (0.95, 1.12), (236, 236, 232))
    edges = np.linspace(0.35, body.length - 0.35, 8)
    spans = [(a + 0.04, b - 0.04) for a, b in zip(edges, edges[1:], strict=False)]
    painter.panel((0.25, body.length - 0.25), (1.3, 2.6), paint.RUBBER)
    paint.windows(painter, spans, (1.36, 2.54), 0.5)
    for left in doors:
        _doors(painter, left, (0.38, 2.5))
    for x in axles:
        middle = painter.at([[body.x0 + body.length - x, 0.48]])[0]
        painter.disc(middle, 0.6, (16, 16, 17))
    return painter.image


def _bus_front(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.width, body.height, _SCALE, color)
    painter.panel((0, body.width), (0, 0.45), (40, 40, 42))
    painter.panel((0.1, 2.4), (1.0, 2.95), paint.RUBBER)
    painter.glass([[0.16, 1.05], [2.34, 1.05], [2.3, 2.6], [0.2, 2.6]], 0.55)
    painter.seam([[1.25, 1.05], [1.25, 2.6]], width_m=0.03)
    paint.plate(painter, 1.25, 0.55, rng)
    return painter.image


def _bus_rear(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.width, body.height, _SCALE, color)
    painter.panel((0, body.width), (0, 0.42), (40, 40, 42))
    paint.windows(painter, [(0.35, 2.15)], (1.75, 2.6), 0.45)
    painter.seam([[0.35, 1.6], [2.15, 1.6], [2.15, 0.6], [0.35, 0.6], [0.35, 1.6]], width_m=0.02)
    for k in range(5):
        painter.seam([[0.5, 0.8 + 0.08 * k], [2.0, 0.8 + 0.08 * k]], width_m=0.03)
    paint.plate(painter, 1.25, 0.52, rng)
    return painter.image


def _cab_front(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.width, body.height, _SCALE, color)
    painter.panel((0, body.width), (0, 0.62), (44, 44, 46))
    painter.glass([[0.14, 1.4], [2.11, 1.4], [2.03, 2.25], [0.22, 2.25]], 0.55)
    painter.panel((0.5, 1.75), (0.8, 1.25), (26, 26, 28))
    for k in range(4):
        painter.seam([[0.5, 0.88 + 0.1 * k], [1.75, 0.88 + 0.1 * k]], paint.CHROME, 0.015)
    paint.plate(painter, body.width / 2, 0.55, rng)
    return painter.image


def _cab_side(body: _Box, color: tuple[int, int, int]) -> Image:
    painter = ViewPainter(body.length, body.height, _SCALE, color)
    paint.body_shade(painter, 1.9)
    painter.panel((0, body.length), (0, 0.55), (44, 44, 46))
    painter.glass([[0.25, 1.4], [1.3, 1.4], [1.3, 2.2], [0.45, 2.2]], 0.5)
    painter.seam([[0.3, 0.6], [0.3, 1.4], [0.4, 2.25], [1.36, 2.25], [1.36, 0.6]], width_m=0.02)
    painter.panel((1.1, 1.28), (1.22, 1.27), paint.SEAM)
    painter.disc(painter.at([[body.x0 + body.length - 2.9, 0.46]])[0], 0.58, (16, 16, 17))
    return painter.image


def _cargo_side(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.length, body.height, _SCALE, (222, 222, 218))
    words = ("FRESH BREAD", "MOVERS", "FLORA & CO", "PARCELS", "KITCHENS")
    painter.area([[0, 1.0], [0, 1.9], [body.length, 2.9], [body.length, 1.0]], color)
    painter.text(words[int(rng.integers(len(words)))], painter.at([[0.5, 2.35]])[0], 0.42,
                 [0.6 * c for c in color])  # fmt: skip
    painter.panel((0, body.length), (0.9, 1.02), (70, 70, 72))
    painter.stain(rng, 0.015, 0.6)
    return painter.image


def _cargo_rear(body: _Box, rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.width, body.height, _SCALE, (208, 208, 204))
    painter.seam([[1.2, 1.1], [1.2, 3.2]], width_m=0.03)
    for x in (0.95, 1.45):
        painter.seam([[x, 1.15], [x, 3.1]], (90, 90, 94), 0.035)
    painter.panel((0, body.width), (0.9, 1.14), (64, 64, 66))
    paint.plate(painter, 1.2, 1.03, rng)
    return painter.image


def _tram_side(body: _Box, color: tuple[int, int, int]) -> Image:
    painter = ViewPainter(body.length, body.height, _SCALE, (234, 230, 216))
    painter.panel((0, body.length), (0.0, 1.3), color)
    painter.panel((0, body.length), (2.95, body.height), color)
    paint.body_shade(painter, 2.9)
    painter.panel((0, body.length), (0.0, 0.45), (48, 48, 50))
    edges = np.linspace(0.6, body.length - 0.6, 6)
    spans = [(a + 0.06, b - 0.06) for a, b in zip(edges, edges[1:], strict=False)]
    paint.windows(painter, spans, (1.45, 2.7), 0.5)
    _doors(painter, edges[1] + 0.08, (0.42, 2.72))
    _doors(painter, edges[4] - 1.5, (0.42, 2.72))
    return painter.image


def _tram_end(body: _Box, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.width, body.height, _SCALE, color)
    painter.panel((0, body.width), (0.0, 0.4), (48, 48, 50))
    painter.glass([[0.35, 1.3], [2.05, 1.3], [1.98, 2.55], [0.42, 2.55]], 0.6)
    painter.panel((0, body.width), (1.08, 1.2), (234, 230, 216))
    painter.text(str(int(rng.integers(101, 999))), painter.at([[0.98, 0.6]])[0], 0.2,
                 (240, 240, 236))  # fmt: skip
    return painter.image
