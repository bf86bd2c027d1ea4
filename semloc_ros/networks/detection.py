"""Mask R-CNN (He et al., ICCV 2017): objects and their masks, as torchvision builds it.

`resnet50_fpn` is torchvision's own network, tensor by tensor, so that its weights fit. `mobile` is
for a processor: MobileNetV3-Small (Howard et al., ICCV 2019) under a feature pyramid of 64
channels, with heads to match, 2.2 M parameters, and a branch that judges every pixel (Kirillov et
al., "Panoptic Feature Pyramid Networks", CVPR 2019): it learns in a fraction of the time, and
finds what is too small for a box. Zhou et al. (2018, section III-A) train a Mask R-CNN for two
classes: static, which is the background, and dynamic.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v3_small
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator, RPNHead
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from semloc_ros.config.dynamic_learning import INSTANCE_ARCHITECTURES
from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.instance_inputs import LONGEST, PIXEL_STRIDE

_CHANNELS = 64  # of the small pyramid
_GROUPS = 8  # of channels that are normalized together
_HIDDEN = 256  # of the small box head
# of the small encoder: blocks that the pyramid reads, at strides 4, 8, 16 and 32, and channels
_LEVELS = {1: 16, 3: 24, 8: 48, 12: 576}
_ANCHORS = ((12,), (24,), (48,), (96,), (192,))  # pixels, one size for each level of the pyramid
_RATIOS = (0.5, 1.0, 2.5)  # height to width: vehicles lie, people stand

Targets = Sequence[Mapping[str, torch.Tensor]]
Found = list[dict[str, torch.Tensor]]


class InstanceNetwork(nn.Module):
    """Images to boxes, classes, scores and masks of objects; see `forward`."""

    def __init__(self, architecture: str, num_classes: int, short_side: int) -> None:
        super().__init__()
        self.architecture, self.num_classes = architecture, num_classes
        self.short_side = short_side
        is_small = architecture == "mobile"
        self.detector = (_mobile if is_small else _resnet50)(num_classes, short_side)
        self.pixels = _pixels() if is_small else None

    def forward(
        self, images: list[torch.Tensor], targets: Targets | None = None
    ) -> dict[str, torch.Tensor] | Found:
        """Of images (3, H, W) float32 RGB from 0 to 1.

        In training mode the losses by name; `targets` of each image as torchvision takes them:
        `boxes` (N, 4) x0 y0 x1 y1, `labels` (N,), `masks` (N, H, W) uint8. Otherwise for each image
        `boxes`, `labels`, `scores` and `masks` (N, 1, H, W) from 0 to 1, the highest score first,
        and `pixels` (H, W) from 0 to 1, where there is such a branch.
        """
        if self.training or self.pixels is None:
            return cast("dict[str, torch.Tensor] | Found", self.detector(images, targets))
        detector = self.detector
        batch, _ = detector.transform(images)
        levels = detector.backbone(batch.tensors)
        proposals, _ = detector.rpn(batch, levels)
        found, _ = detector.roi_heads(levels, proposals, batch.image_sizes)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        found = detector.transform.postprocess(found, batch.image_sizes, sizes)
        logits = self.pixel_logits(levels)
        for one, logit, small, size in zip(found, logits, batch.image_sizes, sizes, strict=True):
            fitting = functional.interpolate(
                logit[None, None, : small[0], : small[1]], size, mode="bilinear"
            )
            one["pixels"] = fitting[0, 0].sigmoid()
        return cast(Found, found)

    def pixel_logits(self, levels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """From a batch's pyramid, (B, H, W) in pixels of the batch; not of resnet50_fpn."""
        assert self.pixels is not None, "resnet50_fpn has none"
        cells = self.pixels(levels["0"])
        whole = functional.interpolate(cells, scale_factor=float(PIXEL_STRIDE), mode="bilinear")
        return whole[:, 0]

    def set_backbone_frozen(self, frozen: bool) -> None:
        """Whether the encoder's weights stay as they are (Zhou et al., stage 1); the pyramid and
        the heads learn all the same."""
        for parameter in self.detector.backbone.body.parameters():
            parameter.requires_grad_(not frozen)


def make_instance_network(
    architecture: str, num_classes: int, short_side: int, generator: torch.Generator
) -> InstanceNetwork:
    """A network on the CPU with weights drawn by the generator. ConfigError for another name."""
    _check(architecture, num_classes, short_side)
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global one
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        return InstanceNetwork(architecture, num_classes, short_side)


def empty_instance_network(
    architecture: str, num_classes: int, short_side: int
) -> InstanceNetwork:
    """A network on the CPU to load weights into. ConfigError for another name."""
    return make_instance_network(architecture, num_classes, short_side, torch.Generator())


def _check(architecture: str, num_classes: int, short_side: int) -> None:
    if architecture not in INSTANCE_ARCHITECTURES:
        wanted = " or ".join(INSTANCE_ARCHITECTURES)
        raise ConfigError(expected("architecture", wanted, repr(architecture)))
    for name, number, least in (("num_classes", num_classes, 2), ("short_side", short_side, 64)):
        if number < least:
            raise ConfigError(expected(name, f"{least} or more", number))


def _resnet50(num_classes: int, short_side: int) -> MaskRCNN:
    # as torchvision's COCO weights were trained: statistics that stay, and nothing added to them
    backbone = resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, trainable_layers=5,
        norm_layer=partial(FrozenBatchNorm2d, eps=0.0),
    )  # fmt: skip
    return MaskRCNN(
        backbone, num_classes, min_size=short_side, max_size=round(LONGEST * short_side)
    )


def _mobile(num_classes: int, short_side: int) -> MaskRCNN:
    names = [str(level) for level in range(len(_LEVELS))]
    mask_head = MaskRCNNHeads(_CHANNELS, (_CHANNELS,) * 3, 1, group_normed)
    return MaskRCNN(
        MobileBackbone(),
        min_size=short_side, max_size=round(LONGEST * short_side),
        rpn_anchor_generator=AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS)),
        rpn_head=RPNHead(_CHANNELS, len(_RATIOS)),
        rpn_pre_nms_top_n_train=600, rpn_post_nms_top_n_train=400,
        rpn_pre_nms_top_n_test=200, rpn_post_nms_top_n_test=120,
        rpn_batch_size_per_image=128,
        box_roi_pool=MultiScaleRoIAlign(names, 7, 2),
        box_head=TwoMLPHead(_CHANNELS * 7 * 7, _HIDDEN),
        box_predictor=FastRCNNPredictor(_HIDDEN, num_classes),
        box_batch_size_per_image=96, box_detections_per_img=40,
        mask_roi_pool=MultiScaleRoIAlign(names, 14, 2),
        mask_head=mask_head,
        mask_predictor=MaskRCNNPredictor(_CHANNELS, _CHANNELS, num_classes),
    )  # fmt: skip


def _pixels() -> nn.Sequential:
    """From the finest level of the pyramid to a logit of each cell: is it dynamic?"""
    return nn.Sequential(
        nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False),
        group_normed(_CHANNELS),
        nn.ReLU(),
        nn.Conv2d(_CHANNELS, 1, 1),
    )


class MobileBackbone(nn.Module):
    """The small encoder and its pyramid: images (B, 3, H, W) to five levels of 64 channels, at
    strides 4 to 64. `body` has torchvision's names of the encoder."""

    out_channels = _CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.body = mobilenet_v3_small().features
        self.fpn = FeaturePyramidNetwork(
            list(_LEVELS.values()), _CHANNELS, LastLevelMaxPool(), group_normed
        )

    def forward(self, images: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        """The levels by name, as `MaskRCNN` takes them."""
        levels: OrderedDict[str, torch.Tensor] = OrderedDict()
        here = images
        for number, block in enumerate(self.body):
            here = block(here)
            if number in _LEVELS:
                levels[str(len(levels))] = here
        found: OrderedDict[str, torch.Tensor] = self.fpn(levels)
        return found



class _GroupNorm(nn.GroupNorm):
    """torch's own, but that its ONNX takes no objects at all, too: as torch exports it, it has a
    side of unknown length, which of nothing cannot be told. So groups are not taken apart, but
    their means made by a matrix."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not torch.onnx.is_in_onnx_export():
            return super().forward(features)
        each = self.num_channels // self.num_groups
        over_groups = torch.kron(torch.eye(self.num_groups), torch.full((each, each), 1 / each))
        means = (features.mean((2, 3)) @ over_groups)[:, :, None, None]
        variances = ((features - means).square().mean((2, 3)) @ over_groups)[:, :, None, None]
        normed = (features - means) / (variances + self.eps).sqrt()
        return normed * self.weight[:, None, None] + self.bias[:, None, None]


def group_normed(channels: int) -> nn.GroupNorm:
    """Without it nothing that starts from scratch learns in a short time (He et al., "Rethinking
    ImageNet Pre-training", ICCV 2019); over groups, as batches are small."""
    return _GroupNorm(_GROUPS, channels)
