"""Networks that regress the camera's pose from one image (Cimarelli et al., AVSS 2019, sections 3.1
and 5.1; after PoseNet, ICCV 2015).

The encoders are those of classifiers, with their names of tensors, so that ImageNet weights fit:
`googlenet`, `resnet152` (V1) and, for a processor, `mobile` (MobileNetV3-Small) are torchvision's,
`resnet152v2` is timm's, as the paper has it. On their mean over the image follow 2048 neurons with
batch normalization, ReLU and dropout, and seven numbers without any.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from semloc_ros.config.pose_learning import POSE_ARCHITECTURES
from semloc_ros.errors import ConfigError, EnvironmentFault, expected

_HIDDEN = 2048
_DROPOUT = 0.12
_NUMBERS = 7  # x y z, qx qy qz qw
_CHANNELS = {"mobile": 576, "googlenet": 1024, "resnet152": 2048, "resnet152v2": 2048}


class PoseNetwork(nn.Module):
    """Images (B, 3, H, W) float32 as `pose_inputs` makes them to (B, 7): the camera's position x y
    z in metres from `PoseAbout.position_offset`, and a quaternion x y z w of `map_from_camera` that
    is not of length 1 yet."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = _encoder(architecture)
        self.hidden = nn.Linear(_CHANNELS[architecture], _HIDDEN)
        self.normalize = nn.BatchNorm1d(_HIDDEN)
        self.dropout = nn.Dropout(_DROPOUT)
        self.regress = nn.Linear(_HIDDEN, _NUMBERS)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The numbers of images."""
        features: torch.Tensor = self.encoder(images)
        if features.ndim > 2:  # the small encoder does not pool
            features = features.mean((2, 3))
        hidden = torch.relu(self.normalize(self.hidden(features)))
        return cast(torch.Tensor, self.regress(self.dropout(hidden)))

    def set_momentum(self, kept: float) -> None:
        """What of their statistics batch normalizations keep at each step of a training, from 0 to
        1 (torch counts what is new)."""
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = 1.0 - kept

    def start(self, generator: torch.Generator) -> None:
        """Fully connected layers as He et al. (ICCV 2015) begin them."""
        for layer in (self.hidden, self.regress):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)


def make_pose_network(architecture: str, generator: torch.Generator) -> PoseNetwork:
    """A network on the CPU with weights drawn by the generator. ConfigError for another name,
    EnvironmentFault where the package that has its encoder is not installed."""
    if architecture not in POSE_ARCHITECTURES:
        wanted = " or ".join(POSE_ARCHITECTURES)
        raise ConfigError(expected("architecture", wanted, repr(architecture)))
    with torch.random.fork_rng(devices=[]):  # encoders draw from the global one
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        network = PoseNetwork(architecture)
    network.start(generator)
    return network


def empty_pose_network(architecture: str) -> PoseNetwork:
    """A network on the CPU to load weights into; errors as `make_pose_network`."""
    return make_pose_network(architecture, torch.Generator())


def _encoder(architecture: str) -> nn.Module:
    from torchvision import models

    if architecture == "mobile":
        small: nn.Module = models.mobilenet_v3_small().features
        return small
    if architecture == "resnet152v2":
        return _resnet152v2()
    body: Any
    if architecture == "googlenet":
        body = models.googlenet(aux_logits=False, init_weights=False)
        body.dropout = nn.Identity()  # of the classifier
    else:
        body = models.resnet152()
    body.fc = nn.Identity()
    return cast(nn.Module, body)


def _resnet152v2() -> nn.Module:
    try:
        import timm
    except ModuleNotFoundError:
        raise EnvironmentFault("timm is not installed: pip install 'semloc_ros[pose]'") from None
    body: nn.Module = timm.create_model("resnetv2_152", pretrained=False, num_classes=0)
    return body
