"""Networks that describe a place: planes of an image to one vector of length 1.

Three backbones and three poolings. `alexnet` is torchvision's, up to its last convolution, as
NetVLAD takes it; `small` is our own for a CPU; `shallow` keeps the planes, if they say enough by
themselves (directions of edges, labels), and adds what two convolutions make of them. Pooling: GeM
(Radenović, Tolias and Chum, PAMI 2018), the mean of powers with a learned exponent; NetVLAD
(Arandjelović et al., CVPR 2016), residuals to soft-assigned centres; or a grid, which keeps where
in the image a feature is, and drops what a whole row of the image has in common: sky, ground,
season. All end in a linear layer that is learned with the rest.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import alexnet

from semloc_ros.config.places_learning import ARCHITECTURES, POOLINGS
from semloc_ros.errors import ConfigError, InputError, expected

_CHANNELS = 256  # of the features of deep backbones
_MOST_CHANNELS = 16  # of those of the shallow one
_CENTRES = {"shallow": 16, "small": 16, "alexnet": 64}  # of NetVLAD; 64 are the paper's
_POWER = 3.0  # at the start of GeM, as published
_LEAST = 1e-6
_LEAST_SHARE = 0.01  # of the second nearest centre in a soft assignment, at the start
_GRID = (6, 8)  # rows and columns of the grid of deep features
_GRID_CHANNELS = 96
_FINE_GRID = (16, 24)  # of shallow ones
_ROUNDS = 20  # of k-means
_TRIES = 5  # of k-means, of which the best counts


class PlaceNetwork(nn.Module):
    """Planes (B, `planes`, H, W) float32 to descriptors (B, `dimensions`) of length 1; any H and W
    from 16 on, from 31 on for alexnet."""

    def __init__(self, architecture: str, pooling: str, planes: int, dimensions: int) -> None:
        super().__init__()
        self.architecture, self.pooling = architecture, pooling
        self.planes, self.dimensions = planes, dimensions
        self.encoder = _encoder(architecture, planes)
        channels = min(planes, _MOST_CHANNELS) if architecture == "shallow" else _CHANNELS
        self.pool = _pooling(pooling, channels, _CENTRES[architecture])
        self.project = nn.Linear(self.pool.outputs, dimensions)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What is pooled: (B, 256, about H / 16, about W / 16), of both signs; of the shallow
        backbone (B, min(planes, 16), H, W)."""
        features: torch.Tensor = self.encoder(images)
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The descriptors of images."""
        return functional.normalize(self.project(self.pool(self.features(images))), dim=1)

    def start_pooling(self, features: torch.Tensor, generator: torch.Generator) -> None:
        """Centres of NetVLAD from features (N, C), some thousands; others need no start.

        Raises InputError for fewer features than centres.
        """
        if isinstance(self.pool, VladPooling):
            self.pool.start(features, generator)


class ShallowEncoder(nn.Module):
    """Planes (B, P, H, W), in at most 16 channels, and what two convolutions add to them."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        channels = min(planes, _MOST_CHANNELS)
        self.reduce = nn.Conv2d(planes, channels, 1, bias=False)
        self.first = nn.Conv2d(channels, 64, 3, padding=1)
        self.second = nn.Conv2d(64, channels, 3, padding=1)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """The features of planes."""
        reduced = self.reduce(planes)
        found: torch.Tensor = reduced + self.second(functional.relu(self.first(reduced)))
        return found

    @torch.no_grad()
    def start(self, generator: torch.Generator) -> None:
        """The planes as they are, or orthogonal mixtures of them, and nothing added."""
        nn.init.dirac_(self.reduce.weight)
        if self.reduce.in_channels > _MOST_CHANNELS:
            nn.init.orthogonal_(self.reduce.weight, generator=generator)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu", generator=generator)
        assert self.first.bias is not None and self.second.bias is not None
        for weight in (self.first.bias, self.second.weight, self.second.bias):
            nn.init.zeros_(weight)


class GemPooling(nn.Module):
    """Generalized mean of the positive part of each channel: (B, C, h, w) to (B, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.outputs = channels
        self.power = nn.Parameter(torch.tensor(_POWER))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The pooled features, of length 1."""
        power = self.power.clamp(min=1.0)
        means = features.clamp(min=_LEAST).pow(power).mean((2, 3)).pow(1.0 / power)
        return functional.normalize(means, dim=1)


class GridPooling(nn.Module):
    """Features on a grid of 6 x 8 cells, deep ones in fewer channels, shallow ones 16 x 24, each
    row minus its mean: (B, C, h, w) to (B, channels * cells), of length 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.is_deep = channels == _CHANNELS
        self.grid = _GRID if self.is_deep else _FINE_GRID
        kept = _GRID_CHANNELS if self.is_deep else channels
        # without bias, which a row loses with its mean
        self.reduce = nn.Conv2d(channels, kept, 1, bias=False) if self.is_deep else nn.Identity()
        self.outputs = kept * self.grid[0] * self.grid[1]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The cells of features."""
        if self.is_deep:
            features = self.reduce(features.clamp(min=0.0))
        cells = functional.interpolate(features, self.grid, mode="bilinear", align_corners=False)
        return functional.normalize((cells - cells.mean(3, keepdim=True)).flatten(1), dim=1)


class VladPooling(nn.Module):
    """Residuals of features of length 1 to soft-assigned centres, summed over the image, each
    centre's sum scaled to length 1 (intra-normalization), then all: (B, C, h, w) to (B, K C)."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.outputs = count * channels
        self.assign = nn.Conv2d(channels, count, 1)
        self.centres = nn.Parameter(torch.empty(count, channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The pooled features, of length 1."""
        features = functional.normalize(features, dim=1)
        shares = self.assign(features).softmax(1).flatten(2)
        sums = shares @ features.flatten(2).transpose(1, 2)
        residuals = sums - shares.sum(2, keepdim=True) * self.centres
        return functional.normalize(functional.normalize(residuals, dim=2).flatten(1), dim=1)

    def start(self, features: torch.Tensor, generator: torch.Generator) -> None:
        """Centres by k-means; the weights of the assignment then follow from them and from alpha
        (NetVLAD, section 3.1), here so that the second nearest centre gets a hundredth of the
        nearest's share of a typical feature."""
        import faiss

        count = len(self.centres)
        if len(features) < count:
            raise InputError(expected("features", f"at least {count}", len(features)))
        given = functional.normalize(features.detach().float().cpu(), dim=1).contiguous()
        seed = int(torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device))
        means = faiss.Kmeans(
            given.shape[1], count, niter=_ROUNDS, nredo=_TRIES, seed=seed, min_points_per_centroid=1
        )
        means.train(given.numpy())
        centres = torch.tensor(means.centroids)
        first, second = torch.cdist(given, centres).square().topk(2, 1, largest=False)[0].unbind(1)
        gap = float((second - first).mean().clamp(min=_LEAST))
        self.set_centres(centres, -math.log(_LEAST_SHARE) / gap)

    @torch.no_grad()
    def set_centres(self, centres: torch.Tensor, alpha: float) -> None:
        """Take centres (K, C); features are assigned by exp(-alpha squared distance)."""
        self.centres.copy_(centres)
        self.assign.weight.copy_((2.0 * alpha * centres)[:, :, None, None])
        assert self.assign.bias is not None
        self.assign.bias.copy_(-alpha * centres.square().sum(1))


def make_place_network(
    architecture: str, pooling: str, planes: int, dimensions: int, generator: torch.Generator
) -> PlaceNetwork:
    """An untrained network on the CPU: He's initialization, centres of NetVLAD at random.

    The same seed of the generator gives the same weights. Raises ConfigError for an unknown
    architecture or pooling and numbers below 1.
    """
    network = empty_place_network(architecture, pooling, planes, dimensions)
    if isinstance(network.encoder, ShallowEncoder):
        network.encoder.start(generator)
    else:
        _start_layers(network.encoder, generator)
    _start_last_layers(network, generator)
    return network


def empty_place_network(
    architecture: str, pooling: str, planes: int, dimensions: int
) -> PlaceNetwork:
    """A network on the CPU whose weights are whatever was in memory, to be loaded into."""
    chosen = (("architecture", architecture, ARCHITECTURES), ("pooling", pooling, POOLINGS))
    for name, word, choices in chosen:
        if word not in choices:
            raise ConfigError(expected(name, " or ".join(choices), repr(word)))
    for name, number in (("planes", planes), ("dimensions", dimensions)):
        if number < 1:
            raise ConfigError(expected(name, "1 or more", number))
    with torch.device("meta"):  # torchvision would fill the weights, from the global generator
        network = PlaceNetwork(architecture, pooling, planes, dimensions)
    return network.to_empty(device="cpu")


def _encoder(architecture: str, planes: int) -> ShallowEncoder | nn.Sequential:
    if architecture == "shallow":
        return ShallowEncoder(planes)
    return _small(planes) if architecture == "small" else _alexnet(planes)


def _pooling(
    name: str, channels: int, centres: int
) -> GemPooling | GridPooling | VladPooling:
    if name == "netvlad":
        return VladPooling(channels, centres)
    return GemPooling(channels) if name == "gem" else GridPooling(channels)


def _start_layers(encoder: nn.Sequential, generator: torch.Generator) -> None:
    for module in encoder:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()


def _start_last_layers(network: PlaceNetwork, generator: torch.Generator) -> None:
    if isinstance(network.pool, GridPooling) and network.pool.is_deep:
        assert isinstance(network.pool.reduce, nn.Conv2d)
        nn.init.kaiming_normal_(network.pool.reduce.weight, generator=generator)
    elif isinstance(network.pool, VladPooling):
        shape = network.pool.centres.shape
        centres = torch.empty(shape, device=generator.device).normal_(generator=generator)
        network.pool.set_centres(functional.normalize(centres, dim=1).cpu(), 1.0)
    elif isinstance(network.pool, GemPooling):
        nn.init.constant_(network.pool.power, _POWER)
    # lengths stay as they were, on average: a random projection keeps what is near near
    std = 1.0 / math.sqrt(network.dimensions)
    nn.init.normal_(network.project.weight, std=std, generator=generator)
    nn.init.zeros_(network.project.bias)


def _small(planes: int) -> nn.Sequential:
    """1.2 M weights; strides 2, 4, 8 and 16 with 32, 64, 128 and 256 channels."""
    layers = [
        *_normed(planes, 32, 2), *_normed(32, 64, 2), *_normed(64, 64, 1),
        *_normed(64, 128, 2), *_normed(128, 128, 1), *_normed(128, 256, 2),
        *_normed(256, _CHANNELS, 1)[:-1],
    ]  # fmt: skip
    return nn.Sequential(*layers)


def _normed(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """A convolution of 3x3, batch normalization and ReLU."""
    return [
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _alexnet(planes: int) -> nn.Sequential:
    """torchvision's, without the last ReLU and pooling; 2.5 M weights from three planes."""
    layers = list(alexnet().features)[:-2]
    first = layers[0]
    assert isinstance(first, nn.Conv2d)
    if planes != first.in_channels:
        layers[0] = nn.Conv2d(planes, first.out_channels, 11, stride=4, padding=2)
    return nn.Sequential(*layers)
