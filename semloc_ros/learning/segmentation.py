"""Supervised training on the classes of Cityscapes: what FGSN training starts from, and what it is
compared with. The cross-entropy of every labelled pixel, as in PSPNet (Zhao et al., CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset

from semloc_ros import classes
from semloc_ros.config.learning import SegmentationTrainingConfig
from semloc_ros.learning.losses import IGNORED, class_loss
from semloc_ros.learning.pairs import colored
from semloc_ros.networks.images import IMAGENET, Normalization, to_tensor
from semloc_ros.networks.pyramid import upsampled
from semloc_ros.networks.segmentation import SegmentationNetwork
from semloc_ros.types import LabelledImage

_ENDLESS = 1 << 40
_OWN_TINT = 1 / 3  # of the jitter, for each channel by itself


class SegmentationProgram:
    """See `loop.Program`. `seed` draws crops, brightness and sides. `knows` says that the network
    has last layers for the classes, to go on with."""

    restart = 0
    keep_optimizer = False

    def __init__(
        self, network: SegmentationNetwork, training: Sequence[LabelledImage],
        validation: Sequence[LabelledImage], config: SegmentationTrainingConfig, seed: int,
        normalization: Normalization = IMAGENET, knows: bool = False,
    ) -> None:  # fmt: skip
        self.network, self._knows = network, knows
        self._training, self._validation = training, validation
        self._config, self._seed, self._normalization = config, seed, normalization

    def start(self, number: int, device: torch.device) -> None:
        """Last layers for the 19 classes, unless the network has them."""
        if not self._knows:
            generator = torch.Generator().manual_seed(self._seed)
            self.network.restart_classifier(len(classes.NAMES), generator)
        self.network.to(device)

    def samples(self) -> Dataset[Any]:
        """Cuts of the training images, each as often as every other."""
        return LabelSamples(self._training, self._config, self._seed, self._normalization)

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Cross-entropy at full size, of the main and the auxiliary head."""
        images, labels = batch
        scores = network(images)
        of_class = self._of_head(scores.logits, labels)
        total = of_class
        if scores.auxiliary is not None:
            weight = self._config.training.auxiliary_weight
            total = total + weight * self._of_head(scores.auxiliary, labels)
        return {"loss": total, "class": of_class}

    def validate(self, device: torch.device) -> dict[str, float]:
        """Mean cross-entropy (the score), and the share of pixels that are right."""
        count = min(self._config.training.validation_samples, len(self._validation))
        chosen = np.linspace(0, len(self._validation) - 1, count).round().astype(int)
        sums = np.zeros(3)
        for number in chosen:
            one = self._validation[number]
            image = to_tensor(colored(one.read()), self._normalization)[None].to(device)
            labels = targets(one.read_labels())[None].to(device)
            scores = upsampled(self.network(image).logits, (labels.shape[1], labels.shape[2]))
            known = labels != IGNORED
            right = ((scores.argmax(1) == labels) & known).sum()
            loss = class_loss(scores, labels)
            sums += [float(loss), float(right), float(known.sum())]
        score = sums[0] / len(chosen)
        return {"score": score, "accuracy": float(sums[1] / max(sums[2], 1))}

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing besides the network."""
        return {}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Last layers of the size that was saved."""
        self.network.restart_classifier(len(classes.NAMES), torch.Generator())

    def _of_head(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        height, width = int(labels.shape[1]), int(labels.shape[2])
        return class_loss(upsampled(scores, (height, width)), labels)


def targets(labels: NDArray[np.uint8]) -> torch.Tensor:
    """Train ids (H, W) as int64; what is no class is `IGNORED`."""
    known = labels < len(classes.NAMES)
    return torch.from_numpy(np.where(known, labels.astype(np.int64), IGNORED))


class LabelSamples(Dataset[Any]):
    """Sample n is an image cut by chance of (seed, n); each epoch has each image once."""

    def __init__(
        self, images: Sequence[LabelledImage], config: SegmentationTrainingConfig, seed: int,
        normalization: Normalization,
    ) -> None:  # fmt: skip
        self._images, self._config, self._seed = images, config, seed
        self._normalization = normalization

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """An image (3, S, S) and its targets (S, S)."""
        epoch, place = divmod(number, len(self._images))
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._images))
        one = self._images[order[place]]
        rng = np.random.default_rng([self._seed, 1, number])
        image, labels = self._cut(colored(one.read()), one.read_labels(), rng)
        if self._config.flip and rng.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        image = _brighter(image, self._config.brightness_jitter, rng)
        return to_tensor(image, self._normalization), targets(labels)

    def _cut(
        self, image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        size = self._config.training.crop_px
        row, column = (
            int(rng.integers(max(0, length - size) + 1)) for length in labels.shape
        )
        square = np.zeros((size, size, 3), np.uint8)
        truth = np.full((size, size), classes.UNKNOWN, np.uint8)
        found = image[row : row + size, column : column + size]
        square[: found.shape[0], : found.shape[1]] = found
        truth[: found.shape[0], : found.shape[1]] = (
            labels[row : row + size, column : column + size]
        )
        return square, truth


def _brighter(
    image: NDArray[np.uint8], share: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """All channels times one factor, and each times one of its own."""
    factor = 1.0 + rng.uniform(-share, share)
    own = 1.0 + rng.uniform(-share, share, 3) * _OWN_TINT
    return np.ascontiguousarray(np.clip(image * (factor * own), 0, 255).astype(np.uint8))
