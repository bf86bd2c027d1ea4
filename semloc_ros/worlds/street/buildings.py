"""Buildings along the sides of the streets, gaps between them, and what closes the horizon."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.rendering.scene import Surface
from semloc_ros.worlds.street.design import Design, Opening, draw_design, openings
from semloc_ros.worlds.street.fronts import Front
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.roofs import Roof
from semloc_ros.worlds.street.sides import Side, Span, box, level
from semloc_ros.worlds.street.site import ARM, KERB, PARK, Site
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import facades

_CORNER = 12.0  # metres of both fronts of a building at a corner
_DEPTH = 11.0
_WIDTHS = (8.0, 15.0)
_NARROW = 3.0  # metres: what is left of a side is no house
_PASSAGE = 34.0  # metres of dark behind a portal: longer than a tram
_FAR = 27.0  # metres between buildings of the horizon


@dataclass(frozen=True, slots=True)
class Plot:
    """A stretch of a side that is not a building: `kind` "wall", "fence", "hedge" or "park"."""

    side: Side
    kind: str
    name: str


def add_buildings(works: Works) -> list[Plot]:
    """All buildings; gives the plots that are left for others."""
    sides = works.site.sides(works.site.building_line)
    plots: list[Plot] = []
    for k, side in enumerate(sides):
        if _meets_rails(works.site, side):
            _portal(works, side, f"{k}")
            continue
        for j, (span, kind) in enumerate(_lots(works, side, k)):
            own, name = side.moved(span[0], 0.0, span[1] - span[0]), f"{k}.{j}"
            if kind == "house":
                _house(works, own, name)
            elif kind == "corner":
                _corner_house(works, own, _next_side(sides, side), name)
            else:
                plots.append(Plot(own, kind, name))
    _park_front(works)
    _horizon(works)
    return plots


def _lots(works: Works, side: Side, index: int) -> Iterator[tuple[Span, str]]:
    """Stretches of a side from left to right, and what stands on them."""
    rng = works.rng("lots", index)
    start, end = (_CORNER if side.convex[0] else 0.0), side.length
    park = park_span(works.site, side)
    if park is not None:
        yield park, "park"
        start, end = (park[1], end) if park[0] < 1.0 else (start, park[0])
    corner = side.convex[1] and park is None or side.convex[1] and end == side.length
    stop = end - _CORNER if corner else end
    built = True
    while stop - start > 0.5:
        room = stop - start
        width = float(rng.uniform(*_WIDTHS))
        gap = built and 22.0 < room < side.length - 10.0 and rng.uniform() < 0.2
        if gap:
            width = float(rng.uniform(6.0, 9.0))
        if room - width < _WIDTHS[0]:
            width = room if room < _WIDTHS[1] else room / 2
        kind = str(rng.choice(["wall", "fence", "hedge"])) if gap else "house"
        kind = "hedge" if width < _NARROW else kind
        yield (start, start + width), kind
        start, built = start + width, not gap
    if corner and end > stop:
        yield (stop, end), "corner"


def park_span(site: Site, side: Side) -> Span | None:
    """The part of a side that borders the park, at the west end of the block."""
    x, y = site.half - site.building_line
    ends = np.stack([side.point(0.0), side.point(side.length)])
    if np.any(np.abs(ends[:, 0]) > x + 0.01) or np.any(np.abs(ends[:, 1]) > y + 0.01):
        return None
    if abs(side.right[0]) < 0.5:
        return (0.0, side.length) if side.origin[0] < 0 else None
    return (0.0, PARK) if side.right[0] > 0 else (side.length - PARK, side.length)


def _meets_rails(site: Site, side: Side) -> bool:
    """Whether a side closes one of the two streets that the tram comes and goes by."""
    middle = side.point(side.length / 2)
    far = abs(middle[0]) > site.half[0] + ARM
    return bool(far and abs(side.right[1]) > 0.5 and abs(middle[1] + site.half[1]) < 1.0)


def _portal(works: Works, side: Side, name: str) -> None:
    """A house with a passage for the tram."""
    drawn, instance = _draw(works, side, name), works.builder.new_instance()
    design = dataclasses.replace(drawn, ground_m=5.7, storeys=2, shop=False, roof="gable")
    upper = [hole for hole in openings(design, side.length, works.rng("openings", name))
             if hole.z[0] > design.ground_m]  # fmt: skip
    half = side.length / 2
    passage = Opening("portal", (half - 3.7, half + 3.7), (SIDEWALK_HEIGHT, 5.3), _PASSAGE)
    Front(works, side, design, instance, name).build([*upper, passage])
    wall = _shell(works, side, design, instance, name, "lr")
    Roof(works, side, design, _DEPTH, wall, instance, name).build()
    bed = works.plain((104, 102, 98), classes.ROAD, "rail bed")
    span = (half - KERB, half + KERB)
    level(works.builder, side, span, (-_PASSAGE, works.site.walk), SIDEWALK_HEIGHT + 0.004, bed,
          instance)  # fmt: skip


def _next_side(sides: list[Side], side: Side) -> Side:
    """The side round the corner at the right end."""
    gaps = [float(np.linalg.norm(other.origin - side.point(side.length))) for other in sides]
    return sides[int(np.argmin(gaps))]


def _near(works: Works, side: Side) -> bool:
    """Whether the drive passes close to a side, so that it deserves fine textures."""
    middle = side.point(side.length / 2)[:2]
    over = np.abs(middle) - works.site.half
    return bool(max(over) < works.site.building_line + 8)


def _draw(works: Works, side: Side, name: str) -> Design:
    near = _near(works, side)
    return draw_design(works.rng("design", name), shops=0.5, finer=0.85 if near else 0.5)


def _house(works: Works, side: Side, name: str) -> None:
    design, instance = _draw(works, side, name), works.builder.new_instance()
    front = Front(works, side, design, instance, name)
    front.build(openings(design, side.length, works.rng("openings", name)))
    wall = _shell(works, side, design, instance, name, "lrk")
    Roof(works, side, design, _DEPTH, wall, instance, name).build()


def _corner_house(works: Works, side: Side, other: Side, name: str) -> None:
    design, instance = _draw(works, side, name), works.builder.new_instance()
    second = other.moved(0.0, 0.0, _CORNER)
    for k, own in enumerate((side, second)):
        holes = openings(design, own.length, works.rng("openings", name, k))
        Front(works, own, design, instance, f"{name}/{k}").build(holes)
    wall = _shell(works, side, design, instance, name, "lk")
    roof = {"gable": "hip", "front gable": "hip", "mansard": "hip"}.get(design.roof, design.roof)
    hipped = _with_roof(design, roof)
    Roof(works, side, hipped, _CORNER, wall, instance, name).build()


def _with_roof(design: Design, roof: str) -> Design:
    return dataclasses.replace(design, roof=roof)


def _shell(
    works: Works, side: Side, design: Design, instance: int, name: str, faces: str
) -> Surface:
    """Flanks and back."""
    rng, finer = works.rng("shell", name), 0.35
    size = works.size(_DEPTH, design.height, finer)
    style = "brick" if design.style == "brick" else "plaster"
    picture = facades.wall(style, size, rng, works.scale * finer, np.array(design.color) * 0.93)
    facades.weather(picture, rng, works.scale * finer, ())
    works.weather(picture, works.scale * finer, side, "shell", name)
    wall = works.surface(picture, classes.BUILDING, part=f"{style} flank")
    depth = _CORNER if "r" not in faces else _DEPTH
    whole, tall = (0.0, side.length), (0.0, design.height)
    box(works.builder, side, whole, (-depth, 0.0), tall, wall, instance, faces=faces)
    return wall


def _park_front(works: Works) -> None:
    """Houses that close the park to the east."""
    x, y = works.site.half - works.site.building_line
    side = Side(np.array([PARK - x, y - _DEPTH, 0.0]), np.array([0.0, -1.0, 0.0]),
                2 * (y - _DEPTH))  # fmt: skip
    number = round(side.length / 11)
    for k in range(number):
        own = side.moved(k * side.length / number, 0.0, side.length / number)
        _house(works, own, f"park.{k}")


def _horizon(works: Works) -> None:
    """Plain tall buildings behind the first row, all round."""
    rng, line = works.rng("horizon"), works.site.building_line + _DEPTH + 12
    boxes = [(a, b + (b - a) / ARM * (_PASSAGE + 12)) for a, b in works.site.arms]
    reach = works.site.half + 130
    for x in np.arange(-reach[0], reach[0], _FAR):
        for y in np.arange(-reach[1], reach[1], _FAR):
            middle = np.array([x, y]) + rng.uniform(-5, 5, 2)
            wide, deep, tall = rng.uniform(12, 22), rng.uniform(10, 18), rng.uniform(9, 20)
            tower, name = rng.uniform() < 0.06, f"{x:.0f} {y:.0f}"
            free = max(np.abs(middle) - works.site.half) > line and all(
                _distance(middle, a, b) > line for a, b in boxes
            )
            if free and rng.uniform() < 0.75:
                _far_house(works, middle, (wide, deep, tall * (1.9 if tower else 1.0)), name)


def _far_house(
    works: Works, middle: np.ndarray, size: tuple[float, float, float], name: str
) -> None:
    wide, deep, tall = size
    rng, instance = works.rng("far", name), works.builder.new_instance()
    design = draw_design(rng, shops=0.0, finer=0.2)
    grid = works.size(wide, tall, 0.2)
    picture = facades.far_front(grid, rng, works.scale * 0.2, design.color)
    wall = works.surface(picture, classes.BUILDING, part="far house")
    corner = np.array([middle[0] - wide / 2, middle[1] - deep / 2, 0.0])
    side = Side(corner, np.array([1.0, 0.0, 0.0]), wide)
    box(works.builder, side, (0, wide), (-deep, 0), (0, tall), wall, instance, faces="fklr")
    plain = dataclasses.replace(
        design, storeys=0, ground_m=tall - 0.12, roof="hip" if tall < 20 else "flat"
    )
    Roof(works, side, plain, deep, wall, instance, name).build()


def _distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """From a point to a segment, in the larger of x and y."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    return float(np.max(np.maximum(np.maximum(low - point, point - high), 0.0)))
