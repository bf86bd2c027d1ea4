"""Textures of the ground: asphalt, paving, lawn, snow, fallen leaves.

Images (H, W, 3) of the asked size in texels; `scale` is texels per metre. What lies on the ground
is mixed in by masks (H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.noise import Field, Size, fractal_noise, smooth_noise

Picture = NDArray[np.float32]
Color = Sequence[float] | NDArray[np.float64]
_BITS = 4
_LEAVES = ((196, 108, 30), (214, 150, 40), (168, 72, 24), (120, 76, 36), (222, 178, 70))


def asphalt(size: Size, rng: np.random.Generator, scale: float) -> Picture:
    """Worn asphalt: grain, mended patches, cracks, oil."""
    clouds = fractal_noise(size, rng, 3.0 * scale, octaves=4)
    grain = smooth_noise(size, rng, (1.0, 1.0)) + 0.6 * smooth_noise(size, rng, (2.5, 2.5))
    grey = np.asarray(98 * (1 + 0.06 * clouds + 0.07 * grain), dtype=np.float32)
    _mend(grey, rng, scale)
    _crack(grey, rng, scale)
    return np.asarray(grey[:, :, None] * np.array([1.0, 0.99, 0.965]), dtype=np.float32)


def paving(
    size: Size, rng: np.random.Generator, scale: float, slab: float, color: Color
) -> Picture:
    """Slabs with tones of their own, joints, stains and gum."""
    side = max(2, round(slab * scale))
    rows, columns = np.arange(size[0]) // side, np.arange(size[1])
    shift = (rows % 2) * (side // 2)
    tones = rng.normal(1.0, 0.055, (rows[-1] + 1, size[1] // side + 2)).astype(np.float32)
    along = columns[None] + shift[:, None]
    tone = tones[rows[:, None], along // side]
    joint = (along % side == 0) | (np.arange(size[0]) % side == 0)[:, None]
    tone = tone * np.where(joint, 0.72, 1.0)
    tone = tone * (1 + 0.05 * fractal_noise(size, rng, 1.5 * scale, 4)
                   + 0.04 * smooth_noise(size, rng, (1.2, 1.2)))  # fmt: skip
    _spots(tone, rng, scale)
    return np.asarray(tone[:, :, None] * np.asarray(color), dtype=np.float32)


def lawn(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Picture:
    """Grass, thicker here and there, with worn earth."""
    tufts = fractal_noise(size, rng, 0.5 * scale, 4, 0.8)
    patches = fractal_noise(size, rng, 5 * scale, 4)
    shade = (1 + 0.13 * tufts + 0.1 * patches)[:, :, None]
    worn = np.clip(patches - 1.3, 0, 0.8)[:, :, None]
    dry = np.array([1.25, 1.08, 0.7]) * np.clip(0.5 + 0.5 * patches, 0, 1)[:, :, None]
    green = np.asarray(color) * (0.8 + 0.2 * dry)
    return np.asarray(shade * ((1 - worn) * green + worn * np.array([120, 98, 70])), np.float32)


def snow(size: Size, rng: np.random.Generator, scale: float) -> Picture:
    """Old snow: soft hollows, footprints' roughness."""
    hollows = fractal_noise(size, rng, 1.0 * scale, 5, 0.65)
    shade = 1 + 0.045 * hollows + 0.02 * smooth_noise(size, rng, (1.3, 1.3))
    return np.asarray(shade[:, :, None] * np.array([226, 231, 240]), dtype=np.float32)


def footprints(size: Size, rng: np.random.Generator, scale: float, number: int) -> Field:
    """Shade (H, W) of tracks of feet that wander along the longer side, 1 = untrodden."""
    shade = np.ones(size, dtype=np.float32)
    long_axis = int(size[1] >= size[0])
    for _ in range(number):
        at, drift = rng.uniform(0.15, 0.85) * size[1 - long_axis], 0.0
        for step in np.arange(0, size[long_axis], 0.62 * scale):
            drift += rng.normal(0, 0.06) * scale
            across = at + drift + (0.12 if int(step / (0.62 * scale)) % 2 else -0.12) * scale
            x, y = (step, across) if long_axis else (across, step)
            axes = (0.14 * scale, 0.06 * scale) if long_axis else (0.06 * scale, 0.14 * scale)
            cv2.ellipse(shade, (int(x), int(y)), (max(1, int(axes[0])), max(1, int(axes[1]))),
                        0, 0, 360, float(rng.uniform(0.72, 0.86)), -1)  # fmt: skip
    return shade


def strew(picture: Picture, rng: np.random.Generator, scale: float, density: Field) -> None:
    """Fallen leaves in place; `density` (H, W) leaves per square metre."""
    number = int(density.mean() * density.size / scale**2)
    spots = rng.uniform(0, 1, (int(2.2 * number) + 1, 2)) * density.shape
    row, column = spots.astype(int).T
    keep = rng.uniform(0, max(float(density.max()), 1e-6), len(spots)) < density[row, column]
    for y, x in spots[keep]:
        color = np.array(_LEAVES[int(rng.integers(len(_LEAVES)))]) * rng.uniform(0.7, 1.15)
        reach = max(0.8, float(rng.uniform(0.035, 0.07)) * scale)
        turn = rng.uniform(0, 2 * np.pi) + np.array([0.0, 0.9, 2.4, 3.5, 4.6])
        tips = np.stack([x + reach * np.cos(turn), y + reach * 0.8 * np.sin(turn)], axis=1)
        corners = np.rint(tips * 2**_BITS).astype(np.int32)
        cv2.fillPoly(picture, [corners], tuple(float(c) for c in color), cv2.LINE_AA, _BITS)


def mix(under: Picture, over: Picture, mask: NDArray[np.floating]) -> Picture:
    """`over` where the mask is 1."""
    share = mask[:, :, None].astype(np.float32)
    return np.asarray(under * (1 - share) + over * share, dtype=np.float32)


def mark(
    picture: Picture, rng: np.random.Generator, scale: float, area: tuple[float, ...],
    color: Color = (224, 222, 214), wear: float = 0.35,
) -> None:  # fmt: skip
    """A painted bar in place, worn; `area` = left, top, right, bottom in metres."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(v * scale) for v in area)
    x0, x1 = max(x0, 0), min(max(x1, x0 + 1), width)
    y0, y1 = max(y0, 0), min(max(y1, y0 + 1), height)
    if x1 <= x0 or y1 <= y0:
        return
    here = picture[y0:y1, x0:x1]
    worn = np.clip(0.95 - wear * (1 + fractal_noise(here.shape[:2], rng, 0.4 * scale, 4)), 0.1, 1)
    here[:] = mix(here, np.broadcast_to(np.asarray(color, dtype=np.float32), here.shape), worn)


def _mend(grey: Field, rng: np.random.Generator, scale: float) -> None:
    height, width = grey.shape
    for _ in range(int(rng.poisson(height * width / scale**2 / 40))):
        size = rng.uniform(0.6, 2.0) * scale, rng.uniform(0.8, 5.0) * scale
        y, x = int(rng.uniform(0, height)), int(rng.uniform(0, width))
        here = grey[y : y + int(size[0]), x : x + int(size[1])]
        here *= float(rng.normal(0.9, 0.13))
        if here.size:
            for rim in (here[:1], here[-1:], here[:, :1], here[:, -1:]):
                rim *= 0.72


def _crack(grey: Field, rng: np.random.Generator, scale: float) -> None:
    height, width = grey.shape
    for _ in range(int(rng.poisson(height * width / scale**2 / 12))):
        steps = rng.normal(0, 0.09 * scale, (int(rng.integers(6, 40)), 2))
        steps += rng.normal(0, 0.12 * scale, 2)
        path = rng.uniform(0, 1, 2) * (width, height) + np.cumsum(steps, axis=0)
        sealed = rng.uniform() < 0.25
        fixed = np.rint(path * 2**_BITS).astype(np.int32)
        cv2.polylines(grey, [fixed], False, 46.0 if sealed else 62.0,
                      max(1, round(0.05 * scale)) if sealed else 1, cv2.LINE_AA, _BITS)  # fmt: skip
    for _ in range(int(height * width / scale**2 / 9)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        reach = max(1, int(rng.uniform(0.03, 0.16) * scale))
        cv2.circle(grey, (x, y), reach, float(rng.uniform(60, 84)), -1, cv2.LINE_AA)


def _spots(tone: Field, rng: np.random.Generator, scale: float) -> None:
    height, width = tone.shape
    for _ in range(int(1.2 * height * width / scale**2)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        reach = max(1, int(rng.uniform(0.015, 0.05) * scale))
        cv2.circle(tone, (x, y), reach, float(rng.uniform(0.6, 0.85)), -1, cv2.LINE_AA)
