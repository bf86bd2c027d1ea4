"""The light of one traversal: sky, sun, lamps, haze, wet ground, the vehicle's own headlights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.sky import Panorama

Color = tuple[float, float, float]
# Colours of the horizon stand on a ring by the place where a direction crosses |x| + |y| = 1,
# which needs no angle.
_RING = 512
_LAMP_AHEAD, _LAMP_BELOW = 0.3, 0.7  # metres: headlights stand before and below the camera


@dataclass(frozen=True, slots=True)
class Light:
    """All colours are RGB factors on the colours of textures: 1 shows a texture as it is.

    `ambient` of an open sky on a surface that sees all of it; `ground` share of it that comes back
    from below (1 indoors); `lamps` of the baked lamps; `sun_direction` (3,) unit, towards the sun,
    or None; `sun` at right incidence; `sky` panorama (`sky.make_sky`); `haze_m` distance at which
    haze takes 63 %; `wetness` 0-1 of the ground, scales its gloss; `headlights` power: the light
    at ten metres at right incidence in the middle of the beam, 0 = off.
    """

    ambient: Color
    sky: Panorama
    ground: Color = (0.4, 0.38, 0.35)
    lamps: Color = (1.0, 1.0, 1.0)
    sun_direction: Color | None = None
    sun: Color = (0.0, 0.0, 0.0)
    haze_m: float = float("inf")
    wetness: float = 0.0
    headlights: float = 0.0

    def horizon(self) -> NDArray[np.float32]:
        """Colours (N + 1, 3) of the horizon, as the shading kernel finds them: see `_RING`."""
        quarter = (np.arange(_RING + 1) / _RING * 4) % 4
        x = np.where(quarter < 2, 1 - quarter, quarter - 3)
        y = np.where(quarter < 2, 1 - np.abs(x), np.abs(x) - 1)
        turn = np.arctan2(y, x) / (2 * np.pi) % 1 * self.sky.shape[1]
        return np.ascontiguousarray(self.sky[-1, turn.astype(int) % self.sky.shape[1]])

    @property
    def towards_sun(self) -> FloatArray:
        """(3,) unit, zero without a sun."""
        return np.array(self.sun_direction or (0.0, 0.0, 0.0), dtype=np.float64)

    def arrays(self, eye: FloatArray, forward: FloatArray) -> tuple[NDArray[Any], ...]:
        """As the shading kernel reads it; `eye` (3,) and `forward` (3,) of the vehicle's camera."""
        factors = np.array([self.ambient, self.lamps, self.sun, self.ground])
        up = np.array([0.0, 0.0, 1.0]) - forward[2] * forward
        up /= max(float(np.linalg.norm(up)), 1e-9)
        place = eye + _LAMP_AHEAD * forward - _LAMP_BELOW * up
        lamp = np.concatenate([place, forward, up, [self.headlights]])
        about = np.array([1 / self.haze_m, self.wetness])
        return factors, self.towards_sun, self.sky, self.horizon(), lamp, about


def indoor_light(ambient: Color, lamps: Color = (1.0, 1.0, 1.0)) -> Light:
    """Light from all around, as much from below as from above, and lamps; outside is black."""
    outside = np.zeros((2, 4, 3), np.float32)
    return Light(ambient, outside, ground=(1.0, 1.0, 1.0), lamps=lamps)
