"""A picture of a plane laid onto an image of it as exactly as their pixels say.

Both pictures have their mean and contrast taken out place by place, so that light does not matter,
and second-order steps (Malis, "Improving vision-based control using efficient second-order
minimization techniques", ICRA 2004) turn the one onto the other, coarse to fine. What does not
fit, because somebody stands before it, counts little. Where that does not get there, other shifts
and sizes about the start are tried. Whether an end is better than the start, or than another, is
told by the correlation of the pictures in small cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import homographies
from semloc_ros.perception.picture_pairs import (
    AGREES,
    DEVIATION,
    Pair,
    Picture,
    Seen,
    correlations,
    deviation,
    gradient,
    inner_of,
    spread,
)
from semloc_ros.types import FloatArray

_LEVELS = (0.25, 0.5, 1.0)  # of the size
_LEAST_SIDE = 16  # pixels of a level
_AROUND = 0.15  # of the object's size: shifts that are tried
_SCALES = (0.8, 0.9, 1.0, 1.1, 1.25)  # sizes that are tried
_SEARCH_GAIN = 0.1  # of the correlation of both pictures; with less there is no better start
_ARRIVED = 0.8  # of the cells agree: no other start is sought
_STEPS = 12  # at a level, at most
_SETTLED_PX = 0.005  # of the level
_WINDOW = 5  # of them across the side: what mean and contrast are taken of
_FLAT = 3.0  # grey levels: contrast below it is noise
_OUTLYING = 2.0  # deviations from which a pixel counts half
_DAMPING = 1e-4
_LEAST_CELLS = 3
_LEAST_GAIN = 0.01  # of the mean correlation of cells; less is noise, and may be a step astray


class Aligned(NamedTuple):
    """How a picture lies in an image.

    `image_from_uv` (3, 3); `cells` (rows, columns) correlation of both in each cell of the picture,
    NaN where it is not seen or has no texture; `sigma_px` 1-sigma of a cell's place in the image;
    `before` and `after` the mean correlation of cells at the start and now.
    """

    image_from_uv: FloatArray
    cells: FloatArray
    sigma_px: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Level:
    """The reference (h, w) at one size, and the image in the scale that is sampled for it."""

    reference: Picture
    mask: Seen
    image: Picture
    visible: NDArray[np.uint8]
    small_from_image: FloatArray

    @property
    def size(self) -> tuple[int, int]:
        return self.reference.shape[0], self.reference.shape[1]

    def where(self, cells: NDArray[np.bool_]) -> _Level:
        """The same, of these cells alone: the others show something that stands before it."""
        return replace(self, mask=self.mask & spread(cells, self.size))

    def pair(self, image_from_uv: FloatArray) -> Pair:
        uv_from_grid = homographies.inverse(homographies.pixels_from_uv(self.size))
        warp = self.small_from_image @ image_from_uv @ uv_from_grid
        size = self.size[::-1]
        how = cv2.WARP_INVERSE_MAP
        shown = cv2.warpPerspective(self.image, warp, size, flags=how | cv2.INTER_LINEAR)
        there = cv2.warpPerspective(self.visible, warp, size, flags=how | cv2.INTER_NEAREST)
        seen = self.mask & (there > 0)
        return Pair(_normalized(self.reference, seen), _normalized(shown, seen), seen)


def align(
    image: NDArray[np.uint8], visible: Seen, reference: NDArray[np.uint8],
    mask: NDArray[np.uint8], image_from_uv: FloatArray, max_side: int, max_move: float,
) -> Aligned | None:  # fmt: skip
    """Lay the reference onto the image, from a start near by.

    `image` (H, W) and `reference` (h, w) grey uint8; `visible` (H, W) what of the image counts;
    `mask` (h, w), 255 = the object. The grid has `max_side` pixels across at most; a corner may
    move by `max_move` of the object's size. Where the end is not clearly better than the start, the
    start is what is told; None where too little is seen to judge.
    """
    shape = (image.shape[0], image.shape[1])
    apparent = homographies.apparent_size(image_from_uv, shape)
    if apparent is None:
        return None
    size = _grid_size(apparent, (reference.shape[0], reference.shape[1]), max_side)
    levels = [
        _level(image, visible, reference, mask, apparent, _shrunk(size, share))
        for share in _LEVELS
    ]
    found, level = _laid(levels, image_from_uv), levels[-1]
    start, end = level.pair(image_from_uv), level.pair(found)
    before, after = correlations(start), correlations(end)
    both = np.isfinite(before) & np.isfinite(after)
    gain = after[both].mean() - before[both].mean() if both.sum() >= _LEAST_CELLS else 0.0
    moved = homographies.motion(image_from_uv, found)
    if gain < _LEAST_GAIN or moved > max_move or np.linalg.det(found) <= 0:
        found, end, after, both = image_from_uv, start, before, np.isfinite(before)
    if both.sum() < _LEAST_CELLS:
        return None
    sigma = deviation(end, after) * float(np.mean(np.divide(apparent, level.size)))
    means = float(before[both].mean()), float(after[both].mean())
    return Aligned(found, after, sigma, *means)


def _grid_size(
    apparent: FloatArray, reference: tuple[int, int], max_side: int
) -> tuple[int, int]:
    """Not finer than either picture is."""
    sides = np.minimum(apparent, reference)
    sides *= min(1.0, max_side / sides.max())
    return _shrunk((int(sides[0]), int(sides[1])), 1.0)


def _shrunk(size: tuple[int, int], share: float) -> tuple[int, int]:
    return max(int(size[0] * share), _LEAST_SIDE), max(int(size[1] * share), _LEAST_SIDE)


def _level(
    image: NDArray[np.uint8], visible: Seen, reference: NDArray[np.uint8],
    mask: NDArray[np.uint8], apparent: FloatArray, size: tuple[int, int],
) -> _Level:  # fmt: skip
    factor = max(float(np.min(apparent / size)), 1.0)
    wanted = [max(round(side / factor), 1) for side in image.shape[1::-1]]
    area = cv2.INTER_AREA
    small = cv2.resize(image, wanted, interpolation=area)
    there = cv2.resize(np.where(visible, 255, 0).astype(np.uint8), wanted, interpolation=area)
    across, down = np.divide(wanted, image.shape[1::-1])
    small_from_image = np.array(
        [[across, 0, 0.5 * across - 0.5], [0, down, 0.5 * down - 0.5], [0, 0, 1]]
    )
    return _Level(
        cv2.resize(reference, size[::-1], interpolation=area).astype(np.float32),
        np.asarray(cv2.resize(mask, size[::-1], interpolation=area) > 250),
        small.astype(np.float32), np.where(there > 250, 255, 0).astype(np.uint8),
        small_from_image,
    )  # fmt: skip


def _normalized(picture: NDArray[Any], seen: Seen) -> Picture:
    """Without its local mean, over its local contrast; 0 where it is not seen."""
    window = tuple(max(side // _WINDOW, 3) for side in picture.shape[::-1])
    weights = seen.astype(np.float32)
    share = np.maximum(cv2.blur(weights, window), 1e-6)
    centred = (picture - cv2.blur(picture * weights, window) / share) * weights
    variance = cv2.blur(centred**2, window) / share
    return np.asarray(centred / np.sqrt(variance + _FLAT**2), np.float32)


def _laid(levels: list[_Level], image_from_uv: FloatArray) -> FloatArray:
    """The homography in which most cells agree, from the start or from a better one about it."""
    found = _refined(levels, image_from_uv)
    agree = correlations(levels[-1].pair(found))
    if (agree >= AGREES).sum() >= _ARRIVED * np.isfinite(agree).sum():
        return found
    start = _searched(levels[0], image_from_uv)
    if start is None:
        return found
    other = _refined(levels, start)
    better = correlations(levels[-1].pair(other))
    return other if (better >= AGREES).sum() > (agree >= AGREES).sum() else found


def _refined(levels: list[_Level], image_from_uv: FloatArray) -> FloatArray:
    """Coarse to fine, in the end by the cells that agree alone."""
    found = image_from_uv
    for level in levels:
        found = _settled(level, found)
    return _settled(level.where(correlations(level.pair(found)) >= AGREES), found)


def _searched(level: _Level, image_from_uv: FloatArray) -> FloatArray | None:
    """The start, shifted and made larger or smaller to where both pictures correlate best; None if
    that is hardly better."""
    found, best = None, _SEARCH_GAIN + _likeness(level, image_from_uv, 0.0)[0]
    for scale in _SCALES:
        scaled = image_from_uv @ _shift(0.5, 0.5) @ np.diag([scale, scale, 1]) @ _shift(-0.5, -0.5)
        most, shift = _likeness(level, scaled, _AROUND)
        if most > best:
            found, best = scaled @ shift, most
    return found


def _likeness(
    level: _Level, image_from_uv: FloatArray, around: float
) -> tuple[float, FloatArray]:
    """The greatest correlation of both pictures if the reference is shifted by up to `around` of
    its size, and that shift (3, 3) of (u, v)."""
    height, width = level.size
    across, down = int(around * width), int(around * height)
    uv_from_grid = homographies.inverse(homographies.pixels_from_uv(level.size))
    uv_from_wide = uv_from_grid @ _shift(-across, -down)
    shown = cv2.warpPerspective(
        _filled(level.image, level.visible > 0),
        level.small_from_image @ image_from_uv @ uv_from_wide,
        (width + 2 * across, height + 2 * down), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    likeness = cv2.matchTemplate(shown, _filled(level.reference, level.mask), cv2.TM_CCOEFF_NORMED)
    _, most, _, (x, y) = cv2.minMaxLoc(likeness)
    return most, _shift((x - across) / width, (y - down) / height)


def _filled(picture: Picture, counts: Seen) -> Picture:
    """With the mean of what counts in place of what does not."""
    mean = picture[counts].mean() if counts.any() else 0.0
    return np.asarray(np.where(counts, picture, np.float32(mean)))


def _shift(x: float, y: float) -> FloatArray:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _settled(level: _Level, image_from_uv: FloatArray) -> FloatArray:
    """The homography after the steps of one level; the start where they lead nowhere."""
    height, width = level.size
    centred_from_uv = np.array([[2.0, 0, -1], [0, 2.0, -1], [0, 0, 1]])
    places = ((2 * np.arange(side) + 1) / side - 1 for side in (width, height))
    x, y = np.meshgrid(*(one.astype(np.float32) for one in places))
    found = image_from_uv
    for _ in range(_STEPS):
        step = _step(level.pair(found), x, y)
        if step is None:
            return image_from_uv
        found = found @ np.linalg.inv(centred_from_uv) @ step @ centred_from_uv
        found /= np.linalg.norm(found) * np.sign(found[2] @ [0.5, 0.5, 1.0])
        if np.abs(step - np.eye(3)).max() * max(level.size) / 2 < _SETTLED_PX:
            break
    return found


def _step(pair: Pair, x: Picture, y: Picture) -> FloatArray | None:
    """The homography (3, 3) near 1, of places in [-1, 1], that fits both pictures better."""
    inner = inner_of(pair.seen)
    if inner.sum() < 2 * _LEAST_SIDE:
        return None
    mean = 0.5 * (pair.reference + pair.shown)  # second order: the gradient half way
    slope_x = (gradient(mean, 1) * (x.shape[1] / 2))[inner]
    slope_y = (gradient(mean, 0) * (x.shape[0] / 2))[inner]
    shown, x, y = pair.shown[inner], x[inner], y[inner]
    radial = slope_x * x + slope_y * y
    columns = np.stack([
        slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y, -radial * x,
        -radial * y, shown, np.ones_like(shown),
    ])  # fmt: skip
    error = pair.reference[inner] - shown
    usual = max(DEVIATION * float(np.median(np.abs(error))), 1e-3)
    weighted = columns / (1.0 + (error / (_OUTLYING * usual)) ** 2)
    normal = (weighted @ columns.T).astype(np.float64)
    normal += np.diag(_DAMPING * np.diag(normal) + 1e-9)
    change = np.linalg.solve(normal, (weighted @ error).astype(np.float64))
    step = np.eye(3) + np.append(change[:8], 0.0).reshape(3, 3)
    return step if np.isfinite(step).all() and np.abs(change[:8]).max() < 1.0 else None
