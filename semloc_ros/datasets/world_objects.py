"""True planar objects of dataset folders of `semloc world make` (see `world_folder`).

`truth/CAMERA/NNNNNN.objects.png` (uint16 RGB) has each pixel's object, 0 = none, and u and v of
its reference image times 65535; `.instances.png` tells two copies of a picture apart.
`frames/TRAVERSAL/objects.json` says where the objects hang: `id`, `instance`, `image` (the
reference, from the world's folder), `corners_map` (top left, top right, bottom right, bottom left),
and perhaps `name`, `title`, `text` and `url`. An object without a name is called after its image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from semloc_ros.datasets.world_folder import read_world_images
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image, read_labels
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.types import FloatArray, ObjectImage, PictureObjects

_FRAMES, _TRUTH, _FILE = "frames", "truth", "objects.json"
_OBJECTS, _INSTANCES = ".objects.png", ".instances.png"
_SCALE = 65535
_WORDS = ("title", "text", "url")


@dataclass(frozen=True, slots=True)
class _Hung:
    """An object in one traversal: `corners_map` (4, 3), see top."""

    object_id: int
    name: str
    image: str
    corners_map: FloatArray
    words: Mapping[str, str]


def world_object_images(frames_folder: Path, prefix: str = "") -> list[ObjectImage]:
    """The images with true objects of a world, or of one traversal of it, `<traversal>/<camera>/
    <frame>`; `prefix` goes before the objects' names, so that those of several worlds differ.

    DatasetError, in one line, if there is no dataset folder, it has no truth of objects, or one is
    broken.
    """
    single = (frames_folder / "sensors").is_dir()
    found = []
    for traversal, images in read_world_images(frames_folder).items():
        folder = frames_folder if single else frames_folder / _FRAMES / traversal
        truths = [(image, folder / _TRUTH / image.name) for image in images]
        known = [one for one in truths if one[1].with_suffix(_OBJECTS).is_file()]
        hung = _read_hung(folder) if known else []
        names = {one.object_id: prefix + one.name for one in hung}
        for image, truth in known:
            read = partial(_read_objects, truth, names)
            found.append(ObjectImage(f"{traversal}/{image.name}", image.read, read))
    if not found:
        wanted = f"{_TRUTH}/CAMERA/NNNNNN{_OBJECTS}"
        raise DatasetError(expected(str(frames_folder), wanted, "none"))
    return found


def world_object_names(frames_folder: Path, prefix: str = "") -> set[str]:
    """What `world_object_images` may show, as its files of objects say, without a look at any
    image; `prefix` and errors as there."""
    single = (frames_folder / "sensors").is_dir()
    runs = [frames_folder] if single else sorted((frames_folder / _FRAMES).iterdir())
    hung = [one for run in runs if (run / _FILE).is_file() for one in _read_hung(run)]
    return {prefix + one.name for one in hung}


def world_map_objects(world_folder: Path, traversal: str, prefix: str = "") -> MapObjects:
    """The objects of a world as they truly hang in one of its traversals, without sightings.

    Copies of one picture are instances of one object. DatasetError, in one line, for what is
    missing or broken.
    """
    copies: dict[int, list[_Hung]] = {}
    for one in _read_hung(world_folder / _FRAMES / traversal):
        copies.setdefault(one.object_id, []).append(one)
    return MapObjects(tuple(_object_of(same, world_folder, prefix) for same in copies.values()))


def map_from_corners(corners_map: FloatArray) -> FloatArray:
    """(4, 3) `map_from_uv` of a rectangle's corners (4, 3): top left, top right, bottom right,
    bottom left. The third is not looked at."""
    top_left, top_right, _, bottom_left = corners_map
    columns = [top_right - top_left, bottom_left - top_left, top_left]
    return np.asarray(np.vstack([np.stack(columns, axis=1), [0.0, 0.0, 1.0]]))


def _object_of(same: Sequence[_Hung], world_folder: Path, prefix: str) -> ObjectOfInterest:
    first = same[0]
    reference = read_image(world_folder / first.image)
    instances = tuple(ObjectInstance(map_from_corners(one.corners_map)) for one in same)
    mask = np.full(reference.shape[:2], 255, np.uint8)
    return ObjectOfInterest(prefix + first.name, reference, mask, instances, **first.words)


def _read_objects(truth: Path, names: Mapping[int, str]) -> PictureObjects:
    """Each copy that a picture shows is an object of its own."""
    path = truth.with_suffix(_OBJECTS)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if image is None or image.dtype != np.uint16 or image.ndim != 3:
        raise DatasetError(expected(str(path), "an RGB image of 16 bits", "another or none"))
    ids = image[:, :, 2]  # OpenCV reads B, G, R
    instances = read_labels(truth.with_suffix(_INSTANCES))
    if instances.shape != ids.shape:
        wanted = f"size {ids.shape}"
        raise DatasetError(expected(str(truth.with_suffix(_INSTANCES)), wanted, instances.shape))
    uv = image[:, :, 1::-1].astype(np.float32) / np.float32(_SCALE)
    uv[ids == 0] = np.nan
    numbers = np.zeros(ids.shape, np.uint16)
    shown = []
    both = ids.astype(np.uint32) << 16 | instances
    for number, pair in enumerate(np.unique(both[ids > 0]).tolist(), start=1):
        if pair >> 16 not in names:
            raise DatasetError(expected(str(path), f"objects of {_FILE}", f"id {pair >> 16}"))
        numbers[both == pair] = number
        shown.append(names[pair >> 16])
    return PictureObjects(numbers, tuple(shown), uv)


def _read_hung(folder: Path) -> list[_Hung]:
    path = folder / _FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            _Hung(
                int(row["id"]), str(row.get("name", Path(row["image"]).stem)), str(row["image"]),
                np.asarray(row["corners_map"], dtype=np.float64).reshape(4, 3),
                {word: str(row.get(word, "")) for word in _WORDS},
            )
            for row in rows
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split()) if path.exists() else "no such file"
        raise DatasetError(expected(str(path), "a list of objects", reason)) from None
