"""A network that finds objects of interest, with a mask and dense matches to their references.

Weinzaepfel et al. (CVPR 2019, section 3.2): Mask R-CNN with a feature pyramid, of |O| + 1 classes,
whose second branch is DensePose's. `resnet50_fpn` and `resnext101_32x8d_fpn` are torchvision's, so
that weights of COCO and ImageNet fit; `mobile` is for a processor: see `detection`. Beyond the
paper are sigmas, shifts of boxes that `mobile` has alike for all objects, windows somewhat larger
than their boxes, and `residual`: what is regressed is what (u, v) differ from the place in the box.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import nn
from torchvision.models import resnet
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator, RPNHead
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.boxes import batched_nms, clip_boxes_to_image

from semloc_ros.config.object_learning import OBJECT_ARCHITECTURES, OBJECT_HEADS
from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.detection import MobileBackbone, group_normed
from semloc_ros.networks.instance_inputs import LONGEST
from semloc_ros.networks.object_about import LEAST_SIDE
from semloc_ros.networks.object_heads import (
    GRID,
    LOG_SIGMA,
    LOG_SIGMAS,
    MASK,
    VALUES,
    BoxPredictor,
    MatchHead,
    box_coordinates,
    homography_values,
    pooled,
)
from semloc_ros.networks.object_losses import Target, object_losses

LEAST_SCORE = 0.1  # below it nothing is told; who asks decides, the paper keeps what is above 0.5
_HIDDEN = 256  # of the small box head
_WIDTH, _PAPER_WIDTH = 64, 512  # channels of the convolutions of matches
_ANCHORS = (0.1, 0.2, 0.4, 0.8)  # of the short side, at strides 8 to 64
_RATIOS = (0.5, 1.0, 2.0)
_MARGIN = 0.1  # of a box, on each side: the frame around a picture tells where it ends
_MOMENTUM = 0.1  # of statistics; with torchvision's 0.01 hundreds of steps go by until they fit
_OVERLAP = 0.5
MOST = 40  # finds in an image

Levels = Mapping[str, torch.Tensor]
Found = list[dict[str, torch.Tensor]]


class ObjectNetwork(nn.Module):
    """Images to objects with masks and matches; see `forward`."""

    def __init__(
        self, architecture: str, head: str, num_objects: int, short_side: int,
        residual: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.architecture, self.head, self.num_objects = architecture, head, num_objects
        self.short_side, self.residual = short_side, residual
        self._is_small = architecture == "mobile"
        self._margin = _MARGIN if self._is_small else 0.0
        make = _mobile if self._is_small else partial(_resnet, architecture.removesuffix("_fpn"))
        self.detector = make(num_objects, short_side)
        values = {"dense": 2, "homography": 0, "points3d": 3}[head]
        self.matches = MatchHead(
            int(self.detector.backbone.out_channels),
            _WIDTH if self._is_small else _PAPER_WIDTH, num_objects, values,
            group_normed if self._is_small else None, head == "homography",
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = _MOMENTUM

    def forward(
        self, images: list[torch.Tensor], targets: Sequence[Target] | None = None
    ) -> dict[str, torch.Tensor] | Found:
        """Of images (3, H, W) float32 RGB from 0 to 1.

        In training mode the losses by name, see `object_losses`. Otherwise for each image `boxes`
        (N, 4) x0 y0 x1 y1 from edge to edge, in pixels where 0 is the image's edge, `labels` (N,)
        from 1, `scores` (N,), the highest first, `windows` (N, 4) on which the grids lie, as
        boxes, `masks` (N, GRID, GRID) from 0 to 1, `values` (N, 2, GRID, GRID) (u, v), or (N, 3,
        …) of points3d, and their `sigmas` (N, GRID, GRID), in the same measure.
        """
        batch, _ = self.detector.transform(images)
        levels = self.detector.backbone(batch.tensors)
        sizes = [(int(one.shape[-2]), int(one.shape[-1])) for one in images]
        if self.training:
            assert targets is not None, "training needs targets"
            return object_losses(self, batch, levels, targets, sizes)
        found = self.found(batch, levels)
        for one, small, size in zip(found, batch.image_sizes, sizes, strict=True):
            down, across = (a / b for a, b in zip(size, small, strict=True))
            factors = one["boxes"].new_tensor([across, down, across, down])
            for name in ("boxes", "windows"):
                one[name] = one[name] * factors
        return found

    def proposed(
        self, batch: ImageList, levels: Levels, aims: list[dict[str, torch.Tensor]] | None = None
    ) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """Boxes that may show objects, and in training mode how wrong they are."""
        some = OrderedDict(
            (name, one) for name, one in levels.items() if not (self._is_small and name == "0")
        )
        found: tuple[list[torch.Tensor], dict[str, torch.Tensor]]
        found = self.detector.rpn(batch, some, aims)
        return found

    def found(self, batch: ImageList, levels: Levels) -> Found:
        """As `forward`, with boxes and windows in pixels of the batch."""
        proposals, _ = self.proposed(batch, levels)
        found = self.judged(batch, levels, proposals)
        self.describe(levels, found)
        return found

    def describe(self, levels: Levels, found: Found) -> None:
        """Adds to the `boxes` and `labels` of each image `windows`, `masks`, `values` and `sigmas`
        as of `forward`."""
        windows = [self.windows(one["boxes"]) for one in found]
        cells, _ = self.cells(levels, windows, torch.cat([one["labels"] for one in found]))
        parts = torch.split(cells, [one.shape[0] for one in windows])
        for one, window, part in zip(found, windows, parts, strict=True):
            one["windows"], one["masks"] = window, part[:, MASK].sigmoid()
            one["values"] = part[:, VALUES:]
            one["sigmas"] = part[:, LOG_SIGMA].clamp(*LOG_SIGMAS).exp()  # as in training

    def judged(self, batch: ImageList, levels: Levels, proposals: list[torch.Tensor]) -> Found:
        """Of each image's proposals (n, 4) those that are kept: `boxes`, `labels`, `scores`."""
        heads = self.detector.roi_heads
        features = heads.box_head(heads.box_roi_pool(levels, proposals, batch.image_sizes))
        parts = torch.split(features, [one.shape[0] for one in proposals])
        return [
            self._kept(one, box, size)
            for one, box, size in zip(parts, proposals, batch.image_sizes, strict=True)
        ]

    def cells(
        self, levels: Levels, windows: Sequence[torch.Tensor], labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits of masks, log sigmas and values (N, 2 + C, GRID, GRID) of windows (n, 4) of each
        image, for these labels (N,), and of a head with a homography its numbers (N, 8)."""
        cells, numbers = self.matches(pooled(levels, windows, self.matches.side), labels)
        if numbers is not None:
            cells = torch.cat([cells, homography_values(numbers)], 1)
        elif self.residual and self.head == "dense":
            place = (box_coordinates(GRID, cells) * (1 + 2 * self._margin) + 1) / 2
            cells = torch.cat([cells[:, :VALUES], cells[:, VALUES:] + place], 1)
        return cells, numbers

    def windows(self, boxes: torch.Tensor) -> torch.Tensor:
        """Where the grids of boxes (N, 4) lie."""
        away = (boxes[:, 2:] - boxes[:, :2]) * self._margin
        return torch.cat([boxes[:, :2] - away, boxes[:, 2:] + away], 1)

    def _kept(
        self, features: torch.Tensor, proposals: torch.Tensor, size: tuple[int, int]
    ) -> dict[str, torch.Tensor]:
        """An image's finds. Of a proposal only the best object is told: others have less than half
        of the score."""
        heads = self.detector.roi_heads
        shares = heads.box_predictor(features).softmax(1)[:, 1:]
        scores, objects = shares.max(1)
        (some,) = torch.where(scores >= LEAST_SCORE)
        scores, labels = scores[some], objects[some] + 1
        shifts = heads.box_predictor.shifts(features[some], labels)
        boxes = clip_boxes_to_image(heads.box_coder.decode_single(shifts, proposals[some]), size)
        best = batched_nms(boxes, scores, labels, _OVERLAP)[:MOST]
        return {"boxes": boxes[best], "labels": labels[best], "scores": scores[best]}


def make_object_network(
    architecture: str, head: str, num_objects: int, short_side: int, residual: bool,
    generator: torch.Generator,
) -> ObjectNetwork:  # fmt: skip
    """A network on the CPU with weights drawn by the generator. ConfigError for another name."""
    choices = {"architecture": (architecture, OBJECT_ARCHITECTURES), "head": (head, OBJECT_HEADS)}
    for name, (value, known) in choices.items():
        if value not in known:
            raise ConfigError(expected(name, " or ".join(known), repr(value)))
    numbers = {"objects": (num_objects, 1), "short_side": (short_side, LEAST_SIDE)}
    for name, (number, least) in numbers.items():
        if number < least:
            raise ConfigError(expected(name, f"{least} or more", number))
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global one
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        return ObjectNetwork(architecture, head, num_objects, short_side, residual)


def empty_object_network(
    architecture: str, head: str, num_objects: int, short_side: int, residual: bool
) -> ObjectNetwork:
    """A network on the CPU to load weights into. ConfigError for another name."""
    generator = torch.Generator()
    return make_object_network(architecture, head, num_objects, short_side, residual, generator)


def _resnet(backbone_name: str, num_objects: int, short_side: int) -> FasterRCNN:
    # as torchvision's COCO weights were trained: statistics that stay, and nothing added to them
    assert backbone_name in resnet.__dict__
    eps = 0.0 if backbone_name == "resnet50" else 1e-5
    backbone = resnet_fpn_backbone(
        backbone_name=backbone_name, weights=None, trainable_layers=5,
        norm_layer=partial(FrozenBatchNorm2d, eps=eps),
    )  # fmt: skip
    return FasterRCNN(
        backbone, min_size=short_side, max_size=round(LONGEST * short_side),
        box_predictor=BoxPredictor(1024, num_objects + 1, is_shared=False),
    )  # fmt: skip


def _mobile(num_objects: int, short_side: int) -> FasterRCNN:
    backbone = MobileBackbone()
    channels = backbone.out_channels
    anchors = tuple((round(share * short_side),) for share in _ANCHORS)
    return FasterRCNN(
        backbone, min_size=short_side, max_size=round(LONGEST * short_side),
        rpn_anchor_generator=AnchorGenerator(anchors, (_RATIOS,) * len(anchors)),
        rpn_head=RPNHead(channels, len(_RATIOS)),
        rpn_pre_nms_top_n_train=600, rpn_post_nms_top_n_train=400,
        rpn_pre_nms_top_n_test=200, rpn_post_nms_top_n_test=60,
        rpn_batch_size_per_image=128,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2),
        box_head=TwoMLPHead(channels * 7 * 7, _HIDDEN),
        box_predictor=BoxPredictor(_HIDDEN, num_objects + 1, is_shared=True),
        # eight with an object: with 24, as of 96, a step takes twice the time
        box_batch_size_per_image=64, box_positive_fraction=0.125,
    )  # fmt: skip
