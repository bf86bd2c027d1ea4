"""Wrong labels of a chosen share, in patches, as networks make them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, expected

MOST = 0.8  # largest share: beyond it patches hardly find anything that is still right
_SMALLEST = 3.0  # pixels: half axis of a patch
_LARGEST = 0.12  # and share of the image's width
_SLIM = 2.5  # largest proportion of its axes


def with_errors(
    labels: NDArray[Any], share: float, count: int, rng: np.random.Generator
) -> NDArray[Any]:
    """A copy of a label map (H, W) in which `share` of the known pixels have a wrong label.

    Patches are ellipses with half axes spread evenly on a log scale; each gets one label, drawn by
    the square root of its share of the image among those that are in it. If the image has only
    one label, any other of the `count` is drawn. The largest number is unknown, and stays so. The
    share is met to the pixel. ConfigError if it is beyond `MOST`.
    """
    check_share(share)
    found: NDArray[Any] = labels.copy()
    right = labels != np.iinfo(labels.dtype).max
    present, numbers = np.unique(labels[right], return_counts=True)
    weights = np.sqrt(numbers)
    if len(present) == 1:
        present = np.setdiff1d(np.arange(count), present)
        weights = np.ones(len(present))
    left = round(share * int(right.sum()))
    while left > 0 and len(present):
        row, column = _right_pixel(right, rng)
        new = int(rng.choice(present, p=weights / weights.sum()))
        rows, columns = _patch(labels.shape, row, column, rng)
        good = right[rows, columns] & (labels[rows, columns] != new)
        rows, columns = rows[good][:left], columns[good][:left]
        found[rows, columns] = new
        right[rows, columns] = False
        left -= len(rows)
    return found


def check_share(share: float) -> None:
    """ConfigError for a share of wrong labels beyond `MOST`."""
    if not 0.0 <= share <= MOST:
        raise ConfigError(expected("errors", f"0 to {MOST}", share))


def _right_pixel(right: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int]:
    """A random pixel whose label is still right."""
    height, width = right.shape
    for _ in range(64):
        row, column = int(rng.integers(height)), int(rng.integers(width))
        if right[row, column]:
            return row, column
    at = int(rng.choice(np.flatnonzero(right)))
    return at // width, at % width


def _patch(
    shape: tuple[int, ...], row: int, column: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns (N,) of the pixels of an ellipse about a pixel, the middle ones first."""
    height, width = shape
    largest = max(_LARGEST * width, 2 * _SMALLEST)
    reach = np.exp(rng.uniform(np.log(_SMALLEST), np.log(largest)))
    slim, turn = np.sqrt(rng.uniform(1.0, _SLIM)), rng.uniform(0, np.pi)
    axes, wide = (reach * slim, reach / slim), int(np.ceil(reach * slim))
    top, left = max(0, row - wide), max(0, column - wide)
    bottom, end = min(height, row + wide + 1), min(width, column + wide + 1)
    y, x = np.mgrid[top - row : bottom - row, left - column : end - column]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    off = (along / axes[0]) ** 2 + (across / axes[1]) ** 2
    order = np.argsort(off, axis=None, kind="stable")
    inside = order[off.ravel()[order] <= 1.0]
    return y.ravel()[inside] + row, x.ravel()[inside] + column
