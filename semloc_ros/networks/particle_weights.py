"""The weights of particles by labels on a GPU: what `localization.label_kernels` computes.

Layouts are those of that file. Sums are of the same whole numbers; only where a point falls upon
the edge of a pixel may the two differ, by the rounding of its projection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_MOST_AT_ONCE = 1 << 24  # point evaluations: about a gigabyte of intermediate numbers
_BELOW_ONE = 0.99


def sum_log_ratios(
    poses: NDArray[np.float32], points: NDArray[np.float32], rows: NDArray[np.int32],
    labels: NDArray[Any], table: NDArray[np.int32], least_cosine2: np.float32, width: int,
    height: int, count_unit: int, device: str,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sums (N,) of the log ratios, in the table's whole numbers, of the points that each pose sees,
    and how many (N,) they are. `count_unit` is the one of a count in the table's upper bits."""
    to = torch.device(device)
    cloud = torch.from_numpy(np.ascontiguousarray(points.transpose(1, 0, 2))).to(to).flatten(1)
    starts = torch.from_numpy(np.ascontiguousarray(rows)).to(to).flatten().long()
    seen_labels = torch.from_numpy(labels.astype(np.int64)).to(to)
    ratios = torch.from_numpy(table.astype(np.int64)).to(to)
    each = max(1, _MOST_AT_ONCE // max(cloud.shape[1], 1))
    parts = []
    for some in torch.split(torch.from_numpy(poses), each):
        pixels = _pixels(some.to(to), cloud, float(least_cosine2), width, height)
        parts.append(_split(ratios[starts + seen_labels[pixels]], count_unit))
    sums = torch.cat([part[0] for part in parts]).cpu().numpy()
    counts = torch.cat([part[1] for part in parts]).cpu().numpy()
    return sums, counts.astype(np.int32)


def _split(entries: torch.Tensor, count_unit: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums and counts (N,) of table entries (N, P)."""
    seen = (entries + count_unit // 2).div(count_unit, rounding_mode="floor")
    return (entries - seen * count_unit).sum(1), seen.sum(1)


def _pixels(
    poses: torch.Tensor, cloud: torch.Tensor, least_cosine2: float, width: int, height: int
) -> torch.Tensor:
    """Pixel numbers (N, P), width * height where a point is not seen."""
    x, y, z = (cloud[axis] - poses[:, axis, None] for axis in range(3))
    distance2 = x * x + y * y + z * z
    along = -(x * cloud[3] + y * cloud[4] + z * cloud[5])
    u, v, depth = (
        poses[:, 3 + 3 * row, None] * x + poses[:, 4 + 3 * row, None] * y
        + poses[:, 5 + 3 * row, None] * z
        for row in range(3)
    )  # fmt: skip
    u, v = u / depth, v / depth
    inside_u = u.clamp(0.0, width - 1 + _BELOW_ONE)
    inside_v = v.clamp(0.0, height - 1 + _BELOW_ONE)
    seen = (
        (depth > 0) & (u == inside_u) & (v == inside_v)
        & (distance2 >= cloud[6]) & (distance2 <= cloud[7])
        & (along > 0) & (along * along >= least_cosine2 * distance2)
    )
    pixel = inside_v.nan_to_num().long() * width + inside_u.nan_to_num().long()
    return torch.where(seen, pixel, width * height)
