"""Networks of ours under torch, on the CPU or a GPU."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from semloc_ros.errors import ConfigError, expected
from semloc_ros.networks.backends import Labels, as_labels, check_stride
from semloc_ros.networks.manifest import file_sha256
from semloc_ros.networks.model_about import Kind, check_gives
from semloc_ros.networks.model_files import load_label_network, load_model
from semloc_ros.networks.pyramid import cells, enlarged
from semloc_ros.networks.row_backends import RowBackend

Images = NDArray[np.float32] | torch.Tensor


class TorchBackend:
    """See `backends.Backend`. Scores are tensors on the device."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        network, self.about = load_label_network(path)
        self._stride = network.stride
        self._network, self._device = ready(network, device, threads)
        self.computed_by = words(self._device)

    @torch.inference_mode()
    def scores(self, images: Images) -> torch.Tensor:
        """See `backends.Backend`."""
        logits: torch.Tensor = self._network(_given(images, self._device)).logits
        return logits

    @torch.inference_mode()
    def labels(self, images: Images, label_stride: int) -> Labels:
        """See `backends.Backend`."""
        check_stride(label_stride)
        height, width = (cells(int(size), label_stride) for size in images.shape[-2:])
        scores = enlarged(self.scores(images), self._stride // label_stride, (height, width))
        found = scores.argmax(1).to(torch.int32).cpu().numpy()
        return as_labels(found, self.about.num_labels)


class TorchRowBackend(RowBackend[Kind]):
    """See `row_backends.RowBackend`."""

    def __init__(self, path: Path, kind: type[Kind], device: str, threads: int) -> None:
        network, about = load_model(path)
        self.about = check_gives(path, about, kind)
        self._network, self._device = ready(network, device, threads)
        self.computed_by = words(self._device)
        self.sha256 = file_sha256(path)

    @torch.inference_mode()
    def rows(self, planes: Images) -> NDArray[np.float32]:
        """See `row_backends.RowBackend`."""
        found = self._network(_given(planes, self._device))
        return np.asarray(found.float().cpu().numpy(), np.float32)


def chosen_device(device: str) -> torch.device:
    """auto is the GPU if torch finds one; ConfigError for cuda where it finds none."""
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise ConfigError(expected("device", "a GPU that torch finds for cuda", "none"))
    return torch.device("cuda" if there and device != "cpu" else "cpu")


def merge_normalizations(network: nn.Module) -> None:
    """Put batch normalizations into the convolutions right before them, in sequences: the same
    numbers up to rounding, in a fifth less time. The network can only be evaluated after."""
    for sequence in [one for one in network.modules() if isinstance(one, nn.Sequential)]:
        for (name, first), (next_name, second) in pairwise(list(sequence.named_children())):
            # timm's heirs of batch normalization have an activation in them
            if isinstance(first, nn.Conv2d) and type(second) is nn.BatchNorm2d:
                setattr(sequence, name, fuse_conv_bn_eval(first, second))
                setattr(sequence, next_name, nn.Identity())


def ready(network: nn.Module, device: str, threads: int) -> tuple[nn.Module, torch.device]:
    """A network where it will run, and that is there. `threads` are those of the process."""
    if threads > 0:
        torch.set_num_threads(threads)
    where = chosen_device(device)
    merge_normalizations(network)
    return network.to(where, memory_format=torch.channels_last), where  # type: ignore[call-overload]


def _given(images: Images, device: torch.device) -> torch.Tensor:
    given = torch.as_tensor(images, dtype=torch.float32, device=device)
    return given.contiguous(memory_format=torch.channels_last)


def words(device: torch.device) -> str:
    """What computes, in words."""
    return f"torch on the {'GPU' if device.type == 'cuda' else 'CPU'}"
