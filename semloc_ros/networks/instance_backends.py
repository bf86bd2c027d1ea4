"""What computes an instance network of ours: torch or onnxruntime behind one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.backends import about_of, chosen_backend, open_exported
from semloc_ros.networks.graphs import Graph, not_installed
from semloc_ros.networks.instance_inputs import PIXEL_STRIDE, Detections
from semloc_ros.networks.model_about import InstanceAbout

INSTANCE_OUTPUTS = ("boxes", "labels", "scores", "masks")
PIXELS_OUTPUT = "pixels"  # of networks that judge every pixel, too
COCO_WEIGHTS = ".pth"
# pixels of the network: torchvision cuts true masks out (project_masks_on_boxes) as if the middle
# of pixel 0 lay on the image's edge, where boxes begin
_LAG = (0.5, 0.5)


class InstanceBackend(Protocol):
    """An instance network that is ready to run.

    `about` says what it is, `computed_by` what computes. `detect` finds the objects of one image
    (1, 3, h, w) float32, normalized, of the size that `instance_inputs.network_size` says, with
    boxes in pixels of that and masks in the boxes.
    """

    about: InstanceAbout
    computed_by: str

    def detect(self, images: NDArray[np.float32]) -> Detections: ...


def open_instance_backend(
    path: Path, backend: str = "auto", device: str = "auto", threads: int = 0, score: float = 0.0
) -> InstanceBackend:
    """The instance network of a .safetensors or .onnx file of ours, or torchvision's Mask R-CNN of
    COCO as it is (.pth, torch only); options and errors as `backends.open_backend`. Objects
    below `score` may be left out."""
    if path.suffix == COCO_WEIGHTS:
        chosen = "torch" if backend == "auto" else backend
    else:
        chosen = chosen_backend(path, backend, device)
    if chosen == "tensorrt" or (path.suffix == COCO_WEIGHTS and chosen != "torch"):
        wanted = "torch for .pth, or for objects torch or onnxruntime"
        raise ConfigError(expected("backend", wanted, chosen))
    if chosen == "torch":
        try:
            from semloc_ros.networks.torch_instances import TorchInstanceBackend
        except ModuleNotFoundError as error:
            raise not_installed(error) from None
        return TorchInstanceBackend(path, device, threads, score)
    return InstanceGraphBackend(open_exported(path, chosen, device, threads))


class InstanceGraphBackend:
    """An instance network that `export` wrote as ONNX."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.computed_by = graph.computed_by
        also = (PIXELS_OUTPUT,) if PIXELS_OUTPUT in graph.outputs else ()
        self._outputs = (*INSTANCE_OUTPUTS, *also)
        self.about = about_of(graph, InstanceAbout, self._outputs)

    def detect(self, images: NDArray[np.float32]) -> Detections:
        """See `InstanceBackend`."""
        return as_detections(self._graph.run(images, self._outputs))


def as_detections(outputs: list[NDArray[Any]]) -> Detections:
    """The four outputs, or five, in their types."""
    boxes, labels, scores, masks = outputs[: len(INSTANCE_OUTPUTS)]
    pixels = outputs[len(INSTANCE_OUTPUTS)] if len(outputs) > len(INSTANCE_OUTPUTS) else None
    return Detections(
        np.asarray(boxes, np.float32), np.asarray(labels, np.int64),
        np.asarray(scores, np.float32), np.asarray(masks),
        pixels=None if pixels is None else np.asarray(pixels, np.float32),
        cell=(float(PIXEL_STRIDE), float(PIXEL_STRIDE)), lag=_LAG,
    )  # fmt: skip
