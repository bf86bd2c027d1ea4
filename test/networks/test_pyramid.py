"""Maps between strides are placed where they say; pyramid pooling is adaptive pooling."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from semloc_ros.networks.pyramid import PyramidPooling, cells, upsampled


@pytest.mark.parametrize("size", [(480, 640), (45, 61), (8, 8), (9, 1)])
@pytest.mark.parametrize("stride", [2, 8])
def test_a_ramp_over_the_pixels_comes_back_where_it_was(
    size: tuple[int, int], stride: int
) -> None:
    rows, columns = (cells(length, stride) for length in size)
    middle = (stride - 1) / 2
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    ramps = torch.stack([stride * v + middle, stride * u + middle])[None].float()
    full = upsampled(ramps, size, stride)
    assert full.shape == (1, 2, *size)
    for axis, length in enumerate(size):
        last = stride * (cells(length, stride) - 1) + middle  # held beyond the outer middles
        wanted = torch.arange(length).clamp(middle, last).float()
        line = full[0, axis, :, 0] if axis == 0 else full[0, axis, 0, :]
        assert torch.allclose(line, wanted, atol=1e-4)


@pytest.mark.parametrize("size", [(12, 18), (7, 11), (60, 80), (2, 5)])
def test_means_are_those_of_adaptive_pooling(size: tuple[int, int]) -> None:
    maps = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    pooling = PyramidPooling(4, 4).double()
    for reduce in pooling.reductions:
        torch.nn.init.dirac_(reduce.weight)
        torch.nn.init.zeros_(reduce.bias)
    found = pooling(maps)
    assert found.shape[1] == pooling.outputs and torch.equal(found[:, :4], maps)
    for number, count in enumerate(pooling.bins, start=1):
        means = functional.relu(functional.adaptive_avg_pool2d(maps, count))
        wanted = functional.interpolate(means, size=size, mode="bilinear", align_corners=False)
        assert torch.allclose(found[:, 4 * number : 4 * number + 4], wanted)
