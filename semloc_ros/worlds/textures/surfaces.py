"""Textures of buildings: plaster, wood, tiles, leather, printed labels.

Each function gives an image (H, W, 3) uint8 of the asked size in texels that repeats nowhere;
`scale` is texels per metre, so that grain and planks have their real size.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.noise import Size, fractal_noise, smooth_noise, to_image

Image = NDArray[np.uint8]
Color = Sequence[float] | NDArray[np.float64]


def plaster(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Image:
    """Trowelled, slightly stained plaster."""
    clouds = fractal_noise(size, rng, 1.2 * scale, octaves=4)
    strokes = fractal_noise(size, rng, 0.16 * scale, octaves=4, roughness=0.75, stretch=2.2)
    grain = smooth_noise(size, rng, (1.6, 1.6))
    shade = 1 + 0.025 * clouds + 0.03 * strokes + 0.022 * grain
    wall = shade[:, :, None] * np.asarray(color, dtype=np.float32)
    return to_image(_scuffs(wall.astype(np.float32), rng, scale))


def wood(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Image:
    """A board with its grain along the longer side."""
    height, width = size
    if height > width:
        return np.ascontiguousarray(wood((width, height), rng, scale, color).transpose(1, 0, 2))
    rings = fractal_noise(size, rng, 0.05 * scale, octaves=4, roughness=0.7, stretch=14.0)
    fibre = smooth_noise(size, rng, (1.2, 0.08 * scale))
    shade = 1 + 0.09 * rings + 0.05 * fibre
    return to_image(shade[:, :, None] * np.asarray(color, dtype=np.float32))


def parquet(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Image:
    """Planks of 12 cm laid in rows, each of its own tone and length."""
    floor = np.zeros((*size, 3), dtype=np.float32)
    height, width = size
    row = max(2, round(0.12 * scale))
    for top in range(0, height, row):
        bottom, left = min(top + row, height), -int(rng.integers(0, max(1, int(0.8 * scale))))
        while left < width:
            end = left + max(2, int(rng.uniform(0.6, 1.3) * scale))
            tone = np.asarray(color) * rng.normal(1.0, 0.13) * rng.normal(1.0, 0.03, 3)
            floor[top:bottom, max(left, 0) : min(end, width)] = tone
            floor[top:bottom, min(max(end - 1, 0), width - 1)] = np.asarray(color) * 0.45
            left = end
        floor[bottom - 1] = np.asarray(color) * 0.5
    grain = fractal_noise(size, rng, 0.03 * scale, octaves=4, roughness=0.75, stretch=9.0)
    floor *= (1 + 0.08 * grain + 0.04 * fractal_noise(size, rng, scale, 3))[:, :, None]
    return to_image(floor)


def tiles(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Image:
    """Stone tiles of 45 cm with veins, tones and chipped joints of their own."""
    height, width = size
    side = max(3, round(0.45 * scale))
    rows, columns = height // side + 1, width // side + 1
    checker = (np.add.outer(np.arange(rows), np.arange(columns)) % 2) * 0.22
    tones = (rng.normal(1.0, 0.07, (rows, columns)) - checker)[:, :, None]
    tones = tones * rng.normal(1.0, 0.015, (rows, columns, 3)) * np.asarray(color)
    floor = tones.repeat(side, axis=0).repeat(side, axis=1)[:height, :width].astype(np.float32)
    veins = np.abs(fractal_noise(size, rng, 0.5 * scale, octaves=6, roughness=0.65))
    floor *= (0.93 + 0.12 * np.minimum(veins, 1.2))[:, :, None]
    floor *= (1 + 0.02 * smooth_noise(size, rng, (1.5, 1.5)))[:, :, None]
    joint = max(1, round(0.006 * scale))
    for k in range(joint):
        floor[k::side] *= 0.6
        floor[:, k::side] *= 0.6
    return to_image(floor)


def leather(size: Size, rng: np.random.Generator, scale: float, color: Color) -> Image:
    """Padded, creased leather."""
    creases = np.abs(fractal_noise(size, rng, 0.12 * scale, octaves=5, roughness=0.7))
    shade = 0.85 + 0.2 * np.minimum(creases, 1.2) + 0.04 * smooth_noise(size, rng, (1.5, 1.5))
    return to_image(shade[:, :, None] * np.asarray(color, dtype=np.float32))


def ceiling(size: Size, rng: np.random.Generator, scale: float) -> Image:
    """Acoustic boards of 60 cm with joints and a few stains."""
    board = (240 + 3.0 * fractal_noise(size, rng, 0.5 * scale, octaves=5))[:, :, None]
    image = np.repeat(board, 3, axis=2)
    side = max(3, round(0.6 * scale))
    image[::side] *= 0.75
    image[:, ::side] *= 0.75
    return to_image(image)


def plain(color: Color) -> Image:
    """One colour, for what glows."""
    return np.full((4, 4, 3), color, dtype=np.uint8)


def label(size: Size, rng: np.random.Generator) -> Image:
    """The printed plate beside a painting: a title and lines of small words."""
    height, width = size
    image = np.full((height, width, 3), 236, dtype=np.uint8)
    row = max(3, height // 8)
    for line in range(6):
        x, y = width // 10, (line + 1) * row
        end = width * rng.uniform(0.5, 0.92)
        while x < end:
            length = int(rng.integers(2, max(3, width // 7)))
            thick = max(1, int(row * (0.75 if line == 0 else 0.4)))
            cv2.rectangle(image, (x, y), (x + length, y + thick), (30, 30, 34), -1)
            x += length + max(1, row // 3)
    return image


def _scuffs(
    wall: NDArray[np.float32], rng: np.random.Generator, scale: float
) -> NDArray[np.float32]:
    """Short scratches, filled holes and shoe marks, about eight to the square metre."""
    height, width = wall.shape[:2]
    marks = np.zeros((height, width), dtype=np.float32)
    for _ in range(int(8 * height * width / scale**2)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        length, angle = rng.exponential(0.05) * scale, rng.uniform(0, np.pi)
        end = centre + length * np.array([np.cos(angle), np.sin(angle)])
        tone = float(rng.normal(0, 0.07))
        first, last = (tuple(int(c * 16) for c in p) for p in (centre, end))
        cv2.line(marks, first, last, tone, int(rng.integers(1, 3)), cv2.LINE_AA, 4)
    return wall * (1 + marks)[:, :, None]
