"""Textures of façades: walls of brick, plaster, stone, concrete; weather on them; roofs.

Images (H, W, 3) float, 0-255, of the asked size in texels; `scale` is texels per metre, so that
bricks and blocks have their real size. Nothing repeats: stains tell one façade from another. What
is unevenness, not colour, is drawn by the light (`relief`); what weather leaves for a day is drawn
from another stream than what stays (`fresh_weather`).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures import relief
from semloc_ros.worlds.textures.noise import Field, Size, fractal_noise, smooth_noise
from semloc_ros.worlds.textures.relief import OPEN_SKY, Slant

Picture = NDArray[np.float32]
Color = Sequence[float] | NDArray[np.float64]
Area = tuple[float, float, float, float]  # left, top, right, bottom in metres
_BONDS = {"brick": (0.26, 0.08), "stone": (0.72, 0.36), "concrete": (3.1, 1.55)}  # m
# how units differ: in colour, and in slope, as they are not laid flush
_UNITS = {"brick": (0.06, 0.07), "stone": (0.035, 0.05), "concrete": (0.02, 0.01)}


def wall(
    style: str, size: Size, rng: np.random.Generator, scale: float, color: Color,
    slant: Slant = OPEN_SKY,
) -> Picture:  # fmt: skip
    """A clean wall, "brick", "stone", "concrete" or "plaster", lit from `slant`."""
    if style == "plaster":
        shade = 1 + 0.008 * fractal_noise(size, rng, 0.2 * scale, 3, 0.8)
        shade *= relief.shading(style, size, rng, scale, slant)
        return np.asarray(shade[:, :, None] * np.asarray(color), dtype=np.float32)
    spread, lean = _UNITS[style]
    tone, joint, units = _bond(size, rng, scale, _BONDS[style], spread)
    grain = 0.01 * smooth_noise(size, rng, (1.3, 1.3))
    face = (tone + grain)[:, :, None] * np.asarray(color)
    mortar = np.array([168, 160, 148]) if style == "brick" else 0.8 * np.asarray(color)
    share = 0.62 * joint[:, :, None]
    slopes = rng.normal(0, lean, (2, *units[1])).astype(np.float32)
    leaning = slopes[0][units[0]], slopes[1][units[0]]
    shade = relief.shading(style, size, rng, scale, slant, joint, leaning)[:, :, None]
    return np.asarray((face * (1 - share) + mortar * share) * shade, dtype=np.float32)


def weather(
    picture: Picture, rng: np.random.Generator, scale: float, sills: Sequence[Area]
) -> None:
    """Time on a wall, in place: clouds, streaks of rain, runs below sills, a dirty foot."""
    height, width = picture.shape[:2]
    half = (height // 2 + 1, width // 2 + 1)
    clouds = fractal_noise(half, rng, 1.5 * scale, 4)
    streaks = smooth_noise(half, rng, (1.2 * scale, 0.08 * scale))
    shade = 1 + 0.025 * clouds + 0.02 * streaks
    large = cv2.resize(shade, (2 * half[1], 2 * half[0]))
    shade = np.asarray(large[:height, :width], dtype=np.float32)
    from_foot = (height - np.arange(height, dtype=np.float32))[:, None] / scale
    rising = 0.5 + 0.35 * smooth_noise((1, width), rng, (1, 0.7 * scale))
    shade -= 0.2 * np.exp(-from_foot / np.clip(rising, 0.15, 1.5))
    shade -= 0.1 * np.exp(-np.arange(height, dtype=np.float32)[:, None] / (0.5 * scale))
    for left, _, right, bottom in sills:
        for x in (left, right, rng.uniform(left, right)):
            _run(shade, rng, scale, float(x), bottom)
    picture *= shade[:, :, None]
    if rng.uniform() < 0.35:
        _fallen_plaster(picture, rng, scale)


def fresh_weather(
    picture: Picture, rng: np.random.Generator, scale: float, *, wet: bool, snow: float
) -> None:
    """What the weather of the day leaves on a wall, in place: damp in streaks from above and up
    from the foot, snow blown into its dents: `snow` 0 none, 0.2 on a sheltered wall, 1 where the
    wind stood on it."""
    size = picture.shape[0], picture.shape[1]
    if wet:
        damp = smooth_noise(size, rng, (1.6 * scale, 0.16 * scale))
        damp += 0.8 * fractal_noise(size, rng, 0.6 * scale, 4)
        picture *= (1 - 0.3 * np.clip(0.45 + 0.4 * damp, 0, 1))[:, :, None]
    if snow:
        drift = fractal_noise(size, rng, 0.5 * scale, 5, 0.75)
        from_foot = (size[0] - np.arange(size[0], dtype=np.float32))[:, None] / scale
        drift += 1.6 * np.exp(-from_foot / 0.35)
        share = np.clip(0.9 * (drift - 1.7 + 1.5 * snow), 0, 0.85)[:, :, None]
        picture += share * (np.array([232, 236, 242], dtype=np.float32) - picture)


def course(picture: Picture, scale: float, area: Area, tone: float) -> None:
    """A band that stands proud: brighter, with a lit upper edge and a shadow below, in place."""
    x0, y0, x1, y1 = (max(0, round(v * scale)) for v in area)
    picture[y0:y1, x0:x1] *= tone
    picture[y0 : y0 + 1, x0:x1] *= 1.12
    picture[y1 : y1 + max(1, round(0.05 * scale)), x0:x1] *= 0.7


def quoins(picture: Picture, scale: float, color: Color) -> None:
    """Dressed stones up both edges, in place."""
    height, width = picture.shape[:2]
    step = max(2, round(0.35 * scale))
    for k, top in enumerate(range(height, 0, -step)):
        reach = max(1, round((0.5 if k % 2 else 0.3) * scale))
        rows = slice(max(0, top - step + 1), top)
        for columns in (slice(0, reach), slice(width - reach, width)):
            tone = picture[rows, columns].mean() / 128
            picture[rows, columns] = np.asarray(color) * (0.8 + 0.2 * tone)
        picture[max(0, top - step), :reach] *= 0.7
        picture[max(0, top - step), width - reach :] *= 0.7


def graffiti(picture: Picture, rng: np.random.Generator, scale: float, area: Area) -> None:
    """A sprayed tag in place."""
    left, top, right, bottom = area
    color = tuple(float(c) for c in rng.uniform(10, 220, 3))
    steps = rng.normal(0, 1, (int(rng.integers(9, 22)), 2)) * (bottom - top) * 0.5
    start = np.array([left, (top + bottom) / 2])
    drift = np.linspace(0, right - left, len(steps))[:, None] * (1.0, 0.0)
    fixed = np.rint((start + drift + steps) * scale * 16).astype(np.int32)
    cv2.polylines(picture, [fixed], False, color, max(1, round(0.05 * scale)), cv2.LINE_AA, 4)


def roof(style: str, size: Size, rng: np.random.Generator, scale: float, color: Color) -> Picture:
    """A roof with rows of tiles, of slates, or of standing seams ("metal")."""
    if style == "metal":
        shade = 1 + 0.05 * fractal_noise(size, rng, 1.5 * scale, 4)
        shade[:, :: max(3, round(0.55 * scale))] *= 0.6
    else:
        bond = (0.24, 0.34) if style == "tiles" else (0.3, 0.2)
        tone, joint, _ = _bond(size, rng, scale, bond, 0.11)
        shade = tone * (1 - 0.45 * joint) * (1 + 0.08 * fractal_noise(size, rng, 2 * scale, 4))
    moss = np.clip(0.5 * fractal_noise(size, rng, 1.2 * scale, 4) - 0.55, 0, 0.6)[:, :, None]
    face = shade[:, :, None] * np.asarray(color)
    return np.asarray(face * (1 - moss) + moss * np.array([92, 96, 66]), dtype=np.float32)


def far_front(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Picture:
    """A whole building far away: rows of windows painted on a wall."""
    picture = wall("plaster", size, rng, scale, color)
    pitch, storey = rng.uniform(1.8, 3.0), rng.uniform(2.9, 3.5)
    wide, high = pitch * rng.uniform(0.4, 0.6), storey * rng.uniform(0.45, 0.62)
    for top in np.arange(0.7, size[0] / scale - 2.0, storey):
        for left in np.arange(0.6, size[1] / scale - wide, pitch):
            x0, x1 = round(left * scale), round((left + wide) * scale)
            y0, y1 = round(top * scale), round((top + high) * scale)
            picture[y0:y1, x0:x1] = np.array([70, 80, 92]) * rng.uniform(0.55, 1.5)
            picture[y1 : y1 + 1, x0:x1] = np.asarray(color) * 1.1
    weather(picture, rng, scale, ())
    return picture


def _bond(
    size: Size, rng: np.random.Generator, scale: float, unit: tuple[float, float], spread: float
) -> tuple[Field, Field, tuple[tuple[NDArray[np.int64], NDArray[np.int64]], tuple[int, int]]]:
    """Tone and joint (0-1) of a running bond of units (width, height) in metres, and the row and
    column of the unit of each texel with their numbers.

    Joints are filtered to their share of a texel, so that coarse textures do not alias."""
    wide, high = max(2.0, unit[0] * scale), max(2.0, unit[1] * scale)
    y, x = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    row = (y / high).astype(np.int64)
    along = x[None] / wide + 0.5 * (row % 2)[:, None]
    column = along.astype(np.int64)
    tones = rng.normal(1.0, spread, (row[-1] + 1, int(column.max()) + 1)).astype(np.float32)
    within = (y - row * high, (along - column) * wide)
    joint = np.maximum(within[0][:, None] < 1.0, within[1] < 1.0).astype(np.float32)
    rows = np.broadcast_to(row[:, None], column.shape)
    return tones[rows, column], joint, ((rows, column), tones.shape)


def _run(shade: Field, rng: np.random.Generator, scale: float, x: float, top: float) -> None:
    length, wide = rng.uniform(0.4, 1.8), max(1, round(rng.uniform(0.03, 0.12) * scale))
    column, row = round(x * scale), round(top * scale)
    here = shade[row : row + round(length * scale), max(0, column - wide) : column + wide]
    if here.size:
        fade = np.linspace(1, 0, here.shape[0], dtype=np.float32)[:, None]
        here -= np.float32(rng.uniform(0.05, 0.2)) * fade


def _fallen_plaster(picture: Picture, rng: np.random.Generator, scale: float) -> None:
    size = picture.shape[0], picture.shape[1]
    spread = fractal_noise(size, rng, 1.6 * scale, 5, 0.6)
    holes = np.clip((spread - 2.1) * 4, 0, 1)[:, :, None]
    picture += holes * (np.array([150, 128, 108]) - picture)
