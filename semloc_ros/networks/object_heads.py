"""Parts of networks of objects of interest: what their numbers cost does not grow with |O|.

Weinzaepfel et al. (CVPR 2019, section 3.2): one branch tells the class of a box and shifts it, the
other, as in DensePose (Güler et al., CVPR 2018), makes a mask and matches of `GRID` x `GRID` cells.
The last layers have weights for each object; only those of the one that a box shows are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import roi_align

GRID = 56  # cells of a box along each side
MASK, LOG_SIGMA, VALUES = 0, 1, 2  # channels of what `MatchHead` gives; values to the end
LOG_SIGMAS = (-8.0, 2.0)  # least and largest: beyond them nothing is learned
HOMOGRAPHY_NUMBERS = 8
_LEVELS = ("0", "1", "2", "3")  # of the pyramid, at strides 4, 8, 16 and 32
_FINEST = 4
_POOLED = 14
_POOLED_SMALL = 7  # for what is one for a whole box
_FIRST_LOG_SIGMA = -2.0
_SLACK = 1e-6
_RIDGE = 1e-4
_LEAST_DEPTH = 0.05  # of a homography: behind it nothing is seen
_FRONT = (0.5, 0.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.0)  # of a box that is the object from the front


class BoxPredictor(nn.Module):
    """Of features (N, F) of boxes the scores of |O| + 1 classes, 0 the background, and shifts of a
    box for one class, or alike for all. Its tensors have torchvision's names."""

    def __init__(self, features: int, num_classes: int, is_shared: bool) -> None:
        super().__init__()
        self.cls_score = nn.Linear(features, num_classes)
        self.bbox_pred = nn.Linear(features, 4 if is_shared else 4 * num_classes)
        self._is_shared = is_shared

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (N, |O| + 1)."""
        found: torch.Tensor = self.cls_score(features)
        return found

    def shifts(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, 4) for boxes of these labels (N,)."""
        if self._is_shared:
            alike: torch.Tensor = self.bbox_pred(features)
            return alike
        weight = self.bbox_pred.weight.view(-1, 4, features.shape[1])[labels]
        bias = self.bbox_pred.bias.view(-1, 4)[labels]
        return torch.bmm(weight, features[:, :, None])[:, :, 0] + bias


def pooled(
    levels: Mapping[str, torch.Tensor], boxes: Sequence[torch.Tensor], side: int
) -> torch.Tensor:
    """(N, C, side, side) of boxes (n, 4) of each image, in pixels of the batch, from the level of
    the pyramid at which a box has `side` cells, or up to twice as many, along its middle side.

    Unlike torchvision's own, samples lie where features do: half a cell is not lost, which at
    stride 32 would be 16 pixels, another shift at each level.
    """
    every = torch.cat(list(boxes))
    image = torch.cat([torch.full_like(one[:, :1], n) for n, one in enumerate(boxes)])
    places = torch.cat([image, every], 1)
    middle = ((every[:, 2] - every[:, 0]) * (every[:, 3] - every[:, 1])).sqrt()
    level = torch.log2(middle / (_FINEST * side) + _SLACK).floor().clamp(0, len(_LEVELS) - 1)
    channels = levels[_LEVELS[0]].shape[1]
    found = every.new_zeros((every.shape[0], channels, side, side))
    for number, name in enumerate(_LEVELS):
        (rows,) = torch.where(level == number)
        part = roi_align(
            levels[name], places[rows], (side, side), 1 / (_FINEST << number), 2, aligned=True
        )
        found = found.index_put((rows,), part)
    return found


class MatchHead(nn.Module):
    """Pooled features of boxes and their labels to mask, log sigma and `values` numbers of each
    cell, by eight convolutions.

    `light` is for a processor: features are pooled at twice the resolution, with where in the box
    they are, and most convolutions see every other of them; what is common to all objects has
    weights of its own, so that it is learned from all of them. Otherwise as the paper says.
    """

    def __init__(
        self, channels: int, width: int, num_objects: int, values: int,
        norm: Callable[[int], nn.Module] | None, homography: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.is_light = norm is not None
        self._width, self._outputs = width, VALUES + values
        self.side = 2 * _POOLED if self.is_light else _POOLED
        self.trunk: nn.Module = _paper_trunk(channels, width)
        if norm is not None:
            self.trunk = _LightTrunk(channels, width, norm)
        self.last = GatheredLinear(width, num_objects, VALUES + values, self.is_light)
        with torch.no_grad():
            self.last.bias[:, LOG_SIGMA] = _FIRST_LOG_SIGMA
        self.homography = _HomographyHead(width, num_objects, self.is_light) if homography else None

    def forward(
        self, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Of (N, C, side, side) and labels (N,) from 1: (N, 2 + values, GRID, GRID), and (N, 8) of
        a head with a homography."""
        maps = self.trunk(features)
        # sizes are told, not asked for by -1: ONNX could not know them where no box is
        side = 2 * _POOLED
        cells = self.last(maps.reshape(maps.shape[0], self._width, side * side), labels - 1)
        cells = cells.reshape(maps.shape[0], self._outputs, side, side)
        found = functional.interpolate(cells, (GRID, GRID), mode="bilinear", align_corners=False)
        if self.homography is None:
            return found, None
        return found, self.homography(maps, labels - 1)


class GatheredLinear(nn.Module):
    """A linear layer with weights for each object, of which those of one are used for each row.

    With `is_shared`, what all objects have in common is one more layer, added to each.
    """

    def __init__(self, inputs: int, num_objects: int, outputs: int, is_shared: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_objects, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(num_objects, outputs))
        nn.init.normal_(self.weight, std=0.001)
        self.shared = nn.Parameter(torch.zeros(outputs, inputs)) if is_shared else None
        if self.shared is not None:
            nn.init.normal_(self.shared, std=0.01)

    def forward(self, features: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
        """Of features (N, inputs, M) and objects (N,) from 0: (N, outputs, M)."""
        weight = self.weight[objects]
        if self.shared is not None:
            weight = weight + self.shared
        return torch.bmm(weight, features) + self.bias[objects][:, :, None]


class _HomographyHead(nn.Module):
    def __init__(self, width: int, num_objects: int, is_shared: bool) -> None:
        super().__init__()
        self.hidden = nn.Linear(width * _POOLED_SMALL**2, 256)
        self.last = GatheredLinear(256, num_objects, HOMOGRAPHY_NUMBERS, is_shared)

    def forward(self, maps: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
        """(N, 8); of a box that is the object seen from the front 0."""
        small = functional.avg_pool2d(maps, 2 * _POOLED // _POOLED_SMALL)
        rows = small.reshape(maps.shape[0], self.hidden.in_features)
        hidden = functional.relu(self.hidden(rows))
        found: torch.Tensor = self.last(hidden[:, :, None], objects)[:, :, 0]
        return found


def _paper_trunk(channels: int, width: int) -> nn.Sequential:
    """Eight convolutions, and one that doubles the resolution as Mask R-CNN's."""
    layers: list[nn.Module] = []
    for number in range(8):
        layers += [nn.Conv2d(channels if number == 0 else width, width, 3, padding=1), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, width, 2, 2), nn.ReLU()]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers)


class _LightTrunk(nn.Module):
    def __init__(self, channels: int, width: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.fine = _block(channels + 2, width, norm)
        self.down = _block(width, width, norm, stride=2)
        self.coarse = nn.ModuleList(_block(width, width, norm) for _ in range(5))
        self.merge = _block(width, width, norm)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, 28, 28) to (N, width, 28, 28)."""
        where = box_coordinates(features.shape[-1], features)
        placed = torch.cat([features, where.expand(features.shape[0], -1, -1, -1)], 1)
        fine = self.fine(placed)
        coarse = self.down(fine)
        for block in self.coarse:
            coarse = coarse + block(coarse)
        merged: torch.Tensor = self.merge(
            fine
            + functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        )
        return merged


def _block(
    inputs: int, width: int, norm: Callable[[int], nn.Module], stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, width, 3, stride, 1, bias=False), norm(width), nn.ReLU())


def box_coordinates(side: int, like: torch.Tensor) -> torch.Tensor:
    """(1, 2, side, side) x and y of the middles of a box's cells, from -1 to 1 at its edges."""
    steps = (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) * (2 / side) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y])[None]


def homography_values(numbers: torch.Tensor) -> torch.Tensor:
    """(u, v) (N, 2, GRID, GRID) of the cells of boxes, from (N, 8): the homography from a box's
    coordinates to (u, v), row by row, less that of a box that is the object from the front."""
    where = box_coordinates(GRID, numbers)[0].flatten(1)
    points = torch.cat([where, torch.ones_like(where[:1])])
    front = numbers.new_tensor(_FRONT)
    matrices = torch.cat([numbers + front, torch.ones_like(numbers[:, :1])], 1)
    moved = matrices.reshape(numbers.shape[0], 3, 3) @ points
    values = moved[:, :2] / moved[:, 2:].clamp(min=_LEAST_DEPTH)
    return values.reshape(numbers.shape[0], 2, GRID, GRID)


def fitted_homographies(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(N, 8) as `homography_values` takes them, of least squares, from (u, v) (N, 2, GRID, GRID)
    of the cells where `known` (N, GRID, GRID). The few known cells of a line say too little: what
    they leave open stays small."""
    x, y = box_coordinates(GRID, values)[0].flatten(1).double()
    weights = known.flatten(1).double()
    front = values.new_tensor(_FRONT).double()
    one, none = torch.ones_like(x), torch.zeros_like(x)
    normal = torch.zeros((len(values), 8, 8), dtype=torch.float64, device=values.device)
    right = torch.zeros((len(values), 8, 1), dtype=torch.float64, device=values.device)
    for axis, places in enumerate(values.flatten(2).double().unbind(1)):
        start = (x, y, one, none, none, none) if axis == 0 else (none, none, none, x, y, one)
        linear = torch.stack(start)[None].expand(len(values), -1, -1)
        rows = torch.cat([linear, (-places * x)[:, None], (-places * y)[:, None]], 1)
        weighted = rows * weights[:, None]
        normal += weighted @ rows.transpose(1, 2)
        right += weighted @ (places - (rows * front[:, None]).sum(1))[:, :, None]
    normal += _RIDGE * torch.eye(8, dtype=torch.float64, device=values.device)
    found: torch.Tensor = torch.linalg.solve(normal, right)[:, :, 0].to(values.dtype)
    return found
