"""The losses of FGSN training (Larsson et al., ICCV 2019, section 3), on score maps of a stride.

Cell (i, j) of a score map of stride s stands for the pixel (s i + (s - 1) / 2, s j + (s - 1) / 2).
"""

from __future__ import annotations

import torch
from torch.nn import functional

IGNORED = -1


def class_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_class: the mean cross-entropy of scores (B, C, h, w) with labels (B, h, w), of which
    `IGNORED` do not count; 0 if none counts."""
    kept = labels != IGNORED
    summed = functional.cross_entropy(scores, labels, ignore_index=IGNORED, reduction="sum")
    return summed / kept.sum().clamp(min=1)


def correspondence_loss(
    reference: torch.Tensor, target: torch.Tensor, points_reference: torch.Tensor,
    points_target: torch.Tensor, labels: torch.Tensor, stride: int,
) -> torch.Tensor:
    """L_corr (equations 2 and 3): cross-entropy, in reference and target, with the label that the
    point has in the reference image.

    Scores (B, C, h, w); points (B, N, 2) pixels, row by row the same point; labels (B, N) of the
    points, `IGNORED` where a point does not count. The mean over the points of a pair, then over
    the pairs that have any.
    """
    kept = labels != IGNORED
    wanted = labels.clamp(min=0)[..., None]
    total = torch.zeros_like(kept, dtype=torch.float32)
    for scores, points in ((reference, points_reference), (target, points_target)):
        log_shares = torch.log_softmax(scores_at(scores, points, stride), dim=2)
        total = total - log_shares.gather(2, wanted)[..., 0]
    counts = kept.sum(1)
    of_pairs = (total * kept).sum(1) / counts.clamp(min=1)
    return of_pairs.sum() / (counts > 0).sum().clamp(min=1)


def scores_at(scores: torch.Tensor, points: torch.Tensor, stride: int) -> torch.Tensor:
    """Scores (B, N, C) at pixels (B, N, 2), bilinear between cells, the outermost beyond.

    In float32: in half of it a place in a wide image would be pixels off.
    """
    size = torch.tensor([scores.shape[3], scores.shape[2]], device=points.device)
    cells = (points - (stride - 1) / 2) / stride
    grid = 2 * cells / (size - 1).clamp(min=1) - 1
    found = functional.grid_sample(
        scores.float(), grid[:, :, None].float(), mode="bilinear", padding_mode="border",
        align_corners=True,
    )  # fmt: skip
    return found[..., 0].transpose(1, 2)
