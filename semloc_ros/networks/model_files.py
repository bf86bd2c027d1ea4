"""Trained networks on disk: safetensors, which holds numbers and no code, and what they are.

Everything that is wrong with a file is a `ModelError` of one line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.networks.manifest import add_to_manifest, find_model
from semloc_ros.networks.model_about import (
    METADATA_KEY,
    ModelAbout,
    check_about,
    read_about,
    to_json,
)
from semloc_ros.networks.segmentation import SegmentationNetwork, empty_network
from semloc_ros.networks.starting import start_from

__all__ = [
    "ModelAbout", "add_to_manifest", "find_model", "load_model", "read_about", "save_model",
    "start_from",
]  # fmt: skip


_READABLE = 0o644


def save_model(path: Path, network: SegmentationNetwork, about: ModelAbout) -> None:
    """Write the weights and what they are, in one rename: a killed process leaves the old file.

    Raises ModelError if the two do not agree, a weight is not finite, or it cannot be written.
    """
    from safetensors.torch import save_file

    check_about(about)
    _check_agrees("about", network.architecture, network.num_labels, about)
    weights = {name: one.detach().cpu().contiguous() for name, one in _state(network).items()}
    _check_finite(str(path), weights)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, fresh, {METADATA_KEY: to_json(about)})
        fresh.chmod(_READABLE)  # safetensors keeps what it writes to its owner
        fresh.replace(path)
    except OSError as error:
        raise ModelError(expected(str(path), "a file that can be written", error)) from None
    finally:
        fresh.unlink(missing_ok=True)


def load_model(path: Path) -> tuple[SegmentationNetwork, ModelAbout]:
    """The network of a file by `save_model`, on the CPU in evaluation mode, and what it is.

    Raises ModelError for a missing or damaged file, and for one that is another's.
    """
    from safetensors.torch import load_file

    about = read_about(path)
    try:
        network = empty_network(about.architecture, about.num_labels)
    except ConfigError as error:
        raise ModelError(f"{path}: {error}") from None
    weights = load_file(path)
    _check_same(path, _state(network), weights)
    _check_finite(str(path), weights)
    network.load_state_dict(weights)
    return network.eval(), about


def _state(network: SegmentationNetwork) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())


def _check_agrees(name: str, architecture: str, num_labels: int, about: ModelAbout) -> None:
    wanted, got = (architecture, num_labels), (about.architecture, about.num_labels)
    if wanted != got:
        raise ModelError(expected(name, f"{wanted} as the network", got))


def _check_same(
    path: Path, wanted: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]
) -> None:
    for name in sorted(set(wanted) | set(found)):
        shapes = [str(tuple(of[name].shape)) if name in of else "none" for of in (wanted, found)]
        if shapes[0] != shapes[1]:
            raise ModelError(expected(f"{path}: {name}", shapes[0], shapes[1]))


def _check_finite(where: str, weights: Mapping[str, torch.Tensor]) -> None:
    for name, one in weights.items():
        if not bool(torch.isfinite(one).all()):
            raise ModelError(expected(f"{where}: {name}", "finite numbers", "NaN or infinity"))
