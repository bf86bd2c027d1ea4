"""A network for dynamic objects as a training program: what of an image moves or could, object by
object (Zhou et al., "Dynamic Objects Segmentation for Visual Localization in Urban Environments",
section III-A: Mask R-CNN with the two classes static and dynamic)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from semloc_ros.config.dynamic_learning import DynamicTrainingConfig
from semloc_ros.learning.instance_losses import InstanceLosses, targets
from semloc_ros.learning.instance_samples import InstanceSamples
from semloc_ros.learning.pairs import colored
from semloc_ros.networks.detection import Found, InstanceNetwork
from semloc_ros.types import UNSURE, InstanceImage

_WHITE = 255.0
_HALF = 0.5  # of a mask's values


class DynamicProgram:
    """One stage; see `loop.Program`.

    `kinds` are trained on in equal shares, whatever their sizes. `seed` draws the parts of images;
    `looks` is how many validation images are looked at, at most.
    """

    restart = 0
    keep_optimizer = False

    def __init__(
        self, network: InstanceNetwork, kinds: Sequence[Sequence[InstanceImage]],
        validation: Sequence[InstanceImage], config: DynamicTrainingConfig, looks: int, seed: int,
    ) -> None:  # fmt: skip
        self.network = InstanceLosses(network, config.unsure_share)
        self._kinds, self._validation, self._looks = kinds, validation, looks
        self._config, self._seed = config, seed

    def start(self, number: int, device: torch.device) -> None:
        """Nothing but to move the network."""
        self.network.to(device)

    def samples(self) -> Dataset[Any]:
        """Parts of the training images."""
        return InstanceSamples(self._kinds, self._config.pictures, self._seed)

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Those of `InstanceLosses`, and their sum."""
        pictures, numbers = batch
        images = pictures.to(torch.float32) / _WHITE
        found = network(list(images), [targets(one) for one in numbers])
        total: torch.Tensor = sum(found.values(), torch.zeros((), device=images.device))
        return {"loss": total, **found}

    def validate(self, device: torch.device) -> dict[str, float]:
        """F1, precision and recall of the pixels of dynamic objects; the score is 1 - F1."""
        count = min(self._looks, len(self._validation))
        chosen = np.linspace(0, len(self._validation) - 1, count).round().astype(int)
        right = found = true = 0
        for number in chosen:
            one = self._validation[number]
            numbers = torch.from_numpy(one.read_instances().astype(np.int32)).to(device)
            known, dynamic = numbers != UNSURE, (numbers != 0) & (numbers != UNSURE)
            mask = self._mask(colored(one.read()), device) & known
            right += int((mask & dynamic).sum())
            found += int(mask.sum())
            true += int(dynamic.sum())
        precision, recall = right / max(found, 1), right / max(true, 1)
        f1 = 2 * right / max(found + true, 1)
        return {"score": 1.0 - f1, "f1": f1, "precision": precision, "recall": recall}

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing besides the network."""
        return {}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """There is none."""

    def _mask(self, image: np.ndarray[Any, Any], device: torch.device) -> torch.Tensor:
        """(H, W) bool: where an object was found in an image (H, W, 3)."""
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)
        (found,) = cast(Found, self.network.network([planes.to(torch.float32) / _WHITE]))
        masks = found["masks"][found["scores"] >= self._config.score, 0]
        if "pixels" not in found:
            return (masks >= _HALF).any(0)
        # as `perception.instance_segmenter`: the mean of both in boxes, pixels elsewhere
        pixels = found["pixels"]
        return ((masks + pixels >= 2 * _HALF) & (masks > 0)).any(0) | (pixels >= _HALF)
