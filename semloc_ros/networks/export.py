"""A segmentation network of ours as one ONNX file, for robots without torch.

Input `images` (B, 3, H, W) float32, normalized as the model says; outputs `labels` (B, ceil(H / s),
ceil(W / s)) int32, the argmax of scores interpolated to cells of s = label_stride pixels, and
`scores` (B, C, ceil(H / 8), ceil(W / 8)). What the model is goes along as metadata.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch
from torch import nn

from semloc_ros.errors import EnvironmentFault, ModelError, expected
from semloc_ros.networks.backends import check_stride
from semloc_ros.networks.model_about import METADATA_KEY, ModelAbout, check_about, to_json
from semloc_ros.networks.pyramid import cells, enlarged
from semloc_ros.networks.segmentation import SegmentationNetwork

OPSET = 17  # of onnxruntime 1.12 and TensorRT 8.5, and all later ones
_TRACED = (64, 96)  # (height, width) of the image that shows the way; others take the same


def export_onnx(
    network: SegmentationNetwork,
    about: ModelAbout,
    path: Path,
    size: tuple[int, int] | None = None,
) -> None:
    """Write `network` to `path`, in one rename: for images of any size and number, or for one
    image of one `size` (height, width), which leaves a compiler fewer questions.

    Raises ModelError where it cannot be written, EnvironmentFault without the package onnx.
    """
    check_about(about)
    try:
        import onnx
    except ModuleNotFoundError:
        raise EnvironmentFault("onnx is not installed: pip install 'semloc_ros[onnx]'") from None
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _trace(_Labelled(network, about.label_stride), fresh, size)
        words = onnx.StringStringEntryProto(key=METADATA_KEY, value=to_json(about))
        with fresh.open("ab") as stream:  # protobuf: what follows is added to what was there
            stream.write(onnx.ModelProto(metadata_props=[words]).SerializeToString())
        fresh.replace(path)
    except OSError as error:
        raise ModelError(expected(str(path), "a file that can be written", error)) from None
    finally:
        fresh.unlink(missing_ok=True)


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


def _trace(module: _Labelled, path: Path, size: tuple[int, int] | None) -> None:
    """The exporter that follows one image through the network: it needs no other package, and
    sizes stay free in what it writes."""
    where = next(module.parameters()).device
    image = torch.zeros(1, 3, *(size or _TRACED), device=where)
    free = {0: "batch", 2: "height", 3: "width"}
    was_training = module.network.training
    module.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # it is called the old one, and says so
        torch.onnx.export(
            module, (image,), str(path), dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=["labels", "scores"],
            dynamic_axes=None if size else {"images": free},
        )  # fmt: skip
    module.network.train(was_training)
