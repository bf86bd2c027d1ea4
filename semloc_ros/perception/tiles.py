"""From scores to label maps: between strides, and from overlapping patches, as FGSN is evaluated
(Larsson et al., ICCV 2019, section 3): 713 x 713 pixels, step 476, each pixel the weighted mean.

The weight is 1 in the central 236 x 236 pixels of a patch and falls linearly to 0 at its edges:
along each axis, and in the corners the product of both, so that with the paper's numbers the
weights of patches that overlap sum to 1. Here scores belong to cells of `stride` pixels, cell
(i, j) with its middle at pixel (s i + (s - 1) / 2, …); weights are those of the middles. Arrays
may be of numpy or of torch, on any device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, expected
from semloc_ros.types import LabelMap

ScorePatch = Callable[[NDArray[np.uint8]], Any]  # (patch_px, patch_px[, 3]) to scores (C, n, n)


@dataclass(frozen=True, slots=True)
class Tiling:
    """Size, step and full-weight centre of square patches in pixels, and of cells: `stride`."""

    patch_px: int
    step_px: int
    centre_px: int
    stride: int

    def __post_init__(self) -> None:
        """Raise ConfigError for patches that leave gaps between them, and impossible centres."""
        if not self.stride <= self.step_px <= self.patch_px:
            wanted = f"{self.stride} to {self.patch_px}, the width of a patch"
            raise ConfigError(expected("step_px", wanted, self.step_px))
        if self.centre_px > self.patch_px:
            wanted = f"at most {self.patch_px}, the width of a patch"
            raise ConfigError(expected("centre_px", wanted, self.centre_px))

    @property
    def cells(self) -> int:
        """Cells along one side of a patch."""
        return -(-self.patch_px // self.stride)

    def starts(self, size_px: int) -> list[int]:
        """Where patches begin along a side of an image (pixels): every step, rounded down to whole
        cells, and a last one that reaches the end of the image, by less than a cell beyond it."""
        step = self.step_px // self.stride * self.stride
        last = -(-max(size_px - self.patch_px, 0) // self.stride) * self.stride
        return [*range(0, last, step), last]

    def weights(self) -> NDArray[np.float32]:
        """Weights (n,) of the cells along one side. None is 0, as at the border of an image there
        is no other patch."""
        middles = self.stride * np.arange(self.cells) + (self.stride - 1) / 2
        inside = np.minimum(middles + 0.5, self.patch_px - 0.5 - middles)
        width = max((self.patch_px - self.centre_px) / 2, 0.5)
        return np.asarray(np.clip(inside, 0.5, width) / width, np.float32)


def blended(image: NDArray[np.uint8], tiling: Tiling, score: ScorePatch) -> Any:
    """The scores (C, ceil(H / stride), ceil(W / stride)) of an image (H, W[, 3]): the weighted
    means of what `score` gives each patch. What lies beyond the image is its mirror image."""
    side, stride = tiling.cells, tiling.stride
    height, width = image.shape[:2]
    padded = _padded(image, tiling)
    total: Any = None
    for row, column in _corners(tiling, height, width):
        scores = score(padded[row : row + tiling.patch_px, column : column + tiling.patch_px])
        if total is None:
            shape = tuple(tiling.starts(size)[-1] // stride + side for size in (height, width))
            total, mass = _zeros(scores, (len(scores), *shape)), _zeros(scores, shape)
            weights = _like(scores, np.multiply.outer(tiling.weights(), tiling.weights()))
        i, j = row // stride, column // stride
        total[:, i : i + side, j : j + side] += scores * weights
        mass[i : i + side, j : j + side] += weights
    rows, columns = -(-height // stride), -(-width // stride)
    return total[:, :rows, :columns] / mass[:rows, :columns]


def finer(
    scores: Any, factors: tuple[float, float], stride: int, size: tuple[int, int]
) -> Any:
    """Scores (C, h, w) of cells of `factors` pixels (down, across) as those of cells of `stride`
    pixels that cover an image of `size` (H, W) pixels; bilinear, the border repeated."""
    fine = tuple(-(-one // stride) for one in size)
    if tuple(scores.shape[1:]) == fine:
        return scores
    down, across = (
        _like(scores, _between(scores.shape[axis + 1], factors[axis], fine[axis], stride))
        for axis in (0, 1)
    )
    return down @ scores @ across.T


def full_size(cells: NDArray[Any], stride: int, size: tuple[int, int], count: int) -> LabelMap:
    """The label map (H, W) of labels by cell: uint8 up to 255 labels, as 255 is unknown, uint16
    beyond."""
    kind = np.uint8 if count <= np.iinfo(np.uint8).max else np.uint16
    large = cells.astype(kind).repeat(stride, axis=0).repeat(stride, axis=1)
    return np.ascontiguousarray(large[: size[0], : size[1]])


def _between(coarse: int, factor: float, fine: int, stride: int) -> NDArray[np.float32]:
    """The matrix (fine, coarse) that interpolates along one side."""
    at = np.clip(stride * (np.arange(fine) + 0.5) / factor - 0.5, 0.0, coarse - 1.0)
    first = np.minimum(at.astype(np.int64), max(coarse - 2, 0))
    weights = np.zeros((fine, coarse), np.float32)
    rows = np.arange(fine)
    weights[rows, first] = 1.0 - (at - first)
    weights[rows, np.minimum(first + 1, coarse - 1)] += at - first
    return weights


def _corners(tiling: Tiling, height: int, width: int) -> Iterator[tuple[int, int]]:
    for row in tiling.starts(height):
        for column in tiling.starts(width):
            yield row, column


def _padded(image: NDArray[np.uint8], tiling: Tiling) -> NDArray[np.uint8]:
    """The image, mirrored at the right and at the bottom as far as patches reach."""
    below, right = (
        tiling.starts(size)[-1] + tiling.patch_px - size for size in image.shape[:2]
    )
    if not (below or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT))


def _zeros(like: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the kind, and where the array `like` is."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def _like(like: Any, values: NDArray[np.float32]) -> Any:
    """The values as an array of the kind, and where `like` is."""
    return values if isinstance(like, np.ndarray) else like.new_tensor(values)
