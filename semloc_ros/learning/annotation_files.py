"""Marks of objects in images of a map, as people make them: a JSON file.

    {"objects": {"seascape": {"image": "camera/000012.jpg",
                              "polygon": [[138.0, 208.7], [656.3, 363.2], …],
                              "title": "Seascape", "text": "…", "url": "…"},
                 "exit_2": {"image": …, "mask": "exit_2.png", "class": "exit"}}}

An image is that of a view of the map, by its name or by the end of it that only one has. A polygon
has pixels, (0, 0) the centre of the top-left one; a mask is a PNG of the image's size, the object
where it is not 0. Entries of one `class` are instances of one object; without, each is its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.geometry import cameras
from semloc_ros.learning.object_annotation import Mark
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Camera, FloatArray

_KEYS = {"image", "polygon", "mask", "class", "title", "text", "url"}
_FRACTION_BITS = 4  # OpenCV fills at a sixteenth of a pixel
_LEAST_SIDE = 8  # pixels of a mark
_MOST_SIDE = 4  # times the image's: what a lens shows at its edge may be far out without it


def read_marks(path: Path, semantic_map: SemanticMap, masks: Path | None = None) -> list[Mark]:
    """The marks of a file, in its order; PNG masks are in the folder `masks`, or beside the file.

    DatasetError, in one line that names the file and the entry, for one that is no such mark.
    """
    entries = _read_entries(path)
    folder = path.parent if masks is None else masks
    marks = []
    for name, entry in entries.items():
        try:
            marks.append(_mark_of(name, entry, semantic_map, folder))
        except SemlocError as error:
            raise DatasetError(f"{path} {name} {error}") from None
    return marks


def _read_entries(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition
        )
        entries = content["objects"]
        convention = str(content.get("pixel_convention", "centre"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split()) if path.exists() else "no such file"
        raise DatasetError(expected(str(path), '{"objects": {NAME: …}}', reason)) from None
    if not isinstance(entries, dict) or not entries:
        raise DatasetError(expected(f"{path} objects", "entries by name", "none"))
    if "centre" not in convention and "center" not in convention:
        wanted = "that (0, 0) is the centre of the top-left pixel"
        raise DatasetError(expected(f"{path} pixel_convention", wanted, convention))
    return entries


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]} twice")
    return dict(pairs)


def _mark_of(name: str, entry: Any, semantic_map: SemanticMap, folder: Path) -> Mark:
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise DatasetError(expected("entry", "an image and a polygon or a mask", repr(entry)[:60]))
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise DatasetError(expected("entry", ", ".join(sorted(_KEYS)), unknown[0]))
    if ("polygon" in entry) == ("mask" in entry):
        got = "both" if "mask" in entry else "neither"
        raise DatasetError(expected("entry", "a polygon or a mask", got))
    view = _view_of(entry["image"], semantic_map)
    camera = semantic_map.camera_of(view)
    if "polygon" in entry:
        corner, mask = _of_polygon(_checked_polygon(entry["polygon"], camera), camera)
    else:
        corner, mask = _of_mask(_read_mask(folder / str(entry["mask"]), camera), camera)
    words = {word: str(entry.get(word, "")) for word in ("title", "text", "url")}
    return Mark(name, str(entry.get("class", name)), view, corner, mask, **words)


def _view_of(image: str, semantic_map: SemanticMap) -> int:
    names = semantic_map.view_names
    found = [row for row, name in enumerate(names) if name == image] or [
        row for row, name in enumerate(names) if name.endswith(f"/{image}")
    ]
    if len(found) != 1:
        got = f"{image}, {'which several end in' if found else 'which is none'}"
        raise DatasetError(expected("image", "the name of a view of the map", got))
    return found[0]


def _checked_polygon(given: Any, camera: Camera) -> FloatArray:
    try:
        polygon = np.array(given, dtype=np.float64)
    except (ValueError, TypeError):
        polygon = np.empty(0)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        raise DatasetError(expected("polygon", "three points [x, y] or more", repr(given)[:60]))
    inside = cameras.inside_image(camera, polygon)
    if not inside.all():
        wanted = f"points in the image of {camera.width}x{camera.height}"
        raise DatasetError(expected("polygon", wanted, polygon[~inside][0].tolist()))
    return polygon


def _of_polygon(polygon: FloatArray, camera: Camera) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Corner and mask of a `Mark`; edges are straight as they are in the world."""
    ideal = cameras.undistort_points(camera, polygon)
    corner, size = _box(ideal, camera)
    mask = np.zeros(size, np.uint8)
    fixed = np.rint((ideal - corner) * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_8, _FRACTION_BITS)
    return corner, _checked_mask(mask)


def _of_mask(
    given: NDArray[np.bool_], camera: Camera
) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    rows, columns = np.nonzero(given)
    ideal = cameras.undistort_points(camera, np.stack([columns, rows], axis=1).astype(np.float64))
    corner, (height, width) = _box(ideal, camera)
    grid = np.indices((height, width)).reshape(2, -1)[::-1].T + np.array(corner)
    rays = np.c_[grid, np.ones(len(grid))] @ np.linalg.inv(cameras.intrinsic_matrix(camera)).T
    at = cameras.project(camera, rays)[0].reshape(height, width, 2).astype(np.float32)
    white = np.where(given, 255, 0).astype(np.uint8)
    sampled = cv2.remap(white, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    return corner, _checked_mask(np.where(sampled >= 128, 255, 0).astype(np.uint8))


def _read_mask(path: Path, camera: Camera) -> NDArray[np.bool_]:
    mask = read_labels(path) > 0
    if mask.shape != (camera.height, camera.width) or not mask.any():
        wanted = f"{camera.width}x{camera.height} pixels, some of them not 0"
        got = f"{mask.shape[1]}x{mask.shape[0]}{'' if mask.any() else ', all 0'}"
        raise DatasetError(expected(str(path), wanted, got))
    return mask


def _box(ideal: FloatArray, camera: Camera) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first pixel (x, y), and (height, width), of the whole pixels that hold points (N, 2)."""
    if not np.isfinite(ideal).all():
        raise DatasetError(expected("object", "pixels less than 90° off the axis", "others"))
    low, high = (np.rint(one).astype(int) for one in (ideal.min(axis=0), ideal.max(axis=0)))
    width, height = (high - low + 1).tolist()
    if max(width / camera.width, height / camera.height) > _MOST_SIDE:
        raise DatasetError(expected("object", "pixels nearer the image's middle", "others"))
    return (int(low[0]), int(low[1])), (height, width)


def _checked_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = mask.shape
    if min(height, width) < _LEAST_SIDE or not mask.any():
        wanted = f"an object of {_LEAST_SIDE} pixels or more on each side"
        raise DatasetError(expected("object", wanted, f"{width}x{height}"))
    return mask
