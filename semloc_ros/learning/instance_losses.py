"""The losses of Mask R-CNN (He et al., ICCV 2017), for truth that is unsure of some pixels.

They are torchvision's, but for what is unsure: an anchor or a proposal that shows no object is not
taken to be static where a share of it is unsure, and unsure pixels count in no mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.detection.roi_heads import project_masks_on_boxes
from torchvision.models.detection.rpn import concat_box_prediction_layers

from semloc_ros.networks.detection import InstanceNetwork
from semloc_ros.types import UNSURE

_STATIC, _IGNORED = 0, -1  # as torchvision labels boxes
_SMOOTH = 1 / 9  # where the loss of a box turns from squared to absolute
_HALF = 0.5
_MOMENTUM = 0.1  # of statistics; with torchvision's 0.01 hundreds of steps go by until they fit

Target = Mapping[str, torch.Tensor]
Losses = dict[str, torch.Tensor]


def targets(numbers: torch.Tensor) -> dict[str, torch.Tensor]:
    """What an image's numbers (H, W), see `types.Instances`, are as torchvision's targets: `boxes`
    (N, 4), `labels` (N,), all 1, and `masks` (N + 1, H, W) uint8, the last of what is unsure."""
    unsure = numbers == UNSURE
    found = torch.unique(numbers)
    found = found[(found != 0) & (found != UNSURE)]
    masks = numbers[None] == found[:, None, None]
    return {
        "boxes": _boxes(masks), "labels": torch.ones_like(found, dtype=torch.int64),
        "masks": torch.cat([masks, unsure[None]]).to(torch.uint8),
    }  # fmt: skip


def _boxes(masks: torch.Tensor) -> torch.Tensor:
    """(N, 4) x0 y0 x1 y1 from edge to edge of the pixels of masks (N, H, W), none empty."""
    corners = []
    for along in (1, 2):  # x are the columns that a mask has in any row
        line = masks.any(along).to(torch.uint8)
        first, after = line.argmax(1), line.shape[1] - line.flip(1).argmax(1)
        corners.append(torch.stack([first, after], 1))
    x, y = corners
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1).to(torch.float32)


def covered(boxes: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(N,) shares of the boxes (N, 4), cut by the image, that the mask (H, W) of 0 and 1 covers; a
    box beyond the edge is what is next to it there."""
    sums = functional.pad(mask.to(torch.float32).cumsum(0).cumsum(1), (1, 0, 1, 0))
    (x0, x1), (y0, y1) = (
        _pixels(boxes[:, axis], boxes[:, axis + 2], mask.shape[1 - axis]) for axis in (0, 1)
    )
    inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return inside / ((x1 - x0) * (y1 - y0))


def _pixels(
    first: torch.Tensor, last: torch.Tensor, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """From which pixel up to which edges reach, one pixel at least."""
    low = first.detach().floor().long().clamp(0, length - 1)
    return low, torch.maximum(last.detach().ceil().long().clamp(max=length), low + 1)


class InstanceLosses(nn.Module):
    """A network with its losses. A box that shows no object is static only if no more than
    `unsure_share` of it is unsure."""

    def __init__(self, network: InstanceNetwork, unsure_share: float) -> None:
        super().__init__()
        self.network, self._share = network, unsure_share
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = _MOMENTUM

    def train(self, mode: bool = True) -> InstanceLosses:
        """A frozen encoder keeps its statistics too."""
        super().train(mode)
        body = self.network.detector.backbone.body
        if not any(one.requires_grad for one in body.parameters()):
            body.eval()
        return self

    def forward(self, images: Sequence[torch.Tensor], truth: Sequence[Target]) -> Losses:
        """The losses by name, of images (3, H, W) from 0 to 1 and their `targets`."""
        detector: Any = self.network.detector
        batch, aims = detector.transform(list(images), [dict(one) for one in truth])
        features = detector.backbone(batch.tensors)
        proposals, losses = self._propose(batch, features, aims)
        losses |= self._judge(features, proposals, batch.image_sizes, aims)
        if self.network.pixels is not None:
            losses["pixels"] = self._of_pixels(features, aims)
        return losses

    def _of_pixels(
        self, features: Mapping[str, torch.Tensor], aims: Sequence[Target]
    ) -> torch.Tensor:
        """How wrong the branch for pixels is."""
        logits = self.network.pixel_logits(features)
        total, count = logits.new_zeros(()), logits.new_zeros(())
        for logit, aim in zip(logits, aims, strict=True):
            masks = aim["masks"]
            height, width = masks.shape[-2:]
            known = masks[-1] == 0
            wrong = functional.binary_cross_entropy_with_logits(
                logit[:height, :width], masks[:-1].any(0).to(logit.dtype), reduction="none"
            )
            total, count = total + (wrong * known).sum(), count + known.sum()
        return total / count.clamp(min=1)

    def _propose(
        self, batch: Any, features: Mapping[str, torch.Tensor], aims: Sequence[Target]
    ) -> tuple[list[torch.Tensor], Losses]:
        """Boxes that may show objects, and how wrong they are."""
        rpn: Any = self.network.detector.rpn
        levels = list(features.values())
        objectness, shifts = rpn.head(levels)
        anchors = rpn.anchor_generator(batch, levels)
        counts = [one[0].numel() for one in objectness]
        objectness, shifts = concat_box_prediction_layers(objectness, shifts)
        boxes = rpn.box_coder.decode(shifts.detach(), anchors).view(len(anchors), -1, 4)
        proposals, _ = rpn.filter_proposals(boxes, objectness, batch.image_sizes, counts)
        labels, wanted = rpn.assign_targets_to_anchors(anchors, aims)
        labels = self._without_unsure(labels, anchors, aims)
        goals = torch.cat(rpn.box_coder.encode(wanted, anchors))
        positive, negative = (torch.cat(one) > 0 for one in rpn.fg_bg_sampler(labels))
        drawn = positive | negative
        losses = {
            "objectness": _mean(functional.binary_cross_entropy_with_logits(
                objectness.flatten()[drawn], torch.cat(labels)[drawn], reduction="sum"
            ), drawn),
            "proposals": _mean(_of_boxes(shifts[positive], goals[positive]), drawn),
        }  # fmt: skip
        return proposals, losses

    def _judge(
        self, features: Mapping[str, torch.Tensor], proposals: list[torch.Tensor],
        sizes: list[tuple[int, int]], aims: Sequence[Target],
    ) -> Losses:  # fmt: skip
        """How wrong classes, boxes and masks of proposals are."""
        heads: Any = self.network.detector.roi_heads
        boxes, labels, matched = self._drawn(proposals, aims)
        found = heads.box_head(heads.box_roi_pool(features, boxes, sizes))
        scores, shifts = heads.box_predictor(found)
        of_class = torch.cat(labels)
        positive = of_class > 0
        wanted = [_chosen(aim["boxes"], one) for aim, one in zip(aims, matched, strict=True)]
        goals = torch.cat(heads.box_coder.encode(wanted, boxes))
        shifts = shifts.reshape(*scores.shape, 4)[positive, of_class[positive]]
        every = torch.ones_like(positive)
        wrong = functional.cross_entropy(scores, of_class, reduction="sum")
        return {
            "class": _mean(wrong, every), "box": _mean(_of_boxes(shifts, goals[positive]), every),
            "mask": self._of_masks(features, boxes, labels, matched, sizes, aims),
        }  # fmt: skip

    def _drawn(
        self, proposals: list[torch.Tensor], aims: Sequence[Target]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        """Of each image the boxes that are learned from, their labels and objects."""
        heads: Any = self.network.detector.roi_heads
        true = [aim["boxes"].to(proposals[0].dtype) for aim in aims]
        boxes = heads.add_gt_proposals(proposals, true)
        matched, labels = heads.assign_targets_to_proposals(
            boxes, true, [aim["labels"] for aim in aims]
        )
        labels = self._without_unsure(labels, boxes, aims)
        drawn = heads.subsample(labels)
        boxes, labels, matched = (
            [one[some] for one, some in zip(each, drawn, strict=True)]
            for each in (boxes, labels, matched)
        )
        return boxes, labels, matched

    def _of_masks(
        self, features: Mapping[str, torch.Tensor], boxes: list[torch.Tensor],
        labels: list[torch.Tensor], matched: list[torch.Tensor], sizes: list[tuple[int, int]],
        aims: Sequence[Target],
    ) -> torch.Tensor:  # fmt: skip
        heads: Any = self.network.detector.roi_heads
        boxes = [one[label > 0] for one, label in zip(boxes, labels, strict=True)]
        matched = [one[label > 0] for one, label in zip(matched, labels, strict=True)]
        found = heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(features, boxes, sizes)))
        if not len(found):
            return torch.as_tensor(found.sum())
        side = found.shape[-1]
        goals, unsure = [], []
        for aim, one, objects in zip(aims, boxes, matched, strict=True):
            last = torch.full_like(objects, len(aim["masks"]) - 1)
            goals.append(project_masks_on_boxes(aim["masks"], one, objects, side))
            unsure.append(project_masks_on_boxes(aim["masks"], one, last, side))
        of_class = torch.cat([label[label > 0] for label in labels])
        known = torch.cat(unsure) < _HALF
        logits = found[torch.arange(len(found), device=found.device), of_class]
        wrong = functional.binary_cross_entropy_with_logits(
            logits, torch.cat(goals).to(logits.dtype), reduction="none"
        )
        return _mean((wrong * known).sum(), known)

    def _without_unsure(
        self, labels: Sequence[torch.Tensor], boxes: Sequence[torch.Tensor],
        aims: Sequence[Target],
    ) -> list[torch.Tensor]:  # fmt: skip
        """Static boxes that show too much that is unsure become ones that are not learned from."""
        return [
            torch.where(
                (label == _STATIC) & (covered(box, aim["masks"][-1]) > self._share),
                torch.full_like(label, _IGNORED), label,
            )
            for label, box, aim in zip(labels, boxes, aims, strict=True)
        ]  # fmt: skip


def _chosen(boxes: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows of boxes; of an image without objects all are empty, and nothing is made of them."""
    return boxes[rows] if len(boxes) else boxes.new_zeros((len(rows), 4))


def _of_boxes(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return functional.smooth_l1_loss(found, wanted, beta=_SMOOTH, reduction="sum")


def _mean(total: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """A sum over so many; 0 where nothing was counted."""
    return total / counted.sum().clamp(min=1)
