"""The losses of networks of objects of interest (Weinzaepfel et al., CVPR 2019, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from semloc_ros.networks.object_heads import (
    GRID,
    LOG_SIGMA,
    LOG_SIGMAS,
    MASK,
    VALUES,
    box_coordinates,
    fitted_homographies,
)

if TYPE_CHECKING:
    from torchvision.models.detection.image_list import ImageList

    from semloc_ros.networks.object_detection import ObjectNetwork

_SMOOTH = 1 / 9  # where the loss of a box turns from squared to absolute
# That of (u, v), shares of the object: with torchvision's 1 the loss would be squared everywhere,
# and hardly pull on what is nearly right; at 0.02 it turns where matches are 2 % of the object off.
_VALUE_SMOOTH = 0.02
# (u, v) that err by a tenth of the object cost 0.09: ten times that is what a doubtful class costs.
_VALUE_WEIGHT = 10.0
_WHOLE = 0.999  # all pixels that a place is between are the object's
_LEAST_CELLS = 16  # known, to say how a homography goes

Target = Mapping[str, torch.Tensor]
Losses = dict[str, torch.Tensor]
Size = tuple[int, int]


def object_targets(
    numbers: torch.Tensor, values: torch.Tensor, labels: torch.Tensor, least_px: int = 1
) -> dict[str, torch.Tensor]:
    """An image's truth as `ObjectNetwork` takes it.

    `numbers` (H, W): k the k-th object, from 1, 0 none; `labels` (K,) of those objects, from 1;
    `values` (C, H, W) float32 (u, v), or of points3d the point less its offset over its scale,
    whatever where there is no object. Objects with fewer than `least_px` pixels are left out.
    `boxes` (N, 4) are from edge to edge of what is seen.
    """
    boxes, kept = [], []
    for number in range(1, len(labels) + 1):
        mask = numbers == number
        rows, columns = (torch.where(mask.any(axis))[0] for axis in (1, 0))
        if int(mask.sum()) >= max(least_px, 1):
            corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            boxes.append(torch.stack(corners).to(torch.float32))
            kept.append(number)
    chosen = torch.tensor(kept, dtype=torch.int64, device=numbers.device)
    empty = torch.zeros((0, 4), device=numbers.device)
    return {
        "boxes": torch.stack(boxes) if boxes else empty,
        "labels": labels[chosen - 1].to(torch.int64), "objects": chosen, "numbers": numbers,
        "values": values,
    }  # fmt: skip


def object_losses(
    network: ObjectNetwork, batch: ImageList, levels: Mapping[str, torch.Tensor],
    targets: Sequence[Target], sizes: Sequence[Size],
) -> Losses:  # fmt: skip
    """`objectness` and `proposals` of boxes that may show objects; `class`, `box`, `mask` and
    `values` of those that were drawn of them (of a homography its numbers instead); `sigma` how
    badly sigmas fit the errors, which themselves do not learn from it. Of `mobile` also `which`:
    few of its boxes show objects, and to tell those apart counts little in `class`. Their sum is
    the loss.

    `targets` as `object_targets` makes them, of images of `sizes` (height, width).
    """
    detector: Any = network.detector
    aims = [
        _scaled(target, size, small)
        for target, size, small in zip(targets, sizes, batch.image_sizes, strict=True)
    ]
    proposals, proposing = network.proposed(batch, levels, aims)
    heads = detector.roi_heads
    boxes, matched, labels, goals = heads.select_training_samples(proposals, aims)
    features = heads.box_head(heads.box_roi_pool(levels, boxes, batch.image_sizes))
    of_class, wanted = torch.cat(labels), torch.cat(goals)
    positive = of_class > 0
    shifts = heads.box_predictor.shifts(features[positive], of_class[positive])
    wrong = functional.smooth_l1_loss(shifts, wanted[positive], beta=_SMOOTH, reduction="sum")
    scores = heads.box_predictor(features)
    losses = {
        "objectness": proposing["loss_objectness"], "proposals": proposing["loss_rpn_box_reg"],
        "class": functional.cross_entropy(scores, of_class), "box": wrong / of_class.numel(),
    }  # fmt: skip
    if network.architecture == "mobile":
        losses["which"] = which_loss(scores[positive], of_class[positive])
    some = [label > 0 for label in labels]
    windows = [network.windows(box[one]) for box, one in zip(boxes, some, strict=True)]
    truth = [
        _truth(target, window, rows[one], size, small)
        for target, window, rows, one, size, small in zip(
            targets, windows, matched, some, sizes, batch.image_sizes, strict=True
        )
    ]
    inside, known, values = (torch.cat(each) for each in zip(*truth, strict=True))
    of_class = of_class[positive]
    return losses | cell_losses(network, levels, windows, of_class, inside, known, values)


def cell_losses(
    network: ObjectNetwork, levels: Mapping[str, torch.Tensor], windows: list[torch.Tensor],
    labels: torch.Tensor, inside: torch.Tensor, known: torch.Tensor, values: torch.Tensor,
) -> Losses:  # fmt: skip
    """`mask`, `values` and `sigma` of windows (n, 4) of each image, whose objects have these labels
    (N,); the truth of their cells as `sampled_truth` gives it."""
    cells, numbers = network.cells(levels, windows, labels)
    found, log_sigmas = cells[:, VALUES:], cells[:, LOG_SIGMA]
    losses = {
        "mask": _mean(
            functional.binary_cross_entropy_with_logits(cells[:, MASK], inside, reduction="none")
        ),
        "sigma": sigma_loss(found, log_sigmas, values, known),
    }
    if numbers is None:
        each = functional.smooth_l1_loss(found, values, beta=_VALUE_SMOOTH, reduction="none")
        losses["values"] = _VALUE_WEIGHT * _mean(each.mean(1)[known])
        return losses
    enough = known.flatten(1).sum(1) >= _LEAST_CELLS
    wanted = fitted_homographies(values[enough], known[enough])
    each = functional.smooth_l1_loss(numbers[enough], wanted, beta=_VALUE_SMOOTH, reduction="none")
    return losses | {"values": _VALUE_WEIGHT * _mean(each)}


def which_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean cross entropy of boxes (N, |O| + 1) that show objects of these labels (N,), from 1,
    among the objects alone; 0 without boxes."""
    return _mean(functional.cross_entropy(scores[:, 1:], labels - 1, reduction="none"))


def sigma_loss(
    found: torch.Tensor, log_sigmas: torch.Tensor, true: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """How unlikely the errors of values (N, C, …) are under normal distributions of these sigmas
    (N, …), a mean over known places. It has a gradient for the sigmas alone."""
    wrong = (found - true).detach().square().mean(1)[known]
    bounded = log_sigmas.clamp(*LOG_SIGMAS)[known]
    return _mean(bounded + wrong * (-2 * bounded).exp() / 2)


def _truth(
    target: Target, windows: torch.Tensor, rows: torch.Tensor, size: Size, small: Size
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the cells of windows (n, 4), of an image that was resized from `size` to `small`, show
    of objects `rows` (n,): masks (n, GRID, GRID) of 0 and 1, where values are known (n, GRID, GRID)
    and values (n, C, GRID, GRID). It is taken from the image as it was: nothing is resized."""
    height, width = size
    factors = windows.new_tensor([width / small[1], height / small[0]]).repeat(2)
    return sampled_truth(target, windows * factors, rows)


def sampled_truth(
    target: Target, windows: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Masks, where values are known, and values in windows (n, 4) of an image, see `_truth`.
    Values between pixels, whose middles lie half a pixel from their edges, are interpolated where
    all pixels around are the object's; masks are those of the nearest pixel."""
    channels = len(target["values"])
    windows = windows.to(target["values"].dtype)  # of mixed precision they would be too coarse
    found = windows.new_zeros((len(windows), 2 + channels, GRID, GRID))
    where = (box_coordinates(GRID, windows).permute(0, 2, 3, 1) + 1) / 2
    height, width = target["numbers"].shape
    whole = windows.new_tensor([width, height])
    for row in torch.unique(rows).tolist():
        some = rows == row
        mask = (target["numbers"] == target["objects"][row])[None]
        planes = torch.where(mask, target["values"], 0.0)
        planes = torch.cat([mask.to(planes.dtype), planes])
        corner, end = windows[some, None, None, :2], windows[some, None, None, 2:]
        places = 2 * (corner + (end - corner) * where) / whole - 1
        across = places.reshape(1, -1, GRID, 2)
        nearest = functional.grid_sample(
            planes[None, :1], across, mode="nearest", align_corners=False
        )
        between = functional.grid_sample(planes[None], across, align_corners=False)
        part = torch.cat([nearest[0], between[0]])
        found[some] = part.view(2 + channels, -1, GRID, GRID).transpose(0, 1)
    return found[:, 0], found[:, 1] >= _WHOLE, found[:, 2:]


def _scaled(target: Target, size: Size, small: Size) -> dict[str, torch.Tensor]:
    """Boxes and labels of an image that was resized."""
    factors = target["boxes"].new_tensor([small[1] / size[1], small[0] / size[0]]).repeat(2)
    return {"boxes": target["boxes"] * factors, "labels": target["labels"]}


def _mean(each: torch.Tensor) -> torch.Tensor:
    """0, with a gradient of 0, of none."""
    return each.sum() / max(each.numel(), 1)
