"""Cars: hatchback, saloon, estate, SUV, van, from one loft along their length.

Frame: x forward, y left, z up; the origin lies on the ground midway between the axles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.shaping import (
    Shape,
    Sides,
    all_round,
    block,
    hull,
    views_of,
)
from semloc_ros.worlds.actors.vehicle import Vehicle, add_lamp, add_wheels, dress
from semloc_ros.worlds.rendering.scene import Mesh, SceneBuilder
from semloc_ros.worlds.textures import vehicles as paint
from semloc_ros.worlds.textures.canvas import Image
from semloc_ros.worlds.textures.vehicles import ViewPainter

_SCALE = 90.0  # texels per metre
_FLOOR = 0.2  # metres under the body


@dataclass(frozen=True, slots=True)
class CarBody:
    """Metres; `along` counts from the nose. `line` (N, 2): along and z of the middle line from
    nose to tail; `glass`: along of the foot of the windscreen, its top, the roof's end, the end
    of the rear window; `belt` height of the side windows' lower edge; `axles` along of both;
    `pillars` along of those between the side windows; `side_glass` first and last along."""

    name: str
    width: float
    line: tuple[tuple[float, float], ...]
    glass: tuple[float, float, float, float]
    side_glass: tuple[float, float]
    pillars: tuple[float, ...]
    belt: float
    axles: tuple[float, float]
    radius: float = 0.31
    trim: bool = False

    @property
    def length(self) -> float:
        """From nose to tail."""
        return self.line[-1][0]

    @property
    def height(self) -> float:
        """Of the roof."""
        return max(z for _, z in self.line)

    @property
    def middle(self) -> float:
        """Along of the frame's origin."""
        return (self.axles[0] + self.axles[1]) / 2

    def top(self, along: FloatArray) -> FloatArray:
        """Height of the middle line."""
        return np.asarray(np.interp(along, *np.array(self.line).T), dtype=np.float64)


BODIES = (
    CarBody(
        "hatchback", 1.74,
        ((0, 0.68), (0.1, 0.78), (0.75, 0.93), (1.05, 0.99), (1.75, 1.40), (2.2, 1.47), (2.9, 1.46),
         (3.45, 1.38), (3.85, 1.0), (3.95, 0.85)),
        (1.05, 1.8, 3.4, 3.82), (1.2, 3.55), (2.2, 3.02), 0.95, (0.72, 3.2), 0.3,
    ),
    CarBody(
        "saloon", 1.82,
        ((0, 0.62), (0.1, 0.72), (0.8, 0.88), (1.35, 0.95), (2.15, 1.37), (2.65, 1.44), (3.2, 1.40),
         (3.95, 1.05), (4.1, 1.03), (4.55, 0.99), (4.66, 0.8)),
        (1.35, 2.2, 3.2, 3.97), (1.5, 3.75), (2.55, 3.42), 0.93, (0.85, 3.62), 0.32,
    ),
    CarBody(
        "estate", 1.8,
        ((0, 0.64), (0.1, 0.74), (0.8, 0.9), (1.3, 0.97), (2.05, 1.40), (2.6, 1.48), (3.5, 1.47),
         (4.15, 1.40), (4.52, 1.02), (4.62, 0.82)),
        (1.3, 2.1, 4.1, 4.5), (1.45, 4.2), (2.45, 3.3), 0.95, (0.85, 3.55), 0.31,
    ),
    CarBody(
        "suv", 1.9,
        ((0, 0.8), (0.08, 0.95), (0.8, 1.1), (1.2, 1.16), (1.85, 1.6), (2.3, 1.7), (3.4, 1.69),
         (3.95, 1.6), (4.35, 1.15), (4.45, 0.9)),
        (1.2, 1.9, 3.95, 4.33), (1.35, 4.0), (2.35, 3.25), 1.12, (0.85, 3.5), 0.37, True,
    ),
    CarBody(
        "van", 2.0,
        ((0, 0.85), (0.1, 1.0), (0.75, 1.22), (1.0, 1.3), (1.75, 2.1), (2.1, 2.28), (3.5, 2.32),
         (5.1, 2.28), (5.2, 2.2)),
        (0.95, 1.8, 5.3, 5.4), (1.1, 2.35), (), 1.25, (0.95, 4.1), 0.34, True,
    ),
)  # fmt: skip


def make_car(
    builder: SceneBuilder, body: CarBody, color: tuple[int, int, int], rng: np.random.Generator
) -> Vehicle:
    """A car of this body and colour."""
    x0, x1 = body.middle - body.length, body.middle
    front, rear = _end(body, color, rng, front=True), _end(body, color, rng, front=False)
    sides = dress(
        builder, classes.CAR, front, rear, _side(body, color, rng), _above(body, color, rng)
    )
    mesh, coarse = (_assemble(builder, body, sides, rng, fine) for fine in (True, False))
    return Vehicle(
        body.name, mesh, coarse, (x0, x1), body.width, body.axles[1] - body.axles[0]
    )


def _assemble(
    builder: SceneBuilder, body: CarBody, sides: Sides, rng: np.random.Generator, fine: bool
) -> Mesh:
    x0, x1, half = body.middle - body.length, body.middle, body.width / 2
    views = views_of([x0, -half, 0], [x1, half, body.height], sides)
    shape = Shape(builder)
    shape.add(hull(_sections(body, fine)), views)
    if fine:
        axles = [body.middle - along for along in body.axles]
        add_wheels(shape, builder, axles, half - 0.12, body.radius, 0.2, classes.CAR, rng)
        black = all_round(sides.bottom)
        dark = block([x0 + 0.4, -0.72 * half, _FLOOR], [x1 - 0.4, 0.72 * half, 2.3 * body.radius])
        shape.add(dark, views_of([x0, -half, 0], [x1, half, 2], black))
        _mirrors(shape, body, sides)
    z = 0.82 * float(body.top(np.array([0.1]))[0])
    for side in (-1, 1):
        front, rear = [x1 + 0.005, side * 0.68 * half, z], [x0 - 0.005, side * 0.7 * half, z + 0.1]
        add_lamp(shape, builder, front, 0.3, 0.11, True, classes.CAR)
        add_lamp(shape, builder, rear, 0.24, 0.12, False, classes.CAR)
    return shape.mesh()


def _stations(body: CarBody, fine: bool) -> FloatArray:
    if not fine:
        return np.array([along for along, _ in body.line])
    ends = [0.0, 0.06, 0.22, body.length - 0.2, body.length - 0.06, body.length]
    arch = body.radius + 0.06
    around = [a + arch * s for a in body.axles for s in (-1, -0.96, -0.5, 0.5, 0.96, 1)]
    return np.unique(np.round([*ends, *around, *(a for a, _ in body.line)], 3))


def _sections(body: CarBody, fine: bool) -> FloatArray:
    """Half sections (S, 5, 3), front first."""
    along = _stations(body, fine)
    top, half = body.top(along), body.width / 2
    # the plan tapers to both ends
    taper = np.interp(
        along,
        [0, 0.06, 0.22, 0.7, body.length - 0.6, body.length - 0.2, body.length],
        [0.86, 0.91, 0.96, 1, 1, 0.97, 0.9],
    )
    # from far away the wheels are painted, and what is between them and the ground is dark
    foot = np.full(len(along), _FLOOR if fine else 0.0)
    for axle in body.axles if fine else ():
        arch = (body.radius + 0.06) ** 2 - (along - axle) ** 2
        foot = np.maximum(foot, np.where(arch > 1e-3, body.radius + np.sqrt(np.abs(arch)), 0))
    belt = np.minimum(body.belt, top - 0.08)
    waist = np.minimum(np.maximum(0.62, foot + 0.05), belt - 0.03)
    rim = np.maximum(top - 0.06, belt + 0.01)
    lean = 0.1 if body.name == "van" else 0.36
    inner = 0.97 * half * taper - 0.07 - lean * (rim - belt)
    y = np.stack([0.97 * half * taper, half * taper, 0.975 * half * taper, inner, 0 * top], axis=1)
    z = np.stack([foot, waist, belt, rim, top], axis=1)
    x = np.repeat((body.middle - along)[:, None], 5, axis=1)
    sections = np.stack([x, y, z], axis=2)
    return sections if fine else sections[:, [0, 2, 3, 4]]


def _mirrors(shape: Shape, body: CarBody, sides: Sides) -> None:
    x, half = body.middle - body.side_glass[0] - 0.3, body.width / 2
    for side in (-1, 1):
        inner, outer = sorted((side * (half - 0.06), side * (half + 0.12)))
        box = block([x - 0.08, inner, body.belt], [x + 0.04, outer, body.belt + 0.13])
        low, high = [x - 0.08, -2, 0.3], [x + 0.04, 2, body.height]
        shape.add(box, views_of(low, high, all_round(sides.top)))


def _side(body: CarBody, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    painter = ViewPainter(body.length, body.height, _SCALE, color)
    paint.body_shade(painter, body.belt)
    _side_windows(painter, body)
    doors = [body.side_glass[0] + 0.12, *body.pillars[:2]]
    for left in doors:
        painter.seam([[left, 0.28], [left, body.belt], [left + 0.02, body.belt + 0.02]])
    for left in doors[1:]:
        painter.panel((left - 0.26, left - 0.08), (body.belt - 0.12, body.belt - 0.085), paint.SEAM)
    end = doors[-1] if len(doors) > 1 else body.side_glass[1]
    painter.seam([[doors[0], 0.29], [end, 0.29]])
    painter.panel((0, body.length), (0, 0.3 if body.trim else 0.24), (34, 34, 36))
    painter.panel((0, body.length), (0, 0.85 * _FLOOR), (15, 15, 16))
    nose, tail = 0.72 * body.line[0][1], 0.75 * min(body.line[-1][1], 1.0)
    painter.seam([[0, nose], [0.4, nose]])
    painter.seam([[body.length - 0.4, tail], [body.length, tail]])
    lamp = 0.82 * float(body.top(np.array([0.1]))[0])
    painter.area([[0, lamp - 0.06], [0.25, lamp], [0.34, lamp + 0.07], [0, lamp + 0.06]],
                 paint.WHITE_LAMP)  # fmt: skip
    painter.panel((body.length - 0.22, body.length), (lamp + 0.03, lamp + 0.17), paint.RED_LAMP)
    for axle in body.axles:
        rim = (52, 52, 54) if body.trim else tuple(0.6 * c for c in color)
        painter.disc(painter.at([[axle, body.radius]])[0], body.radius + 0.11, rim)
        painter.disc(painter.at([[axle, body.radius]])[0], body.radius + 0.08, (14, 14, 15))
        painter.disc(painter.at([[axle, body.radius]])[0], 0.62 * body.radius, (112, 114, 118))
    painter.stain(rng, 0.01, 0.4)
    return painter.image


def _side_windows(painter: ViewPainter, body: CarBody) -> None:
    """Glass under the roof line, parted by pillars."""
    edges = [body.side_glass[0], *body.pillars, body.side_glass[1]]
    for left, right in zip(edges, edges[1:], strict=False):
        along = np.linspace(left + 0.03, right - 0.03, 12)
        upper = np.maximum(body.top(along) - 0.11, body.belt + 0.03)
        lower = np.stack([along, np.full(12, body.belt + 0.03)], axis=1)
        outline = np.concatenate([lower, np.stack([along, upper], axis=1)[::-1]])
        painter.area(np.concatenate([lower - [0, 0.02], outline[12:] + [0, 0.02]]), paint.SEAM)
        painter.glass(outline, 0.55)


def _end(
    body: CarBody, color: tuple[int, int, int], rng: np.random.Generator, front: bool
) -> Image:
    """The view from ahead or behind; along is across here."""
    painter = ViewPainter(body.width, body.height, _SCALE, color)
    paint.body_shade(painter, body.belt)
    half, nose = body.width / 2, body.line[0][1] if front else body.line[-1][1]
    foot, head = body.glass[:2] if front else body.glass[:1:-1]
    low, high = body.top(np.array([foot, head])) + [0.02, -0.05]
    if head < body.length:
        wide, narrow = 0.8 * half, 0.62 * half
        painter.glass([[half - wide, low], [half + wide, low], [half + narrow, high],
                       [half - narrow, high]], 0.6)  # fmt: skip
    else:  # a van's rear doors
        painter.seam([[half, 0.4], [half, body.height - 0.1]], width_m=0.025)
        paint.windows(painter, [(0.35, half - 0.12), (half + 0.12, body.width - 0.35)],
                      (1.35, 1.9), 0.4)  # fmt: skip
    painter.panel((0, body.width), (0, 0.34 if front else 0.3), (36, 36, 38))
    lamp = 0.82 * float(body.top(np.array([0.1]))[0])
    if front:
        painter.area([[half - 0.5, nose - 0.22], [half + 0.5, nose - 0.22], [half + 0.42, nose],
                      [half - 0.42, nose]], (22, 22, 24))  # fmt: skip
        for k in range(3):
            z = nose - 0.05 - 0.055 * k
            painter.seam([[half - 0.42, z], [half + 0.42, z]], paint.CHROME, 0.01)
        painter.disc(painter.at([[half, nose - 0.1]])[0], 0.055, paint.CHROME)
        paint.plate(painter, half, nose - 0.31, rng)
    else:
        painter.seam([[0.25, nose - 0.14], [body.width - 0.25, nose - 0.14]])
        paint.plate(painter, half, min(nose - 0.03, 0.9), rng)
    for side in (-1, 1):
        z = lamp if front else lamp + 0.1
        middle = half + side * 0.72 * half
        color_of = paint.WHITE_LAMP if front else paint.RED_LAMP
        painter.panel((middle - 0.18, middle + 0.18), (z - 0.08, z + 0.08), paint.SEAM)
        painter.panel((middle - 0.165, middle + 0.165), (z - 0.065, z + 0.065), color_of)
    return painter.image


def _above(body: CarBody, color: tuple[int, int, int], rng: np.random.Generator) -> Image:
    """The view from above: `z` is the way across."""
    bright = tuple(min(255.0, 1.08 * c + 6) for c in color)
    painter = ViewPainter(body.length, body.width, 0.6 * _SCALE, bright)
    width, (foot, top, end, tail) = body.width, body.glass
    pane = [[foot + 0.03, 0.14], [top - 0.05, 0.27], [top - 0.05, width - 0.27],
            [foot + 0.03, width - 0.14]]  # fmt: skip
    painter.glass(pane, 0.5)
    if end < body.length:
        painter.glass([[end + 0.05, 0.27], [tail - 0.03, 0.17], [tail - 0.03, width - 0.17],
                       [end + 0.05, width - 0.27]], 0.4)  # fmt: skip
    for y in (0.2, width - 0.2):
        painter.seam([[0.15, y], [foot - 0.05, y - np.sign(y - width / 2) * 0.03]])
    painter.seam([[foot - 0.04, 0.1], [foot - 0.04, width - 0.1]])
    painter.stain(rng, 0.02, 0.5)
    return painter.image
