"""Networks as ONNX files, run without torch: ours (`export`) and those of others."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, EnvironmentFault, ModelError, expected

RUNNERS = ("onnxruntime", "tensorrt")
_RANKS = (4, 3)  # images are (B, planes, H, W), or one of them without the first


class Graph(Protocol):
    """An ONNX file that is ready to run. Not thread-safe.

    `metadata` are the words that the file carries, `outputs` the names of what it gives, in order,
    `size` its (height, width), None where it takes any; `computed_by` says in words what runs it.
    """

    path: Path
    metadata: dict[str, str]
    outputs: tuple[str, ...]
    size: tuple[int | None, int | None]
    computed_by: str

    def run(
        self, images: NDArray[np.float32], outputs: tuple[str, ...] | None = None
    ) -> list[NDArray[np.generic]]: ...


def open_graph(
    path: Path, runner: str = "onnxruntime", device: str = "auto", threads: int = 0,
    planes: int | None = 3,
) -> Graph:  # fmt: skip
    """The ONNX file at `path` under onnxruntime or TensorRT.

    `device` is auto, cpu or cuda (TensorRT has the GPU only); `threads` are those of the CPU, 0:
    as many as onnxruntime takes; `planes` of the images, None: as many as the file says. Raises
    ModelError for a damaged file or one that does not take images, ConfigError for a device that
    is not there, EnvironmentFault for a package.
    """
    if not path.is_file():
        raise ModelError(expected(str(path), "an ONNX file", "no such file"))
    if runner not in RUNNERS:
        raise ConfigError(expected("backend", " or ".join(RUNNERS), repr(runner)))
    try:
        if runner == "tensorrt":
            from semloc_ros.networks.tensorrt_graph import TensorrtGraph

            return TensorrtGraph(path, device, planes)
        from semloc_ros.networks.onnxruntime_graph import OnnxruntimeGraph

        return OnnxruntimeGraph(path, device, threads, planes)
    except ModuleNotFoundError as error:
        raise not_installed(error) from None


def not_installed(error: ModuleNotFoundError) -> EnvironmentFault:
    """What to install for a module that a backend lacks."""
    name = (error.name or "").split(".")[0]
    extras = {"onnx": "onnx", "onnxruntime": "onnx"}
    if name == "tensorrt":
        return EnvironmentFault("tensorrt is not installed: it comes with JetPack, or from NVIDIA")
    extra = extras.get(name, "torch")
    return EnvironmentFault(f"{name} is not installed: pip install 'semloc_ros[{extra}]'")


def image_size(
    path: Path, inputs: list[tuple[str, list[object]]], planes: int | None
) -> tuple[int | None, int | None]:
    """The (height, width) of the one input of a graph, None where it is free; a dimension that is
    not a number above 0 is free. Raises ModelError unless the input is (B, planes, H, W) or
    (planes, H, W)."""
    shape = inputs[0][1] if len(inputs) == 1 else []
    sizes = [one if isinstance(one, int) and one > 0 else None for one in shape]
    if len(sizes) not in _RANKS or (planes is not None and sizes[-3] not in (planes, None)):
        got = ", ".join(f"{name} {list(found)}" for name, found in inputs)
        wanted = f"one of images (B, {planes or 'planes'}, H, W)"
        raise ModelError(expected(f"{path}: inputs", wanted, got))
    return sizes[-2], sizes[-1]


def check_images(graph: Graph, images: NDArray[np.float32]) -> None:
    """Raises ConfigError for images (B, 3, H, W) of a size that the graph does not take."""
    for wanted, got in zip(graph.size, images.shape[-2:], strict=True):
        if wanted not in (None, got):
            size = f"{graph.size[1] or 'any'} x {graph.size[0] or 'any'}"
            found = f"{images.shape[-1]} x {images.shape[-2]}"
            raise ConfigError(expected(f"{graph.path}: images", size, found))
