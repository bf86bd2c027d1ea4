"""Hand-made ways to tell whether two images show one place: what learned descriptors must beat.

All work on images shrunk to one size; descriptors (D,) float32 have length 1, their scalar product
is the similarity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray, LabelMap

Pixels = NDArray[np.uint8]
Descriptor = NDArray[np.float32]

SAD_WIDTH, SAD_PATCH = 64, 8  # of SeqSLAM's images and patches, in pixels
_FLATTEST = 1.0  # grey values: a patch with less contrast is not blown up to its noise
_TINY = (32, 24)
_HOG = (128, 96)
_HOG_CELL, _DIRECTIONS, _STRONGEST = 16, 9, 0.2
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
_GRID = (16, 12)


def patch_normalized(image: Pixels) -> NDArray[np.float32]:
    """The grey image, `SAD_WIDTH` wide, height by its sides; each patch less its mean, over its
    deviation (Milford and Wyeth, "SeqSLAM", ICRA 2012)."""
    height, width = image.shape[:2]
    rows = max(1, round(SAD_WIDTH * height / width / SAD_PATCH))
    small = _grey(image, (SAD_WIDTH, rows * SAD_PATCH))
    patches = small.reshape(rows, SAD_PATCH, SAD_WIDTH // SAD_PATCH, SAD_PATCH)
    mean = patches.mean(axis=(1, 3), keepdims=True)
    deviation = np.maximum(patches.std(axis=(1, 3), keepdims=True), _FLATTEST)
    return np.asarray(((patches - mean) / deviation).reshape(small.shape), np.float32)


def shifted_sad(
    queries: NDArray[np.float32], references: NDArray[np.float32], most_shift: int
) -> FloatArray:
    """Similarities (Q, N) of `patch_normalized` images (Q, h, w) and (N, h, w): minus the mean
    absolute difference where they overlap, the best of all shifts sideways up to `most_shift`."""
    from scipy.spatial.distance import cdist

    width = queries.shape[2]
    least = np.full((len(queries), len(references)), np.inf)
    for shift in range(-most_shift, most_shift + 1):
        left = queries[:, :, max(0, shift) : width + min(0, shift)]
        right = references[:, :, max(0, -shift) : width + min(0, -shift)]
        sums = cdist(
            left.reshape(len(left), -1), right.reshape(len(right), -1), "cityblock"
        )
        np.minimum(least, sums / left[0].size, out=least)
    return -least


def tiny_image(image: Pixels) -> Descriptor:
    """32 x 24 grey pixels less their mean."""
    small = _grey(image, _TINY)
    return _unit(small - small.mean())


def hog(image: Pixels) -> Descriptor:
    """Histograms of the directions of edges (Dalal and Triggs, CVPR 2005, section 6) of the image
    squeezed to 128 x 96: 9 directions in cells of 16 pixels, normalized in blocks of 2 x 2."""
    small = _grey(image, _HOG)
    right, down = (cv2.Sobel(small, cv2.CV_32F, dx, dy, ksize=1) for dx, dy in ((1, 0), (0, 1)))
    bins = np.arctan2(down, right) / np.pi * _DIRECTIONS
    strength = np.hypot(right, down)
    low = np.floor(bins)
    share = bins - low  # a direction between two bins counts for both
    planes = np.zeros((_DIRECTIONS, *small.shape), np.float32)
    rows, columns = np.indices(small.shape)
    for first, part in ((low, 1.0 - share), (low + 1.0, share)):
        planes[first.astype(np.int64) % _DIRECTIONS, rows, columns] += strength * part
    height, width = small.shape[0] // _HOG_CELL, small.shape[1] // _HOG_CELL
    cells = planes.reshape(_DIRECTIONS, height, _HOG_CELL, width, _HOG_CELL).sum(axis=(2, 4))
    blocks = np.stack([cells[:, i : height - 1 + i, j : width - 1 + j] for i, j in _CORNERS])
    length = np.sqrt((blocks**2).sum(axis=(0, 1), keepdims=True))
    clipped = np.minimum(blocks / np.maximum(length, _FLATTEST), _STRONGEST)
    length = np.sqrt((clipped**2).sum(axis=(0, 1), keepdims=True))
    return _unit(clipped / np.maximum(length, 1e-6))


def label_grid(num_labels: int, dropped: Collection[int]) -> Callable[[LabelMap], Descriptor]:
    """What describes a label map by the share of each label in 16 x 12 cells: labels
    in `dropped` and unknown pixels (the largest number) count nowhere."""
    kept = [label for label in range(num_labels) if label not in dropped]

    def describe(labels: LabelMap) -> Descriptor:
        planes = [
            cv2.resize((labels == label).astype(np.float32), _GRID, interpolation=cv2.INTER_AREA)
            for label in kept
        ]
        return _unit(np.stack(planes))

    return describe


def _grey(image: Pixels, size: tuple[int, int]) -> NDArray[np.float32]:
    """Grey values of the image squeezed to (width, height)."""
    flat = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


def _unit(values: NDArray[Any]) -> Descriptor:
    """As one row of length 1; nothing at all stays nothing."""
    row = np.ravel(values).astype(np.float32)
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-12), np.float32)
