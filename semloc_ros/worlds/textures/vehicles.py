"""Flat views of vehicles: painted bodies, glass, lamps, plates, tyres.

Side views and those from above show the front end at the left; `along` counts metres from the
nose, `z` metres above the ground.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.textures.canvas import Canvas, Color
from semloc_ros.worlds.textures.noise import fractal_noise, to_image

Image = NDArray[np.uint8]
CAR_COLORS = (
    (236, 236, 232), (44, 46, 50), (122, 126, 130), (186, 190, 194), (148, 24, 28), (30, 58, 118),
    (70, 84, 96), (196, 96, 30), (34, 78, 56), (204, 178, 60), (96, 70, 54), (92, 140, 176),
)  # fmt: skip
GLASS = (38, 44, 50)
SEAM = (20, 20, 22)
RUBBER = (24, 24, 26)
CHROME = (196, 198, 202)
WHITE_LAMP = (236, 238, 232)
RED_LAMP = (168, 18, 20)


class ViewPainter(Canvas):
    """A canvas `length` metres wide of a vehicle `height` metres tall, in (along, z)."""

    def __init__(self, length: float, height: float, scale: float, color: Color) -> None:
        super().__init__((length, height), scale, color)
        self._height = height

    def at(self, points: ArrayLike) -> FloatArray:
        """Canvas points of (along, z) points (N, 2)."""
        flipped: FloatArray = np.asarray(points, dtype=np.float64) * [1, -1] + [0, self._height]
        return flipped

    def area(self, points: ArrayLike, color: Color) -> None:
        """A filled polygon."""
        self.polygon(self.at(points), color)

    def panel(self, along: tuple[float, float], z: tuple[float, float], color: Color) -> None:
        """A filled rectangle."""
        (a, b), (low, high) = along, z
        self.area([[a, low], [b, low], [b, high], [a, high]], color)

    def seam(self, points: ArrayLike, color: Color = SEAM, width_m: float = 0.012) -> None:
        """A line along (N, 2) points."""
        self.line(self.at(points), color, width_m)

    def glass(self, outline: ArrayLike, sky: float = 0.5) -> None:
        """A window: dark below, the sky's reflection above and in a slanting streak."""
        points = self.at(outline)
        mask = np.zeros(self.image.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_AA, 5)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        rows = np.linspace(0, self._height, len(self.image))[:, None]
        columns = np.arange(self.image.shape[1])[None, :] / float(self._by_m[0])
        upper = np.clip((bottom - rows) / max(bottom - top, 1e-3), 0, 1)
        slant = (columns - left - 0.6 * (rows - top)) / max(right - left, 1e-3)
        streak = np.exp(-(((slant - 0.35) / 0.12) ** 2))
        shine = (sky * upper**2 + 0.22 * streak)[:, :, None]
        color = np.array(GLASS) * (1 - shine) + np.array([178.0, 196, 214]) * shine
        weight = (mask / 255.0)[:, :, None]
        self.image = to_image(self.image * (1 - weight) + color * weight)


def body_shade(painter: ViewPainter, shoulder: float) -> None:
    """What a polished side mirrors: sky above the shoulder line, dark ground below."""
    z = np.linspace(painter._height, 0, len(painter.image))
    gain = np.interp(z, [0.15, 0.45, shoulder - 0.12, shoulder], [0.55, 0.86, 0.95, 1.12])
    painter.image = to_image(painter.image * gain[:, None, None])


def plate(painter: ViewPainter, middle: float, z: float, rng: np.random.Generator) -> None:
    """A number plate 52 cm wide."""
    left, right = middle - 0.26, middle + 0.26
    painter.panel((left - 0.01, right + 0.01), (z - 0.07, z + 0.07), SEAM)
    painter.panel((left, right), (z - 0.055, z + 0.055), (238, 238, 230))
    painter.panel((left, left + 0.045), (z - 0.055, z + 0.055), (30, 60, 150))
    letters = "".join(chr(int(c)) for c in rng.integers(65, 91, 3))
    words = f"{letters} {int(rng.integers(100, 1000))}"
    painter.text(words, painter.at([[left + 0.07, z - 0.035]])[0], 0.085, (16, 16, 18))


def windows(
    painter: ViewPainter, spans: Sequence[tuple[float, float]], z: tuple[float, float], sky: float
) -> None:
    """Upright windows with rubber frames: a bus, a tram, a van."""
    for left, right in spans:
        painter.panel((left - 0.03, right + 0.03), (z[0] - 0.03, z[1] + 0.03), RUBBER)
        painter.glass([[left, z[0]], [right, z[0]], [right, z[1]], [left, z[1]]], sky)


def lamplit(image: Image, rng: np.random.Generator) -> Image:
    """Windows (a copy of a painted row of them) with light and passengers behind the panes."""
    height, width = image.shape[:2]
    canvas = Canvas((width / height, 1.0), height, (124, 106, 78))
    canvas.darken(1.15, 0.6)
    for x in np.arange(0.1, width / height, 0.3):
        if rng.uniform() < 0.5:
            middle = x + rng.uniform(-0.08, 0.08)
            canvas.disc([middle, 0.62], 0.1, (48, 38, 32))
            canvas.box(middle - 0.17, 0.74, middle + 0.17, 1.0, (54, 46, 44))
    inside = np.asarray(cv2.resize(canvas.image, (width, height)), dtype=np.float64)
    mean = image.mean(axis=2, keepdims=True)
    pane = (mean > 32) & (mean < 165) & (np.ptp(image, axis=2, keepdims=True) < 45)
    return to_image(np.where(pane, inside, 0.3 * image))


def hub(rng: np.random.Generator, texels: int = 48) -> Image:
    """A wheel seen from its side: tyre, rim, spokes."""
    canvas = Canvas((1.0, 1.0), texels, RUBBER)
    canvas.disc([0.5, 0.5], 0.40, (44, 44, 46))
    canvas.disc([0.5, 0.5], 0.36, (70, 72, 76))
    metal = np.array(CHROME) * rng.uniform(0.7, 1.0)
    spokes = int(rng.choice([5, 6, 7, 8]))
    for k in range(spokes):
        angle = 2 * np.pi * k / spokes
        tip = np.array([0.5, 0.5]) + 0.35 * np.array([np.cos(angle), np.sin(angle)])
        canvas.line(np.stack([[0.5, 0.5], tip]), metal, 0.075)
    canvas.disc([0.5, 0.5], 0.08, metal * 0.8)
    return canvas.image


def snow(rng: np.random.Generator) -> Image:
    """Fresh snow that lies on a vehicle."""
    clouds = fractal_noise((64, 64), rng, 24.0)[:, :, None]
    return to_image(np.array([236.0, 240, 246]) * (1 + 0.03 * clouds))


def flag(rng: np.random.Generator, texels: int = 96) -> Image:
    """Cloth with stripes or a cross in two or three colours."""
    palette = ((196, 32, 40), (242, 242, 238), (28, 64, 148), (250, 204, 40), (30, 128, 70))
    first, second, third = (palette[i] for i in rng.permutation(len(palette))[:3])
    canvas = Canvas((1.5, 1.0), texels, first)
    kind = int(rng.integers(3))
    if kind == 0:
        canvas.box(0, 0.33, 1.5, 0.67, second)
        canvas.box(0, 0.67, 1.5, 1.0, third)
    elif kind == 1:
        canvas.box(0.5, 0, 1.0, 1.0, second)
        canvas.box(1.0, 0, 1.5, 1.0, third)
    else:
        canvas.box(0.4, 0, 0.62, 1.0, second)
        canvas.box(0, 0.4, 1.5, 0.6, second)
    canvas.stain(rng, 0.04, 0.2)
    return canvas.image
