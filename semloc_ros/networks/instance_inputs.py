"""What instance networks take and give, without torch: images of their size, and objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.networks.images import Normalization, check_image_array, to_planes

LONGEST = 2.2  # times the shorter side: longer images are made smaller
PIXEL_STRIDE = 4  # of what judges pixels: its cells, in the network's pixels


@dataclass(frozen=True, slots=True)
class Detections:
    """N objects in an image.

    `boxes` (N, 4) float32 x0 y0 x1 y1 in pixels, where 0 is the left or upper edge of the image
    (elsewhere it is the centre of the first pixel); `labels` (N,) numbers of classes; `scores` (N,)
    in [0, 1]; `masks` (N, m, n) probabilities: of the cells of the boxes, or, if `whole`, of cells
    of the image. `pixels` (rows, columns) probabilities, of a network that gives them, that
    something dynamic is there, by cells of `cell` pixels (height, width) from the image's upper
    left edge. What masks of boxes say of a place is so of one that lies `lag` pixels (down, across)
    further.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    masks: NDArray[Any]
    whole: bool = False
    pixels: NDArray[np.float32] | None = None
    cell: tuple[float, float] = (1.0, 1.0)
    lag: tuple[float, float] = (0.0, 0.0)

    def __len__(self) -> int:
        return len(self.scores)

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> Detections:
        """In an image that was resized from one (height, width) to another."""
        down, across = (one / other for one, other in zip(after, before, strict=True))
        factors = np.array([across, down] * 2, np.float32)
        cell = (self.cell[0] * down, self.cell[1] * across)
        lag = (self.lag[0] * down, self.lag[1] * across)
        return replace(self, boxes=self.boxes * factors, cell=cell, lag=lag)


def network_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The (height, width) that an image of a size is resized to: its shorter side is `short_side`,
    the longer not more than `LONGEST` times that; as torchvision's networks do."""
    scale = min(short_side / min(size), LONGEST * short_side / max(size))
    return max(int(size[0] * scale), 1), max(int(size[1] * scale), 1)


def resized_planes(
    image: NDArray[np.uint8], size: tuple[int, int], normalization: Normalization
) -> NDArray[np.float32]:
    """The planes (1, 3, height, width) in another size of an image (H, W, 3) RGB or (H, W) uint8.
    InputError for any other image."""
    whole: NDArray[Any] = image
    if not check_image_array(image):
        whole = np.repeat(image[..., None], 3, 2)
    if whole.shape[:2] != size:
        whole = cv2.resize(whole, size[::-1], interpolation=cv2.INTER_LINEAR)
    return to_planes(np.asarray(whole, np.uint8), normalization)[None]
