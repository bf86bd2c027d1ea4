"""What computes a segmentation network of ours: torch, onnxruntime or TensorRT behind one call."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.networks.graphs import Graph, not_installed, open_graph
from semloc_ros.networks.manifest import file_sha256
from semloc_ros.networks.model_about import (
    METADATA_KEY,
    STRIDES,
    WEIGHTS_KEY,
    About,
    Kind,
    ModelAbout,
    check_gives,
    from_json,
    read_about,
)

BACKENDS = ("auto", "torch", "onnxruntime", "tensorrt")
DEVICES = ("auto", "cpu", "cuda")
LABEL_OUTPUTS = ("labels", "scores")
Labels = NDArray[np.uint8] | NDArray[np.uint16]


class Backend(Protocol):
    """A network that is ready to run; `about` says what it is, `computed_by` what computes.

    Images are (B, 3, H, W) float32 normalized as `about` says, of numpy (or of torch, for torch).
    `scores` are (B, C, ceil(H / 8), ceil(W / 8)) float32, a tensor where torch computed them;
    `labels` are the argmax, taken on the device, of scores interpolated to cells of `label_stride`
    pixels: (B, ceil(H / stride), ceil(W / stride)), uint8 up to 255 labels, else uint16.
    """

    about: ModelAbout
    computed_by: str

    def scores(self, images: Any) -> Any: ...

    def labels(self, images: Any, label_stride: int) -> Labels: ...


def open_backend(
    path: Path, backend: str = "auto", device: str = "auto", threads: int = 0
) -> Backend:
    """The network of a .safetensors or .onnx file of ours, on what is asked for.

    auto is torch for .safetensors (onnxruntime, if torch is not installed) and onnxruntime for
    .onnx. onnxruntime and TensorRT need an .onnx file (`export`): beside a .safetensors, the one
    of its name is taken. `threads` of the CPU, 0: as many as the backend takes; torch has one such
    number for the process. Raises ModelError for files, ConfigError for options and devices,
    EnvironmentFault for packages.
    """
    backend = chosen_backend(path, backend, device)
    if backend == "torch":
        try:
            from semloc_ros.networks.torch_backend import TorchBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchBackend(path, device, threads)
    return GraphBackend(open_exported(path, backend, device, threads))


def chosen_backend(path: Path, backend: str, device: str) -> str:
    """What computes the network of a file, see `open_backend`. Raises ConfigError for unknown
    words, and for torch and a file that is not its own."""
    for name, value, choices in (("backend", backend, BACKENDS), ("device", device, DEVICES)):
        if value not in choices:
            raise ConfigError(expected(name, " or ".join(choices), repr(value)))
    if backend == "auto":
        by_torch = path.suffix != ".onnx" and find_spec("torch") is not None
        return "torch" if by_torch else "onnxruntime"
    if backend == "torch" and path.suffix != ".safetensors":
        raise ConfigError(expected("model", "a .safetensors file, for torch", path.name))
    return backend


def open_exported(
    path: Path, runner: str, device: str, threads: int, planes: int | None = 3
) -> Graph:
    """The ONNX file at `path`, or of its name beside a .safetensors, from which it must have been
    exported; see `open_graph`."""
    found = path.with_suffix(".onnx")
    if not found.is_file():
        wanted = "an ONNX file, as `semloc model export` makes"
        raise ModelError(expected(str(found), wanted, "no such file"))
    graph = open_graph(found, runner, device, threads, planes)
    if path.suffix == ".safetensors" and not _is_from(graph, path):
        raise ModelError(expected(found.name, f"what {path.name} is", "another (export it again)"))
    return graph


def about_of(graph: Graph, kind: type[Kind], outputs: tuple[str, ...]) -> Kind:
    """What an exported network of ours is; ModelError for files of others, and of other kinds."""
    if METADATA_KEY not in graph.metadata:
        wanted = f"a file of ours, or {graph.path.stem}.yaml beside it"
        raise ModelError(expected(str(graph.path), wanted, "neither"))
    try:
        about = from_json(graph.metadata[METADATA_KEY])
    except ModelError as error:
        raise ModelError(f"{graph.path}: {error}") from None
    found = check_gives(graph.path, about, kind)
    if graph.outputs != outputs:
        got = ", ".join(graph.outputs)
        raise ModelError(expected(f"{graph.path}: outputs", ", ".join(outputs), got))
    return found


def said_of(path: Path) -> About | None:
    """What the model at `path` (.safetensors or .onnx) says of itself, whatever its kind; None for
    an ONNX file of others. Needs no torch; ModelError for a file that is missing or damaged."""
    if path.suffix != ".onnx":
        return read_about(path)
    said = open_graph(path, device="cpu", planes=None).metadata.get(METADATA_KEY)
    try:
        return None if said is None else from_json(said)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _is_from(graph: Graph, path: Path) -> bool:
    """Whether a network was exported from the file of weights at `path`, as far as it says."""
    weights = graph.metadata.get(WEIGHTS_KEY)
    if weights:
        return weights == file_sha256(path)
    said = graph.metadata.get(METADATA_KEY)
    return said is None or from_json(said) == read_about(path)


class GraphBackend:
    """A network of ours that `export` wrote as ONNX."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.computed_by = graph.computed_by
        self.about = about_of(graph, ModelAbout, LABEL_OUTPUTS)

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        return np.asarray(self._graph.run(images, ("scores",))[0], np.float32)

    def labels(self, images: NDArray[np.float32], label_stride: int) -> Labels:
        """See `Backend`. Raises ConfigError for another stride than the exported one."""
        if label_stride != self.about.label_stride:
            wanted = f"{self.about.label_stride}, with which {self._graph.path.name} was exported"
            raise ConfigError(expected("label_stride", wanted, label_stride))
        found = self._graph.run(images, ("labels",))[0]
        return as_labels(found, self.about.num_labels)


def as_labels(found: NDArray[Any], count: int) -> Labels:
    """Labels as uint8 if there are up to 255, of which 255 is none; as uint16 beyond."""
    return found.astype(np.uint8) if count <= np.iinfo(np.uint8).max else found.astype(np.uint16)


def check_stride(label_stride: int) -> None:
    """Raises ConfigError for cells that are no whole part of the networks' own."""
    if label_stride not in STRIDES:
        raise ConfigError(expected("label_stride", f"one of {STRIDES}", label_stride))
