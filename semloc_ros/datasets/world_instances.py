"""True objects of dataset folders of `semloc world make` (see `world_folder`).

`truth/CAMERA/NNNNNN.instances.png` (uint16) numbers the things in the world, `.motions.png` (uint8)
says from 128 on that they move or could: people who stand and parked cars are dynamic.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.instance_numbers import consecutive
from semloc_ros.datasets.label_files import read_values
from semloc_ros.datasets.world_folder import MOVABLE, read_world_images
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_labels
from semloc_ros.types import InstanceImage

_FRAMES, _TRUTH, _INSTANCES, _MOTIONS = "frames", "truth", ".instances.png", ".motions.png"


def read_world_instances(folder: Path) -> list[InstanceImage]:
    """The images of all traversals that have true objects, each `<traversal>/<camera>/<frame>`.

    DatasetError, in one line, if there is no dataset folder, or one is broken.
    """
    single = (folder / "sensors").is_dir()  # one traversal, not a world
    return [
        InstanceImage(f"{name}/{image.name}", image.read, partial(_read_objects, truth))
        for name, images in read_world_images(folder).items()
        for image in images
        for truth in [(folder if single else folder / _FRAMES / name) / _TRUTH / image.name]
        if truth.with_suffix(_INSTANCES).is_file()
    ]


def _read_objects(truth: Path) -> NDArray[np.uint16]:
    objects = read_labels(truth.with_suffix(_INSTANCES))
    path = truth.with_suffix(_MOTIONS)
    motions = read_values(path)
    if motions.shape != objects.shape:
        raise DatasetError(expected(str(path), f"size {objects.shape}", motions.shape))
    return consecutive(np.where(motions >= MOVABLE, objects, 0))
