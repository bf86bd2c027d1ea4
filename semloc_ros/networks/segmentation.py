"""Segmentation networks for labels of either kind: clusters (FGSN, Larsson et al.) or classes.

Images are RGB, (B, 3, H, W) float32, normalized (`images`); maps are at stride 8, placed as
`pyramid` says. Features have 512 channels in both architectures, so that what is made from them
(clusters, the last layers) does not depend on which it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from semloc_ros.config.learning import ARCHITECTURES
from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.mobile import MobileTrunk
from semloc_ros.networks.pspnet import PspNetTrunk
from semloc_ros.networks.pyramid import cells, enlarged

_TRUNKS: dict[str, type[MobileTrunk] | type[PspNetTrunk]] = {
    "pspnet_resnet101": PspNetTrunk,
    "mobile": MobileTrunk,
}
_SIDE = {"pspnet_resnet101": 256, "mobile": 64}  # channels of the auxiliary head
_DROPOUT = 0.1  # PSPNet's
_LAST_LAYER_STD = 0.01  # FGSN, section 3


class Scores(NamedTuple):
    """What a network says: logits (B, C, h, w), and the auxiliary head's while it is trained."""

    logits: torch.Tensor
    auxiliary: torch.Tensor | None


class SegmentationNetwork(nn.Module):
    """Images to 512 features per cell of 8x8 pixels, and from them to scores of labels."""

    feature_channels = 512
    stride = 8

    def __init__(self, architecture: str, num_labels: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_labels = num_labels
        trunk = _TRUNKS[architecture]()
        side = _SIDE[architecture]
        kernel = 1 if architecture == "mobile" else 3
        self.trunk = trunk
        self.dropout = nn.Dropout2d(_DROPOUT)
        self.classifier = nn.Conv2d(self.feature_channels, num_labels, 1)
        self.auxiliary = nn.Sequential(
            nn.Conv2d(trunk.side_channels, side, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(side),
            nn.ReLU(inplace=True),
            nn.Dropout2d(_DROPOUT),
        )
        self.auxiliary_classifier = nn.Conv2d(side, num_labels, 1)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the classifier reads and what is clustered: (B, 512, ceil(H / 8), ceil(W / 8))."""
        features: torch.Tensor = self.trunk(images)[0]
        return features

    def forward(self, images: torch.Tensor) -> Scores:
        """The scores of images (B, 3, H, W), the auxiliary ones only in training mode."""
        features, side = self.trunk(images)
        logits = self.classifier(self.dropout(features))
        if not self.training:
            return Scores(logits, None)
        coarse = self.auxiliary_classifier(self.auxiliary(side))
        size = (cells(images.shape[-2], self.stride), cells(images.shape[-1], self.stride))
        return Scores(logits, enlarged(coarse, self.trunk.side_stride // self.stride, size))

    def restart_classifier(self, num_labels: int, generator: torch.Generator) -> None:
        """New last layers for `num_labels`, weights from N(0, 0.01), biases 0 (FGSN, section 3).

        They are new parameters: an optimizer that holds the old ones must be told.
        """
        self.num_labels = num_labels
        self.classifier = _restarted(self.classifier, num_labels, generator)
        self.auxiliary_classifier = _restarted(self.auxiliary_classifier, num_labels, generator)


def make_network(
    architecture: str, num_labels: int, generator: torch.Generator
) -> SegmentationNetwork:
    """An untrained network on the CPU: He's initialization, last layers as when restarted.

    The same seed of the generator gives the same weights. Raises ConfigError for an unknown
    architecture or a number of labels below 1.
    """
    network = empty_network(architecture, num_labels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _initialize(module, generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    network.restart_classifier(num_labels, generator)
    return network


def empty_network(architecture: str, num_labels: int) -> SegmentationNetwork:
    """A network on the CPU whose weights are whatever was in memory, to be loaded into."""
    if architecture not in _TRUNKS:
        raise ConfigError(expected("architecture", " or ".join(ARCHITECTURES), repr(architecture)))
    if num_labels < 1:
        raise ConfigError(expected("number of labels", "1 or more", num_labels))
    with torch.device("meta"):  # torchvision would fill the weights, from the global generator
        network = SegmentationNetwork(architecture, num_labels)
    return network.to_empty(device="cpu")


def _initialize(layer: nn.Conv2d, generator: torch.Generator) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _restarted(layer: nn.Conv2d, num_labels: int, generator: torch.Generator) -> nn.Conv2d:
    """A new last layer where the old one was: its inputs, its device, its number format."""
    old = layer.weight
    fresh = nn.Conv2d(layer.in_channels, num_labels, 1, device="meta", dtype=old.dtype)
    fresh = fresh.to_empty(device=old.device)
    weights = torch.empty(fresh.weight.shape, device=generator.device)
    weights.normal_(0.0, _LAST_LAYER_STD, generator=generator)
    with torch.no_grad():
        fresh.weight.copy_(weights)
    nn.init.zeros_(fresh.bias)  # type: ignore[arg-type]
    return fresh
