"""From a map's objects, or a world's, to a model file: what `semloc train objects` calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from semloc_ros.config.object_learning import ObjectTrainingConfig
from semloc_ros.datasets.instance_sets import read_instance_images
from semloc_ros.datasets.map_objects import map_object_images
from semloc_ros.datasets.world_objects import (
    world_map_objects,
    world_object_images,
    world_object_names,
)
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.loop import Tell, is_first, train
from semloc_ros.learning.object_room import PointsOf, points_of
from semloc_ros.learning.object_samples import KeptObjects, split_object_images
from semloc_ros.learning.objects import ObjectPictures, ObjectProgram, as_uv
from semloc_ros.learning.programs import Origin, begun_with, training_folder
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects
from semloc_ros.networks.model_files import save_model
from semloc_ros.networks.object_about import ObjectAbout
from semloc_ros.networks.object_detection import make_object_network
from semloc_ros.networks.object_starting import start_objects
from semloc_ros.types import InstanceImage, ObjectImage

_POINTS = "points3d"
_FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class ObjectData:
    """Where images with objects come from: a map and the folder or bag of its images, or worlds (or
    single traversals of them), or both.

    The objects are the map's, or all of the worlds; those of several worlds are called
    `WORLD/NAME`. `validation` are worlds or traversals, too, of the same objects; without, images
    are kept back or not, as the options say. `occluders` are images as of
    `instance_sets.read_instance_images`, whose people are pasted.
    """

    map: Path | None = None
    images: Path | None = None
    worlds: tuple[Path, ...] = ()
    validation: tuple[Path, ...] = ()
    occluders: tuple[Path, ...] = ()


def train_objects(
    data: ObjectData, config: ObjectTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train a network of objects and write the model to `out`; the numbers of `loop.train`.

    `start` as of `object_starting.start_objects`. State and log go to a folder beside `out`. Raises
    SemlocError in one line for folders, weights or options that do not do.
    """
    same = begun_with(config, config.training, seed, start)
    same["folders"] = " ".join(one.name for one in _folders(data))
    training, validation = read_object_split(data, config, seed)
    kept = _kept(training, validation, config.memory_mb)
    names = _names(data, kept)
    points = points_of(_objects(data), names) if config.head == _POINTS else None
    about = _about(out, config, names, points, data, origin or Origin())
    about.check()  # before hours of training, not after
    network = make_object_network(
        config.architecture, config.head, len(names), config.short_side, about.residual,
        torch.Generator().manual_seed(seed),
    )  # fmt: skip
    if start is not None:
        start_objects(network, names, start, torch.Generator().manual_seed(seed))
    labels = {name: number for number, name in enumerate(names, 1)}
    pictures = ObjectPictures(*kept, labels, _occluders(data))
    program = ObjectProgram(network, pictures, config, seed, points or as_uv)
    found = train(program, config.training, training_folder(out), seed, tell, same)
    if is_first():
        save_model(out, network, about)
    return found


def read_object_split(
    data: ObjectData, config: ObjectTrainingConfig, seed: int
) -> tuple[list[ObjectImage], list[ObjectImage]]:
    """Images to train on and images to validate with."""
    prefixes = _prefixes((*data.worlds, *data.validation), data.map is not None)
    found = []
    if data.map is not None and data.images is not None:
        found += map_object_images(data.map, data.images)
    for folder in data.worlds:
        found += world_object_images(folder, prefixes[folder])
    if not found:
        raise DatasetError(expected("images", "a map with --images, or --world", "none"))
    if not data.validation:
        rng = np.random.default_rng(seed)
        return split_object_images(found, config.validation_share, config.blocks, rng)
    held = [
        one for folder in data.validation for one in world_object_images(folder, prefixes[folder])
    ]
    return found, held


def _folders(data: ObjectData) -> list[Path]:
    own = [one for one in (data.map, data.images) if one is not None]
    return [*own, *data.worlds, *data.validation, *data.occluders]


def _prefixes(worlds: Sequence[Path], is_of_map: bool) -> dict[Path, str]:
    """What goes before the objects' names of each world: nothing, if there is only one, or if they
    are those of a map."""
    homes = {folder: _world_of(folder) for folder in worlds}
    if is_of_map or len(set(homes.values())) < 2:
        return dict.fromkeys(worlds, "")
    return {folder: f"{home.name}/" for folder, home in homes.items()}


def _world_of(folder: Path) -> Path:
    """The world's folder of a world or of a traversal of it."""
    home = folder.resolve()
    return home.parents[1] if home.parent.name == _FRAMES else home


def _kept(
    training: list[ObjectImage], validation: list[ObjectImage], memory_mb: int
) -> tuple[KeptObjects, KeptObjects]:
    """With room for both; what is both is read once."""
    if training == validation:
        both = KeptObjects(training, memory_mb)
        return both, both
    return KeptObjects(training, 0.8 * memory_mb), KeptObjects(validation, 0.2 * memory_mb)


def _names(data: ObjectData, kept: tuple[KeptObjects, KeptObjects]) -> tuple[str, ...]:
    """Of the objects: the map's, in its order, or those that the images show, sorted. DatasetError
    for one that only images of `--validation` show."""
    prefixes = _prefixes((*data.worlds, *data.validation), data.map is not None)
    hung = {name for folder in prefixes for name in world_object_names(folder, prefixes[folder])}
    if data.map is None:
        own = kept[:1] if data.validation else kept
        names = tuple(sorted(_shown(own, hung)))
    else:
        names = load_objects(data.map).names
    if not names:
        raise DatasetError(expected("images", "objects in them", "none"))
    strange = sorted(_shown(kept, hung - set(names)))
    if strange:
        wanted = "objects of the map" if data.map is not None else "objects of the training images"
        raise DatasetError(expected("images", wanted, strange[0]))
    return names


def _shown(parts: Sequence[KeptObjects], sought: set[str]) -> set[str]:
    """Which of the objects that hang somewhere the images show. They are read until all have been
    seen, in any order, as neighbours show the same; none if nothing is sought."""
    left = set(sought)
    for part in parts:
        for row in np.random.default_rng(0).permutation(len(part)).tolist():
            if not left:
                break
            left.difference_update(part[row][1].names)
    return sought - left


def _objects(data: ObjectData) -> list[MapObjects]:
    """Where the objects hang, as each source says."""
    found = [] if data.map is None else [load_objects(data.map)]
    prefixes = _prefixes((*data.worlds, *data.validation), data.map is not None)
    for folder in data.worlds:
        world = _world_of(folder)
        single = folder.resolve() != world
        runs = [folder.resolve()] if single else sorted((world / _FRAMES).iterdir())
        found += [world_map_objects(world, run.name, prefixes[folder]) for run in runs]
    return found


def _occluders(data: ObjectData) -> list[InstanceImage]:
    return [one for folder in data.occluders for one in read_instance_images(folder)]


def _about(
    out: Path, config: ObjectTrainingConfig, names: tuple[str, ...], points: PointsOf | None,
    data: ObjectData, origin: Origin,
) -> ObjectAbout:  # fmt: skip
    about = ObjectAbout(
        out.stem, config.architecture, config.head, config.short_side, names,
        training=origin.command,
        data=origin.data or ", ".join(one.name for one in _folders(data)), licence=origin.licence,
    )  # fmt: skip
    if points is None:
        return about
    return replace(about, offset=points.offset, scale=points.scale)
