"""Places described without any training: where in the image edges of which direction are.

Planes of edge directions (`networks.gradient_planes`) on a grid of 24 x 16 cells. The descriptor is
the middle of the grid; an image that is looked up is described by every part of that size, since a
robot that drives along the same way seldom looks exactly where it looked then. The best part
counts, so that a place is found again by a camera turned by up to a fifth of its view.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.networks.gradient_planes import DIRECTIONS, gradient_planes
from semloc_ros.networks.images import check_image_array
from semloc_ros.networks.place_about import PlaceAbout
from semloc_ros.networks.place_inputs import check_mask
from semloc_ros.types import LabelMap

NAME = "gradients"
_VERSION = 1  # one higher whenever another descriptor comes of the same image
_COLUMNS, _ROWS, _CELL = 24, 16, 12  # cells, and pixels of one
_WIDTH, _HEIGHT = 14, 14  # of a part, in cells
_DYNAMIC = 255
_ALL_STATIC = 0.999  # share of a pixel after stretching

Descriptors = NDArray[np.float32]


class GradientDescriber:
    """Descriptors of edge directions. Keeps nothing: may be used by several threads.

    See `places.Describer`. `about` is None, there is no network.
    """

    about: PlaceAbout | None = None
    name, needs = NAME, "image"
    dimensions = DIRECTIONS * _HEIGHT * _WIDTH

    def __init__(self) -> None:
        recipe = (NAME, _VERSION, _COLUMNS, _ROWS, _CELL, _WIDTH, _HEIGHT, DIRECTIONS)
        self.sha256 = hashlib.sha256(repr(recipe).encode()).hexdigest()
        self.computed_by = f"OpenCV {cv2.__version__} on the CPU"

    def describe(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> Descriptors:
        """The descriptor (D,) float32 of length 1 of an image (H, W, 3) RGB or (H, W), uint8, by
        its middle. See `places.Describer`."""
        return np.asarray(self.queries(image, labels, mask)[0], np.float32)

    def queries(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> Descriptors:
        """The parts of the image (K, D), the middle first. See `places.Describer`."""
        if image is None:
            raise InputError(expected("image", f"one, which {self.name} reads", "none"))
        planes = _planes(image, mask)
        parts = np.stack([_unit(planes[:, y : y + _HEIGHT, x : x + _WIDTH]) for y, x in _corners()])
        return np.asarray(parts, np.float32)


def _corners() -> list[tuple[int, int]]:
    """Top left cells (row, column) of the parts, those nearest to the middle first."""
    rows, columns = _ROWS - _HEIGHT, _COLUMNS - _WIDTH
    middle = (rows // 2, columns // 2)
    every = [(y, x) for y in range(rows + 1) for x in range(columns + 1)]
    return sorted(every, key=lambda one: (abs(one[0] - middle[0]) + abs(one[1] - middle[1]), one))


def _planes(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """(8, 16, 24) of the image stretched to the grid; what the mask (H, W) calls dynamic, 255,
    does not count."""
    check_image_array(image)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    static = np.ones(grey.shape, np.float32)
    if mask is not None:
        check_mask(mask, grey.shape)
        static = (mask != _DYNAMIC).astype(np.float32)
    size = (_COLUMNS * _CELL, _ROWS * _CELL)
    values, counts = (
        np.asarray(cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA))
        for one in (grey, static)
    )
    return gradient_planes(
        values.astype(np.float32), (counts > _ALL_STATIC).astype(np.float32), _CELL
    )


def _unit(planes: NDArray[np.float32]) -> Descriptors:
    """As one row of length 1; of an image without any edge all numbers are alike."""
    row = planes.ravel()
    length = float(np.linalg.norm(row))
    if length < 1e-6:
        return np.full(row.size, 1.0 / np.sqrt(row.size), np.float32)
    return np.asarray(row / np.float32(length), np.float32)
