"""Images as pose networks are trained on them: standardized by the data set, masked, and parts of
them that are cut by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from semloc_ros.config.pose_learning import PoseLightConfig, PoseTrainingConfig
from semloc_ros.datasets.pose_views import PoseView
from semloc_ros.errors import DatasetError, InputError
from semloc_ros.geometry import se3
from semloc_ros.learning.pairs import colored
from semloc_ros.networks.images import Normalization
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_inputs import cut, whole_planes
from semloc_ros.types import FloatArray

_ENDLESS = 1 << 40
_WHITE = 255.0
_LEAST_STD = 1.0 / _WHITE  # of images of one colour


def normalization_of(views: Sequence[PoseView]) -> Normalization:
    """Mean and standard deviation of each channel over all pixels of all images, masked ones too:
    networks that are trained with masks and without then see the same values (section 4.1)."""
    sums, squares, count = np.zeros(3), np.zeros(3), 0
    for view in views:
        pixels = colored(view.image.read()).reshape(-1, 3)
        tables = [np.bincount(pixels[:, one], minlength=256) for one in range(3)]
        values = np.arange(256) / _WHITE
        sums += [table @ values for table in tables]
        squares += [table @ values**2 for table in tables]
        count += len(pixels)
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, _LEAST_STD**2))
    return Normalization(tuple(mean.tolist()), tuple(std.tolist()))


def poses_of(views: Sequence[PoseView]) -> FloatArray:
    """`map_from_camera` (N, 4, 4) of the views."""
    return se3.inverse(np.stack([view.image.camera_from_map for view in views]))


class PosePictures:
    """The pictures of V views, as the network `about` takes them.

    Up to `memory_mb` of them stay in memory once they are read, whole, as float16; the others are
    read again whenever they are asked for.
    """

    def __init__(self, views: Sequence[PoseView], about: PoseAbout, memory_mb: int) -> None:
        self.views, self.about = views, about
        self._room = memory_mb * 1_000_000
        self._kept: dict[int, NDArray[np.float16]] = {}

    def __len__(self) -> int:
        return len(self.views)

    def middle(self, row: int) -> NDArray[np.float32]:
        """Planes (3, height, width) of the middle of a picture, as it is."""
        return cut(self._whole(row)[:3], self.about, (0.5, 0.5))

    def part(
        self, row: int, config: PoseTrainingConfig, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Planes (3, height, width) of a part that is cut by chance, in other light."""
        where = (rng.random(), rng.random()) if config.random_crops else (0.5, 0.5)
        planes = cut(self._whole(row), self.about, where)
        return in_other_light(planes, self.about.normalization, config.light, rng)

    def _whole(self, row: int) -> NDArray[np.float16]:
        if row in self._kept:
            return self._kept[row]
        view = self.views[row]
        mask = None if view.read_mask is None else view.read_mask()
        try:
            planes = whole_planes(view.image.read(), mask, self.about).astype(np.float16)
        except InputError as error:
            raise DatasetError(f"{view.image.name}: {error}") from None
        if planes.nbytes <= self._room:
            self._room -= planes.nbytes
            self._kept[row] = planes
        return planes


def in_other_light(
    planes: NDArray[np.float32], normalization: Normalization, light: PoseLightConfig,
    rng: np.random.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    """Planes (3, h, w) from four of `whole_planes`: values times a gain for each channel, then
    contrast about the data set's mean. What is masked is zero before and after."""
    bright = 1.0 + rng.uniform(-light.brightness, light.brightness)
    tints = 1.0 + rng.uniform(-light.tint, light.tint, 3)
    contrast = 1.0 + rng.uniform(-light.contrast, light.contrast)
    gains = bright * tints
    # (g v - mean) / std, where v = std * plane + mean * share
    shifts = (gains - 1.0) * np.array(normalization.mean) / np.array(normalization.std)
    changed = gains[:, None, None] * planes[:3] + shifts[:, None, None] * planes[3]
    return np.asarray(contrast * changed, np.float32)


class PoseSamples(Dataset[Any]):
    """Sample n is a part of an image, drawn by chance of (seed, n); an epoch, in an order of its
    own, has each image once."""

    def __init__(
        self, pictures: PosePictures, truth: NDArray[np.float32], config: PoseTrainingConfig,
        seed: int,
    ) -> None:  # fmt: skip
        self._pictures, self._truth = pictures, torch.from_numpy(truth)
        self._config, self._seed = config, seed

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes (3, H, W) and what the network should say of them (7,)."""
        epoch, place = divmod(number, len(self._pictures))
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._pictures))
        row = int(order[place])
        rng = np.random.default_rng([self._seed, 1, number])
        planes = self._pictures.part(row, self._config, rng)
        return torch.from_numpy(np.ascontiguousarray(planes)), self._truth[row]
