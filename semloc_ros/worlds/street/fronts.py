"""Fronts of buildings: a wall with holes, and all that fills them and stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.rendering.lighting import Lamp
from semloc_ros.worlds.rendering.scene import Piece, Surface
from semloc_ros.worlds.street.design import Design, Opening
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.sides import Side, Span, box, rectangle
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import facades, signs
from semloc_ros.worlds.textures import openings as panes

_BUILDING = classes.BUILDING
_VARIANTS = 4  # different windows of one building
_GLOW = 0.85  # of lit windows
_SKY_IN_GLASS = 0.25  # of a pane by day: it lies in shade but mirrors the sky
_SPILL = 2.2  # light of a shop on the sidewalk before it
_AWNINGS = ((150, 36, 34), (34, 84, 60), (40, 62, 110), (190, 150, 60), (90, 60, 90))


@dataclass(slots=True)
class Front:
    """One front: its side runs from the left to the right end of the wall."""

    works: Works
    side: Side
    design: Design
    instance: int
    name: str

    def build(self, holes: Sequence[Opening]) -> None:
        """The wall, its openings and its trim."""
        self._wall(holes)
        stock = _Stock(self.works, self.design, self.name)
        dark = tuple(0.8 * c for c in self.design.color)
        reveal = self.works.plain(dark, _BUILDING, "reveal")
        trim = self.works.plain(self.design.trim, _BUILDING, "trim")
        looks = self.works.rng("lit", self.name)
        base = self.works.plain(tuple(0.68 * c for c in self.design.trim), _BUILDING, "plinth")
        for hole in holes:
            lit = looks.uniform() < self.works.condition.windows_lit * (
                2.2 if hole.kind == "shop" else 1.0
            )
            self._fill(hole, stock.pane(hole, looks, lit=bool(lit)), reveal)
            self._dress(hole, trim, stock)
        self._trim(trim, base, holes)
        windows = [hole for hole in holes if hole.kind == "shop"]
        if windows:
            self._shop(windows)

    def _wall(self, holes: Sequence[Opening]) -> None:
        works, design, side = self.works, self.design, self.side
        scale, rng = works.scale * design.finer, works.rng("wall", self.name)
        height = design.height
        size = works.size(side.length, height, design.finer)
        slant = works.condition.slant(side.right, side.out)
        picture = facades.wall(design.style, size, rng, scale, design.color, slant)
        areas = [(h.u[0], height - h.z[1], h.u[1], height - h.z[0]) for h in holes]
        if design.quoins:
            facades.quoins(picture, scale, design.trim)
        band = design.surround
        for left, top, right, bottom in areas if band else ():
            area = (left - band, top - 1.3 * band, right + band, bottom + 0.5 * band)
            x0, y0, x1, y1 = (max(0, round(v * scale)) for v in area)
            picture[y0:y1, x0:x1] = design.trim
            facades.course(picture, scale, (area[0], area[1], area[2], top), 0.97)
        if design.shop or rng.uniform() < 0.3:  # a ground floor of its own colour
            top = height - SIDEWALK_HEIGHT - design.ground_m
            below = facades.wall("stone", (size[0] - round(top * scale), size[1]), rng, scale,
                                 np.array(design.trim) * rng.uniform(0.55, 0.95),
                                 slant)  # fmt: skip
            picture[size[0] - len(below) :] = below
        facades.weather(picture, rng, scale, areas)
        if rng.uniform() < 0.3:
            left = rng.uniform(0, max(0.1, side.length - 2.5))
            area = (left, height - 1.6, left + rng.uniform(1, 2.4), height - 0.7)
            facades.graffiti(picture, rng, scale, area)
        works.weather(picture, scale, side, "wall", self.name)
        wall = works.surface(picture, _BUILDING, part=f"{design.style} wall")
        corner, across = side.point(0, height), side.length * side.right
        down = np.array([0.0, 0.0, -height])
        pieces = _around(side.length, height, areas)
        works.builder.add_rectangle(corner, across, down, wall, self.instance, pieces)

    def _fill(self, hole: Opening, pane: Surface, reveal: Surface) -> None:
        builder, side, deep = self.works.builder, self.side, hole.depth
        (u0, u1), (z0, z1) = hole.u, hole.z
        rectangle(builder, side, hole.u, hole.z, -deep, pane, self.instance)
        across, down, inward = (u1 - u0) * side.right, np.array([0, 0, z0 - z1]), deep * side.out
        for corner, wide, along in (
            (side.point(u0, z1), -inward, down),
            (side.point(u1, z1, -deep), inward, down),
            (side.point(u0, z1), across, -inward),
            (side.point(u0, z0, -deep), across, inward),
        ):
            builder.add_rectangle(corner, wide, along, reveal, self.instance)

    def _dress(self, hole: Opening, trim: Surface, stock: _Stock) -> None:
        """Sill, shutters, balcony, step."""
        works, side, (u0, u1), (z0, z1) = self.works, self.side, hole.u, hole.z
        builder, instance = works.builder, self.instance
        if hole.kind == "window":
            span = (u0 - 0.07, u1 + 0.07)
            box(builder, side, span, (-0.02, 0.1), (z0 - 0.07, z0), trim, instance, faces="fltr")
            works.snow_on(side, span, (-0.05, 0.1), z0, instance)
            if self.design.shutters and z0 > 2.5:
                half = (u1 - u0) / 2
                for span in ((u0 - half - 0.02, u0 - 0.02), (u1 + 0.02, u1 + half + 0.02)):
                    box(builder, side, span, (0, 0.05), (z0, z1), stock.shutter(), instance,
                        faces="flr")  # fmt: skip
        elif hole.kind == "french":
            _balcony(works, side, (u0 - 0.45, u1 + 0.45), z0 - 0.05, trim, instance)
        elif hole.kind == "door":
            step = (SIDEWALK_HEIGHT, SIDEWALK_HEIGHT + 0.14)
            box(builder, side, (u0 - 0.1, u1 + 0.1), (-0.2, 0.3), step, trim, instance)

    def _trim(self, trim: Surface, plinth: Surface, holes: Sequence[Opening]) -> None:
        """Cornice, string course and downpipe."""
        works, side, design = self.works, self.side, self.design
        builder, instance, whole = works.builder, self.instance, (0.0, side.length)
        height = design.height
        deep = 0.14 if design.roof == "flat" else 0.34
        box(builder, side, whole, (0, deep), (height - 0.28, height), trim, instance)
        box(builder, side, whole, (0, deep * 0.5), (height - 0.5, height - 0.28), trim, instance,
            faces="flr")  # fmt: skip
        works.snow_on(side, whole, (0, deep), height, instance)
        floor = SIDEWALK_HEIGHT + design.ground_m
        if not design.shop:
            box(builder, side, whole, (0, 0.07), (floor - 0.14, floor), trim, instance)
            base = (0.0, SIDEWALK_HEIGHT + 0.55)
            for span in _gaps(whole, [h.u for h in holes if h.kind in ("door", "portal")]):
                box(builder, side, span, (0, 0.05), base, plinth, instance, faces="flrt")
        pipe = works.plain((94, 96, 94), _BUILDING, "pipe")
        at, tall = side.length - 0.16, (0.2, height - 0.28)
        box(builder, side, (at - 0.05, at + 0.05), (0.02, 0.12), tall, pipe, instance, faces="flr")

    def _shop(self, windows: Sequence[Opening]) -> None:
        """A board above the windows, an awning, a sign that stands out."""
        works, side, rng = self.works, self.side, self.works.rng("shop", self.name)
        u0, u1 = min(h.u[0] for h in windows), max(h.u[1] for h in windows)
        head = windows[0].z[1]
        tall = min(0.7, SIDEWALK_HEIGHT + self.design.ground_m - head - 0.2)
        z = (head + 0.12, head + 0.12 + tall)
        trim = works.plain(self.design.trim, _BUILDING, "shop board")
        box(works.builder, side, (u0, u1), (0, 0.12), z, trim, self.instance, faces="lrtb")
        size = works.picture_size(u1 - u0, tall, 1.8)
        picture = signs.board(size, rng, len(works.objects))
        glow = 0.75 if works.condition.lamps_on else 0.0
        works.add_object(side, (u0, u1), z, 0.12, picture, _BUILDING, glow)
        if works.condition.lamps_on:
            x, y, height = side.point((u0 + u1) / 2, 2.5, 0.9)
            works.lamps.append(Lamp((float(x), float(y), float(height)), _SPILL))
        if rng.uniform() < 0.5:
            for hole in windows:
                _awning(works, side, hole.u, head, rng, self.instance)
        if rng.uniform() < 0.6:
            self._flag(rng, u0 + 0.3, z[1] + 0.25)

    def _flag(self, rng: np.random.Generator, u: float, z: float) -> None:
        """A small sign at right angles to the wall, with its own picture on both faces."""
        works, side = self.works, self.side
        size = works.picture_size(0.7, 0.7, 3)
        glow = 0.6 if works.condition.lamps_on else 0.0
        for left in (True, False):
            start = 0.15 if left else 0.85
            face = side.turned(u, start, 0.7, left=left)
            picture = signs.board(size, rng, len(works.objects))
            works.add_object(face, (0, 0.7), (z, z + 0.7), 0.03, picture, classes.BUILDING, glow)
        iron = works.plain((44, 44, 46), _BUILDING, "shop board")
        box(works.builder, side, (u - 0.03, u + 0.03), (0, 0.9), (z - 0.02, z + 0.72), iron,
            self.instance, faces="ftb")  # fmt: skip


class _Stock:
    """The panes of one building, made when they are asked for."""

    def __init__(self, works: Works, design: Design, name: str) -> None:
        self._works, self._design, self._name = works, design, name
        self._made: dict[tuple[object, ...], Surface] = {}

    def pane(self, hole: Opening, looks: np.random.Generator, *, lit: bool) -> Surface:
        """A pane for the hole; shop windows each have their own."""
        variant = int(looks.integers(1000 if hole.kind == "shop" else _VARIANTS))
        wide, tall = round(hole.u[1] - hole.u[0], 2), round(hole.z[1] - hole.z[0], 2)
        key = (hole.kind, wide, tall, variant, lit)
        if key not in self._made:
            self._made[key] = self._make(hole.kind, wide, tall, variant, lit)
        return self._made[key]

    def shutter(self) -> Surface:
        """The shutters of the building."""
        if ("shutter",) not in self._made:
            size = self._works.picture_size(0.5, 1.5, 1.5)
            rng = self._works.rng("shutter", self._name)
            picture = panes.shutter(size, rng, self._design.door)
            self._made[("shutter",)] = self._works.surface(picture, _BUILDING, part="shutter")
        return self._made[("shutter",)]

    def _make(self, kind: str, wide: float, tall: float, variant: int, lit: bool) -> Surface:
        works, design = self._works, self._design
        name = ("pane", self._name, kind, variant, int(100 * wide), int(100 * tall))
        # doors stay; blinds, what is mirrored and what shops show are of the day
        rng = works.rng(*name) if kind == "door" else works.rng(*name, works.condition.name)
        finer = 1.3 if design.finer > 0.8 else 0.7
        size = works.picture_size(wide, tall, finer * (0.75 if kind == "shop" else 1.0))
        if kind == "portal":
            return works.plain((14, 14, 16), _BUILDING, "portal")
        if kind == "shop":
            picture = panes.shop(size, rng, design.frame, lit=lit)
        elif kind == "door":
            picture = panes.door(size, rng, design.door, lit=False)
        else:
            picture = panes.window(design.kind, size, rng, design.frame, lit=lit)
        if kind == "door":
            return works.surface(picture, _BUILDING, part="door")
        mirrored = 0.0 if works.condition.lamps_on else _SKY_IN_GLASS
        part = "shop" if kind == "shop" else f"{design.kind} {kind}"
        return works.surface(picture, _BUILDING, glow=_GLOW if lit else mirrored, part=part)


def _balcony(
    works: Works, side: Side, u: Span, z: float, trim: Surface, instance: int, deep: float = 0.95
) -> None:
    builder = works.builder
    box(builder, side, u, (0, deep), (z - 0.16, z), trim, instance)
    works.snow_on(side, u, (0, deep), z, instance)
    iron = works.plain((40, 42, 44), _BUILDING, "balcony", two_sided=True)
    rail = (z + 0.98, z + 1.03)
    box(builder, side, u, (deep - 0.06, deep), rail, iron, instance)
    for at in (u[0], u[1] - 0.04):
        box(builder, side, (at, at + 0.04), (0, deep), rail, iron, instance, faces="lrt")
    for at in np.arange(u[0], u[1] + 0.01, 0.16):
        span = (at - 0.012, at + 0.012)
        rectangle(builder, side, span, (z, rail[0]), deep - 0.03, iron, instance)
    for end in (True, False):
        flank = side.turned(u[0] if end else u[1], 0.0 if end else deep, deep, left=end)
        for at in np.arange(0.1, deep, 0.17):
            rectangle(builder, flank, (at - 0.012, at + 0.012), (z, rail[0]), 0.0, iron, instance)


def _awning(
    works: Works, side: Side, u: Span, z: float, rng: np.random.Generator, instance: int
) -> None:
    """Striped cloth over a shop window."""
    color = np.array(_AWNINGS[int(rng.integers(len(_AWNINGS)))], dtype=float)
    size = works.size(u[1] - u[0], 1.4)
    stripes = (np.arange(size[1]) // max(2, round(0.22 * works.scale))) % 2
    cloth = np.where(stripes[None, :, None] == 1, color, np.array([226, 220, 206]))
    picture = np.repeat(cloth, size[0], axis=0) * np.linspace(1, 0.85, size[0])[:, None, None]
    striped = works.surface(picture, _BUILDING, two_sided=True, part="awning")
    deep, drop = float(rng.uniform(0.9, 1.2)), 0.55
    across, down = (u[1] - u[0]) * side.right, deep * side.out - np.array([0, 0, drop])
    works.builder.add_rectangle(side.point(u[0], z + 0.1, 0.12), across, down, striped, instance)
    front = (z + 0.1 - drop - 0.2, z + 0.1 - drop)
    rectangle(works.builder, side, u, front, 0.12 + deep, striped, instance)


def _around(width: float, height: float, areas: Sequence[Piece]) -> list[Piece]:
    """The rectangle without the areas, as rectangles."""
    levels = sorted({0.0, height, *(a[1] for a in areas), *(a[3] for a in areas)})
    pieces = []
    for top, bottom in zip(levels, levels[1:], strict=False):
        holes = [(a[0], a[2]) for a in areas if a[1] < bottom - 1e-9 and a[3] > top + 1e-9]
        pieces += [(a, top, b, bottom) for a, b in _gaps((0.0, width), holes)]
    return pieces


def _gaps(whole: Span, taken: Sequence[Span]) -> list[Span]:
    """What of a span is not taken."""
    gaps, at = [], whole[0]
    for a, b in sorted(taken):
        if a - at > 1e-6:
            gaps.append((at, a))
        at = max(at, b)
    if whole[1] - at > 1e-6:
        gaps.append((at, whole[1]))
    return gaps
