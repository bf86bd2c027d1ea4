"""What is pasted over training images, so that objects are found though visitors hide parts of
them: people cut out of other images, and shapes of any colours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.object_learning import OccludersConfig
from semloc_ros.learning.pairs import colored
from semloc_ros.types import UNSURE, InstanceImage

_LEAST_PX = 300  # of one that is cut out of an image: smaller ones are blurred
_KEPT = 400  # cut-outs in memory
_CORNERS = 24  # of a shape's outline

Image = NDArray[np.uint8]
Mask = NDArray[np.uint8]


class Occluders:
    """Draws what hides others: of `images` the objects that can move, and shapes."""

    def __init__(self, images: Sequence[InstanceImage], config: OccludersConfig) -> None:
        self._images, self._config = images, config
        self._kept: dict[int, list[tuple[Image, Mask]]] = {}

    def paste(self, image: Image, numbers: NDArray[np.uint16], rng: np.random.Generator) -> None:
        """None to `config.most` over an image (H, W, 3) and its numbers (H, W), which are 0 where
        something hides them."""
        for _ in range(int(rng.integers(self._config.most + 1))):
            picture, mask = self._draw(len(image), rng)
            _paste(image, numbers, picture, mask, rng)

    def _draw(self, height: int, rng: np.random.Generator) -> tuple[Image, Mask]:
        """A picture (h, w, 3) and what of it is meant (h, w), from 0 to 255."""
        low, high = self._config.least_height, self._config.most_height
        rows = max(4, round(height * rng.uniform(low, max(low, high))))
        if self._images and rng.random() < self._config.cut_outs:
            found = self._cut_outs(int(rng.integers(len(self._images))))
            if found:
                picture, mask = found[int(rng.integers(len(found)))]
                columns = max(2, round(rows * mask.shape[1] / mask.shape[0]))
                smooth = cv2.INTER_AREA if rows < len(mask) else cv2.INTER_LINEAR
                return (
                    np.asarray(
                        cv2.resize(picture, (columns, rows), interpolation=smooth), np.uint8
                    ),
                    np.asarray(cv2.resize(mask, (columns, rows), interpolation=smooth), np.uint8),
                )
        return _shape(rows, max(3, round(rows * rng.uniform(0.25, 1.2))), rng)

    def _cut_outs(self, number: int) -> list[tuple[Image, Mask]]:
        """Of an image all that are large enough."""
        if number in self._kept:
            return self._kept[number]
        one = self._images[number]
        image, instances = colored(one.read()), one.read_instances()
        found = []
        for value in np.unique(instances[(instances != 0) & (instances != UNSURE)]):
            mask = np.where(instances == value, 255, 0).astype(np.uint8)
            if np.count_nonzero(mask) >= _LEAST_PX:
                x, y, width, height = cv2.boundingRect(mask)
                part = np.s_[y : y + height, x : x + width]
                found.append((image[part].copy(), mask[part].copy()))
        if len(self._kept) < _KEPT:
            self._kept[number] = found
        return found


def _shape(height: int, width: int, rng: np.random.Generator) -> tuple[Image, Mask]:
    """A blob of coloured noise, coarse and fine."""
    angles = np.linspace(0.0, 2 * np.pi, _CORNERS, endpoint=False)
    turns = rng.uniform(0.0, 2 * np.pi, 3)
    radii = 0.8 + sum(
        rng.uniform(0.0, 0.25) * np.cos((order + 2) * angles + turns[order]) for order in range(3)
    )
    outline = np.stack([np.cos(angles), np.sin(angles)], 1) * np.clip(radii, 0.2, 1.0)[:, None]
    corners = ((outline + 1.0) / 2.0 * (width - 1, height - 1)).round().astype(np.int32)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [corners], 255)
    picture = np.zeros((height, width, 3), np.float32) + rng.uniform(20.0, 235.0, 3)
    for cells in (3, 12):
        nodes = rng.normal(0.0, rng.uniform(0.0, 45.0), (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(nodes, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(picture, 0, 255).astype(np.uint8), mask


def _paste(
    image: Image, numbers: NDArray[np.uint16], picture: Image, mask: Mask,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Anywhere where at least its middle is in the image; what covers half of a pixel hides it."""
    height, width = mask.shape
    top = int(rng.integers(len(image))) - height // 2
    left = int(rng.integers(image.shape[1])) - width // 2
    low, high = (max(0, -top), max(0, -left)), (len(image) - top, image.shape[1] - left)
    part = np.s_[low[0] : high[0], low[1] : high[1]]
    over = np.s_[max(0, top) : top + height, max(0, left) : left + width]
    share = mask[part].astype(np.float32)[..., None] / 255.0
    mixed = share * picture[part] + (1.0 - share) * image[over]
    image[over] = np.rint(mixed).astype(np.uint8)
    numbers[over][share[..., 0] >= 0.5] = 0
