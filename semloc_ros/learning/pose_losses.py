"""What pose networks are trained to make small (Cimarelli et al., AVSS 2019, equations 2 to 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from semloc_ros.geometry import se3
from semloc_ros.networks.pose_regression import PoseNetwork
from semloc_ros.types import FloatArray

_TURNS = 180  # that are tried, over half a turn
_SQUARE = 0.1  # cosines of quaternions that count as square to each other: within 12 degrees


class PoseLosses(nn.Module):
    """A pose network and the log weights of its two losses, which are learned with it (Kendall and
    Cipolla, CVPR 2017)."""

    def __init__(self, network: PoseNetwork, scale_position: float, scale_rotation: float) -> None:
        super().__init__()
        self.network = network
        self.scale_position = nn.Parameter(torch.tensor(scale_position))
        self.scale_rotation = nn.Parameter(torch.tensor(scale_rotation))

    def forward(self, images: torch.Tensor, truth: torch.Tensor) -> dict[str, torch.Tensor]:
        """Means over a batch: `position` (equation 2, metres), `rotation` (3), and `loss` (5); and
        the weights as they are. `truth` (B, 7) as the network's output, of `targets`."""
        position, rotation = distances(self.network(images).float(), truth)
        weights = self.scale_position, self.scale_rotation
        loss = sum(
            one.mean() * torch.exp(-weight) + weight
            for one, weight in zip((position, rotation), weights, strict=True)
        )
        return {
            "loss": torch.as_tensor(loss), "position": position.mean(),
            "rotation": rotation.mean(), "s_x": weights[0], "s_q": weights[1],
        }  # fmt: skip


def distances(found: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Equations 2 and 3 for each of B outputs (B, 7): both (B,), the first in metres."""
    position = torch.linalg.vector_norm(truth[:, :3] - found[:, :3], dim=1)
    turn = functional.normalize(found[:, 3:], dim=1)
    return position, torch.linalg.vector_norm(truth[:, 3:] - turn, dim=1)


def targets(map_from_camera: FloatArray, offset: FloatArray) -> NDArray[np.float32]:
    """What a network should say of N poses (N, 4, 4): (N, 7), see `PoseNetwork`.

    A quaternion and its negative are one rotation, which equation 3 does not know: of the two the
    one counts that is on a side of all N together (`side_of`). With w >= 0 for each by itself, many
    cameras that look nearly the same way can have opposite truths.
    """
    positions, quaternions = se3.to_quaternion_xyzw(map_from_camera)
    sides = np.where(quaternions @ side_of(quaternions) < 0, -1.0, 1.0)
    quaternions = quaternions * sides[:, None]
    return np.concatenate([positions - offset, quaternions], 1).astype(np.float32)


def side_of(quaternions: FloatArray) -> FloatArray:
    """The unit quaternion (4,) that is square to as few of the unit quaternions (N, 4) as can be:
    halves of space meet where the fewest cameras look. Its w, the last number, is not negative.

    It is sought among turns in the plane that has most of them: that of all upright cameras. Where
    they look all ways around alike, there is no good one.
    """
    _, axes = np.linalg.eigh(quaternions.T @ quaternions)
    angles = np.linspace(0.0, np.pi, _TURNS, endpoint=False)[:, None]
    tried = np.cos(angles) * axes[:, -1] + np.sin(angles) * axes[:, -2]
    square = np.exp(-0.5 * (tried @ quaternions.T / _SQUARE) ** 2).sum(1)
    best = tried[int(np.argmin(square))]
    return np.asarray(best if best[3] >= 0 else -best)
