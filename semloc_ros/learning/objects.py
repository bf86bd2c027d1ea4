"""A network for objects of interest as a training program (Weinzaepfel et al., CVPR 2019): see
`loop.Program`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from semloc_ros.config.object_learning import ObjectTrainingConfig
from semloc_ros.learning.object_quality import Judged, judged, totals
from semloc_ros.learning.object_samples import LABEL_BITS, KeptObjects, ObjectSamples
from semloc_ros.networks.object_detection import Found, ObjectNetwork
from semloc_ros.networks.object_losses import object_targets
from semloc_ros.types import InstanceImage

_WHITE = 255.0
_VALUES = "values"  # the loss that `uv_weight` is for
_ONLY_LABEL = (1 << LABEL_BITS) - 1

# what a network is to say of (u, v) (2, H, W) of objects of labels (H, W): (C, H, W)
ValuesOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def as_uv(uv: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """They themselves."""
    return uv


@dataclass(frozen=True, slots=True)
class ObjectPictures:
    """What is learned from and what with it is judged; `labels` of the objects' names, from 1."""

    training: KeptObjects
    validation: KeptObjects
    labels: Mapping[str, int]
    occluders: Sequence[InstanceImage] = ()


class ObjectProgram:
    """See `loop.Program`. `seed` draws how images are changed."""

    restart = 0
    keep_optimizer = False

    def __init__(
        self, network: ObjectNetwork, pictures: ObjectPictures, config: ObjectTrainingConfig,
        seed: int, values_of: ValuesOf = as_uv,
    ) -> None:  # fmt: skip
        self.network = network
        self._pictures, self._config, self._seed = pictures, config, seed
        self._values_of = values_of

    def start(self, number: int, device: torch.device) -> None:
        """Nothing but to move the network."""
        self.network.to(device)

    def samples(self) -> Dataset[Any]:
        """The training images, as they might be seen from elsewhere."""
        pictures = self._pictures
        return ObjectSamples(
            pictures.training, pictures.labels, self._config, pictures.occluders, self._seed
        )

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Those of `object_losses`, and their sum, in which `uv_weight` counts."""
        planes, coded, uv = batch
        images = planes.to(torch.float32) / _WHITE
        targets = [self._target(one, places) for one, places in zip(coded, uv, strict=True)]
        found: dict[str, torch.Tensor] = network(list(images), targets)
        weights = {_VALUES: self._config.uv_weight}
        total = sum(
            (weights.get(name, 1.0) * loss for name, loss in found.items()),
            torch.zeros((), device=images.device),
        )
        return {"loss": total, **found}

    def validate(self, device: torch.device) -> dict[str, float]:
        """See `object_quality.totals`, of at most `validation_samples` images as they are."""
        validation = self._pictures.validation
        count = min(self._config.training.validation_samples, len(validation))
        rows = np.linspace(0, len(validation) - 1, count).round().astype(int)
        return totals([one for row in rows for one in self._judge(int(row), device)])

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing besides the network."""
        return {}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """There is none."""

    def _target(self, coded: torch.Tensor, uv: torch.Tensor) -> dict[str, torch.Tensor]:
        """As the network takes it, of numbers (H, W) and (u, v) (2, H, W) of a sample."""
        objects, numbers = torch.unique(coded, return_inverse=True)
        if objects[0] == 0:
            objects = objects[1:]
        else:  # no pixel without an object
            numbers = numbers + 1
        labels = objects & _ONLY_LABEL
        values = self._values_of(uv, coded & _ONLY_LABEL)
        return object_targets(numbers, values, labels, self._config.pictures.least_px)

    def _judge(self, row: int, device: torch.device) -> list[Judged]:
        image, truth = self._pictures.validation[row]
        scale = min(image.shape[:2]) / self._config.short_side
        labels = [self._pictures.labels[name] for name in truth.names]
        numbers = torch.from_numpy(truth.numbers.astype(np.int32)).to(device)
        table = torch.tensor([0, *labels], device=device)
        uv = torch.from_numpy(np.nan_to_num(truth.uv).transpose(2, 0, 1)).to(device)
        target = object_targets(
            numbers, self._values_of(uv, table[numbers]), table[1:],
            round(self._config.pictures.least_px * scale**2),
        )  # fmt: skip
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)
        (found,) = cast(Found, self.network([planes.to(torch.float32) / _WHITE]))
        return judged(found, target)
