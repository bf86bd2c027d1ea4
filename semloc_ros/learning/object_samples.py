"""Images of objects of interest as the training sees them: from elsewhere, in other light, hidden
in part (Weinzaepfel et al., CVPR 2019, section 3.2). Not mirrored: objects have a left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from semloc_ros.config.object_learning import ObjectPicturesConfig, ObjectTrainingConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.object_occluders import Occluders
from semloc_ros.learning.object_warps import (
    fitting,
    looking_at,
    random_homography,
    warped_image,
    warped_truth,
)
from semloc_ros.learning.pairs import colored
from semloc_ros.learning.place_changes import blurred_and_noisy, in_other_light
from semloc_ros.types import InstanceImage, ObjectImage, PictureObjects

LABEL_BITS = 16  # of a sample's number: above them is which object of the image it is
_ENDLESS = 1 << 40
_TRIES = 5  # until something is seen of an object, if there is one

Image = NDArray[np.uint8]


class KeptObjects:
    """Images with their truth: up to `memory_mb` of them stay in memory once they are read."""

    def __init__(self, images: Sequence[ObjectImage], memory_mb: float) -> None:
        self.images = images
        self._room = memory_mb * 1e6
        self._kept: dict[int, tuple[Image, PictureObjects]] = {}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Image, PictureObjects]:
        """(H, W, 3) and its truth; DatasetError, in one line, if their sizes differ."""
        if row in self._kept:
            return self._kept[row]
        one = self.images[row]
        image, truth = colored(one.read()), one.read_objects()
        if truth.numbers.shape != image.shape[:2]:
            wanted = f"truth of the image's size {image.shape[:2]}"
            raise DatasetError(expected(one.name, wanted, truth.numbers.shape))
        size = image.nbytes + truth.numbers.nbytes + truth.uv.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[row] = (image, truth)
        return image, truth


def split_object_images(
    images: Sequence[ObjectImage], share: float, blocks: int, rng: np.random.Generator
) -> tuple[list[ObjectImage], list[ObjectImage]]:
    """Images to learn from, and stretches of them to validate with; of a share of 0 all are both.

    DatasetError, in one line, if one of both is empty.
    """
    if share == 0.0 and images:
        return list(images), list(images)
    chosen = set(rng.permutation(blocks)[: max(1, round(share * blocks))].tolist())
    held = [number * blocks // len(images) in chosen for number in range(len(images))]
    training = [one for one, kept in zip(images, held, strict=True) if not kept]
    validation = [one for one, kept in zip(images, held, strict=True) if kept]
    if not training or not validation:
        wanted = f"enough images to train on and to validate with, {blocks} or more"
        raise DatasetError(expected("images", wanted, len(images)))
    return training, validation


def canvas_of(images: KeptObjects, short_side: int) -> tuple[int, int]:
    """Height and width of the middle one of the images when its shorter side is `short_side`: what
    goes into the network has one size."""
    sizes = np.array([images[row][0].shape[:2] for row in range(len(images))], np.float64)
    ratio = float(np.median(sizes[:, 1] / sizes[:, 0]))
    if ratio >= 1.0:
        return short_side, round(short_side * ratio)
    return round(short_side / ratio), short_side


class ObjectSamples(Dataset[Any]):
    """Sample n is an image as it might be seen from elsewhere, drawn by chance of (seed, n); an
    epoch has each image once. `labels` are those of the names, from 1."""

    def __init__(
        self, images: KeptObjects, labels: Mapping[str, int], config: ObjectTrainingConfig,
        occluders: Sequence[InstanceImage], seed: int,
    ) -> None:  # fmt: skip
        self._images, self._labels, self._config, self._seed = images, labels, config, seed
        self._occluders = Occluders(occluders, config.pictures.occluders)
        self._canvas = canvas_of(images, config.short_side)

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A picture (3, H, W) uint8; its numbers (H, W) int32, 0 = no object, otherwise the label
        and, above `LABEL_BITS`, which object of the image it is; (u, v) (2, H, W) float32, 0 where
        there is none."""
        epoch, place = divmod(number, len(self._images))
        order = np.random.default_rng([self._seed, 0, epoch]).permutation(len(self._images))
        rng = np.random.default_rng([self._seed, 1, number])
        image, truth = self._images[int(order[place])]
        picture, numbers, uv = self._seen(image, truth, rng)
        coded = np.zeros(len(truth.names) + 1, np.int32)
        for one, name in enumerate(truth.names, 1):
            coded[one] = (one << LABEL_BITS) + self._labels[name]
        return (
            torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))),
            torch.from_numpy(coded[numbers]),
            torch.from_numpy(np.ascontiguousarray(np.nan_to_num(uv).transpose(2, 0, 1))),
        )

    def _seen(
        self, image: Image, truth: PictureObjects, rng: np.random.Generator
    ) -> tuple[Image, NDArray[np.uint16], NDArray[np.float32]]:
        for _ in range(_TRIES):
            found = change(
                image, truth, self._canvas, self._config.short_side, self._config.pictures,
                self._occluders, rng,
            )  # fmt: skip
            if found[1].any() or not truth.numbers.any():
                break
        return found


def change(
    image: Image, truth: PictureObjects, canvas: tuple[int, int], short_side: int,
    config: ObjectPicturesConfig, occluders: Occluders, rng: np.random.Generator,
) -> tuple[Image, NDArray[np.uint16], NDArray[np.float32]]:  # fmt: skip
    """The image (H, W, 3) on a canvas (height, width), its shorter side `short_side` pixels, seen
    from elsewhere and in other light; with its numbers (height, width) and their (u, v)."""
    shown = np.unique(truth.numbers[truth.numbers > 0])
    if config.near and len(shown) and rng.random() < config.near:
        to_canvas = looking_at(truth.numbers == rng.choice(shown), canvas, rng)
    else:
        to_canvas = fitting(image.shape[:2], canvas, short_side, rng)
    if config.homography:
        to_canvas = random_homography(canvas, config.homography, rng) @ to_canvas
    beyond = tuple(rng.integers(0, 256, 3).tolist())
    numbers, uv = warped_truth(truth, to_canvas, canvas)
    picture = warped_image(image, to_canvas, canvas, beyond)
    occluders.paste(picture, numbers, rng)
    _drop_small(numbers, config.least_px)
    uv[numbers == 0] = np.nan
    if config.jitter:
        lit = saturated(in_other_light(picture, config, rng), config.saturation, rng)
        picture = blurred_and_noisy(lit, config, rng)
    return picture, numbers, uv


def saturated(image: Image, most: float, rng: np.random.Generator) -> Image:
    """The image (H, W, 3) with colours stronger or weaker by up to the share `most`."""
    gain = 1.0 + rng.uniform(-most, most)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, gain, grey, 1.0 - gain, 0.0), np.uint8)


def _drop_small(numbers: NDArray[np.uint16], least_px: int) -> None:
    """Objects of which too little is seen are none."""
    counts = np.bincount(numbers.ravel())
    numbers[(counts < least_px)[numbers]] = 0
