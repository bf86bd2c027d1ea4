"""PSPNet with ResNet-101 (Zhao et al., CVPR 2017): the network that FGSN was published with.

The encoder is torchvision's ResNet-101 (a 7x7 convolution first, where PSPNet has three of 3x3),
its last two stages dilated instead of strided.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import resnet101

from semloc_ros.networks.pyramid import PyramidPooling


class PspNetTrunk(nn.Module):
    """Images (B, 3, H, W) to features (B, 512, ceil(H / 8), ceil(W / 8)), 65 M parameters."""

    side_channels = 1024
    side_stride = 8

    def __init__(self) -> None:
        super().__init__()
        encoder = resnet101(replace_stride_with_dilation=[False, True, True])
        del encoder.fc
        self.encoder = encoder
        self.pyramid = PyramidPooling(2048, 512)
        self.join = nn.Sequential(
            nn.Conv2d(self.pyramid.outputs, 512, 3, padding=1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(inplace=True),
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The features, and the third stage's, from which the auxiliary head reads."""
        net = self.encoder
        maps = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        side = net.layer3(net.layer2(net.layer1(maps)))
        joined: torch.Tensor = self.join(self.pyramid(net.layer4(side)))
        return joined, side
