"""Bicycles, and who rides them.

Frame: x forward, y left, z up; the origin lies on the ground midway between the wheels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.actors.gait import CRANK, HANDS, PEDALS, SADDLE
from semloc_ros.worlds.actors.people import Person
from semloc_ros.worlds.actors.shaping import Shape, View, all_round, beam, block, hoop, views_of
from semloc_ros.worlds.rendering.scene import Mesh, SceneBuilder
from semloc_ros.worlds.textures.canvas import Canvas

WHEELBASE = 1.06
_RADIUS = 0.34
_COLORS = ((180, 30, 36), (30, 80, 150), (40, 44, 48), (60, 130, 90), (220, 220, 214))


@dataclass(frozen=True, slots=True)
class Cyclist:
    """A bicycle and its rider, who are two instances."""

    bicycle: Mesh
    rider: Person


def make_bicycle(builder: SceneBuilder, rng: np.random.Generator) -> Mesh:
    """A city bicycle."""
    color = _COLORS[int(rng.integers(len(_COLORS)))]
    steel, black, metal = (
        views_of([-1, -0.4, 0], [1, 0.4, 1.2], all_round(builder.add_surface(
            Canvas((1, 1), 4, one).image, label=classes.BICYCLE)))
        for one in (color, (26, 26, 28), (150, 152, 156))
    )  # fmt: skip
    shape = Shape(builder)
    half = WHEELBASE / 2
    for x in (-half, half):
        shape.add(hoop([x, 0, _RADIUS], _RADIUS, 0.02, 14), black)
        _spokes(shape, x, metal)
    rear, front = (-half, _RADIUS), (half, _RADIUS)
    crank, seat = (float(PEDALS[0]), float(PEDALS[1])), (-0.2, SADDLE - 0.06)
    head, stem = (0.36, 0.72), (0.33, 1.0)
    tubes = ((rear, crank), (crank, seat), (crank, head), ((-0.17, 0.72), head), (rear, seat),
             (front, head), (head, stem))  # fmt: skip
    for (x, z), (u, w) in tubes:
        shape.add(beam([x, 0, z], [u, 0, w], (0.019, 0.019), 4), steel)
    x, z = (float(value) for value in HANDS)
    shape.add(beam([stem[0], 0, stem[1]], [x, 0, z], (0.015, 0.015), 4), black)
    shape.add(beam([x, -0.28, z], [x, 0.28, z], (0.014, 0.014), 4), black)
    shape.add(block([-0.34, -0.07, SADDLE - 0.07], [-0.08, 0.07, SADDLE]), black)
    shape.add(block([-0.8, -0.07, 0.7], [-0.35, 0.07, 0.72]), metal)
    shape.add(beam([crank[0] - CRANK, 0.09, crank[1]], [crank[0] + CRANK, -0.09, crank[1]],
                   (0.014, 0.014), 4), metal)  # fmt: skip
    return shape.mesh()


def _spokes(shape: Shape, x: float, views: tuple[View, ...]) -> None:
    for angle in (0.2, 1.25, 2.3):
        arm = (_RADIUS - 0.03) * np.array([np.cos(angle), 0, np.sin(angle)])
        middle = np.array([x, 0, _RADIUS])
        shape.add(beam(middle - arm, middle + arm, (0.005, 0.005), 3), views)
