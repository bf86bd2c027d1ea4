"""What networks of objects of interest take and give, without torch: finds, and their matches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray

_EDGE = 0.5  # pixels: coordinates from edges are larger by so much than those of pixel centres
_LEAST_SLOPE = 1e-12  # per pixel
_HALF = 0.5  # of a mask
_FITS = 5  # of the surface that tells how values grow
_LEAST_SIGMA = 1e-6
_RIDGE, _RIDGE_CURVED = 1e-9, 1e-4  # of its slopes and curves: a strip of pixels tells few of them


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
    the image, more than 0 and at most its diagonal, `masks` (M,) probabilities that the pixel shows
    the object."""

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
    found = _interpolated(planes, cells)
    kept = found[:, 0] > _HALF
    points, values, sigmas = points[kept], found[kept, 2:], found[kept, 1]
    slopes = _slopes(points, values, sigmas)
    sigmas_px = _in_pixels(sigmas, slopes, float(np.hypot(*size)))
    return PixelMatches(points, values, sigmas, sigmas_px, found[kept, 0])


def _interpolated(planes: FloatArray, cells: FloatArray) -> FloatArray:
    """Planes (C, g, g) at places (M, 2) x y in cells, 0 the middle of the first: (M, C)."""
    low = np.clip(np.floor(cells).astype(np.int64), 0, planes.shape[-1] - 2)
    across, down = (cells - low).T[:, :, None]
    column, row = low.T
    corners = [
        planes[:, row + i, column + j].T for i in (0, 1) for j in (0, 1)
    ]  # each (M, C): upper left, upper right, lower left, lower right
    upper = corners[0] + across * (corners[1] - corners[0])
    lower = corners[2] + across * (corners[3] - corners[2])
    return np.asarray(upper + down * (lower - upper))


def _slopes(points: FloatArray, values: FloatArray, sigmas: FloatArray) -> FloatArray:
    """(M, C, 2) by how much values (M, C) grow per pixel at points (M, 2), along x and y.

    They are those of one smooth surface through all values, which outliers hardly pull (Cauchy):
    what a network says of two cells beside each other differs by its noise as much as by their
    places. Of second order, as a plane seen from the side is nearly.
    """
    if not len(points):
        return np.zeros((0, values.shape[1], 2))
    middle, half = points.mean(0), max(float(np.ptp(points, axis=0).max()) / 2, 1.0)
    x, y = ((points - middle) / half).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    terms = np.stack([one, x, y, x * x, x * y, y * y], 1)
    weights = 1.0 / np.maximum(sigmas, _LEAST_SIGMA) ** 2
    ridge = np.diag([0.0, *(2 * [_RIDGE]), *(3 * [_RIDGE_CURVED])]) * weights.sum()
    trust = one
    for _ in range(_FITS):
        weighted = terms * (weights * trust)[:, None]
        surface = np.linalg.lstsq(weighted.T @ terms + ridge, weighted.T @ values, rcond=None)[0]
        errors = np.linalg.norm(values - terms @ surface, axis=1)
        trust = 1.0 / (1.0 + (errors / max(2.0 * float(np.median(errors)), _LEAST_SIGMA)) ** 2)
    along_x = np.stack([zero, one, zero, 2 * x, y, zero], 1) @ surface
    along_y = np.stack([zero, zero, one, zero, x, 2 * y], 1) @ surface
    return np.stack([along_x, along_y], 2) / half


def _in_pixels(sigmas: FloatArray, slopes: FloatArray, most: float) -> FloatArray:
    """(M,) 1-sigma in pixels of values whose sigmas (M,) and slopes per pixel (M, C, 2) are known:
    the root mean square of both axes, of the values' errors carried through the slopes.

    Where values hardly grow along some direction they do not tell the place: it is `most` then.
    """
    if not len(slopes):
        return np.zeros(0)
    growths = np.maximum(np.linalg.svd(slopes, compute_uv=False), _LEAST_SLOPE)
    found = np.maximum(sigmas, _LEAST_SIGMA) * np.sqrt(np.mean(growths**-2, axis=1))
    return np.asarray(np.minimum(found, most))
