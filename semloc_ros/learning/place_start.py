"""How a fresh network for places begins: with what its layers make of the training images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from semloc_ros.learning.place_pictures import Pictures
from semloc_ros.networks.places import PlaceNetwork

_AT_ONCE = 32  # images through the network
_MOST = 1500  # images that the statistics are of
_PER_IMAGE = 100  # features of an image, for the centres of NetVLAD
_OTHERS = 0.1  # standard deviation of what cannot be whitened; of the others it is below 1
_FLOOR = 1.0  # times the largest variance is added to all: whitens a little, blows up no noise


@torch.no_grad()
def start_network(
    network: PlaceNetwork, pictures: Pictures, features: int, seed: int, device: torch.device
) -> None:
    """Statistics of batch normalization, NetVLAD's centres from at most `features` features, and
    a last layer that whitens (Jégou and Chum, ECCV 2012).

    Without, the descriptors of all images are nearly the same, and triplets draw them together.
    """
    rng = np.random.default_rng([seed, 3])
    rows = rng.permutation(len(pictures))[:_MOST]
    _start_statistics(network, pictures, rows, device)
    if network.pooling == "netvlad":
        drawn: list[torch.Tensor] = []
        for planes in _batches(pictures, rows, device):
            for one in network.features(planes).flatten(2).cpu():
                drawn.append(one.T[rng.permutation(one.shape[1])[:_PER_IMAGE]])
        found = torch.cat(drawn)
        found = found[rng.permutation(len(found))[:features]]
        network.start_pooling(found, torch.Generator().manual_seed(seed))
    pooled = [
        network.pool(network.features(planes)).cpu() for planes in _batches(pictures, rows, device)
    ]
    _start_projection(network.project, torch.cat(pooled).double())


def _batches(
    pictures: Pictures, rows: NDArray[np.int64], device: torch.device
) -> Iterator[torch.Tensor]:
    for first in range(0, len(rows), _AT_ONCE):
        planes = [pictures.planes(row) for row in rows[first : first + _AT_ONCE].tolist()]
        yield torch.from_numpy(np.stack(planes)).to(device)


def _start_statistics(
    network: PlaceNetwork, pictures: Pictures, rows: NDArray[np.int64], device: torch.device
) -> None:
    """Means and variances of all the images, as if they were one batch."""
    normed = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    usual = [one.momentum for one in normed]
    for one in normed:
        one.reset_running_stats()
        one.momentum = None  # all batches count alike
    network.train()
    for planes in _batches(pictures, rows, device) if normed else ():
        network.features(planes)
    network.eval()
    for one, momentum in zip(normed, usual, strict=True):
        one.momentum = momentum


def _start_projection(project: nn.Linear, pooled: torch.Tensor) -> None:
    """Pooled images (N, C) float64 have mean 0 and no correlations after it. Rows of the layer for
    which there are too few images keep their directions, and count little: none would be 0, from
    where triplets never move it."""
    mean = pooled.mean(0)
    _, deviations, axes = torch.linalg.svd(pooled - mean, full_matrices=False)
    variances = deviations.square() / len(pooled)
    count = min(project.out_features, len(pooled) - 1, len(axes))
    scales = (variances[:count] + _FLOOR * variances[0].clamp(min=1e-12)).rsqrt()
    others = project.weight[count:].cpu().double()
    if len(others):
        spread = ((pooled - mean) @ others.T).std(0, unbiased=False).clamp(min=1e-12)
        others = others * (_OTHERS / spread)[:, None]
    weight = torch.cat([axes[:count] * scales[:, None], others])
    project.weight.copy_(weight.float())
    project.bias.copy_((-weight @ mean).float())
