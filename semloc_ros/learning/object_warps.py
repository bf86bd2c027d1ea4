"""Images seen from elsewhere: homographies, and the truth of planar objects under them.

What is planar stays so, hence an image under any homography is a plausible picture of its objects
(Weinzaepfel et al., CVPR 2019, section 3.2). Truth is not interpolated between objects: each pixel
takes the object, and its place in the reference image, of the point that it shows.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray, PictureObjects

_TRIES = 100
_LEAST_AREA = 0.2  # of what becomes of an image, as a share of it: less is seen from its edge
_NEAR = (0.3, 1.3)  # of the canvas that an object takes which is looked at
_LARGEST = 5.0  # images are enlarged by no more than this
_ASIDE = 0.25  # of the canvas: so far from its middle is what is looked at
_SHRUNK = 1.3  # images that become smaller than by this are made so by areas, against aliasing

Image = NDArray[np.uint8]


def fitting(
    size: tuple[int, int], canvas: tuple[int, int], short_side: int, rng: np.random.Generator
) -> FloatArray:
    """(3, 3) from pixels of an image of `size` (height, width) to those of `canvas`, on which its
    shorter side is `short_side`. What is longer than the canvas is cut, what is shorter put,
    anywhere."""
    scale = short_side / min(size)
    rooms = [canvas[axis] - scale * size[axis] for axis in (1, 0)]
    shift = [room * rng.random() + scale / 2 - 0.5 for room in rooms]
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]], [0.0, 0.0, 1.0]])


def looking_at(
    mask: NDArray[np.bool_], canvas: tuple[int, int], rng: np.random.Generator
) -> FloatArray:
    """(3, 3) from pixels of an image to those of `canvas` (height, width), in which what the mask
    (H, W) has lies near the middle, as large as chance has it; the mask is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    start = np.array([columns[0], rows[0]], np.float64)
    end = np.array([columns[-1], rows[-1]], np.float64)
    sides = np.array(canvas[::-1], np.float64)
    share = math.exp(rng.uniform(*np.log(_NEAR)))
    scale = min(share * float((sides / (end + 1 - start)).min()), _LARGEST)
    middle = sides * (0.5 + rng.uniform(-_ASIDE, _ASIDE, 2)) - 0.5
    shift = middle - scale * (start + end) / 2
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]], [0.0, 0.0, 1.0]])


def random_homography(size: tuple[int, int], share: float, rng: np.random.Generator) -> FloatArray:
    """(3, 3) by which each corner of an image of `size` (height, width) moves by up to `share` of
    its sides, along both; drawn again where that turns the image over, or shows it from its edge.
    """
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64) - 0.5
    for _ in range(_TRIES):
        moved = corners + rng.uniform(-share, share, (4, 2)) * (width, height)
        quad = moved.astype(np.float32)
        large = cv2.contourArea(quad, oriented=True) >= _LEAST_AREA * width * height
        if large and cv2.isContourConvex(quad):
            found = cv2.getPerspectiveTransform(corners.astype(np.float32), quad)
            return np.asarray(found, np.float64)
    return np.eye(3)


def warped_image(
    image: Image, to_canvas: FloatArray, canvas: tuple[int, int], beyond: tuple[int, int, int]
) -> Image:
    """The image (H, W, 3) on a canvas (height, width); `beyond` is the colour of what is not in
    it. What becomes smaller is averaged over areas first."""
    factor = _shrinking(to_canvas, canvas)
    if factor > _SHRUNK:
        height, width = image.shape[:2]
        small = (max(1, round(width / factor)), max(1, round(height / factor)))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        x, y = width / small[0], height / small[1]
        grown = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1.0]])
        to_canvas = to_canvas @ grown
    found = cv2.warpPerspective(
        image, to_canvas, canvas[::-1], flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=beyond,
    )  # fmt: skip
    return np.asarray(found, np.uint8)


def _shrinking(to_canvas: FloatArray, canvas: tuple[int, int]) -> float:
    """How many pixels of the image, along a line, are one in the middle of the canvas."""
    back = np.linalg.inv(to_canvas)
    weight = back[2] @ ((canvas[1] - 1) / 2, (canvas[0] - 1) / 2, 1.0)
    return math.sqrt(abs(np.linalg.det(back) / weight**3))


def warped_truth(
    truth: PictureObjects, to_canvas: FloatArray, canvas: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """`numbers` (h, w) and `uv` (h, w, 2), as of `PictureObjects`, on a canvas (height, width).

    A pixel of the canvas shows a point between the image's pixels: its object is that of the
    nearest of them, its place that pixel's, and from there along the slope of u and v in that
    object alone, so that none is mixed with others' at its edge.
    """
    columns, rows = np.meshgrid(np.arange(canvas[1]), np.arange(canvas[0]))
    points = np.linalg.inv(to_canvas) @ np.stack(
        [columns.ravel(), rows.ravel(), np.ones(rows.size)]
    )
    x, y = points[:2] / points[2]
    height, width = truth.numbers.shape
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    column, row = (np.rint(np.where(inside, one, 0.0)).astype(np.int64) for one in (x, y))
    # rint takes 1.5 to 2: the last half pixel would be beyond the edge
    column, row = np.minimum(column, width - 1), np.minimum(row, height - 1)
    numbers = np.where(inside, truth.numbers[row, column], 0).astype(np.uint16)
    chosen = np.flatnonzero(numbers)
    row, column = row[chosen], column[chosen]
    uv = np.full((len(numbers), 2), np.nan, np.float32)
    along_x = _slopes(truth, row, column, (0, 1)) * (x[chosen] - column)[:, None]
    along_y = _slopes(truth, row, column, (1, 0)) * (y[chosen] - row)[:, None]
    uv[chosen] = truth.uv[row, column] + along_x + along_y
    return numbers.reshape(canvas), uv.reshape(*canvas, 2)


def _slopes(
    truth: PictureObjects, row: NDArray[np.int64], column: NDArray[np.int64], step: tuple[int, int]
) -> FloatArray:
    """(N, 2) by how much u and v grow from pixels of objects to the next along `step`: to both
    sides, to the one that is of the same object, or as in the object's middle where none is."""
    total, count = np.zeros((len(row), 2)), np.zeros((len(row), 1))
    height, width = truth.numbers.shape
    here, own = truth.uv[row, column].astype(np.float64), truth.numbers[row, column]
    for sign in (-1, 1):
        r, c = row + sign * step[0], column + sign * step[1]
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        r, c = np.where(inside, r, row), np.where(inside, c, column)
        same = (inside & (truth.numbers[r, c] == own))[:, None]
        total += np.where(same, sign * (truth.uv[r, c] - here), 0.0)
        count += same
    slopes = total / np.maximum(count, 1)
    (alone,) = np.nonzero(count[:, 0] == 0)
    for one in alone:
        others = slopes[(own == own[one]) & (count[:, 0] > 0)]
        slopes[one] = np.median(others, axis=0) if len(others) else 0.0
    return np.asarray(slopes)
