"""Two pictures of the same thing on one grid, and what their cells say of how well they agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray

Picture = NDArray[np.float32]
Seen = NDArray[np.bool_]

DEVIATION = 1.4826  # of a normal distribution, over its median absolute value
AGREES = 0.6  # correlation of a cell that shows the same thing
_CELLS, _CELL_PX = 8, 8  # across the side, at most, and pixels across a cell, at least
_CELL_SEEN = 0.5  # of its pixels, for a cell to be judged
_CELL_CONTRAST = 0.2  # deviation of the reference in it, likewise
_NOISE = 1e-3  # variance that is added, so that flat cells do not agree by chance


class Pair(NamedTuple):
    """Reference and image (h, w) on one grid, without mean and contrast, and what of both is
    seen."""

    reference: Picture
    shown: Picture
    seen: Seen


def correlations(pair: Pair) -> FloatArray:
    """(rows, columns) correlation of both pictures in cells, NaN where there is nothing to tell."""
    cells = _Cells(pair.seen)
    one, other = pair.reference, pair.shown
    means = cells.mean(one), cells.mean(other)
    variances = cells.mean(one**2) - means[0] ** 2, cells.mean(other**2) - means[1] ** 2
    both = cells.mean(one * other) - means[0] * means[1]
    found = both / np.sqrt((variances[0] + _NOISE) * (variances[1] + _NOISE))
    judged = cells.judged & (variances[0] > _CELL_CONTRAST**2)
    return np.asarray(np.where(judged, found, np.nan).reshape(cells.shape))


def deviation(pair: Pair, agreement: FloatArray) -> float:
    """1-sigma in pixels of the grid, along each axis, of how far cells that agree would still move
    by themselves; NaN where there are none. `agreement` as `correlations` gives it."""
    cells = _Cells(inner_of(pair.seen))
    mean = 0.5 * (pair.reference + pair.shown)
    across, down = gradient(mean, 1), gradient(mean, 0)
    error = pair.reference - pair.shown
    aa, ad, dd = (cells.mean(one) for one in (across**2, across * down, down**2))
    ae, de = cells.mean(across * error), cells.mean(down * error)
    determinant = aa * dd - ad**2
    told = (agreement.ravel() >= AGREES) & cells.judged & (determinant > (0.05 * (aa + dd)) ** 2)
    if not told.any():
        return float("nan")
    shifts = np.stack([dd * ae - ad * de, aa * de - ad * ae])[:, told] / determinant[told]
    return float(DEVIATION * np.median(np.abs(shifts)))


def spread(cells: NDArray[np.bool_], size: tuple[int, int]) -> Seen:
    """What cells (rows, columns) say, for each pixel of a grid (height, width)."""
    row, column = _cell_lines(size, (cells.shape[0], cells.shape[1]))
    return np.asarray(cells[row[:, None], column])


def gradient(picture: Picture, axis: int) -> Picture:
    """Central differences along an axis (0 down, 1 across), smoothed a little across it."""
    return np.asarray(cv2.Scharr(picture, cv2.CV_32F, axis, 1 - axis, scale=1 / 32))


def inner_of(seen: Seen) -> Seen:
    """What is seen with its neighbours, so that gradients are not those of edges of a mask."""
    ones = np.ones((3, 3), np.uint8)
    inner = cv2.erode(seen.astype(np.uint8), ones, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner > 0)


class _Cells:
    """A grid's pixels by cells: `shape` (rows, columns), `judged` of enough pixels, flat."""

    def __init__(self, seen: Seen) -> None:
        rows, columns = (max(min(side // _CELL_PX, _CELLS), 1) for side in seen.shape)
        self.shape = (rows, columns)
        row, column = _cell_lines((seen.shape[0], seen.shape[1]), self.shape)
        self._seen = seen
        self._numbers = (row[:, None] * columns + column)[seen]
        self._sizes = np.bincount(self._numbers, minlength=rows * columns).astype(np.float64)
        self.judged = self._sizes >= _CELL_SEEN * seen.size / (rows * columns)

    def mean(self, values: NDArray[Any]) -> FloatArray:
        """Of each cell, flat; 0 of an empty one."""
        totals = np.bincount(self._numbers, values[self._seen], minlength=len(self._sizes))
        return np.asarray(totals / np.maximum(self._sizes, 1.0))


def _cell_lines(
    size: tuple[int, int], cells: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each row of pixels the row of its cells, and of each column."""
    row, column = (np.arange(side) * count // side for side, count in zip(size, cells, strict=True))
    return row, column
