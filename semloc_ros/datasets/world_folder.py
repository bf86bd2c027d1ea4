"""Dataset folders of `semloc world make`: kapture, and truth of the pixels beside the images.

- Data: made on your machine, yours. Layout: `DIR/world.json` and `DIR/frames/TRAVERSAL/`, each a
  kapture folder (see `kapture`; a rig, images `CAMERA/NNNNNN.jpg`) with
  `truth/CAMERA/NNNNNN.labels.png`, if truth was asked for: uint8 Cityscapes train ids, or 255;
  and `NNNNNN.motions.png`, uint8: from 128 on people and vehicles, 255 where they move.
- Poses: as in kapture; the rig's world is the map, metres, z up. Pixel (0, 0) is a CENTRE.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.datasets.kapture import read_kapture_set
from semloc_ros.datasets.label_files import lookup_table, read_table_labels, read_values
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import FloatArray, LabelledImage, PosedImage

ReadView = Callable[[], NDArray[np.uint8]]
_Frames = dict[int, list[tuple[PosedImage, Path]]]  # with files of truth, by stamp (ns)

MOVABLE, MOVING = 128, 255  # of motions: what can move is this and more; what does
_WORLD, _FRAMES, _TRUTH = "world.json", "frames", "truth"
_LABELS, _MOTIONS = ".labels.png", ".motions.png"
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


def read_view_labels(folder: Path, semantic_map: SemanticMap) -> dict[str, ReadView]:
    """By the name of each view of a map of this world: what reads its labels (H, W).

    Views are known by their stamps and poses: maps of a bag name them otherwise. DatasetError, in
    one line, for a view that is none of the world's, or has no truth.
    """
    frames = _frames(folder, _LABELS)
    found: dict[str, ReadView] = {}
    for view, name in enumerate(semantic_map.view_names):
        stamp, pose = int(semantic_map.view_stamps_ns[view]), semantic_map.camera_from_map[view]
        path = _truth_of(folder, frames, stamp, pose, f"view {name}")
        found[name] = partial(_read_labels, path)
    return found


def read_true_masks(
    folder: Path, least: int = MOVABLE
) -> Callable[[PosedImage], NDArray[np.uint8]]:
    """What gives the true mask (H, W) of an image of this world, 255 = people and vehicles,
    moving or not; with `least=MOVING` those that move just then. Images are known by their stamps
    and poses: those of a bag do as well.

    DatasetError, in one line, here if there is no dataset folder, and there for an image that is
    none of the world's, or has no truth.
    """
    frames = _frames(folder, _MOTIONS)

    def mask_of(image: PosedImage) -> NDArray[np.uint8]:
        pose = image.camera_from_map
        path = _truth_of(folder, frames, image.stamp_ns, pose, f"image {image.name}")
        return np.where(read_values(path) >= least, 255, 0).astype(np.uint8)

    return mask_of


def _frames(folder: Path, ending: str) -> _Frames:
    near: _Frames = {}
    for traversal in _traversals(folder):
        for image in read_kapture_set(traversal).mapping:
            path = (traversal / _TRUTH / image.name).with_suffix(ending)
            near.setdefault(image.stamp_ns, []).append((image, path))
    return near


def _truth_of(
    folder: Path, frames: _Frames, stamp_ns: int, camera_from_map: FloatArray, what: str
) -> Path:
    here = frames.get(stamp_ns, [])
    paths = [path for one, path in here if _same_place(one.camera_from_map, camera_from_map)]
    if len(paths) != 1 or not paths[0].is_file():
        wanted = f"a picture with truth taken when and where {what} was"
        raise DatasetError(expected(str(folder), wanted, "none"))
    return paths[0]


def _same_place(one: FloatArray, other: FloatArray) -> bool:
    """Whether two `camera_from_map` are of the same camera: less than 20 cm and some 6° apart."""
    difference = one @ se3.inverse(other)
    return bool(
        np.linalg.norm(difference[:3, 3]) < 0.2 and np.trace(difference[:3, :3]) > 2.99
    )


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
