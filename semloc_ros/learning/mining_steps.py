"""The five steps from the frames of a static camera to the mask of one of them.

Zhou, Bescos, Dymczyk, Pfeiffer, Neira, Siegwart, "Dynamic Objects Segmentation for Visual
Localization in Urban Environments", section III-B, a to e. Images are (H, W, 3) uint8 RGB, masks
(H, W) bool. What the paper does not say: how colours become one number (`difference`), how many
superpixels, how compact, and which components are small; see `config.mining`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import VotingConfig

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def absolute_difference(query: Image, other: Image, kind: str) -> NDArray[np.uint8]:
    """a) The absolute difference frame (H, W): of brightness, or the strongest of three colours."""
    difference = cv2.absdiff(query, other)
    if kind == "brightness":
        return np.asarray(cv2.cvtColor(difference, cv2.COLOR_RGB2GRAY), np.uint8)
    red, green, blue = cv2.split(difference)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def binary_difference(difference: NDArray[np.uint8]) -> Mask:
    """b) What is above the mean and standard deviation of the difference frame."""
    mean, deviation = cv2.meanStdDev(difference)
    return np.asarray(difference > mean[0, 0] + deviation[0, 0], np.bool_)


class Votes:
    """c) The binary difference frames of one query summed up, one other frame at a time."""

    def __init__(self, query: Image, kind: str) -> None:
        self._query, self._kind = query, kind
        self._sum = np.zeros(query.shape[:2], np.int32)
        self._count = 0

    def add(self, other: Image) -> None:
        """The vote of one frame of the clip, which is not the query."""
        self._sum += binary_difference(absolute_difference(self._query, other, self._kind))
        self._count += 1

    def dynamic(self, share: float) -> Mask:
        """What differs from more than `share` of the frames."""
        return np.asarray(self._sum > share * self._count, np.bool_)


def whole_superpixels(query: Image, mask: Mask, config: VotingConfig) -> Mask:
    """d) Superpixels (SLIC) with more than 5 % dynamic pixels are dynamic; holes are filled."""
    from skimage.segmentation import slic

    parts = slic(
        query, n_segments=config.superpixels, compactness=config.compactness, start_label=0
    )
    sizes = np.bincount(parts.ravel())
    dynamic = np.bincount(parts.ravel(), mask.ravel())
    return fill_holes((dynamic > config.superpixel_share * sizes)[parts])


def large_components(mask: Mask, size_px: int, least_px: float) -> Mask:
    """e) Parts are joined by a dilation, those of few dynamic pixels left out, the shape undone."""
    kernel = np.ones((size_px, size_px), np.uint8)
    # what lies beyond the image is not known, and eats nothing when the shape is undone
    joined = cv2.dilate(mask.astype(np.uint8), kernel)
    count, numbers = cv2.connectedComponents(joined)
    enough = np.bincount(numbers.ravel(), mask.ravel(), count) >= max(least_px, 1)
    enough[0] = False
    return np.asarray(cv2.erode(enough[numbers].astype(np.uint8), kernel) > 0, np.bool_)


def fill_holes(mask: Mask) -> Mask:
    """The mask and all that it encloses (what reaches the border of the image is open)."""
    around = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(around, None, (0, 0), 2)
    return np.asarray(around[1:-1, 1:-1] != 2, np.bool_)
