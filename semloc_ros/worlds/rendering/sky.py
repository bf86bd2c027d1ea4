"""Skies: panoramas of the upper half of the world.

Row 0 is the zenith, the last row the horizon; columns go round from map +x counter-clockwise.
Clouds are fractal noise on a flat layer, so that they shrink and thicken towards the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.textures import noise

Panorama = NDArray[np.float32]  # (H, W, 3) RGB, 0-255 and beyond
_ROWS, _COLUMNS = 360, 1440
_FIELD = 2048  # texels of the cloud layer's noise, which goes on mirrored


@dataclass(frozen=True, slots=True)
class _Weather:
    """Colours RGB: `zenith`, `horizon`, `glow` around the sun; `cover` share of clouds, `cloud`
    lit and `shade` unlit; `cell` size of the largest clouds in heights of their layer; `stars`."""

    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    glow: tuple[float, float, float]
    cover: float
    cloud: tuple[float, float, float]
    shade: tuple[float, float, float]
    softness: float
    cell: float = 3.0
    stars: int = 0


SKIES = {
    "noon": _Weather(
        (62, 112, 190), (178, 205, 232), (90, 80, 60), 0.16, (255, 253, 250), (205, 213, 225), 0.25
    ),
    "autumn": _Weather(
        (84, 125, 185), (222, 214, 200), (160, 120, 60), 0.45, (262, 248, 228), (168, 172, 186),
        0.3, 2.5,
    ),
    "overcast": _Weather(
        (205, 209, 216), (222, 224, 227), (10, 10, 10), 1.0, (228, 230, 233), (178, 184, 194), 0.9
    ),
    "rain": _Weather(
        (142, 149, 158), (176, 180, 185), (0, 0, 0), 1.0, (170, 175, 182), (104, 111, 121), 0.8
    ),
    "dusk": _Weather(
        (44, 58, 104), (238, 158, 104), (160, 80, 20), 0.35, (196, 118, 104), (66, 66, 96), 0.4
    ),
    "night": _Weather(
        (7, 10, 20), (38, 32, 30), (0, 0, 0), 0.3, (22, 21, 24), (12, 13, 19), 0.6, stars=900
    ),
}  # fmt: skip


def make_sky(
    kind: str, rng: np.random.Generator, sun_direction: ArrayLike | None = None
) -> Panorama:
    """The sky of a kind in `SKIES`; `sun_direction` (3,) unit, towards the sun, if any."""
    weather = SKIES[kind]
    directions = _directions()
    sun = None if sun_direction is None else np.asarray(sun_direction, dtype=np.float64)
    height = directions[:, :, 2:]
    blend = (1 - height) ** 3.5
    sky = (1 - blend) * np.array(weather.zenith) + blend * np.array(weather.horizon)
    if weather.stars:
        _add_stars(sky, weather.stars, rng)
    near = np.zeros(sky.shape[:2]) if sun is None else np.maximum(directions @ sun, 0.0)
    sky += (0.6 * near**6 + 0.9 * near**60)[:, :, None] * np.array(weather.glow)
    sky = _with_clouds(sky, directions, weather, sun, near, rng)
    if sun is not None:
        disc = np.clip((near - np.cos(0.012)) / 5e-5, 0, 1) * (1 - weather.cover)
        sky += 600 * disc[:, :, None]
    return np.asarray(np.maximum(sky, 0), dtype=np.float32)


def _directions() -> FloatArray:
    rise = (1 - (np.arange(_ROWS) + 0.5) / _ROWS) * np.pi / 2
    turn = (np.arange(_COLUMNS) + 0.5) / _COLUMNS * 2 * np.pi
    up, around = np.meshgrid(rise, turn, indexing="ij")
    return np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=-1)


def _with_clouds(
    sky: FloatArray, directions: FloatArray, weather: _Weather, sun: FloatArray | None,
    near: FloatArray, rng: np.random.Generator,
) -> FloatArray:  # fmt: skip
    """Clouds are thick where the noise is high and lit on the side of the sun."""
    layer = noise.fractal_noise((_FIELD, _FIELD), rng, _FIELD / 12, 8, 0.58)
    ranks = np.sort(layer.ravel()[::257])
    threshold = ranks[min(int((1 - weather.cover) * len(ranks)), len(ranks) - 1)]
    if weather.cover >= 1:
        threshold = ranks[0] - 1.0
    # The layer is curved, so the horizon is far but not infinitely so.
    scale = _FIELD / 12 / weather.cell
    plane = directions[:, :, :2] / (directions[:, :, 2:] + 0.05) * scale
    density = _lookup(layer, plane)
    towards = np.zeros(2) if sun is None else sun[:2] / max(float(sun[2]), 0.25)
    thinner = density - _lookup(layer, plane + 0.12 * scale * towards)
    cover = np.clip((density - threshold) / weather.softness, 0, 1)
    cover = (cover * cover * (3 - 2 * cover))[:, :, None]
    bright = np.clip(0.62 - 0.28 * (density - max(threshold, -0.5)) + 0.45 * thinner, 0, 1)
    lit = bright[:, :, None] * np.array(weather.cloud)
    color = lit + (1 - bright)[:, :, None] * np.array(weather.shade)
    color = color + (0.5 * near**8)[:, :, None] * np.array(weather.glow) * (1 - 0.6 * cover)
    fade = np.clip(directions[:, :, 2:] / 0.10, 0, 1) ** 0.7  # far clouds drown in haze
    share = cover * (0.25 + 0.75 * fade)
    return np.asarray(sky * (1 - share) + color * share)


def _lookup(layer: NDArray[np.float32], plane: FloatArray) -> FloatArray:
    where = (plane + _FIELD / 2).astype(np.float32)
    field = cv2.remap(
        layer, where[:, :, 0], where[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(field, dtype=np.float64)


def _add_stars(sky: FloatArray, number: int, rng: np.random.Generator) -> None:
    """Single bright texels, fewer near the zenith, where columns lie dense."""
    rise = np.arcsin(rng.uniform(0.12, 1.0, number))
    rows = np.minimum(((1 - rise / (np.pi / 2)) * _ROWS).astype(int), _ROWS - 1)
    columns = rng.integers(0, _COLUMNS, number)
    brightness = 8 + 110 * rng.random(number) ** 6
    sky[rows, columns] += brightness[:, None] * np.array([0.95, 0.97, 1.0])
