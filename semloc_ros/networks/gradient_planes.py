"""Directions of edges in cells of an image, as planes: what stays of a place when light, season and
weather change.

Signed directions in bins, weighted by the square root of the slope, so that strong edges do not
rule (as histograms of oriented gradients, Dalal and Triggs, CVPR 2005, but for these two); each
cell over the energy around it; and each row of cells minus its mean, plane by plane: that
ground, sky and their season look like themselves tells nothing of the place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 8
_FINE = 4  # pixels: directions are counted in cells of this width, and then blurred
_BLUR = 0.35  # of a cell's width
_AROUND = 3.0 / 32.0  # of the planes' width: where energy is taken
_FLOOR = 0.001  # of the image's mean energy; what is flatter is noise
_SHARE = 0.5  # of a cell that must count
_LEAST = 0.001
_NOTHING = 1e-12
_EDGE = np.ones((5, 5), np.uint8)  # pixels around a masked one whose slope it touches

Plane = NDArray[np.float32]


def gradient_planes(grey: Plane, static: Plane, cell: int) -> Plane:
    """Planes (8, h, w) of a grey image (cell h, cell w), `cell` a multiple of 4 pixels.

    `static` (cell h, cell w) is 1 where pixels count and 0 where they do not; cells of which less
    than half counts are 0.
    """
    counted = np.asarray(cv2.erode(static, _EDGE), np.float32)
    fine_size = tuple(size // _FINE for size in grey.shape)
    fine = [*_slopes(_smooth(grey, static), counted), _fit(counted, fine_size)]
    size = (grey.shape[0] // cell, grey.shape[1] // cell)
    *sums, share = (_fit(_blurred(one, cell), size) for one in fine)
    weights = np.where(share < _SHARE, 0.0, share).astype(np.float32)
    cells = np.stack(sums) / np.maximum(share, _LEAST) * (weights > 0)
    cells /= np.sqrt(_energy_around((cells**2).sum(0), weights))
    means = (cells * weights).sum(2) / np.maximum(weights.sum(1), _LEAST)
    return np.asarray((cells - means[..., None]) * (weights > 0), np.float32)


def _smooth(grey: Plane, static: Plane) -> Plane:
    """Blurred by one pixel, of static pixels alone: what is masked makes no edge."""
    sums, mass = (cv2.GaussianBlur(one, (0, 0), 1.0) for one in (grey * static, static))
    return np.asarray(sums / np.maximum(mass, _LEAST), np.float32)


def _slopes(smooth: Plane, counted: Plane) -> Plane:
    """Means of the square root of the slope by direction (8, H / 4, W / 4)."""
    right, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, ksize=1) for dx in (1, 0))
    slope, angle = cv2.cartToPolar(right, down)
    strength = np.sqrt(slope) * counted
    strength[[0, -1]] = strength[:, [0, -1]] = 0.0
    bins = angle * np.float32(DIRECTIONS / (2.0 * np.pi))
    low = bins.astype(np.int64)
    part = strength * (bins - low)  # a direction between two bins counts for both
    height, width = (size // _FINE for size in smooth.shape)
    at = np.arange(smooth.shape[0])[:, None] // _FINE * width + np.arange(smooth.shape[1]) // _FINE
    sums = np.zeros(DIRECTIONS * height * width)
    for first, weights in ((low, strength - part), (low + 1, part)):
        index = first % DIRECTIONS * (height * width) + at
        sums += np.bincount(index.ravel(), weights.ravel(), len(sums))
    return np.asarray(sums.reshape(DIRECTIONS, height, width) / _FINE**2, np.float32)


def _energy_around(energy: Plane, weights: Plane) -> Plane:
    """Its mean in windows (never 0), of cells (h, w) that count by `weights`."""
    side = max(round(_AROUND * energy.shape[1]), 1) | 1
    sums, mass = (
        cv2.blur(one, (side, side), borderType=cv2.BORDER_REFLECT)
        for one in (energy * weights, weights)
    )
    mean = (energy * weights).sum() / max(float(weights.sum()), _LEAST)
    return np.asarray(sums / np.maximum(mass, _LEAST) + _FLOOR * mean + _NOTHING, np.float32)


def _blurred(fine: Plane, cell: int) -> Plane:
    """So that what lies on the border of two cells counts for both."""
    if cell == _FINE:
        return fine
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), _BLUR * cell / _FINE), np.float32)


def _fit(values: Plane, size: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
