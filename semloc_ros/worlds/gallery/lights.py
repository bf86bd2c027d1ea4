"""The six light settings of the gallery.

Each room has four panels in its ceiling, each with a lamp; a setting says how many of them burn,
in what colours, and how much light comes from all around. Geometry is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.light import Color, Light, indoor_light
from semloc_ros.worlds.rendering.lighting import Lamp

_LIGHTS_STREAM = 43  # random stream: which panels burn
_SPOT_OUT, _SPOT_BELOW, _SPOT_POWER = 1.1, 0.15, 4.0  # metres off the wall and the ceiling


@dataclass(frozen=True, slots=True)
class Setting:
    """`ambient` and `lamps` factors of `Light`; `burning` panels of each room's four, which shine
    in the colour `panel` (0-255) times `glow`; `spots`: one lamp before each painting instead."""

    ambient: Color
    lamps: Color
    burning: int
    panel: tuple[int, int, int] = (255, 252, 244)
    glow: float = 0.6
    spots: bool = False

    def light(self) -> Light:
        """For the renderer."""
        return indoor_light(self.ambient, self.lamps)


LIGHTS: dict[str, Setting] = {
    "day": Setting((0.55, 0.55, 0.55), (1.0, 1.0, 1.0), 4),
    "evening": Setting((0.36, 0.26, 0.17), (0.95, 0.68, 0.40), 4, (255, 205, 132)),
    "half": Setting((0.26, 0.26, 0.26), (1.0, 1.0, 1.0), 2),
    "spots": Setting((0.14, 0.13, 0.12), (1.0, 0.92, 0.78), 0, spots=True),
    "daylight": Setting((0.78, 0.88, 1.02), (1.0, 1.14, 1.36), 4, (232, 243, 255), 1.1),
    "night": Setting((0.018, 0.022, 0.03), (0.12, 0.17, 0.14), 1, (214, 255, 224), 0.35),
}


def burning_panels(seed: int, room: int, setting: Setting) -> NDArray[np.bool_]:
    """Which of a room's four panels burn (4,)."""
    order = np.random.default_rng([seed, _LIGHTS_STREAM, room]).permutation(4)
    return np.asarray(order < setting.burning)


def spots(corners: Sequence[FloatArray], ceiling: float) -> list[Lamp]:
    """A lamp under the ceiling before each canvas (4, 3)."""
    lamps = []
    for canvas in corners:
        out = np.cross(canvas[3] - canvas[0], canvas[1] - canvas[0])
        x, y = (canvas.mean(axis=0) + _SPOT_OUT * out / np.linalg.norm(out))[:2]
        lamps.append(Lamp((float(x), float(y), ceiling - _SPOT_BELOW), _SPOT_POWER))
    return lamps
