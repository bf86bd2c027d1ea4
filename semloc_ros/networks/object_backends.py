"""What computes a network of objects of interest: torch or onnxruntime behind one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.backends import about_of, chosen_backend, open_exported
from semloc_ros.networks.graphs import Graph, not_installed
from semloc_ros.networks.model_about import ObjectAbout
from semloc_ros.networks.object_inputs import ObjectFinds

OBJECT_OUTPUTS = ("boxes", "labels", "scores", "windows", "masks", "values", "sigmas")
_POINTS = "points3d"


class ObjectBackend(Protocol):
    """A network of objects that is ready to run.

    `about` says what it is, `computed_by` what computes. `find` finds the objects of one image
    (1, 3, h, w) float32, normalized, of the size that `instance_inputs.network_size` says, in
    pixels of that. Values of points3d are points of the map, metres.
    """

    about: ObjectAbout
    computed_by: str

    def find(self, images: NDArray[np.float32]) -> ObjectFinds: ...


def open_object_backend(
    path: Path, backend: str = "auto", device: str = "auto", threads: int = 0
) -> ObjectBackend:
    """The network of objects of a .safetensors or .onnx file of ours; options and errors as
    `backends.open_backend`, but that TensorRT does not run it."""
    chosen = chosen_backend(path, backend, device)
    if chosen == "tensorrt":
        raise ConfigError(expected("backend", "torch or onnxruntime, for objects", chosen))
    if chosen == "torch":
        try:
            from semloc_ros.networks.torch_objects import TorchObjectBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchObjectBackend(path, device, threads)
    return ObjectGraphBackend(open_exported(path, chosen, device, threads))


class ObjectGraphBackend:
    """A network of objects that `export` wrote as ONNX."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.computed_by = graph.computed_by
        self.about = about_of(graph, ObjectAbout, OBJECT_OUTPUTS)

    def find(self, images: NDArray[np.float32]) -> ObjectFinds:
        """See `ObjectBackend`."""
        return as_finds(self._graph.run(images, OBJECT_OUTPUTS), self.about)


def as_finds(outputs: Sequence[NDArray[Any]], about: ObjectAbout) -> ObjectFinds:
    """What a network gives, in its types and measures."""
    boxes, labels, scores, windows, masks, values, sigmas = outputs
    if about.head == _POINTS:
        offset = np.reshape(np.asarray(about.offset, np.float32), (3, 1, 1))
        values, sigmas = offset + np.float32(about.scale) * values, about.scale * sigmas
    return ObjectFinds(
        np.asarray(boxes, np.float32), np.asarray(labels, np.int64),
        *(np.asarray(one, np.float32) for one in (scores, windows, masks, values, sigmas)),
    )  # fmt: skip
