"""What networks of objects of interest take and give, without torch: finds, and their matches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray

_EDGE = 0.5  # pixels: coordinates from edges are larger by so much than those of pixel centres
_LEAST_AREA = 1e-12  # of (u, v) that a pixel covers
_HALF = 0.5  # of a mask


@dataclass(frozen=True, slots=True)
class ObjectFinds:
    """N objects in an image, the best first.

    `boxes` (N, 4) x0 y0 x1 y1 in pixels, where 0 is the left or upper edge of the image (elsewhere
    it is the centre of the first pixel); `labels` (N,) of the objects, from 1; `scores` (N,) in
    [0, 1]; `windows` (N, 4), as boxes, on which lie the grids: `masks` (N, g, g) probabilities,
    `values` (N, 2, g, g) (u, v) of the cells' middles or (N, 3, g, g) of points, `sigmas` (N, g, g)
    of each of the values.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    windows: NDArray[np.float32]
    masks: NDArray[np.float32]
    values: NDArray[np.float32]
    sigmas: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> ObjectFinds:
        """In an image that was resized from one (height, width) to another."""
        down, across = (one / other for one, other in zip(after, before, strict=True))
        factors = np.array([across, down] * 2, np.float32)
        return replace(self, boxes=self.boxes * factors, windows=self.windows * factors)


@dataclass(frozen=True, slots=True)
class PixelMatches:
    """Matches of one find: `points_image` (M, 2) pixel centres, (0, 0) that of the first;
    `values` (M, 2) or (M, 3) there, `sigmas` (M,) of each value, `sigmas_px` (M,) what they are in
    the image, `masks` (M,) probabilities that the pixel shows the object."""

    points_image: FloatArray
    values: FloatArray
    sigmas: FloatArray
    sigmas_px: FloatArray
    masks: FloatArray


def pixel_matches(
    finds: ObjectFinds, number: int, size: tuple[int, int], most: int
) -> PixelMatches:
    """Matches of a find at pixels of an image of `size` (height, width), in which the finds are.

    They stand on a grid of whole pixels, as fine as `most` of them allow (each pixel, if there are
    fewer), where the mask is more likely than not. Between cells values are interpolated linearly,
    as in the paper; beyond the middles of a window's outermost cells there are none.
    """
    window = finds.windows[number].astype(np.float64)
    side = finds.masks.shape[-1]
    inside = finds.masks[number] > _HALF
    cell = (window[2:] - window[:2]) / side
    share = inside.mean() if inside.any() else 0.0
    area = share * np.prod(window[2:] - window[:2])
    step = max(int(np.ceil(np.sqrt(area / max(most, 1)))), 1)
    axes = []
    for axis in (0, 1):  # pixels whose middle is between those of the first and the last cell
        low, high = window[axis] + cell[axis] / 2, window[axis + 2] - cell[axis] / 2
        first = max(int(np.ceil(low - _EDGE)), 0)
        last = min(int(np.floor(high - _EDGE)), size[1 - axis] - 1)
        axes.append(
            np.arange(first, last + 1, dtype=np.float64)[(last - first) % step // 2 :: step]
        )
    x, y = (one.ravel() for one in np.meshgrid(*axes))
    points = np.column_stack([x, y])
    cells = (points + _EDGE - window[:2]) / cell - _EDGE
    planes = np.concatenate(
        [finds.masks[number][None], finds.sigmas[number][None], finds.values[number]]
    ).astype(np.float64)
    found, slopes = _interpolated(planes, cells)
    kept = found[:, 0] > _HALF
    values, sigmas = found[kept, 2:], found[kept, 1]
    sigmas_px = _in_pixels(sigmas, slopes[kept, 2:] / cell)
    return PixelMatches(points[kept], values, sigmas, sigmas_px, found[kept, 0])


def _interpolated(planes: FloatArray, cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Planes (C, g, g) at places (M, 2) x y in cells, 0 the middle of the first: (M, C), and how
    they grow from cell to cell (M, C, 2), along x and y."""
    low = np.clip(np.floor(cells).astype(np.int64), 0, planes.shape[-1] - 2)
    across, down = (cells - low).T
    column, row = low.T
    corners = [
        planes[:, row + i, column + j].T for i in (0, 1) for j in (0, 1)
    ]  # each (M, C): upper left, upper right, lower left, lower right
    across, down = across[:, None], down[:, None]
    upper = corners[0] + across * (corners[1] - corners[0])
    lower = corners[2] + across * (corners[3] - corners[2])
    along_x = (1 - down) * (corners[1] - corners[0]) + down * (corners[3] - corners[2])
    return upper + down * (lower - upper), np.stack([along_x, lower - upper], 2)


def _in_pixels(sigmas: FloatArray, slopes: FloatArray) -> FloatArray:
    """(M,) 1-sigma in pixels of values whose sigmas (M,) and slopes per pixel (M, C, 2) are known:
    the root mean square of both axes, of the values' errors carried through the slopes."""
    normal = np.einsum("mci,mcj->mij", slopes, slopes)
    trace, area = normal[:, 0, 0] + normal[:, 1, 1], np.linalg.det(normal)
    return np.asarray(sigmas * np.sqrt(trace / np.maximum(area, _LEAST_AREA**2) / 2))
