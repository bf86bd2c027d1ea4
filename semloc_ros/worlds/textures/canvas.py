"""A picture drawn in metres: flat views of vehicles and clothes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.worlds.textures.noise import fractal_noise, to_image

Image = NDArray[np.uint8]
Color = Sequence[float] | NDArray[np.float64]
_FRACTION_BITS = 5


class Canvas:
    """`size_m` (width, height) at `scale` texels per metre; points are metres (right, down) from
    the top-left corner."""

    def __init__(self, size_m: tuple[float, float], scale: float, color: Color) -> None:
        width, height = (max(4, round(side * scale)) for side in size_m)
        self._by_m = np.array([width, height]) / size_m
        self.image: Image = np.full((height, width, 3), color, dtype=np.uint8)

    def polygon(self, points: ArrayLike, color: Color) -> None:
        """A filled polygon (N, 2)."""
        cv2.fillPoly(self.image, [self._fixed(points)], _tuple(color), cv2.LINE_AA, _FRACTION_BITS)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        """A filled rectangle."""
        self.polygon([[left, top], [right, top], [right, bottom], [left, bottom]], color)

    def line(self, points: ArrayLike, color: Color, width_m: float, closed: bool = False) -> None:
        """A polyline (N, 2), at least a texel wide."""
        thick = max(1, round(width_m * float(self._by_m[0])))
        cv2.polylines(
            self.image, [self._fixed(points)], closed, _tuple(color), thick, cv2.LINE_AA,
            _FRACTION_BITS,
        )  # fmt: skip

    def disc(self, centre: ArrayLike, radius: float, color: Color) -> None:
        """A filled circle, round in metres."""
        angle = np.linspace(0, 2 * np.pi, 25)[:-1]
        ring = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.polygon(np.asarray(centre) + ring, color)

    def text(self, words: str, corner: ArrayLike, height_m: float, color: Color) -> None:
        """Words whose bottom-left corner is `corner`."""
        size = height_m * float(self._by_m[1]) / 22.0
        x, y = np.rint(np.asarray(corner) * self._by_m).astype(int)
        thick = max(1, round(2.2 * size))
        cv2.putText(
            self.image, words, (int(x), int(y)), cv2.FONT_HERSHEY_SIMPLEX, size, _tuple(color),
            thick, cv2.LINE_AA,
        )  # fmt: skip

    def darken(self, top: float, bottom: float) -> None:
        """Multiplies rows by factors from `top` to `bottom`."""
        factors = np.linspace(top, bottom, len(self.image))[:, None, None]
        self.image = to_image(self.image * factors)

    def stain(self, rng: np.random.Generator, strength: float, cell_m: float) -> None:
        """Cloudy unevenness of brightness."""
        cell = max(2.0, cell_m * float(self._by_m[0]))
        field = fractal_noise(self.image.shape[:2], rng, cell, octaves=4)
        self.image = to_image(self.image * (1 + strength * field)[:, :, None])

    def _fixed(self, points: ArrayLike) -> NDArray[np.int32]:
        # OpenCV counts from the centre of the first texel
        texels = np.asarray(points, dtype=np.float64) * self._by_m - 0.5
        return np.asarray(np.rint(texels * 2**_FRACTION_BITS), dtype=np.int32)


def _tuple(color: Color) -> tuple[float, ...]:
    return tuple(float(c) for c in color)
