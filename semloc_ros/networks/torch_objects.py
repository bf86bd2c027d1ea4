"""Networks of objects of interest under torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList

from semloc_ros.networks.model_files import load_object_network
from semloc_ros.networks.object_backends import OBJECT_OUTPUTS, as_finds
from semloc_ros.networks.object_detection import ObjectNetwork
from semloc_ros.networks.object_inputs import ObjectFinds
from semloc_ros.networks.torch_backend import ready, words


class ObjectFinder(nn.Module):
    """One image that has the network's size to its objects. This is what is exported as ONNX."""

    def __init__(self, network: ObjectNetwork) -> None:
        super().__init__()
        self.network = network
        self._divisible = int(network.detector.transform.size_divisible)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Of images (1, 3, h, w), normalized, `OBJECT_OUTPUTS` as `ObjectNetwork` gives them."""
        padded = self._padded(images)
        levels = self.network.detector.backbone(padded)
        (found,) = self.network.found(ImageList(padded, [tuple(images.shape[-2:])]), levels)
        return tuple(found[name] for name in OBJECT_OUTPUTS)

    def matched(
        self, images: torch.Tensor, boxes: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """`OBJECT_OUTPUTS` of boxes (N, 4) that show objects (N,), with scores of 1."""
        levels = self.network.detector.backbone(self._padded(images))
        found = {"boxes": boxes, "labels": labels, "scores": torch.ones_like(boxes[:, 0])}
        self.network.describe(levels, [found])
        return tuple(found[name] for name in OBJECT_OUTPUTS)

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        lack = [-one % self._divisible for one in images.shape[-2:]]
        return functional.pad(images, (0, lack[1], 0, lack[0]))


class TorchObjectBackend:
    """See `object_backends.ObjectBackend`."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        network, self.about = load_object_network(path)
        finder = ObjectFinder(network).eval()
        self._finder, self._device = ready(finder, device, threads)
        self._matched = finder.matched
        self.computed_by = words(self._device)

    @torch.inference_mode()
    def find(self, images: NDArray[np.float32]) -> ObjectFinds:
        """See `object_backends.ObjectBackend`."""
        found = self._finder(torch.as_tensor(images, device=self._device))
        return as_finds([one.cpu().numpy() for one in found], self.about)

    @torch.inference_mode()
    def matched(
        self, images: NDArray[np.float32], boxes: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> ObjectFinds:
        """What the network says of boxes (N, 4) as of `ObjectFinds` that are known to show objects
        of these labels (N,): masks and matches without its own finding."""
        given = (torch.as_tensor(one, device=self._device) for one in (images, boxes, labels))
        return as_finds([one.cpu().numpy() for one in self._matched(*given)], self.about)
