"""Training of a pose network: see `loop.Program` (Cimarelli et al., AVSS 2019)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from semloc_ros.config.pose_learning import PoseTrainingConfig
from semloc_ros.geometry import se3
from semloc_ros.learning.pose_losses import PoseLosses, distances, targets
from semloc_ros.learning.pose_samples import PosePictures, PoseSamples, poses_of
from semloc_ros.networks.pose_inputs import poses_from
from semloc_ros.networks.pose_regression import PoseNetwork
from semloc_ros.types import FloatArray

_AT_ONCE = 32  # images through the network
_STATISTICS = 512  # images that the first statistics of batch normalization are of


class PoseProgram:
    """See `loop.Program`. `seed` draws what is cut."""

    restart = 0
    keep_optimizer = False

    def __init__(
        self, network: PoseNetwork, training: PosePictures, validation: PosePictures,
        config: PoseTrainingConfig, seed: int,
    ) -> None:  # fmt: skip
        network.set_momentum(config.batchnorm_momentum)
        self.network = PoseLosses(network, config.scale_position, config.scale_rotation)
        self._training, self._validation = training, validation
        self._config, self._seed = config, seed
        self._offset = np.array(training.about.position_offset)
        self._truth = targets(poses_of(training.views), self._offset)

    def start(self, number: int, device: torch.device) -> None:
        """Statistics of batch normalizations that have seen no images yet: with the paper's
        momentum of 0.99 they would need hundreds of steps."""
        self.network.to(device)
        rows = np.random.default_rng([self._seed, 2]).permutation(len(self._training))
        chosen = [int(row) for row in rows[:_STATISTICS]]
        _start_statistics(self.network.network, self._training, chosen, device)

    def samples(self) -> Dataset[Any]:
        """Parts of the training images."""
        return PoseSamples(self._training, self._truth, self._config, self._seed)

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Those of `PoseLosses`."""
        images, truth = batch
        found: dict[str, torch.Tensor] = network(images, truth)
        return found

    def validate(self, device: torch.device) -> dict[str, float]:
        """Errors of the middles of validation images, at most `validation_samples`, in metres and
        degrees. The score is the loss with its first weights, so that scores can be compared."""
        rows = _spread(len(self._validation), self._config.training.validation_samples)
        found = regress(self.network.network, self._validation, rows, device)
        poses = poses_of([self._validation.views[row] for row in rows])
        truth = targets(poses, self._offset)
        lengths = distances(torch.from_numpy(found), torch.from_numpy(_on_side(truth, found)))
        weights = self._config.scale_position, self._config.scale_rotation
        score = sum(
            float(one.mean()) * math.exp(-weight) + weight
            for one, weight in zip(lengths, weights, strict=True)
        )
        metres, angles = se3.pose_error(poses_from(found, self._offset), poses)
        degrees = np.degrees(angles)
        return {
            "score": score, "median_m": float(np.median(metres)),
            "median_deg": float(np.median(degrees)), "mean_m": float(metres.mean()),
            "mean_deg": float(degrees.mean()),
        }  # fmt: skip

    def spread(self, device: torch.device) -> tuple[float, ...]:
        """One sigma of the errors of all validation images, about zero: x y z in metres, rotations
        about x y z in radians, all in the map's axes; not less than a millimetre and a mrad."""
        rows = list(range(len(self._validation)))
        self.network.eval()
        found = regress(self.network.network, self._validation, rows, device)
        errors = pose_errors(poses_from(found, self._offset), poses_of(self._validation.views))
        sigma = np.sqrt((errors**2).mean(0))
        return tuple(np.maximum(sigma, 1e-3).tolist())

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing besides the network."""
        return {}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """There is none."""


@torch.no_grad()
def regress(
    network: PoseNetwork, pictures: PosePictures, rows: list[int], device: torch.device
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What a network that is set to evaluate says (N, 7) of the middles of pictures."""
    found = []
    for first in range(0, len(rows), _AT_ONCE):
        planes = np.stack([pictures.middle(row) for row in rows[first : first + _AT_ONCE]])
        found.append(network(torch.from_numpy(planes).to(device)).float().cpu().numpy())
    return np.concatenate(found)


def pose_errors(found: FloatArray, truth: FloatArray) -> FloatArray:
    """(N, 6) from true `map_from_camera` (N, 4, 4) to those found: metres along the map's axes,
    and the rotation about them, radians."""
    turns = found[:, :3, :3] @ truth[:, :3, :3].transpose(0, 2, 1)
    return np.concatenate([found[:, :3, 3] - truth[:, :3, 3], se3.rotation_vector(turns)], 1)


def _on_side(
    truth: np.ndarray[Any, Any], found: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The truth, with that of its two quaternions which is nearer to what was found: for judging,
    they are one rotation."""
    opposite = (truth[:, 3:] * found[:, 3:]).sum(1) < 0
    return np.where((np.arange(truth.shape[1]) >= 3) & opposite[:, None], -truth, truth)


def _spread(count: int, most: int) -> list[int]:
    chosen = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return [int(one) for one in chosen]


@torch.no_grad()
def _start_statistics(
    network: PoseNetwork, pictures: PosePictures, rows: list[int], device: torch.device
) -> None:
    """Means and variances of these pictures, as if they were one batch."""
    fresh = [
        one for one in network.modules()
        if isinstance(one, nn.modules.batchnorm._BatchNorm)
        and one.running_mean is not None and not bool(one.running_mean.any())
    ]  # fmt: skip
    usual = [one.momentum for one in fresh]
    network.eval()
    for one in fresh:
        one.momentum = None  # all batches count alike
        one.train()
    for part in np.array_split(rows, math.ceil(len(rows) / _AT_ONCE)):  # none of one picture
        planes = np.stack([pictures.middle(int(row)) for row in part])
        network(torch.from_numpy(planes).to(device))
    for one, momentum in zip(fresh, usual, strict=True):
        one.momentum = momentum
