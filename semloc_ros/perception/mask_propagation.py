"""Masks of a slow network, carried on to every later image by the motion between images.

A network that takes some tenths of a second tells what moved in an image that is long gone. Between
consecutive images the motion of every pixel is found (dense inverse search, Kroeger et al., ECCV
2016, at a small size), and composed from the image that the network sees, and from the one that it
saw before, to the newest. So a late mask is moved at once to where its objects are by now, and one
look-up per image moves it further: the cost of an image does not grow with the age of the mask.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import PropagationConfig
from semloc_ros.errors import InputError, expected

_LEAST_PX = 16  # of either side, below which there is no motion to be found
_MASK_PX = 640  # masks of wider images are carried at this width
_FINEST = 1  # motion is found down to half of the small size
_STRIDE = 4  # pixels from patch to patch there

Map = NDArray[np.float32]  # (2, h, w): u and v of where the pixels were in an earlier image


@dataclass(eq=False, slots=True)
class Seen:
    """An image that a network is given, or was: what it finds there is given back with it.

    `image` (H, W, 3) or (H, W) uint8. The rest is the propagation's own.
    """

    image: NDArray[np.uint8]
    stamp_ns: int
    places: Map
    numbers: NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """The network's objects where they are in the newest image: `numbers` (H, W) uint16 as in
    `Instances`; `age_s` is how much older the image is that the network saw."""

    numbers: NDArray[np.uint16]
    age_s: float


class MaskPropagation:
    """One thread adds each image and asks what is carried to it, another runs the network."""

    def __init__(self, config: PropagationConfig | None = None) -> None:
        self._width = (config or PropagationConfig()).flow_width
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST)
        self._flow.setPatchStride(_STRIDE)
        self._changed = threading.Condition()
        self._forget()

    def _forget(self) -> None:
        self._small: NDArray[np.uint8] | None = None
        self._newest: tuple[NDArray[np.uint8], int] | None = None
        self._is_taken = False
        self._asked: Seen | None = None  # what the network works on
        self._shown: Seen | None = None  # what it found last, with its objects

    def add(self, image: NDArray[np.uint8], stamp_ns: int) -> None:
        """The next image (H, W, 3) RGB or (H, W) uint8. One of another size, or of an earlier time,
        has nothing to do with those before. InputError if it is too small."""
        small = _small(image, self._width)
        with self._changed:
            before, previous = self._newest, self._small
        follows = before is not None and before[0].shape == image.shape and stamp_ns >= before[1]
        came_from = self._came_from(small, previous) if follows and previous is not None else None
        with self._changed:
            if came_from is None or self._small is not previous:
                self._forget()
            else:
                self._compose(came_from)
            self._small, self._newest, self._is_taken = small, (image, stamp_ns), False
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Seen | None:
        """The newest image, for the network, or None after the timeout if it was taken before."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest and not self._is_taken, timeout_s)
            if self._newest is None or self._small is None or self._is_taken:
                return None
            self._is_taken = True
            self._asked = Seen(*self._newest, _grid(self._small.shape))
            return self._asked

    def give(self, seen: Seen, numbers: NDArray[np.uint16]) -> bool:
        """What the network found in the image taken last, (H, W) uint16; whether it still is of
        use."""
        height, width = numbers.shape
        size = (min(width, _MASK_PX), max(height * min(width, _MASK_PX) // width, 1))
        numbers = _resized(numbers, size)
        with self._changed:
            if seen is not self._asked:
                return False
            seen.numbers = numbers
            self._shown, self._asked = seen, None
            return True

    def carried(self) -> Carried | None:
        """What the network found last, moved to the newest image; None if there is nothing yet."""
        with self._changed:
            shown, newest = self._shown, self._newest
            if shown is None or newest is None or shown.numbers is None:
                return None
            places, numbers = shown.places, shown.numbers
        image, stamp_ns = newest
        moved = _resized(_moved(numbers, places), (image.shape[1], image.shape[0]))
        return Carried(moved, (stamp_ns - shown.stamp_ns) * 1e-9)

    def _came_from(self, small: NDArray[np.uint8], previous: NDArray[np.uint8]) -> Map:
        flow = self._flow.calc(small, previous, np.zeros((*small.shape, 2), np.float32))
        came_from = _grid(small.shape) + np.asarray(flow).transpose(2, 0, 1)
        return np.asarray(came_from, np.float32)

    def _compose(self, came_from: Map) -> None:
        """What comes in over the edge is taken to be as the edge was."""
        u, v = came_from
        for seen in (self._asked, self._shown):
            if seen is not None:
                seen.places = np.stack([
                    np.asarray(cv2.remap(
                        plane, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                    ), np.float32)
                    for plane in seen.places
                ])  # fmt: skip


def _small(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Gray, at most so wide."""
    height = image.shape[0]
    if min(image.shape[:2]) < _LEAST_PX:
        size = f"{image.shape[1]}x{height}"
        raise InputError(expected("image", f"at least {_LEAST_PX}x{_LEAST_PX} pixels", size))
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if image.shape[1] <= width:
        return np.array(gray, np.uint8)
    size_small = (width, max(round(height * width / image.shape[1]), _LEAST_PX))
    return np.asarray(cv2.resize(gray, size_small, interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=2)
def _grid(shape: tuple[int, ...]) -> Map:
    """Each pixel's own place. Not to be written to."""
    v, u = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([u, v])


def _moved(numbers: NDArray[np.uint16], places: Map) -> NDArray[np.uint16]:
    """The numbers looked up where the pixels were, by a map of a smaller size."""
    (height, width), (rows, columns) = numbers.shape, places.shape[1:]
    scale = np.array([width / columns, height / rows], np.float32)[:, None, None]
    at_full = (places + np.float32(0.5)) * scale - np.float32(0.5)
    u, v = (cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in at_full)
    return np.asarray(cv2.remap(numbers, u, v, cv2.INTER_NEAREST), np.uint16)


def _resized(numbers: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    if numbers.shape == size[::-1]:
        return numbers
    return np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint16)
