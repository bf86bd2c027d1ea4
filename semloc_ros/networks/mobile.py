"""A small segmentation network for a CPU or a Jetson: MobileNetV3-Small (Howard et al., ICCV 2019).

The encoder is torchvision's, its last stage dilated instead of strided. It sees context at stride
16, where 1x1 convolutions are cheap, and edges at stride 8; the 512 features per cell that are
clustered come from one separable convolution over both.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import mobilenet_v3_small

from semloc_ros.networks.pyramid import PyramidPooling, enlarged

_STAGE_8 = 4  # blocks of the encoder up to stride 8 (24 channels)
_STAGE_16 = 9  # those up to the end of stride 16 (48 channels); then the dilated ones (576)


class MobileTrunk(nn.Module):
    """Images (B, 3, H, W) to features (B, 512, ceil(H / 8), ceil(W / 8)), 1.3 M parameters."""

    side_channels = 48
    side_stride = 16

    def __init__(self) -> None:
        super().__init__()
        self.encoder = mobilenet_v3_small(dilated=True).features
        self.reduce = _normed(576, 128, 1)
        self.pyramid = PyramidPooling(128, 32)
        self.context = _normed(self.pyramid.outputs, 128, 1)
        self.edges = _normed(24, 32, 1)
        self.around = _normed(160, 160, 3, groups=160)
        self.join = _normed(160, 512, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The features, and the middle stage's, from which the auxiliary head reads."""
        fine = self.encoder[:_STAGE_8](images)
        side = self.encoder[_STAGE_8:_STAGE_16](fine)
        deep = self.encoder[_STAGE_16:](side)
        context = self.context(self.pyramid(self.reduce(deep)))
        height, width = fine.shape[-2:]
        both = torch.cat([enlarged(context, 2, (height, width)), self.edges(fine)], 1)
        joined: torch.Tensor = self.join(self.around(both))
        return joined, side


def _normed(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """A convolution, batch normalization and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
