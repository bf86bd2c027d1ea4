"""Roofs: flat, gabled along or across the street, hipped, mansard; dormers and chimneys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import Surface
from semloc_ros.worlds.street.design import Design
from semloc_ros.worlds.street.sides import Side, Span, box, rectangle
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import facades, ground
from semloc_ros.worlds.textures import openings as panes
from semloc_ros.worlds.textures.noise import fractal_noise

_BUILDING = classes.BUILDING
_EAVES = 0.3  # metres that a roof stands out
_TRIANGLE = ((0.0, 1.0), (0.5, 0.0), (1.0, 1.0))
_WHOLE = ((0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


@dataclass(slots=True)
class Roof:
    """The roof of a building of `depth` behind its side."""

    works: Works
    side: Side
    design: Design
    depth: float
    wall: Surface
    instance: int
    name: str

    def build(self) -> None:
        """The roof of the design, with its chimneys."""
        kind, height = self.design.roof, self.design.height
        rng = self.works.rng("roof", self.name)
        rise = float(rng.uniform(0.7, 1.0)) * self.depth / 2
        if kind == "flat":
            self._flat()
        elif kind == "gable":
            self._gable(rise)
            if rise > 3.4:
                self._dormers(height + 0.5, 0.5 * self.depth / rise, 1.3)
        elif kind == "front gable":
            rise = 0.5 * float(rng.uniform(0.8, 1.2)) * self.side.length
            self._front_gable(rise)
        elif kind == "hip":
            self._hip(rise, min(self.side.length / 2, self.depth / 2))
        else:
            self._mansard(2.8, 1.0)
            rise = 3.4
        if kind != "flat":
            self._chimneys(height + rise, rng)

    def _tiles(self, width: float, height: float, name: str) -> Surface:
        works, rng = self.works, self.works.rng("tiles", self.name, name)
        finer = 0.6 * self.design.finer
        size, scale = works.size(width, height, finer), works.scale * finer
        dark = sum(self.design.tiles) < 300
        style = "slate" if dark else "tiles"
        picture = facades.roof(style, size, rng, scale, self.design.tiles)
        if works.condition.snow:
            bare = fractal_noise(size, rng, 1.2 * scale, 4)
            cover = ground.snow(size, rng, scale)
            picture = ground.mix(picture, cover, np.clip(1.9 - bare, 0, 1))
        wetness = 0.7 if works.condition.wet else 1.0
        return works.surface(picture * wetness, _BUILDING, part=f"{style} roof")

    def _slope(
        self, corner: FloatArray, across: FloatArray, down: FloatArray, tiles: Surface,
        outline: ArrayLike = _WHOLE,
    ) -> None:  # fmt: skip
        self.works.builder.add_polygon(corner, across, down, outline, tiles, self.instance)

    def _flat(self) -> None:
        works, side, height = self.works, self.side, self.design.height
        trim = works.plain(self.design.trim, _BUILDING, "parapet")
        whole, top = (0.0, side.length), (height, height + 0.55)
        box(works.builder, side, whole, (-0.25, 0.02), top, self.wall, self.instance, top=trim,
            faces="fklrt")  # fmt: skip
        works.snow_on(side, whole, (-0.25, 0.02), top[1], self.instance)
        gravel = works.plain((120, 116, 110), _BUILDING, "flat roof")
        box(works.builder, side, whole, (-self.depth, -0.25), (0, height + 0.1), gravel,
            self.instance, faces="t")  # fmt: skip

    def _gable(self, rise: float) -> None:
        side, half, height = self.side, self.depth / 2, self.design.height
        reach = (half + _EAVES) / half
        tiles = self._tiles(side.length, reach * float(np.hypot(half, rise)), "front")
        across = side.length * side.right
        for sign, start in ((1.0, side.point(0, height + rise, -half)),
                            (-1.0, side.point(side.length, height + rise, -half))):  # fmt: skip
            down = reach * (sign * half * side.out - np.array([0.0, 0.0, rise]))
            self._slope(start, sign * across, down, tiles)
        for left in (True, False):
            self._end(left, rise)

    def _end(self, left: bool, rise: float) -> None:
        """The triangle of a gable's end."""
        at, out = (0.0, -self.depth) if left else (self.side.length, 0.0)
        flank = self.side.turned(at, out, self.depth, left=left)
        self._slope(flank.point(0, self.design.height + rise), self.depth * flank.right,
                    np.array([0, 0, -rise]), self.wall, _TRIANGLE)  # fmt: skip

    def _front_gable(self, rise: float) -> None:
        side, height, wide = self.side, self.design.height, self.side.length
        self._slope(side.point(0, height + rise, 0.0), wide * side.right,
                    np.array([0, 0, -rise]), self.wall, _TRIANGLE)  # fmt: skip
        long = self.depth + 0.35
        tiles = self._tiles(long, float(np.hypot(wide / 2, rise)), "flank")
        ridge_front = side.point(wide / 2, height + rise, 0.35)
        ridge_back = side.point(wide / 2, height + rise, -self.depth)
        drop, reach = np.array([0.0, 0.0, -rise]), 1.04
        self._slope(ridge_back, long * side.out, reach * (-wide / 2 * side.right + drop), tiles)
        self._slope(ridge_front, -long * side.out, reach * (wide / 2 * side.right + drop), tiles)
        half, pane = 0.45, self._pane(0.9, 1.2)
        if rise > 2.2:
            rectangle(self.works.builder, side, (wide / 2 - half, wide / 2 + half),
                      (height + 0.4, height + 1.6), 0.02, pane, self.instance)  # fmt: skip

    def _hip(self, rise: float, inset: float) -> None:
        side, height, half = self.side, self.design.height, self.depth / 2
        wide, deep = side.length, self.depth
        tiles = self._tiles(wide, float(np.hypot(half, rise)), "front")
        share = min(inset / wide, 0.5)
        outline = ((0.0, 1.0), (share, 0.0), (1 - share, 0.0), (1.0, 1.0))
        drop = np.array([0.0, 0.0, -rise])
        for sign, at in ((1.0, 0.0), (-1.0, wide)):
            start = side.point(at, height + rise, -half)
            self._slope(start, sign * wide * side.right, sign * half * side.out + drop, tiles,
                        outline)  # fmt: skip
            start = side.point(at + sign * inset, height + rise, 0.0 if sign < 0 else -deep)
            self._slope(start, sign * deep * side.out, -sign * inset * side.right + drop, tiles,
                        _TRIANGLE)  # fmt: skip

    def _mansard(self, rise: float, run: float) -> None:
        side, height, wide = self.side, self.design.height, self.side.length
        tiles = self._tiles(wide, float(np.hypot(rise, run)), "steep")
        top = self._tiles(wide, self.depth - run, "top")
        down = run * side.out - np.array([0.0, 0.0, rise])
        self._slope(side.point(0, height + rise, -run), wide * side.right, down, tiles)
        back = side.point(0, height + rise + 0.8, -self.depth)
        down = (self.depth - run) * side.out - np.array([0.0, 0.0, 0.8])
        self._slope(back, wide * side.right, down, top)
        for left in (True, False):
            flank = side.turned(0.0 if left else wide, -self.depth if left else 0.0, self.depth,
                                left=left)  # fmt: skip
            cut = run / self.depth
            outline = ((0, 1), (0, 0), (1 - cut, 0), (1, 1)) if left else (
                (0, 1), (cut, 0), (1, 0), (1, 1))  # fmt: skip
            self._slope(flank.point(0, height + rise), self.depth * flank.right,
                        np.array([0, 0, -rise]), self.wall, outline)  # fmt: skip
        self._dormers(height + 0.35, run / rise, 1.6)

    def _dormers(self, foot: float, lean: float, tall: float) -> None:
        """Windows with roofs of their own; `lean` metres that the slope goes back per metre."""
        works, side = self.works, self.side
        number = max(1, int(side.length / 3.4))
        cheeks = works.plain(self.design.trim, _BUILDING, "dormer")
        back = -(foot - self.design.height + tall + 0.3) * lean - 0.3
        front = -(foot - self.design.height) * lean + 0.05
        roof, pane = works.plain((104, 104, 106), _BUILDING, "dormer"), self._pane(1.0, tall)
        for k in range(number):
            at = (k + 0.5) * side.length / number
            span = (at - 0.65, at + 0.65)
            box(works.builder, side, span, (back, front), (foot - 0.1, foot + tall + 0.1), cheeks,
                self.instance, faces="flr")  # fmt: skip
            rectangle(works.builder, side, (at - 0.5, at + 0.5), (foot, foot + tall), front + 0.02,
                      pane, self.instance)  # fmt: skip
            top, over = (foot + tall + 0.1, foot + tall + 0.22), (span[0] - 0.12, span[1] + 0.12)
            box(works.builder, side, over, (back, front + 0.18), top, roof, self.instance)
            works.snow_on(side, over, (back, front + 0.18), top[1], self.instance)

    def _pane(self, wide: float, tall: float) -> Surface:
        works, rng = self.works, self.works.rng("dormer", self.name)
        size = works.picture_size(wide, tall, 1.2)
        lit = bool(rng.uniform() < works.condition.windows_lit)
        kind = "casement" if self.design.kind == "wide" else self.design.kind
        picture = panes.window(kind, size, rng, self.design.frame, lit=lit)
        return works.surface(picture, _BUILDING, glow=0.85 if lit else 0.0, part="dormer window")

    def _chimneys(self, top: float, rng: np.random.Generator) -> None:
        works, side = self.works, self.side
        brick = works.plain((136, 82, 62), _BUILDING, "chimney")
        for _ in range(int(rng.integers(1, 4))):
            at, out = side.length * rng.uniform(0.3, 0.62), -self.depth * rng.uniform(0.35, 0.6)
            u: Span = (float(at), float(at) + rng.uniform(0.45, 1.1))
            box(works.builder, side, u, (out, out + 0.5), (self.design.height, top + 0.8), brick,
                self.instance)  # fmt: skip
            works.snow_on(side, u, (out, out + 0.5), top + 0.8, self.instance)
