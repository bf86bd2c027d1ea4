"""What computes a pose network of ours: torch, onnxruntime or TensorRT behind one call."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.networks.backends import about_of, chosen_backend, open_exported
from semloc_ros.networks.graphs import Graph, not_installed
from semloc_ros.networks.model_about import PoseAbout

POSE_OUTPUTS = ("poses",)


class PoseBackend(Protocol):
    """A pose network that is ready to run.

    `about` says what it is, `computed_by` what computes. `regress` makes (B, 7) float32 from planes
    (B, 3, H, W) float32 as `pose_inputs` makes them: see `pose_regression.PoseNetwork`.
    """

    about: PoseAbout
    computed_by: str

    def regress(self, planes: NDArray[np.float32]) -> NDArray[np.float32]: ...


def open_pose_backend(
    path: Path, backend: str = "auto", device: str = "auto", threads: int = 0
) -> PoseBackend:
    """The pose network of a .safetensors or .onnx file of ours; options and errors as
    `backends.open_backend`."""
    backend = chosen_backend(path, backend, device)
    if backend == "torch":
        try:
            from semloc_ros.networks.torch_backend import TorchPoseBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchPoseBackend(path, device, threads)
    return PoseGraphBackend(open_exported(path, backend, device, threads))


class PoseGraphBackend:
    """A pose network that `export` wrote as ONNX."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.computed_by = graph.computed_by
        self.about = about_of(graph, PoseAbout, POSE_OUTPUTS)

    def regress(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `PoseBackend`."""
        return np.asarray(self._graph.run(planes, POSE_OUTPUTS)[0], np.float32)
