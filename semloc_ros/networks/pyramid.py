"""Score maps between strides, and pyramid pooling (PSPNet): context from large parts of the image.

Convention: a cell (i, j) of a map with stride s covers the pixels from s i to s i + s - 1 (pixel 0
is the centre of the first), so that its middle is at s i + (s - 1) / 2: 8 i + 3.5 at stride 8. The
strided convolutions read around pixel 8 i; the rest is for the network to learn, and it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


def enlarged(maps: torch.Tensor, factor: int, size: tuple[int, int]) -> torch.Tensor:
    """Maps (B, C, h, w) made `factor` times finer by bilinear interpolation: (B, C, *size).

    Placed by the convention above, whatever the size: what stands over at the right and at the
    bottom is cut off. So h must be the size over the factor, rounded up.
    """
    if factor > 1:
        maps = functional.interpolate(
            maps, scale_factor=float(factor), mode="bilinear", align_corners=False
        )
    return maps[..., : size[0], : size[1]]


def upsampled(scores: torch.Tensor, size: tuple[int, int], stride: int = 8) -> torch.Tensor:
    """Scores (B, C, ceil(H / stride), ceil(W / stride)) at full size (H, W): (B, C, H, W)."""
    return enlarged(scores, stride, size)


def cells(size: int, stride: int) -> int:
    """How many cells of `stride` pixels cover `size` pixels."""
    return (size + stride - 1) // stride  # in an exported network -(-a // b) is rounded otherwise


class PyramidPooling(nn.Module):
    """Means over 1x1, 2x2, 3x3 and 6x6 parts of a map, each reduced and laid beside the map.

    Maps (B, C, h, w) become (B, C + len(bins) * channels, h, w). The reductions have a bias and no
    batch normalization, unlike PSPNet's: of the 1x1 part there is a single value per channel
    and image, which with a batch of one has no variance.
    """

    def __init__(self, inputs: int, channels: int, bins: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.outputs = inputs + len(self.bins) * channels
        self.reductions = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for _ in self.bins)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """The maps with their context behind them."""
        size = maps.shape[-2:]
        parts = [maps]
        for count, reduce in zip(self.bins, self.reductions, strict=True):
            context = functional.relu(reduce(_means(maps, count)))
            parts.append(
                functional.interpolate(context, size=size, mode="bilinear", align_corners=False)
            )
        return torch.cat(parts, 1)


def _means(maps: torch.Tensor, count: int) -> torch.Tensor:
    """Means (B, C, count, count) over parts of the maps, as adaptive average pooling has them.

    As products of matrices: this exports to ONNX for any size, and its gradient is the same
    in every run on a GPU.
    """
    rows = _averaging(maps.shape[-2], count, maps)
    columns = _averaging(maps.shape[-1], count, maps)
    return rows @ maps @ columns.T


def _averaging(size: int, count: int, like: torch.Tensor) -> torch.Tensor:
    """The matrix (count, size) that averages over part k: [floor(k s / n), ceil((k + 1) s / n))."""
    part = torch.arange(count, device=like.device)[:, None]
    index = torch.arange(size, device=like.device)[None]
    inside = (index >= part * size // count) & (index < ((part + 1) * size + count - 1) // count)
    weights = inside.to(like.dtype)
    return weights / weights.sum(1, keepdim=True)
