"""A pose network of random weights as a file, and one that says what it is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from semloc_ros.networks.model_files import save_model
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_regression import make_pose_network

ABOUT = PoseAbout(
    "here", "mobile", 0, 64, 64, (10.0, -4.0, 1.5), (3.0, 4.0, 0.5, 0.01, 0.02, 0.3),
    data="a street", licence="Apache-2.0",
)  # fmt: skip


class Telling:
    """A backend that says the same of all planes, and keeps them."""

    computed_by, sha256 = "a test", ""

    def __init__(self, row: list[float], about: PoseAbout = ABOUT) -> None:
        self.row, self.about = row, about
        self.seen: list[NDArray[np.float32]] = []

    def rows(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `networks.row_backends`."""
        self.seen.append(planes)
        return np.tile(np.array(self.row, np.float32), (len(planes), 1))


def write_pose_model(path: Path, about: PoseAbout = ABOUT) -> Path:
    """A file of random weights."""
    torch.set_num_threads(1)
    network = make_pose_network("mobile", torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():  # untrained statistics leave nothing of an image
        network.regress.bias += torch.tensor([1.0, 2.0, 0.5, 0.5, -0.5, 0.5, 0.5])
    save_model(path, network, dataclasses.replace(about, name=path.stem))
    return path
