"""Start a network of objects from the weights of another, whose objects are others, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.model_about import ObjectAbout, read_about
from semloc_ros.networks.object_detection import ObjectNetwork
from semloc_ros.networks.starting import start_from

_CLASSES = ("detector.roi_heads.box_predictor.cls_score.",)  # row 0 is the background
_OBJECTS = ("matches.last.", "matches.homography.last.")  # tensors with a row for each object
_BOXES = "detector.roi_heads.box_predictor.bbox_pred."
_ROWS = ("weight", "bias")
_UNLIKE = 0.01  # standard deviation of what rows of new objects differ by, or none would learn


def start_objects(
    network: ObjectNetwork, names: Sequence[str], path: Path, generator: torch.Generator
) -> list[str]:
    """`starting.start_from` for a network of objects of these names; returns what was taken.

    Of a file of another network of objects the weights of those that both know are taken by name;
    new ones start as the mean of those that it knows, which finds and matches whatever hangs in a
    frame. Errors as `start_from`.
    """
    if len(names) != network.num_objects:
        wanted = f"{network.num_objects}, as the network has objects"
        raise ModelError(expected("names", wanted, len(names)))
    own = {name: one.clone() for name, one in network.state_dict().items()}
    taken = start_from(network, path)
    if path.suffix != ".safetensors":  # as many classes as COCO has are others all the same
        return _without_classes(network, own, taken)
    about = read_about(path)
    if not isinstance(about, ObjectAbout):
        return taken
    from safetensors.torch import load_file

    found, state = load_file(path), network.state_dict()
    rows = {name: row for row, name in enumerate(about.names)}
    known = [rows.get(name) for name in names]
    for name in (f"{layer}{kind}" for layer in (*_CLASSES, *_OBJECTS, _BOXES) for kind in _ROWS):
        first = 0 if name.startswith(_OBJECTS) else 1
        if name not in found or name not in state:
            continue
        if name.startswith(_BOXES) and len(found[name]) == 4:
            continue  # alike for all objects
        group = 4 if name.startswith(_BOXES) else 1
        theirs = found[name].view(-1, group, *found[name].shape[1:])
        if theirs.shape[2:] != own[name].shape[1:]:
            state[name].copy_(own[name])
            continue
        state[name].copy_(_joined(theirs, known, first, generator).view_as(own[name]))
        taken.append(name)
    return sorted(set(taken))


def _without_classes(
    network: ObjectNetwork, own: dict[str, torch.Tensor], taken: list[str]
) -> list[str]:
    """The last layers of boxes as they were, and what else was taken."""
    last = [name for name in taken if name.startswith((*_CLASSES, _BOXES))]
    state = network.state_dict()
    for name in last:
        state[name].copy_(own[name])
    return [name for name in taken if name not in last]


def _joined(
    theirs: torch.Tensor, known: Sequence[int | None], first: int, generator: torch.Generator
) -> torch.Tensor:
    """The `first` rows, which are no object's, and of each object its row, or their mean."""
    objects = theirs[first:]
    mean = objects.mean(0)
    noise = _UNLIKE * torch.randn((len(known), *mean.shape), generator=generator)
    each = [
        mean + unlike if row is None else objects[row]
        for row, unlike in zip(known, noise, strict=True)
    ]
    return torch.cat([theirs[:first], torch.stack(each)])
