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
    one counts that is on the side of the mean of all N, whose w is not negative. With w >= 0 for
    each by itself, two cameras that look nearly the same way could have opposite truths.
    """
    positions, quaternions = se3.to_quaternion_xyzw(map_from_camera)
    sides = np.sign(quaternions @ mean_quaternion(quaternions))
    quaternions = quaternions * np.where(sides < 0, -1.0, 1.0)[:, None]
    return np.concatenate([positions - offset, quaternions], 1).astype(np.float32)


def mean_quaternion(quaternions: FloatArray) -> FloatArray:
    """The mean (4,) of unit quaternions (N, 4) whose signs do not count (Markley et al., "Averaging
    Quaternions", 2007); its w, the last number, is not negative."""
    _, axes = np.linalg.eigh(quaternions.T @ quaternions)
    mean = axes[:, -1]
    return np.asarray(mean if mean[3] >= 0 else -mean)
