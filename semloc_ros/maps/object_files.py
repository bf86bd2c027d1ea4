"""Objects of interest of a map, beside the map: the folder `MAP/objects`.

Written whole or not at all: `objects.json` says names, words, places and sightings, and bears the
seals of the images (`NNNNNN.png` the reference, `NNNNNN_mask.png`), of its own rows, and of the
map's views. Where the map's views are others, the objects are refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.folders import replaced
from semloc_ros.maps.manifest import read_manifest, sha256_of
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest, Sighting
from semloc_ros.maps.place_files import link_or_copy, seal_of_views
from semloc_ros.maps.sealed_arrays import write_bytes
from semloc_ros.types import FloatArray

OBJECTS_FOLDER = "objects"
_ABOUT = "objects.json"
_FORMAT = 1
_WORDS = ("title", "text", "url")


def save_objects(map_folder: Path, objects: MapObjects) -> Path:
    """Write the objects of a map, over those it has; the folder they are in.

    Raises MapError if they do not fit the map, or if it cannot be written.
    """
    check_objects(map_folder, objects)
    folder = map_folder / OBJECTS_FOLDER
    with replaced(folder) as fresh:
        files = {}
        for row, one in enumerate(objects.objects):
            images = (one.reference[..., ::-1], one.mask)
            for name, image in zip(_image_names(row), images, strict=True):
                content = cv2.imencode(".png", image)[1].tobytes()
                write_bytes(fresh / name, content)
                files[name] = hashlib.sha256(content).hexdigest()
        rows = [_row_of(one) for one in objects.objects]
        about = {
            "format": _FORMAT, "of_views": seal_of_views(map_folder), "files": files,
            "seal": _seal_of(rows), "objects": rows,
        }  # fmt: skip
        text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
        write_bytes(fresh / _ABOUT, text.encode())
    return folder


def load_objects(map_folder: Path, verify: bool = True) -> MapObjects:
    """The objects of a map; `verify` compares images and rows with their seals.

    MapError, in one line, if there are none, if they are of another map's views, or broken.
    """
    folder = map_folder / OBJECTS_FOLDER
    if not folder.exists():
        wanted = "objects of interest (semloc learn objects)"
        raise MapError(expected(str(folder), wanted, "none"))
    about = _read_about(folder)
    if about["of_views"] != seal_of_views(map_folder):
        wanted = "objects of this map's views (semloc learn objects)"
        raise MapError(expected(str(folder), wanted, "those of other views"))
    if verify and about["seal"] != _seal_of(about["objects"]):
        raise MapError(expected(f"{folder / _ABOUT} objects", "their sha256", "another"))
    files = about["files"] if verify else None
    try:
        found = [_object_of(row, n, folder, files) for n, row in enumerate(about["objects"])]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise MapError(expected(str(folder / _ABOUT), "rows of objects", reason)) from None
    objects = MapObjects(tuple(found))
    check_objects(map_folder, objects)
    return objects


def has_objects(map_folder: Path) -> bool:
    """Whether a map has a folder of objects, whole or not."""
    return (map_folder / OBJECTS_FOLDER).exists()


def check_objects(map_folder: Path, objects: MapObjects) -> None:
    """MapError unless the objects agree with each other and with the map in `map_folder`."""
    if not len(objects):
        raise MapError(expected("objects", "at least one", "none"))
    for name in objects.names:
        if not name.strip() or objects.names.count(name) > 1:
            wanted = "different names of objects, none empty"
            raise MapError(expected(str(map_folder), wanted, repr(name)))
    count = read_manifest(map_folder).counts["V"]
    for one in objects.objects:
        _check_object(one, count)


def holds_only_objects(folder: Path) -> bool:
    """Whether a folder holds nothing but objects."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir()}
    known = {_ABOUT, *(name for row in range(len(found)) for name in _image_names(row))}
    return found <= known


def carry_objects(source: Path, target: Path) -> None:
    """Give the map in `target` the objects of the map in `source` if it has the same views."""
    folder = source / OBJECTS_FOLDER
    if not folder.is_dir():
        return
    try:
        fits = _read_about(folder)["of_views"] == seal_of_views(target)
    except MapError:
        return  # broken ones are not worth a copy
    if fits:
        shutil.copytree(folder, target / OBJECTS_FOLDER, copy_function=link_or_copy)


def _image_names(row: int) -> tuple[str, str]:
    return f"{row:06d}.png", f"{row:06d}_mask.png"


def _seal_of(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _row_of(one: ObjectOfInterest) -> dict[str, Any]:
    instances = [
        {
            "map_from_uv": np.asarray(instance.map_from_uv, float).tolist(),
            "sightings": [
                [int(s.view), int(s.num_matches), int(s.num_inliers),
                 *np.asarray(s.image_from_uv, float).ravel().tolist()]
                for s in instance.sightings
            ],
        }
        for instance in one.instances
    ]  # fmt: skip
    return {"name": one.name, **{word: getattr(one, word) for word in _WORDS},
            "instances": instances}  # fmt: skip


def _object_of(
    row: Mapping[str, Any], number: int, folder: Path, seals: Mapping[str, str] | None
) -> ObjectOfInterest:
    """An object as it was stored; its images are compared with `seals` unless None."""
    names = _image_names(number)
    reference = _read_image(folder / names[0], cv2.IMREAD_COLOR_RGB, seals)
    mask = _read_image(folder / names[1], cv2.IMREAD_GRAYSCALE, seals)
    instances = tuple(
        ObjectInstance(
            np.array(one["map_from_uv"], dtype=np.float64),
            tuple(_sighting_of(values) for values in one["sightings"]),
        )
        for one in row["instances"]
    )
    words = {word: str(row[word]) for word in _WORDS}
    return ObjectOfInterest(str(row["name"]), reference, mask, instances, **words)


def _sighting_of(values: list[float]) -> Sighting:
    view, matches, inliers, *matrix = values
    image_from_uv = np.array(matrix, dtype=np.float64).reshape(3, 3)
    return Sighting(int(view), image_from_uv, int(matches), int(inliers))


def _read_image(path: Path, flag: int, seals: Mapping[str, str] | None) -> NDArray[np.uint8]:
    if seals is not None and path.is_file() and sha256_of(path) != seals.get(path.name):
        raise MapError(expected(str(path), f"its sha256 in {_ABOUT}", "another"))
    image = cv2.imread(str(path), flag) if path.is_file() else None
    if image is None:
        reason = "not readable" if path.exists() else "no such file"
        raise MapError(expected(str(path), "an image of an object", reason))
    return np.asarray(image, np.uint8)


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / _ABOUT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        number = content["format"]
        kinds = {"of_views": dict, "files": dict, "seal": str, "objects": list}
        about = {name: kind(content[name]) for name, kind in kinds.items()}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise MapError(expected(str(path), "the objects of a map", reason)) from None
    if number != _FORMAT:
        raise MapError(expected(f"{path} format", _FORMAT, number))
    return about


def _check_object(one: ObjectOfInterest, num_views: int) -> None:
    size = one.mask.shape
    if one.reference.shape != (*size, 3) or one.reference.dtype != np.uint8 or not one.mask.any():
        wanted = "an RGB image and a mask of its size that is not empty"
        got = f"{one.reference.shape} and {size}"
        raise MapError(expected(f"reference of object {one.name}", wanted, got))
    if not one.instances:
        raise MapError(expected(f"object {one.name}", "a place in the map", "none"))
    for number, instance in enumerate(one.instances):
        where = f"instance {number} of object {one.name}"
        _check_mapping(f"map_from_uv of {where}", instance.map_from_uv, (4, 3))
        views = [sighting.view for sighting in instance.sightings]
        if len(set(views)) < len(views) or not set(views) <= set(range(num_views)):
            wanted = f"different rows below {num_views}"
            raise MapError(expected(f"views of {where}", wanted, views))
        for sighting in instance.sightings:
            name = f"image_from_uv of {where} in view {sighting.view}"
            _check_mapping(name, sighting.image_from_uv, (3, 3))


def _check_mapping(name: str, matrix: FloatArray, shape: tuple[int, int]) -> None:
    """MapError unless the matrix takes a plane to a plane."""
    sound = matrix.shape == shape and np.isfinite(matrix).all()
    if not sound or np.linalg.matrix_rank(matrix / (np.abs(matrix).max(axis=1).max() or 1)) < 3:
        wanted = f"finite numbers {shape} of rank 3"
        raise MapError(expected(name, wanted, np.asarray(matrix).tolist()))
