"""Places described without any training: where in the image edges of which direction are.

Planes of edge directions (`networks.gradient_planes`) on a grid of 24 x 12 cells, weighted towards
the middle of the view, where what is far away changes least as the robot moves. A robot that drives
along the same way seldom looks exactly where it looked then: an image is looked up by its planes
shifted by up to 5 cells sideways and one up or down, and the best counts.
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
_COLUMNS, _ROWS, _CELL = 24, 12, 12  # cells, and pixels of one
_ACROSS, _DOWN = 5, 1  # cells that the planes are shifted, at most, each way
_DEVIATIONS = (0.9, 0.5)  # of the weights down and across, in halves of the view
_WAVES = 5  # of a cell's directions: mean, and sine and cosine of once and twice around
_DYNAMIC = 255
_ALL_STATIC = 0.999  # share of a pixel after stretching

Descriptors = NDArray[np.float32]


class GradientDescriber:
    """Descriptors of edge directions. Keeps nothing: may be used by several threads.

    See `places.Describer`. `about` is None, there is no network.
    """

    about: PlaceAbout | None = None
    name, needs = NAME, "image"
    dimensions = _WAVES * _ROWS * _COLUMNS

    def __init__(self) -> None:
        recipe = (NAME, _VERSION, _COLUMNS, _ROWS, _CELL, _ACROSS, _DOWN, _DEVIATIONS, _WAVES)
        self.sha256 = hashlib.sha256(repr(recipe).encode()).hexdigest()
        self._weights, self._waves = _middle_weights(), _direction_waves()
        self.computed_by = f"OpenCV {cv2.__version__} on the CPU"

    def describe(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> Descriptors:
        """The descriptor (D,) float32 of length 1 of an image (H, W, 3) RGB or (H, W), uint8.
        See `places.Describer`."""
        return np.asarray(self.queries(image, labels, mask)[0], np.float32)

    def queries(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> Descriptors:
        """Descriptors (K, D) of the image shifted, as it is first. See `places.Describer`."""
        if image is None:
            raise InputError(expected("image", f"one, which {self.name} reads", "none"))
        waves = np.tensordot(self._waves, _planes(image, mask), 1)
        around = np.pad(waves, ((0, 0), (_DOWN, _DOWN), (_ACROSS, _ACROSS)))
        parts = [around[:, y : y + _ROWS, x : x + _COLUMNS] for y, x in _corners()]
        return np.stack([_unit(part * self._weights) for part in parts])


def _corners() -> list[tuple[int, int]]:
    """Top left cells (row, column) of the shifted planes, the least shift first."""
    every = [(y, x) for y in range(2 * _DOWN + 1) for x in range(2 * _ACROSS + 1)]
    return sorted(every, key=lambda one: (abs(one[0] - _DOWN) + abs(one[1] - _ACROSS), one))


def _middle_weights() -> NDArray[np.float32]:
    """(12, 24), a bell around the middle of the view."""
    down, across = (
        np.exp(-0.5 * (np.linspace(-1.0, 1.0, count) / deviation) ** 2)
        for count, deviation in zip((_ROWS, _COLUMNS), _DEVIATIONS, strict=True)
    )
    return np.asarray(np.outer(down, across), np.float32)


def _direction_waves() -> NDArray[np.float32]:
    """(5, 8): what of a cell's 8 directions is kept, so that the descriptor is shorter and a
    direction may differ a little."""
    angles = np.arange(DIRECTIONS) * (2.0 * np.pi / DIRECTIONS)
    waves = [np.full(DIRECTIONS, np.sqrt(0.5))]
    waves += [wave(times * angles) for times in (1, 2) for wave in (np.cos, np.sin)]
    return np.asarray(np.stack(waves) * np.sqrt(2.0 / DIRECTIONS), np.float32)


def _planes(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """(8, 12, 24) of the image stretched to the grid; what the mask (H, W) calls dynamic, 255,
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
