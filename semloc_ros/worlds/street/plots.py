"""Plots without a building: walls, fences, hedges with gardens behind, and the park."""

from __future__ import annotations

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.street.buildings import Plot
from semloc_ros.worlds.street.furniture import add_bench
from semloc_ros.worlds.street.ground import grass
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.sides import Side, Span, box, level, rectangle
from semloc_ros.worlds.street.site import PARK
from semloc_ros.worlds.street.trees import Forester
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import facades, foliage, ground, signs

_BASE = SIDEWALK_HEIGHT
_DEEP = 24.0  # metres of garden behind the line
_GATE = 3.0


def add_plots(works: Works, forester: Forester, plots: list[Plot]) -> None:
    """What closes each plot towards the street, and what grows behind."""
    for plot in plots:
        rng = works.rng("plot", plot.name)
        length = plot.side.length
        if plot.kind == "park":
            _park_border(works, plot, rng)
            continue
        lawn, instance = grass(works, length, _DEEP, plot.name, 2.0), works.builder.new_instance()
        level(works.builder, plot.side, (0, length), (-_DEEP, 0), _BASE - 0.01, lawn, instance)
        _closing(works, plot, rng)
        for out in (-4.5, -13.0):
            foot = plot.side.point(length * rng.uniform(0.3, 0.7), _BASE, out)
            forester.plant(foot, float(rng.uniform(6, 10)))
    _park(works, forester)


def _closing(works: Works, plot: Plot, rng: np.random.Generator) -> None:
    side, whole = plot.side, (0.0, plot.side.length)
    if plot.kind == "wall":
        _wall(works, side, whole, rng, plot.name)
    elif plot.kind == "hedge":
        _hedge(works, side, whole, float(rng.uniform(1.3, 2.0)), plot.name)
    else:
        _fence(works, side, whole, 1.5)
        _hedge(works, side.moved(0, -3.0), whole, 1.1, plot.name)


def _wall(works: Works, side: Side, u: Span, rng: np.random.Generator, name: str) -> None:
    """A brick or stone wall with a coping and a poster."""
    instance, tall = works.builder.new_instance(), float(rng.uniform(2.0, 2.7))
    style = str(rng.choice(["brick", "stone", "plaster"]))
    color = {"brick": (146, 84, 62), "stone": (160, 152, 138), "plaster": (196, 188, 170)}[style]
    size = works.size(u[1] - u[0], tall)
    slant = works.condition.slant(side.right, side.out)
    picture = facades.wall(style, size, rng, works.scale, color, slant)
    facades.weather(picture, rng, works.scale, ())
    for _ in range(int(rng.integers(1, 4))):
        left = rng.uniform(0, u[1] - u[0] - 2)
        facades.graffiti(picture, rng, works.scale, (left, 0.6, left + 1.8, 1.4))
    works.weather(picture, works.scale, side, "wall", name)
    face = works.surface(picture, classes.WALL, part=f"{style} wall")
    top = works.plain((150, 146, 138), classes.WALL, "coping")
    box(works.builder, side, u, (-0.28, 0.0), (0.0, tall), face, instance, faces="fklr")
    box(works.builder, side, u, (-0.33, 0.05), (tall, tall + 0.1), top, instance, faces="fklrt")
    works.snow_on(side, u, (-0.33, 0.05), tall + 0.1, instance, classes.WALL)
    wide = min(2.4, u[1] - u[0] - 1.5)
    middle = (u[0] + u[1]) / 2
    board = signs.poster(works.picture_size(wide, 1.5, 2.0), rng, len(works.objects))
    works.add_object(side, (middle - wide / 2, middle + wide / 2), (0.45, 1.95), 0.02, board,
                     classes.WALL)  # fmt: skip


def _fence(works: Works, side: Side, u: Span, tall: float) -> None:
    """Iron pales between posts on a low plinth."""
    builder, instance = works.builder, works.builder.new_instance()
    iron = works.plain((44, 50, 48), classes.FENCE, "pales", two_sided=True)
    stone = works.plain((152, 148, 140), classes.FENCE, "plinth")
    box(builder, side, u, (-0.2, 0.0), (0, _BASE + 0.25), stone, instance, faces="fklrt")
    works.snow_on(side, u, (-0.2, 0.0), _BASE + 0.25, instance, classes.FENCE)
    for z in (_BASE + 0.35, _BASE + tall - 0.15):
        box(builder, side, u, (-0.12, -0.08), (z, z + 0.05), iron, instance, faces="fkt")
    for at in np.arange(u[0] + 0.1, u[1], 0.17):
        rectangle(builder, side, (at - 0.013, at + 0.013), (_BASE + 0.25, _BASE + tall), -0.1, iron,
                  instance)  # fmt: skip
    for at in np.arange(u[0], u[1], 2.6):
        box(builder, side, (at, at + 0.09), (-0.15, -0.05), (_BASE, _BASE + tall + 0.12), iron,
            instance, faces="fklrt")  # fmt: skip


def _hedge(works: Works, side: Side, u: Span, tall: float, name: str) -> None:
    """A clipped hedge; its wood stays when the leaves are gone."""
    instance, rng = works.builder.new_instance(), works.rng("hedge", name)
    kind = works.condition.foliage
    color = {"summer": (74, 104, 44), "autumn": (142, 112, 48), "bare": (100, 86, 68)}[kind]
    size = works.size(u[1] - u[0], tall)
    picture = foliage.hedge(size, rng, works.scale, color)
    if works.condition.snow:
        dust = 0.5 * np.clip(rng.normal(0.2, 0.6, (*size, 1)), 0, 1)
        picture = (picture * (1 - dust) + 226 * dust).astype(np.float32)
    leaves = works.surface(picture, classes.VEGETATION, part="hedge")
    high = (_BASE - 0.02, tall)
    box(works.builder, side, u, (-0.9, -0.15), high, leaves, instance, faces="fklrt")
    works.snow_on(side, u, (-0.88, -0.17), tall, instance, classes.VEGETATION)


def _park_border(works: Works, plot: Plot, rng: np.random.Generator) -> None:
    """A low fence with a gate, and hedges behind parts of it."""
    side, length = plot.side, plot.side.length
    gate = length / 2
    for k, span in enumerate(((0.0, gate - _GATE / 2), (gate + _GATE / 2, length))):
        _fence(works, side, span, 1.15)
        if rng.uniform() < 0.5:
            _hedge(works, side.moved(0, -1.2), (span[0] + 2, span[1] - 2), 1.0, f"{plot.name}.{k}")


def _park(works: Works, forester: Forester) -> None:
    """Lawn, paths, trees, benches, a monument."""
    x, y = works.site.half - works.site.building_line
    park = Side(np.array([-x, -y, 0.0]), np.array([1.0, 0.0, 0.0]), PARK)  # out is south
    rng, deep, instance = works.rng("park"), 2 * y, works.builder.new_instance()
    lawn = grass(works, PARK, deep, "park", 2.0)
    level(works.builder, park, (0, PARK), (-deep, 0), _BASE - 0.005, lawn, instance)
    for u, way in (((0.0, PARK), (-y - 1.2, -y + 1.2)), ((PARK / 2 - 1.2, PARK / 2 + 1.2),
                                                         (-deep, 0.0))):  # fmt: skip
        wide, tall = u[1] - u[0], way[1] - way[0]
        picture = ground.asphalt(works.size(wide, tall, 0.8), rng, works.scale * 0.8)
        picture = picture * np.array([1.75, 1.55, 1.25])
        if works.condition.snow:
            picture = picture * 0.25 + 160
        path = works.surface(picture, classes.SIDEWALK, part="path")
        z = _BASE + (0.002 if wide > tall else 0.004)
        level(works.builder, park, u, way, z, path, instance)
    for k in range(round(17 * works.config.trees)):
        place = rng.uniform(3, PARK / 2 - 3) + (PARK / 2) * (k % 2)
        out = -deep * (k + rng.uniform(0.2, 0.8)) / 17
        if abs(out + y) > 2.5:
            forester.plant(park.point(place, _BASE - 0.01, out), float(rng.uniform(6.5, 11)))
    for k in range(5):
        add_bench(works, park, 5.5 + 6 * k, -y - 1.9)
    _monument(works, park.moved(0, -y), works.builder.new_instance())


def _monument(works: Works, park: Side, instance: int) -> None:
    stone = works.plain((172, 166, 152), classes.BUILDING, "monument")
    middle = PARK / 2
    for half, z in ((1.5, (0.0, 0.5)), (1.1, (0.5, 0.9)), (0.75, (0.9, 2.9)), (0.95, (2.9, 3.1)),
                    (0.35, (3.1, 5.6))):  # fmt: skip
        box(works.builder, park, (middle - half, middle + half), (-half, half), z, stone, instance,
            faces="fklrt")  # fmt: skip
        works.snow_on(park, (middle - half, middle + half), (-half, half), z[1], instance)
