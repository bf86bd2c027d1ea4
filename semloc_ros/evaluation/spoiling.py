"""What faults do to images (H, W) or (H, W, 3) uint8: covered, crowded, blurred, badly exposed;
and to label maps (H, W): labelled wrongly.

Each function for images takes the image, the fault's value, the time in seconds and a Generator
that is the same for every image of a run, and returns a new image of the same shape.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import LabelMap

Image = NDArray[np.uint8]
_STEPS_HZ = 0.9  # pairs of steps
_NOISE = 1.5  # grey levels, 1 sigma: a dark image has the noise of a bright one
_PATCHES = (0.02, 0.06, 0.2)  # of wrong labels: their sizes, in widths of the image
_CELLS = 60  # pieces that large patches are cut into
_WALK_WIDTHS_S = (0.05, 0.3)  # how fast people cross the image, in widths of it per second


def occlude(image: Image, share: float, seconds: float, rng: np.random.Generator) -> Image:
    """A textured board over `share` of the image, of its shape, that moves on every second."""
    height, width = image.shape[:2]
    rows, columns = (round(side * share**0.5) for side in (height, width))
    if rows == 0 or columns == 0:
        return image
    places = np.random.default_rng([int(rng.integers(2**32)), int(seconds)])
    top, left = places.integers(height - rows + 1), places.integers(width - columns + 1)
    coarse = cv2.resize(rng.integers(0, 100, (6, 8), dtype=np.uint8), (columns, rows))
    fine = cv2.resize(
        rng.integers(0, 140, (36, 48), dtype=np.uint8), (columns, rows),
        interpolation=cv2.INTER_NEAREST,
    )  # fmt: skip
    board = coarse + fine
    spoiled: Image = image.copy()
    patch = spoiled[top : top + rows, left : left + columns]
    patch[:] = board if image.ndim == 2 else board[..., None]
    return spoiled


def crowd(image: Image, people: float, seconds: float, rng: np.random.Generator) -> Image:
    """`people` figures who cross the image, each at a speed, of a size and in patterned clothes
    of its own."""
    height, width = image.shape[:2]
    spoiled: Image = image.copy()
    for _ in range(round(people)):
        start, size, feet = rng.random(), rng.uniform(0.35, 0.8), rng.uniform(0.85, 1.05)
        speed = rng.uniform(*_WALK_WIDTHS_S) * rng.choice([-1, 1])
        clothes = [rng.integers(20, 230, 3).tolist() for _ in range(2)]
        pattern = rng.integers(60, 255, (48, 34), dtype=np.uint8)
        place = (start + speed * seconds) % 1.4 - 0.2  # they leave the image and come again
        stride = np.sin(2 * np.pi * _STEPS_HZ * seconds + 2 * np.pi * start)
        drawn = _figure(size * height, float(stride), clothes, pattern)
        _paste(spoiled, (place * width, feet * height), *drawn)
    return spoiled


def blur(image: Image, length_px: float, seconds: float, rng: np.random.Generator) -> Image:
    """Motion blur along the rows, of a length in pixels."""
    length = max(1, round(length_px))
    kernel = np.full((1, length), 1.0 / length)
    return np.asarray(
        cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def expose(image: Image, factor: float, seconds: float, rng: np.random.Generator) -> Image:
    """Brightness times a factor, with the sensor's noise after it, clipped at white."""
    of_frame = np.random.default_rng([int(rng.integers(2**32)), round(seconds * 1e6)])
    noise = _NOISE * of_frame.standard_normal(image.shape, dtype=np.float32)
    exposed: Image = np.clip(np.rint(image * np.float32(factor) + noise), 0, 255).astype(np.uint8)
    return exposed


def mislabel(labels: LabelMap, share: float, rng: np.random.Generator) -> LabelMap:
    """A label map (H, W) with exactly this share of its known pixels wrong, in patches.

    The patches are where noise of several scales is largest, so that they are of various sizes;
    each is cut up by the cells of random points, and all of a piece gets one wrong label among
    those present. Unknown pixels stay unknown; with one label alone none can be wrong.
    """
    known = np.flatnonzero(labels != np.iinfo(labels.dtype).max)
    present = np.unique(labels.ravel()[known])
    count = round(share * len(known))
    spoiled: LabelMap = labels.copy()
    if len(present) < 2 or count == 0:
        return spoiled
    field, cells = _patch_noise(labels.shape, rng), _cells(labels.shape, rng)
    chosen = known[np.argpartition(field.ravel()[known], len(known) - count)[-count:]]
    targets = rng.integers(0, len(present), cells.max() + 1)[cells.ravel()[chosen]]
    was = np.searchsorted(present, labels.ravel()[chosen])
    targets = np.where(targets == was, (targets + 1) % len(present), targets)
    spoiled.reshape(-1)[chosen] = present[targets]
    return spoiled


def _patch_noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise (H, W) with as much variance at each of several scales."""
    height, width = shape
    noise = np.zeros((height, width), np.float32)
    for share in _PATCHES:
        size = max(2, round(height / (share * width))), max(2, round(1 / share))
        coarse = rng.standard_normal(size, dtype=np.float32)
        noise += np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return noise


def _cells(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int32]:
    """The number (H, W) of the nearest of some random pixels."""
    height, width = shape
    others = np.full((height, width), 255, np.uint8)
    others.reshape(-1)[rng.choice(others.size, min(_CELLS, others.size), replace=False)] = 0
    _, cells = cv2.distanceTransformWithLabels(
        others, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return np.asarray(cells, np.int32)


def _paste(
    image: Image, feet: tuple[float, float], figure: Image, mask: Image
) -> None:
    """Put a figure (h, w, 3) where its mask (h, w) is set, its feet at a place of the image."""
    height, width = mask.shape
    left, top = round(feet[0] - width / 2), round(feet[1] - height)
    rows = slice(max(top, 0), min(top + height, image.shape[0]))
    columns = slice(max(left, 0), min(left + width, image.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    inside = (
        slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    )
    seen, covers = figure[inside], mask[inside] > 0
    if image.ndim == 2:
        seen = seen.mean(axis=2).astype(np.uint8)
    image[rows, columns][covers] = seen[covers]


def _figure(
    height_px: float, stride: float, clothes: list[list[int]], pattern: Image
) -> tuple[Image, Image]:
    """Somebody (h, w, 3) and the mask (h, w): legs and arms swing by `stride`, -1 to 1, and what
    they wear has a pattern that goes with them, so that features are found on it."""
    height = max(round(height_px), 8)
    width, middle = max(round(0.7 * height), 4), 0.35 * height
    figure = np.zeros((height, width, 3), np.uint8)

    def limb(top: float, bottom: float, swing: float, thick: float, color: list[int]) -> None:
        hip = round(middle), round(top * height)
        foot = round(middle + swing * height), round(bottom * height)
        cv2.line(figure, hip, foot, color, max(1, round(thick * height)))

    for side in (-1, 1):
        limb(0.5, 0.97, 0.16 * side * stride, 0.1, clothes[1])
        limb(0.2, 0.52, 0.04 * side - 0.12 * side * stride, 0.07, clothes[0])
    for centre, axes, color in (
        (0.35, (0.11, 0.2), clothes[0]), (0.075, (0.05, 0.07), [190, 150, 130]),
    ):  # fmt: skip
        sizes = [max(1, round(axis * height)) for axis in axes]
        cv2.ellipse(figure, (round(middle), round(centre * height)), sizes, 0, 0, 360, color, -1)
    mask: Image = np.where(figure.max(axis=2) > 0, 255, 0).astype(np.uint8)
    worn = cv2.resize(pattern, (width, height), interpolation=cv2.INTER_NEAREST)
    dressed: Image = np.clip(figure * (worn[..., None] / 160.0), 0, 255).astype(np.uint8)
    return dressed, mask
