"""Instance networks under torch: ours, and torchvision's Mask R-CNN with its COCO weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks import coco
from semloc_ros.networks.detection import InstanceNetwork, empty_instance_network
from semloc_ros.networks.instance_backends import COCO_WEIGHTS, as_detections
from semloc_ros.networks.instance_inputs import PIXEL_STRIDE, Detections
from semloc_ros.networks.model_about import InstanceAbout
from semloc_ros.networks.model_files import load_instance_network
from semloc_ros.networks.pyramid import cells as cell_count
from semloc_ros.networks.torch_backend import ready, words

_COCO_SIDE = 800  # pixels: what torchvision's weights were trained at
Found = tuple[torch.Tensor, ...]


class Detector(nn.Module):
    """One image that has the network's size to its objects, the masks still in their boxes: to
    paste them into the image is cheaper for those that are used, and without torch. This is what
    is exported as ONNX, too."""

    def __init__(self, network: InstanceNetwork) -> None:
        super().__init__()
        self.detector, self.pixels = network.detector, network.pixels
        self._divisible = int(network.detector.transform.size_divisible)

    def forward(self, images: torch.Tensor) -> Found:
        """Of images (1, 3, h, w), normalized: boxes (N, 4) in pixels of them, labels (N,), scores
        (N,), masks (N, m, m), and of a network that judges pixels the probability that they are
        dynamic, by cells of `PIXEL_STRIDE` pixels."""
        height, width = images.shape[-2:]
        lack = [-one % self._divisible for one in (height, width)]
        padded = functional.pad(images, (0, lack[1], 0, lack[0]))
        features = self.detector.backbone(padded)
        given = ImageList(padded, [(height, width)])
        proposals, _ = self.detector.rpn(given, features)
        found = self.detector.roi_heads(features, proposals, given.image_sizes)[0][0]
        objects = (found["boxes"], found["labels"], found["scores"], found["masks"][:, 0])
        if self.pixels is None:
            return objects
        rows, columns = (cell_count(one, PIXEL_STRIDE) for one in (height, width))
        cells = self.pixels(features["0"])[0, 0, :rows, :columns]
        return (*objects, cells.sigmoid())


class TorchInstanceBackend:
    """See `instance_backends.InstanceBackend`."""

    def __init__(self, path: Path, device: str, threads: int, score: float) -> None:
        is_coco = path.suffix == COCO_WEIGHTS
        network, self.about = load_coco(path) if is_coco else load_instance_network(path)
        heads = network.detector.roi_heads
        heads.score_thresh = max(score, heads.score_thresh)  # no mask is made for the others
        self._detector, self._device = ready(Detector(network).eval(), device, threads)
        self.computed_by = words(self._device)

    @torch.inference_mode()
    def detect(self, images: NDArray[np.float32]) -> Detections:
        """See `instance_backends.InstanceBackend`."""
        found = self._detector(torch.as_tensor(images, device=self._device))
        return as_detections([one.cpu().numpy() for one in found])


def load_coco(path: Path) -> tuple[InstanceNetwork, InstanceAbout]:
    """torchvision's Mask R-CNN (ResNet-50-FPN, the first version) from its .pth of COCO, in
    evaluation mode; what is dynamic are the classes of `coco.DYNAMIC`. Pickled code is never run.

    Raises ModelError, in one line, for a file that is absent, damaged or another network's.
    """
    dynamic = tuple(name in coco.DYNAMIC for name in coco.NAMES)
    about = InstanceAbout(
        path.stem, "resnet50_fpn", _COCO_SIDE, coco.NAMES, dynamic, data="COCO, by torchvision"
    )
    network = empty_instance_network(about.architecture, about.num_classes, about.short_side)
    wanted = f"torchvision's Mask R-CNN of {about.num_classes} classes"
    if not path.is_file():
        raise ModelError(expected(str(path), wanted, "no such file"))
    try:
        network.detector.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file fails in a dozen ways
        lines = [one.strip() for one in str(error).splitlines() if one.strip()]
        reason = (lines[1:2] or lines or [type(error).__name__])[0][:120]
        raise ModelError(expected(str(path), wanted, reason)) from None
    return network.eval(), about
