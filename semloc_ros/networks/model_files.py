"""Trained networks on disk: safetensors, which holds numbers and no code, and what they are.

Everything that is wrong with a file is a `ModelError` of one line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.networks.detection import InstanceNetwork, empty_instance_network
from semloc_ros.networks.manifest import add_to_manifest, find_model
from semloc_ros.networks.model_about import (
    METADATA_KEY,
    About,
    InstanceAbout,
    ModelAbout,
    ObjectAbout,
    PlaceAbout,
    PoseAbout,
    check_gives,
    read_about,
    to_json,
)
from semloc_ros.networks.object_detection import ObjectNetwork, empty_object_network
from semloc_ros.networks.places import PlaceNetwork, empty_place_network
from semloc_ros.networks.pose_regression import PoseNetwork, empty_pose_network
from semloc_ros.networks.segmentation import SegmentationNetwork, empty_network
from semloc_ros.networks.starting import start_from

__all__ = [
    "InstanceAbout", "ModelAbout", "ObjectAbout", "PlaceAbout", "PoseAbout", "add_to_manifest",
    "find_model", "load_instance_network", "load_label_network", "load_model",
    "load_object_network", "load_place_network", "load_pose_network", "read_about", "save_model",
    "start_from",
]  # fmt: skip

_EMPTY: dict[type[About], Callable[..., nn.Module]] = {
    ModelAbout: empty_network,
    PlaceAbout: empty_place_network,
    InstanceAbout: empty_instance_network,
    PoseAbout: empty_pose_network,
    ObjectAbout: empty_object_network,
}  # from what stands in `shape_fields`
_READABLE = 0o644


def save_model(path: Path, network: nn.Module, about: About) -> None:
    """Write the weights and what they are, in one rename: a killed process leaves the old file.

    Raises ModelError if the two do not agree, a weight is not finite, or it cannot be written.
    """
    from safetensors.torch import save_file

    check_agrees(network, about)
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


def load_model(path: Path) -> tuple[Any, About]:
    """The network of a file by `save_model`, on the CPU in evaluation mode, and what it is.

    Raises ModelError for a missing or damaged file, and for one that is another's.
    """
    from safetensors.torch import load_file

    about = read_about(path)
    try:
        network = _EMPTY[type(about)](*_shape(about, about))
    except ConfigError as error:
        raise ModelError(f"{path}: {error}") from None
    weights = load_file(path)
    _check_same(path, _state(network), weights)
    _check_finite(str(path), weights)
    network.load_state_dict(weights)
    return network.eval(), about


def load_label_network(path: Path) -> tuple[SegmentationNetwork, ModelAbout]:
    """`load_model` of a segmentation network; ModelError for a model of another kind."""
    network, about = load_model(path)
    return network, check_gives(path, about, ModelAbout)


def load_place_network(path: Path) -> tuple[PlaceNetwork, PlaceAbout]:
    """`load_model` of a place network; ModelError for a model of another kind."""
    network, about = load_model(path)
    return network, check_gives(path, about, PlaceAbout)


def load_instance_network(path: Path) -> tuple[InstanceNetwork, InstanceAbout]:
    """`load_model` of an instance network; ModelError for a model of another kind."""
    network, about = load_model(path)
    return network, check_gives(path, about, InstanceAbout)


def load_object_network(path: Path) -> tuple[ObjectNetwork, ObjectAbout]:
    """`load_model` of a network of objects; ModelError for a model of another kind."""
    network, about = load_model(path)
    return network, check_gives(path, about, ObjectAbout)


def load_pose_network(path: Path) -> tuple[PoseNetwork, PoseAbout]:
    """`load_model` of a pose network; ModelError for a model of another kind."""
    network, about = load_model(path)
    return network, check_gives(path, about, PoseAbout)


def check_agrees(network: nn.Module, about: About) -> None:
    """Raises ModelError unless `about` is in itself right and what the network was built as."""
    about.check()
    wanted, got = _shape(network, about), _shape(about, about)
    if wanted != got:
        raise ModelError(expected("about", f"{wanted} as the network", got))


def _shape(of: object, about: About) -> tuple[object, ...]:
    return tuple(getattr(of, name, None) for name in about.shape_fields)


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())


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
