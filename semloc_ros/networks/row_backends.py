"""What computes a network of ours that makes one row of numbers of an image's planes, as those of
places and of poses do: torch, onnxruntime or TensorRT behind one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.networks.backends import about_of, chosen_backend, open_exported
from semloc_ros.networks.graphs import Graph, not_installed
from semloc_ros.networks.manifest import file_sha256
from semloc_ros.networks.model_about import WEIGHTS_KEY, About, Kind, PlaceAbout, PoseAbout

# by what a model says of itself: the output of its ONNX file
ROW_OUTPUTS: Mapping[type[About], tuple[str, ...]] = {
    PlaceAbout: ("descriptors",),
    PoseAbout: ("poses",),
}


class RowBackend(Protocol[Kind]):
    """A network that is ready to run.

    `about` says what it is, `computed_by` what computes, `sha256` is that of the file of weights,
    for an ONNX file too. `rows` makes (B, N) float32 from planes (B, P, H, W) float32: of a place
    network descriptors of length 1, from planes of `place_inputs`; of a pose network what
    `pose_regression.PoseNetwork` says, from planes of `pose_inputs`.
    """

    about: Kind
    computed_by: str
    sha256: str

    def rows(self, planes: NDArray[np.float32]) -> NDArray[np.float32]: ...


def open_row_backend(
    path: Path, kind: type[Kind], backend: str = "auto", device: str = "auto", threads: int = 0
) -> RowBackend[Kind]:
    """The network of a .safetensors or .onnx file of ours that says of itself to be of a `kind` in
    `ROW_OUTPUTS`; options and errors as `backends.open_backend`."""
    backend = chosen_backend(path, backend, device)
    if backend == "torch":
        try:
            from semloc_ros.networks.torch_backend import TorchRowBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchRowBackend(path, kind, device, threads)
    return RowGraphBackend(open_exported(path, backend, device, threads, planes=None), kind)


class RowGraphBackend(RowBackend[Kind]):
    """A network that `export` wrote as ONNX."""

    def __init__(self, graph: Graph, kind: type[Kind]) -> None:
        self._graph, self._outputs = graph, ROW_OUTPUTS[kind]
        self.computed_by = graph.computed_by
        self.about = about_of(graph, kind, self._outputs)
        self.sha256 = graph.metadata.get(WEIGHTS_KEY) or file_sha256(graph.path)

    def rows(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `RowBackend`."""
        return np.asarray(self._graph.run(planes, self._outputs)[0], np.float32)
