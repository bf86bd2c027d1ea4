"""Start a network from the weights of another: torchvision's, or one of ours with other last layers
or other planes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.detection import InstanceNetwork
from semloc_ros.networks.object_detection import ObjectNetwork
from semloc_ros.networks.places import PlaceNetwork
from semloc_ros.networks.pose_regression import PoseNetwork
from semloc_ros.networks.segmentation import SegmentationNetwork

_ENCODERS: dict[type[nn.Module], str] = {
    SegmentationNetwork: "trunk.encoder.", PlaceNetwork: "encoder.",
    InstanceNetwork: "detector.backbone.body.", PoseNetwork: "encoder.",
    ObjectNetwork: "detector.backbone.body.",
}  # fmt: skip
# torchvision's names of the same tensors: as they are in a classifier (ResNet), under `features`
# (MobileNet, AlexNet), under `backbone` in segmentation networks; and ours of an encoder.
# `module` is of a parallel run
_PREFIXES = ("", "features.", "backbone.", "trunk.encoder.")
_DETECTOR = "detector."  # what ours has around torchvision's detectors
_NESTS = ("state_dict", "model_state", "model")  # where checkpoints of a training have them


def start_from(
    network: SegmentationNetwork | PlaceNetwork | InstanceNetwork | PoseNetwork | ObjectNetwork,
    path: Path,
) -> list[str]:
    """Take every tensor that fits by name and shape; returns the names, as the network has them.

    `path` is a safetensors file of ours (all but the last layers fit if the labels are others), or
    a .pth of torchvision or timm: ImageNet weights of the encoder, or a segmentation network or a
    detector around it. Pickled code is never run. Raises ModelError for a damaged file, or if
    nothing of it fits the encoder: it is of another architecture then.
    """
    found = _read(path)
    own, encoder = network.state_dict(), _ENCODERS[type(network)]
    taken = {}
    for name, tensor in found.items():
        for target in _targets(name, encoder):
            if target in own and own[target].shape == tensor.shape:
                taken[target] = tensor
                break
    if not any(name.startswith(encoder) for name in taken):
        wanted = f"weights that fit the encoder of {network.architecture}"
        raise ModelError(expected(str(path), wanted, f"none among {len(found)} tensors"))
    network.load_state_dict(taken, strict=False)
    return sorted(taken)


def _targets(name: str, encoder: str) -> list[str]:
    """What a tensor of this name may be called in ours."""
    name = name.removeprefix("module.")
    inner = [name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)]
    return [name, _DETECTOR + name, *(encoder + one for one in inner)]


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ModelError(expected(str(path), "a file of weights", "no such file"))
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in a dozen ways
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ModelError(expected(str(path), "a whole file of weights", reason)) from None
    return _tensors(path, found)


def _tensors(path: Path, found: Any) -> dict[str, torch.Tensor]:
    for nest in _NESTS:
        if isinstance(found, Mapping) and isinstance(found.get(nest), Mapping):
            found = found[nest]
    if not isinstance(found, Mapping):
        raise ModelError(expected(str(path), "named tensors", type(found).__name__))
    tensors = {str(name): one for name, one in found.items() if isinstance(one, torch.Tensor)}
    for name, one in tensors.items():
        if not bool(torch.isfinite(one).all()):
            raise ModelError(expected(f"{path}: {name}", "finite numbers", "NaN or infinity"))
    return tensors
