"""Images with dynamic objects as the training sees them: cut, mirrored, in other light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from semloc_ros.config.dynamic_learning import PicturesConfig
from semloc_ros.datasets.instance_numbers import consecutive
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.pairs import colored
from semloc_ros.learning.place_changes import blurred_and_noisy, in_other_light
from semloc_ros.types import UNSURE, InstanceImage

_ENDLESS = 1 << 40
_GREY = 114  # beyond the edge of an image


def split_images(
    sources: Sequence[Sequence[InstanceImage]], share: float, blocks: int, rng: np.random.Generator
) -> tuple[list[InstanceImage], list[InstanceImage]]:
    """Images to train on, and those to validate with: stretches of each run and clip.

    Raises DatasetError, in one line, if one of both is empty.
    """
    kept = max(1, round(share * blocks))
    training: list[InstanceImage] = []
    validation: list[InstanceImage] = []
    for images in sources:
        for part in _runs(images):
            chosen = set(rng.permutation(blocks)[:kept].tolist())
            for number, image in enumerate(part):
                block = number * blocks // len(part)
                (validation if block in chosen else training).append(image)
    if not training or not validation:
        wanted = f"enough images to train on and to validate with, {blocks} or more"
        raise DatasetError(expected("images", wanted, sum(map(len, sources))))
    return training, validation


def _runs(images: Sequence[InstanceImage]) -> list[list[InstanceImage]]:
    found: dict[str, list[InstanceImage]] = {}
    for image in images:
        found.setdefault(image.name.rpartition("/")[0], []).append(image)
    return list(found.values())


class InstanceSamples(Dataset[Any]):
    """Sample n is a part of an image, drawn by chance of (seed, n).

    The n-th is of the kind n modulo their number, so that a batch has as many of each kind (of
    synthetic and real images, say); of each kind an epoch has each image once.
    """

    def __init__(
        self, kinds: Sequence[Sequence[InstanceImage]], config: PicturesConfig, seed: int
    ) -> None:
        self._kinds, self._config, self._seed = kinds, config, seed

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A picture (3, H, W) uint8 and its numbers (H, W) int32, see `types.Instances`."""
        of_kind, kind = divmod(number, len(self._kinds))
        images = self._kinds[kind]
        epoch, place = divmod(of_kind, len(images))
        order = np.random.default_rng([self._seed, kind, epoch]).permutation(len(images))
        one = images[order[place]]
        rng = np.random.default_rng([self._seed, len(self._kinds), number])
        picture, numbers = change(colored(one.read()), one.read_instances(), self._config, rng)
        planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        return planes, torch.from_numpy(numbers.astype(np.int32))


def change(
    image: NDArray[np.uint8], numbers: NDArray[np.uint16], config: PicturesConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """A part of the image (H, W, 3) and of its numbers (H, W), both of the size in `config`.

    What lies beyond the image is grey and unsure, as is an object of which little remains.
    """
    picture, cut = _cut(image, numbers, config, rng)
    if config.mirror and rng.random() < 0.5:
        picture, cut = picture[:, ::-1], cut[:, ::-1]
    lit = blurred_and_noisy(
        in_other_light(np.ascontiguousarray(picture), config, rng), config, rng
    )
    if rng.random() < config.grey:
        lit = colored(np.asarray(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), np.uint8))
    return lit, consecutive(cut, config.least_px)


def _cut(
    image: NDArray[np.uint8], numbers: NDArray[np.uint16], config: PicturesConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    height, width = numbers.shape
    fitting = min(width / config.width, height / config.height)
    factor = fitting * math.exp(rng.uniform(-math.log(config.zoom_in), math.log(config.zoom_out)))
    columns, rows = max(1, round(config.width * factor)), max(1, round(config.height * factor))
    aim = _aim(numbers, rng) if rng.random() < config.aimed else None
    row = _first(height, rows, None if aim is None else aim[0], rng)
    column = _first(width, columns, None if aim is None else aim[1], rng)
    edges = (
        max(0, -row), max(0, row + rows - height), max(0, -column), max(0, column + columns - width)
    )
    inside = np.s_[max(0, row) : row + rows, max(0, column) : column + columns]
    size = (config.width, config.height)
    shown = cv2.copyMakeBorder(
        image[inside], *edges, cv2.BORDER_CONSTANT, value=(_GREY, _GREY, _GREY)
    )
    truth = cv2.copyMakeBorder(numbers[inside], *edges, cv2.BORDER_CONSTANT, value=UNSURE)
    smooth = cv2.INTER_AREA if factor > 1.0 else cv2.INTER_LINEAR
    return (
        np.asarray(cv2.resize(shown, size, interpolation=smooth), np.uint8),
        np.asarray(cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint16),
    )


def _aim(numbers: NDArray[np.uint16], rng: np.random.Generator) -> tuple[int, int] | None:
    """Row and column of a pixel of an object, each object as likely as the others."""
    objects = np.unique(numbers[(numbers > 0) & (numbers != UNSURE)])
    if not len(objects):
        return None
    rows, columns = np.nonzero(numbers == rng.choice(objects))
    chosen = int(rng.integers(len(rows)))
    return int(rows[chosen]), int(columns[chosen])


def _first(length: int, part: int, aim: int | None, rng: np.random.Generator) -> int:
    """Where a part begins: within the length, or around it if it is longer; `aim` lies in it."""
    low, high = sorted((0, length - part))
    if aim is not None:
        low, high = max(low, aim - part + 1), min(high, aim)
    return int(rng.integers(low, high + 1))
