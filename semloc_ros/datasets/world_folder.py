"""Dataset folders of `semloc world make`: kapture, and class labels beside the images.

- Data: made on your machine, yours. Layout: `DIR/world.json` and `DIR/frames/TRAVERSAL/`, each a
  kapture folder (see `kapture`; a rig, images `CAMERA/NNNNNN.jpg`) with
  `truth/CAMERA/NNNNNN.labels.png`, if truth was asked for: uint8 Cityscapes train ids, or 255.
- Poses: as in kapture; the rig's world is the map, metres, z up. Pixel (0, 0) is a CENTRE.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.datasets.kapture import read_kapture_set
from semloc_ros.datasets.label_files import lookup_table, read_table_labels
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import LabelledImage, PosedImage

_WORLD, _FRAMES, _TRUTH, _LABELS = "world.json", "frames", "truth", ".labels.png"
_TRAIN_IDS = lookup_table({one: one for one in (*range(len(classes.NAMES)), classes.UNKNOWN)})


def recognize(folder: Path) -> bool:
    """Whether it is a world with dataset folders, or one of those with truth."""
    whole = (folder / _WORLD).is_file() and (folder / _FRAMES).is_dir()
    return whole or ((folder / _TRUTH).is_dir() and (folder / "sensors").is_dir())


def read_world_images(folder: Path) -> dict[str, list[PosedImage]]:
    """The images of each traversal, with exact poses in the one map of the world.

    DatasetError, in one line, if there is no dataset folder, or one is broken.
    """
    traversals = _traversals(folder)
    return {one.name: read_kapture_set(one).mapping for one in traversals}


def read_world_labels(folder: Path) -> dict[str, list[LabelledImage]]:
    """The images of each traversal that have labels; names as in `read_world_images`."""
    found = {}
    for traversal in _traversals(folder):
        labelled = [
            LabelledImage(image.name, image.read, partial(_read_labels, path))
            for image in read_kapture_set(traversal).mapping
            for path in [(traversal / _TRUTH / image.name).with_suffix(_LABELS)]
            if path.is_file()
        ]
        if labelled:
            found[traversal.name] = labelled
    return found


def _read_labels(path: Path) -> NDArray[np.uint8]:
    return read_table_labels(path, _TRAIN_IDS, "train ids 0-18")


def _traversals(folder: Path) -> list[Path]:
    if (folder / "sensors").is_dir():
        return [folder.resolve()]
    found = sorted(path.parent for path in (folder / _FRAMES).glob("*/sensors") if path.is_dir())
    if not found:
        wanted = f"{_FRAMES}/TRAVERSAL/sensors: `semloc world make` writes it if told to"
        raise DatasetError(expected(str(folder), wanted, "none"))
    return found
