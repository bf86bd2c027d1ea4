"""What the wind moves: crowns of trees, and a flag on its pole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.shaping import Shape, View, all_round, beam, views_of
from semloc_ros.worlds.rendering.scene import Mesh, Motion, Part, SceneBuilder
from semloc_ros.worlds.street.plan import Swaying
from semloc_ros.worlds.textures.canvas import Canvas
from semloc_ros.worlds.textures.vehicles import flag

_STRIPS = 12
_SIZE = (1.5, 1.0)  # of the cloth, metres
_POLE = 5.0  # metres
_WAVE = 2.2  # radians from strip to strip, over the whole cloth times this


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag in its own frame: the pole's foot at the origin, the wind along +x. `strips` of
    cloth hang from their left edge at the origin."""

    pole: Mesh
    strips: tuple[Mesh, ...]


def make_flag(builder: SceneBuilder, rng: np.random.Generator) -> Flag:
    """A flag on a pole 5 m high."""
    steel = builder.add_surface(Canvas((1, 1), 4, (196, 198, 200)).image, label=classes.POLE)
    shape = Shape(builder)
    views = views_of([-0.1, -0.1, 0], [0.1, 0.1, _POLE], all_round(steel))
    shape.add(beam([0, 0, _POLE], [0, 0, 0], (0.025, 0.045), 8), views)
    cloth = builder.add_surface(flag(rng), two_sided=True)
    width, height = _SIZE
    step, across = width / _STRIPS, np.array([width, 0, 0])
    strips = []
    for k in range(_STRIPS):
        strip = Shape(builder)
        picture = View(cloth, np.array([0, -1.0, 0]), np.array([-k * step, 0, height]), across,
                       np.array([0, 0, -height]))  # fmt: skip
        corners = np.array([[0, 0, 0], [step, 0, 0], [step, 0, height], [0, 0, height]])
        strip.add(corners[[[0, 1, 2], [0, 2, 3]]], [picture])
        strips.append(strip.mesh())
    return Flag(shape.mesh(), tuple(strips))


class WavingFlag:
    """A flag at map_from_flag `pose` (4, 4), which waves; the pole stands still."""

    def __init__(self, model: Flag, pose: FloatArray, instance: int) -> None:
        self._flag, self._pose, self._instance = model, pose, instance

    def parts(self, time_s: float) -> list[Part]:
        """The pole and the strips of cloth, each hinged to the one before."""
        along = np.arange(_STRIPS) / _STRIPS
        swing = 0.15 + 0.55 * along
        angles = swing * np.sin(2 * np.pi * (_WAVE * along - 1.1 * time_s))
        angles += 0.25 * np.sin(2 * np.pi * 0.23 * time_s)
        steps = _SIZE[0] / _STRIPS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        ends = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
        parts = [Part(self._flag.pole, self._pose, self._instance, Motion.STATIC)]
        for mesh, angle, start in zip(self._flag.strips, angles, ends, strict=False):
            hinge = np.eye(4)
            cosine, sine = np.cos(angle), np.sin(angle)
            hinge[:2, :2] = [[cosine, -sine], [sine, cosine]]
            hinge[:3, 3] = [*start, _POLE - _SIZE[1] - 0.05]
            parts.append(Part(mesh, self._pose @ hinge, self._instance + 1, Motion.SWAYING))
        return parts


class WavingCrowns:
    """Crowns of trees that bend in the wind, each in its own time."""

    def __init__(self, crowns: Sequence[Swaying], rng: np.random.Generator) -> None:
        self._crowns = tuple(crowns)
        self._phases = rng.uniform(0, 2 * np.pi, (len(crowns), 4))
        self._rates = rng.uniform((0.17, 0.35), (0.3, 0.7), (len(crowns), 2))

    def parts(self, time_s: float) -> list[Part]:
        """The crowns as they are bent at a time in seconds."""
        parts = []
        for crown, phases, rates in zip(self._crowns, self._phases, self._rates, strict=True):
            turn = 2 * np.pi * np.tile(rates, 2) * time_s + phases
            waves = np.sin(turn) * [0.45, 0.22, 0.22, 0.1]
            pitch, roll = crown.amplitude_rad * np.array([waves[:2].sum(), waves[2:].sum()])
            parts.append(
                Part(crown.mesh, crown.pivot_map @ _bend(pitch, roll), crown.instance,
                     Motion.SWAYING)
            )  # fmt: skip
        return parts


def _bend(pitch: float, roll: float) -> FloatArray:
    about_y, about_x = np.eye(4), np.eye(4)
    about_y[0, 0] = about_y[2, 2] = np.cos(pitch)
    about_y[0, 2], about_y[2, 0] = np.sin(pitch), -np.sin(pitch)
    about_x[1, 1] = about_x[2, 2] = np.cos(roll)
    about_x[1, 2], about_x[2, 1] = -np.sin(roll), np.sin(roll)
    bent: FloatArray = about_y @ about_x
    return bent
