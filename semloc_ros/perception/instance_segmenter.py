"""The dynamic objects that a network for objects finds: ours, or another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig
from semloc_ros.networks.instance_backends import InstanceBackend
from semloc_ros.networks.instance_inputs import Detections, network_size, resized_planes
from semloc_ros.perception.features import check_image
from semloc_ros.perception.mask_shapes import Found, composed
from semloc_ros.types import UNSURE, Instances


class Detector(Protocol):
    """What finds objects of all classes in an image (H, W[, 3]) uint8, in its pixels."""

    def detect(self, image: NDArray[np.uint8]) -> Detections: ...


class OwnDetector:
    """A network of this package, or torchvision's."""

    def __init__(self, backend: InstanceBackend, short_side: int) -> None:
        self._backend = backend
        self._short_side = short_side or backend.about.short_side

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See `Detector`."""
        size = (image.shape[0], image.shape[1])
        small = network_size(size, self._short_side)
        planes = resized_planes(image, small, self._backend.about.normalization)
        return self._backend.detect(planes).scaled(small, size)


class InstanceSegmenter:
    """The objects of dynamic classes; see `dynamic_masks.DynamicSegmenter`."""

    def __init__(
        self, name: str, computed_by: str, detector: Detector, names: tuple[str, ...],
        classes: tuple[str, ...], config: DynamicConfig,
    ) -> None:  # fmt: skip
        self.name, self.computed_by, self.classes = name, computed_by, classes
        self._detector, self._config = detector, config
        self._labels = [names.index(one) for one in classes]
        self._asks_some = len(classes) < len(names) - 1  # pixels are of any class

    def segment(self, image: NDArray[np.uint8]) -> Instances:
        """See `DynamicSegmenter`."""
        check_image(image)
        size = (image.shape[0], image.shape[1])
        found = self._detector.detect(image)
        chosen = np.isin(found.labels, self._labels) & (found.scores >= self._config.score)
        has_pixels = found.pixels is not None and not self._asks_some
        pixels = placed_pixels(found, size) if has_pixels else None
        placed = (
            placed_mask(found, number, size, self._config.mask_threshold, pixels)
            for number in np.flatnonzero(chosen).tolist()
        )
        objects = composed(_there(placed), size, self._config.min_area)
        return objects if pixels is None else completed(objects, pixels, self._config)


def placed_mask(
    found: Detections, number: int, size: tuple[int, int], threshold: float,
    pixels: NDArray[np.float32] | None = None,
) -> Found | None:  # fmt: skip
    """One object in an image of `size` (height, width); None outside of it.

    The mask of a box is read where the pixels inside of the box have their middles, linearly
    between the middles of its cells. With probabilities of all `pixels` (H, W), which have finer
    edges, the mean of both counts.
    """
    mask = found.masks[number].astype(np.float32)
    score = float(found.scores[number])
    if found.whole:
        return score, np.s_[0 : size[0], 0 : size[1]], _resized(mask, size) >= threshold
    x0, y0, x1, y1 = (float(one) for one in found.boxes[number])
    if not (x1 > x0 and y1 > y0):  # NaN, too
        return None
    left, right = _covered(x0, x1, size[1])
    top, bottom = _covered(y0, y1, size[0])
    if left >= right or top >= bottom:
        return None
    cells = (mask.shape[1] / (x1 - x0), mask.shape[0] / (y1 - y0))  # per pixel
    down, across = found.lag
    mask_from_image = np.array([
        [cells[0], 0, cells[0] * (left + 0.5 - across - x0) - 0.5],
        [0, cells[1], cells[1] * (top + 0.5 - down - y0) - 0.5],
    ])  # fmt: skip
    shown = cv2.warpAffine(
        mask, mask_from_image, (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    where = np.s_[top:bottom, left:right]
    both = shown if pixels is None else 0.5 * (shown + pixels[where])
    return score, where, np.asarray(both >= threshold)


def placed_pixels(found: Detections, size: tuple[int, int]) -> NDArray[np.float32]:
    """The probability of each pixel of an image of `size` (height, width), linearly between the
    middles of cells."""
    down, across = found.cell
    cells_from_image = np.array([
        [1 / across, 0, 0.5 / across - 0.5], [0, 1 / down, 0.5 / down - 0.5],
    ])  # fmt: skip
    assert found.pixels is not None, "asked for only where there are some"
    return np.asarray(cv2.warpAffine(
        found.pixels, cells_from_image, size[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    ), np.float32)  # fmt: skip


def completed(
    objects: Instances, probability: NDArray[np.float32], config: DynamicConfig
) -> Instances:
    """Objects, and the pixels (H, W) that are dynamic without being in one.

    What hangs together belongs to the object that it touches most, or is an object of its own, of
    its mean probability.
    """
    left = ((probability >= config.mask_threshold) & (objects.numbers == 0)).astype(np.uint8)
    count, parts = cv2.connectedComponents(left)
    owners = _touched(parts.astype(np.int64), count, objects)
    areas = np.bincount(parts.ravel(), minlength=count)
    sums = np.bincount(parts.ravel(), probability.ravel(), minlength=count)
    least = max(config.min_area * left.size, 1)
    alone = [part for part in range(1, count) if not owners[part] and areas[part] >= least]
    alone = alone[: UNSURE - 1 - len(objects)]
    owners[alone] = len(objects) + 1 + np.arange(len(alone))
    scores = np.concatenate([objects.scores, sums[alone] / areas[alone]])
    numbers = np.where(left > 0, owners[parts], objects.numbers)
    return Instances(numbers.astype(np.uint16), scores.astype(np.float32))


def _touched(parts: NDArray[np.int64], count: int, objects: Instances) -> NDArray[np.int64]:
    """(count,) of each part the object with which it shares the longest edge, 0 for none."""
    numbers = objects.numbers.astype(np.int64)
    pairs = [(parts[1:], numbers[:-1]), (parts[:-1], numbers[1:]),
             (parts[:, 1:], numbers[:, :-1]), (parts[:, :-1], numbers[:, 1:])]  # fmt: skip
    width = len(objects) + 1
    edges = np.zeros((count, width), np.int64)
    for part, number in pairs:
        meets = (part > 0) & (number > 0)
        both = part[meets] * width + number[meets]
        edges += np.bincount(both, minlength=count * width).reshape(count, width)
    return np.asarray(edges.argmax(1))


def _covered(low: float, high: float, length: int) -> tuple[int, int]:
    """The pixels, first and one past the last, whose middles are between two edges."""
    bounds = np.clip([low, high], 0.0, float(length))
    return int(np.ceil(bounds[0] - 0.5)), int(np.ceil(bounds[1] - 0.5))


def _resized(mask: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _there(placed: Iterator[Found | None]) -> Iterator[Found]:
    return (one for one in placed if one is not None)
