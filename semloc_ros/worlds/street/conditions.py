"""The six conditions of the street: what changes with season, weather and time of day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """One state of the street.

    `foliage`: "summer", "autumn" (orange, thinner, leaves on the ground) or "bare"; `snow` on
    the ground, roofs and branches; `wet` roads mirror; `lamps_on` street lamps and headlights;
    `windows_lit` share of the windows with light behind them; `exposure` factor that the camera
    puts on the light of the scene; `exposure_s` how long its shutter is open; `noise` factor on
    its noise (gain).
    """

    name: str
    foliage: str = "summer"
    snow: bool = False
    wet: bool = False
    lamps_on: bool = False
    windows_lit: float = 0.0
    exposure: float = 1.0
    exposure_s: float = 0.002
    noise: float = 1.0


CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition("summer"),
        Condition("autumn", foliage="autumn"),
        Condition("winter", foliage="bare", snow=True, windows_lit=0.08, exposure_s=0.003),
        Condition("rain", wet=True, windows_lit=0.15, exposure_s=0.006, noise=1.3),
        Condition("dusk", lamps_on=True, windows_lit=0.45, exposure_s=0.01, noise=1.8),
        Condition("night", lamps_on=True, windows_lit=0.3, exposure_s=0.02, noise=3.5),
    )
}
