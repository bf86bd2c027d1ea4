"""Textures of plants: bark, sprays of leaves, clipped hedges. Images (H, W, 3) float, 0-255."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.noise import Size, fractal_noise, smooth_noise

Picture = NDArray[np.float32]
Color = Sequence[float] | NDArray[np.float64]
_BITS = 4


def bark(size: Size, rng: np.random.Generator, color: Color) -> Picture:
    """Furrowed bark, furrows upright."""
    furrows = fractal_noise((size[1], size[0]), rng, 0.15 * size[1] + 3, 4, 0.7, stretch=4.0).T
    shade = 1 + 0.2 * furrows + 0.07 * smooth_noise(size, rng, (1.3, 1.3))
    return np.asarray(shade[:, :, None] * np.asarray(color), dtype=np.float32)


def leaves(
    size: Size, rng: np.random.Generator, colors: Sequence[Color], leaf: float = 0.13
) -> Picture:
    """Overlapping leaves, dark between them, bright on top; `leaf` share of the image's width."""
    palette = np.asarray(colors, dtype=np.float64)
    picture = np.ones((*size, 3), np.float32) * (0.55 * palette.mean(axis=0)).astype(np.float32)
    number = int(2.6 / leaf**2)
    for k in range(number):
        x, y = rng.uniform(0, 1, 2) * size[::-1]
        tone = 0.75 + 0.6 * k / number + rng.normal(0, 0.1)
        color = palette[int(rng.integers(len(palette)))] * tone
        turn, long = rng.uniform(0, np.pi), leaf * size[1] * rng.uniform(0.7, 1.3)
        way = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-way[1], way[0]]) * 0.4
        blade = np.array([way, 0.3 * way + across, -way, 0.3 * way - across]) * long / 2 + (x, y)
        cv2.fillPoly(picture, [np.rint(blade * 2**_BITS).astype(np.int32)],
                     tuple(float(c) for c in color), cv2.LINE_AA, _BITS)  # fmt: skip
    return np.asarray(picture, dtype=np.float32)


def hedge(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Picture:
    """A clipped hedge: small leaves, hollows, brown twigs near the foot."""
    fine = fractal_noise(size, rng, 0.12 * scale, 3, 0.9)
    hollows = fractal_noise(size, rng, 0.7 * scale, 3)
    shade = np.clip(0.82 + 0.28 * fine + 0.1 * hollows, 0.2, 1.6)[:, :, None]
    foot = np.linspace(0, 1, size[0])[:, None, None] ** 4
    green, brown = np.asarray(color, dtype=float), np.array([88, 74, 54])
    return np.asarray(shade * ((1 - 0.6 * foot) * green + 0.6 * foot * brown), dtype=np.float32)
