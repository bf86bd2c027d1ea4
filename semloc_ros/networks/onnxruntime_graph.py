"""ONNX files under onnxruntime: on any CPU, and on a GPU where its CUDA provider is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.networks.graphs import check_images, image_size

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_ERRORS_ONLY = 3


class OnnxruntimeGraph:
    """See `graphs.Graph`."""

    def __init__(self, path: Path, device: str, threads: int, planes: int | None) -> None:
        self.path = path
        self._session = _session(path, _providers(device), threads)
        used = self._session.get_providers()
        if device == "cuda" and _CUDA not in used:
            raise ConfigError(expected("device", "a CUDA provider that starts", ", ".join(used)))
        inputs = self._session.get_inputs()
        self._input = inputs[0].name if inputs else ""
        self.size = image_size(path, [(one.name, list(one.shape)) for one in inputs], planes)
        self._is_single = len(inputs[0].shape) == 3  # as torchvision exports its detectors
        if inputs[0].type != "tensor(float)":
            raise ModelError(expected(f"{path}: {self._input}", "float32", inputs[0].type))
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.outputs = tuple(one.name for one in self._session.get_outputs())
        self.computed_by = f"onnxruntime on the {'GPU' if _CUDA in used else 'CPU'}"

    def run(
        self, images: NDArray[np.float32], outputs: tuple[str, ...] | None = None
    ) -> list[NDArray[Any]]:
        """The named outputs, all if none are named, of images (B, planes, H, W).

        Raises ConfigError for images of a size, or a number of them, that it does not take.
        """
        check_images(self, images)
        if self._is_single and len(images) != 1:
            wanted = "one image at a time"
            raise ConfigError(expected(f"{self.path}: images", wanted, len(images)))
        given = np.ascontiguousarray(images[0] if self._is_single else images, np.float32)
        try:
            return list(self._session.run(outputs, {self._input: given}))
        except Exception as error:  # of a class for each kind, which onnxruntime does not document
            raise ConfigError(
                expected(f"{self.path}: images", "what the network takes", _first_line(error))
            ) from None


def _providers(device: str) -> list[str]:
    there = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not there:
        wanted = "a GPU and onnxruntime-gpu for cuda"
        raise ConfigError(expected("device", wanted, "onnxruntime for the CPU"))
    return [_CUDA, _CPU] if there and device != "cpu" else [_CPU]


def _session(path: Path, providers: list[str], threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # see above
        raise ModelError(expected(str(path), "a whole ONNX file", _first_line(error))) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
