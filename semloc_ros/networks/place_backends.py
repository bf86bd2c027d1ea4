"""What computes a place network of ours: torch, onnxruntime or TensorRT behind one call."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.networks.backends import about_of, chosen_backend, open_exported
from semloc_ros.networks.graphs import Graph, not_installed
from semloc_ros.networks.manifest import file_sha256
from semloc_ros.networks.model_about import WEIGHTS_KEY, PlaceAbout

PLACE_OUTPUTS = ("descriptors",)


class PlaceBackend(Protocol):
    """A place network that is ready to run.

    `about` says what it is, `computed_by` what computes, `sha256` is that of the file of weights,
    for an ONNX file too. `describe` makes descriptors (B, D) float32 of length 1 from planes (B,
    planes, H, W) float32 as `place_inputs` makes them.
    """

    about: PlaceAbout
    computed_by: str
    sha256: str

    def describe(self, planes: NDArray[np.float32]) -> NDArray[np.float32]: ...


def open_place_backend(
    path: Path, backend: str = "auto", device: str = "auto", threads: int = 0
) -> PlaceBackend:
    """The place network of a .safetensors or .onnx file of ours; options and errors as
    `backends.open_backend`."""
    backend = chosen_backend(path, backend, device)
    if backend == "torch":
        try:
            from semloc_ros.networks.torch_backend import TorchPlaceBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchPlaceBackend(path, device, threads)
    return PlaceGraphBackend(open_exported(path, backend, device, threads, planes=None))


class PlaceGraphBackend:
    """A place network that `export` wrote as ONNX."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.computed_by = graph.computed_by
        self.about = about_of(graph, PlaceAbout, PLACE_OUTPUTS)
        self.sha256 = graph.metadata.get(WEIGHTS_KEY) or file_sha256(graph.path)

    def describe(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `PlaceBackend`."""
        return np.asarray(self._graph.run(planes, PLACE_OUTPUTS)[0], np.float32)
