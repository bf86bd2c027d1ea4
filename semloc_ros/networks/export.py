"""A network of ours as one ONNX file, for robots without torch.

Segmentation networks: input `images` (B, 3, H, W) float32, normalized as the model says; outputs
`labels` (B, ceil(H / s), ceil(W / s)) int32, the argmax of scores interpolated to cells of s =
label_stride pixels, and `scores` (B, C, ceil(H / 8), ceil(W / 8)). Place networks: input `images`
(B, planes, H, W) float32 as `place_inputs` makes them, output `descriptors` (B, dimensions).
Pose networks: input `images` (B, 3, H, W) float32 as `pose_inputs` makes them, output `poses`
(B, 7).
Instance networks: input `images` (1, 3, h, w) float32, normalized, in the network's own size (see
`instance_inputs`); outputs `boxes` (N, 4) in pixels of that, `labels` (N,), `scores` (N,) and
`masks` (N, m, m) in the boxes, and of networks that judge them `pixels` (rows, columns), by cells.
Networks of objects of interest: the same input, outputs as `object_backends.OBJECT_OUTPUTS`.
What the model is goes along as metadata, with the sha256 of the file of weights that it is from.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from semloc_ros.errors import EnvironmentFault, ModelError, expected
from semloc_ros.networks.backends import LABEL_OUTPUTS, check_stride
from semloc_ros.networks.detection import InstanceNetwork
from semloc_ros.networks.instance_backends import INSTANCE_OUTPUTS, PIXELS_OUTPUT
from semloc_ros.networks.instance_inputs import network_size
from semloc_ros.networks.model_about import (
    METADATA_KEY,
    WEIGHTS_KEY,
    About,
    InstanceAbout,
    ModelAbout,
    ObjectAbout,
    PlaceAbout,
    PoseAbout,
    to_json,
)
from semloc_ros.networks.model_files import check_agrees
from semloc_ros.networks.object_backends import OBJECT_OUTPUTS
from semloc_ros.networks.object_detection import ObjectNetwork
from semloc_ros.networks.pyramid import cells, enlarged
from semloc_ros.networks.row_backends import ROW_OUTPUTS
from semloc_ros.networks.segmentation import SegmentationNetwork
from semloc_ros.networks.torch_instances import Detector
from semloc_ros.networks.torch_objects import ObjectFinder

OPSET = 17  # of onnxruntime 1.12 and TensorRT 8.5, and all later ones
_TRACED = (64, 96)  # (height, width) of the image that shows the way; others take the same


def export_onnx(
    network: nn.Module,
    about: About,
    path: Path,
    size: tuple[int, int] | None = None,
    weights_sha256: str = "",
) -> None:
    """Write `network` to `path`, in one rename: for images of any size and number, or for one
    image of one `size` (height, width), which leaves a compiler fewer questions. A network of
    instances or of objects takes one image, of any size or of those of the shape of `size`.

    Raises ModelError where it cannot be written, EnvironmentFault without the package onnx.
    """
    check_agrees(network, about)
    try:
        import onnx
    except ModuleNotFoundError:
        raise EnvironmentFault("onnx is not installed: pip install 'semloc_ros[onnx]'") from None
    said = {METADATA_KEY: to_json(about), WEIGHTS_KEY: weights_sha256}
    words = [onnx.StringStringEntryProto(key=key, value=word) for key, word in said.items()]
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if size is not None and isinstance(about, InstanceAbout | ObjectAbout):
            size = network_size(size, about.short_side)
        _trace(_traced(network, about), fresh, size)
        with fresh.open("ab") as stream:  # protobuf: what follows is added to what was there
            stream.write(onnx.ModelProto(metadata_props=words).SerializeToString())
        fresh.replace(path)
    except OSError as error:
        raise ModelError(expected(str(path), "a file that can be written", error)) from None
    finally:
        fresh.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Traced:
    """What is written: a module of images with so many planes, and the names of its outputs."""

    module: nn.Module
    planes: int
    outputs: tuple[str, ...]
    free: dict[str, dict[int, str]]  # what of its input and outputs has no fixed size


_FREE = {"images": {0: "batch", 2: "height", 3: "width"}}


def _traced(network: nn.Module, about: About) -> _Traced:
    if isinstance(about, PlaceAbout):
        return _Traced(network, about.planes, ROW_OUTPUTS[PlaceAbout], _FREE)
    if isinstance(about, PoseAbout):
        return _Traced(network, 3, ROW_OUTPUTS[PoseAbout], _FREE)
    if isinstance(about, ObjectAbout):
        assert isinstance(network, ObjectNetwork)
        free = {name: {0: "objects"} for name in OBJECT_OUTPUTS}
        free["images"] = {2: "height", 3: "width"}
        return _Traced(ObjectFinder(network), 3, OBJECT_OUTPUTS, free)
    if isinstance(about, InstanceAbout):
        assert isinstance(network, InstanceNetwork)
        free = {name: {0: "objects"} for name in INSTANCE_OUTPUTS}
        free["images"] = {2: "height", 3: "width"}
        outputs: tuple[str, ...] = INSTANCE_OUTPUTS
        if network.pixels is not None:
            free[PIXELS_OUTPUT] = {0: "rows", 1: "columns"}
            outputs = (*outputs, PIXELS_OUTPUT)
        return _Traced(Detector(network), 3, outputs, free)
    assert isinstance(network, SegmentationNetwork) and isinstance(about, ModelAbout)
    return _Traced(_Labelled(network, about.label_stride), 3, LABEL_OUTPUTS, _FREE)


class _Labelled(nn.Module):
    """A network with its label map."""

    def __init__(self, network: SegmentationNetwork, label_stride: int) -> None:
        super().__init__()
        check_stride(label_stride)
        self.network = network
        self.label_stride = label_stride
        self.factor = network.stride // label_stride

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.network(images).logits
        height, width = (cells(length, self.label_stride) for length in images.shape[-2:])
        labels = enlarged(scores, self.factor, (height, width)).argmax(1)
        return labels.to(torch.int32), scores


def _trace(traced: _Traced, path: Path, size: tuple[int, int] | None) -> None:
    """The exporter that follows one image through the network: it needs no other package, and
    sizes stay free in what it writes."""
    module = traced.module
    where = next(module.parameters()).device
    image = torch.zeros(1, traced.planes, *(size or _TRACED), device=where)
    fixed = {} if size is None else {"images"}
    free = {name: axes for name, axes in traced.free.items() if name not in fixed}
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # it is called the old one, and says so
        torch.onnx.export(
            module, (image,), str(path), dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=list(traced.outputs),
            dynamic_axes=free,
        )  # fmt: skip
    for one, was_training in modes:
        one.training = was_training
