"""The six conditions of the street: what changes with season, weather and time of day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.light import Color, Light
from semloc_ros.worlds.rendering.sky import make_sky
from semloc_ros.worlds.textures.relief import Slant


@dataclass(frozen=True, slots=True)
class Condition:
    """One state of the street.

    `foliage`: "summer", "autumn" (orange, thinner, leaves on the ground) or "bare"; `snow` on
    the ground, roofs and branches; `wet` roads mirror; `lamps_on` street lamps and headlights;
    `windows_lit` share of the windows with light behind them; `exposure_s` how long the camera's
    shutter is open to show light of 1 as it is; `noise` factor on its noise.
    """

    name: str
    foliage: str = "summer"
    snow: bool = False
    wet: bool = False
    lamps_on: bool = False
    windows_lit: float = 0.0
    exposure_s: float = 0.002
    noise: float = 1.0

    def slant(self, right: FloatArray, out: FloatArray) -> Slant:
        """Where the light on an upright wall comes from (`textures.relief`): `right` and `out`
        (3,) are unit vectors along the wall and away from it. The sun's mean place is taken, not
        that of one traversal; street lamps shine from the side, from below on most of a front."""
        day = _DAYLIGHT[self.name]
        sky, lamps = 0.5 * float(np.mean(day.ambient)), 0.8 * float(np.mean(day.lamps))
        total, along, up = sky + lamps, 0.6 * lamps, 0.8 * sky - 0.3 * lamps
        if day.sun_deg is not None:
            sun = float(np.mean(day.sun)) * _towards(*np.radians(day.sun_deg))
            straight = float(sun @ out)
            if straight > 0:
                total, along, up = total + straight, along + float(sun @ right), up + float(sun[2])
        return along / total, up / total

    def light(self, rng: np.random.Generator) -> Light:
        """The light of one traversal: clouds and the sun's place vary a little."""
        return _light(self, rng)


@dataclass(frozen=True, slots=True)
class _Daylight:
    """`sun_deg` azimuth from map +x and height, or None; the others as in `Light`."""

    sky: str
    ambient: Color
    sun_deg: tuple[float, float] | None = None
    sun: Color = (0.0, 0.0, 0.0)
    lamps: Color = (0.0, 0.0, 0.0)
    ground: Color = (0.4, 0.38, 0.35)
    haze_m: float = 900.0
    wetness: float = 0.0
    headlights: float = 0.0


_DAYLIGHT = {
    "summer": _Daylight("noon", (0.82, 0.86, 0.94), (-65, 56), (0.78, 0.72, 0.62)),
    "autumn": _Daylight("autumn", (0.78, 0.77, 0.78), (-128, 27), (0.75, 0.62, 0.45), haze_m=500),
    "winter": _Daylight(
        "overcast", (0.96, 0.98, 1.02), ground=(0.7, 0.72, 0.76), haze_m=130
    ),
    "rain": _Daylight("rain", (0.88, 0.91, 0.97), haze_m=170, wetness=1.0),
    "dusk": _Daylight(
        "dusk", (0.42, 0.4, 0.48), lamps=(0.46, 0.36, 0.23), haze_m=500, headlights=0.25
    ),
    "night": _Daylight(
        "night", (0.06, 0.066, 0.085), lamps=(0.6, 0.47, 0.3), haze_m=700, headlights=0.6
    ),
}


def _light(condition: Condition, rng: np.random.Generator) -> Light:
    day = _DAYLIGHT[condition.name]
    towards: Color | None = None
    if day.sun_deg is not None:
        turn, height = np.radians(np.array(day.sun_deg) + rng.uniform((-8, -3), (8, 3)))
        x, y, z = _towards(turn, height)
        towards = (float(x), float(y), float(z))
    return Light(
        ambient=day.ambient, sky=make_sky(day.sky, rng, towards), ground=day.ground,
        lamps=day.lamps, sun_direction=towards, sun=day.sun, haze_m=day.haze_m,
        wetness=day.wetness, headlights=day.headlights,
    )  # fmt: skip


def _towards(turn: float, height: float) -> FloatArray:
    """Unit vector (3,) of azimuth and height in radians."""
    flat = np.cos(height)
    return np.array([np.cos(turn) * flat, np.sin(turn) * flat, np.sin(height)])


CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition("summer"),
        Condition("autumn", foliage="autumn"),
        Condition("winter", foliage="bare", snow=True, windows_lit=0.08, exposure_s=0.006,
                  noise=1.6),  # fmt: skip
        Condition("rain", wet=True, windows_lit=0.15, exposure_s=0.006, noise=1.3),
        Condition("dusk", lamps_on=True, windows_lit=0.45, exposure_s=0.01, noise=1.8),
        Condition("night", lamps_on=True, windows_lit=0.3, exposure_s=0.025, noise=5.0),
    )
}
