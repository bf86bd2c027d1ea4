"""A map on disk: one folder, written whole or not at all, checked when it is read.

Arrays are plain `.npy` files (memory-mapped on loading), names and cameras are `views.json`,
and `manifest.json` seals every file by sha256. The format is described in docs/maps.md.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from semloc_ros.errors import MapError, SemlocError, expected
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.maps.checks import check_content, check_layout
from semloc_ros.maps.folders import check_named, replaced
from semloc_ros.maps.manifest import (
    FILE_NAME,
    FileEntry,
    Manifest,
    files_of_map,
    read_manifest,
    sha256_of,
    to_json,
)
from semloc_ros.maps.object_files import OBJECTS_FOLDER, carry_objects, holds_only_objects
from semloc_ros.maps.place_files import PLACES_FOLDER, carry_places, holds_only_places
from semloc_ros.maps.sealed_arrays import read_array, write_array, write_bytes
from semloc_ros.maps.semantic_map import ARRAYS, NO_CONFUSION, NO_STATIONARY, SemanticMap
from semloc_ros.types import Camera

VIEWS_FILE = "views.json"
CACHE_FOLDER = "label_points"  # made of the map by the localizer; goes with the map it is of
_LATER: dict[str, NDArray[Any]] = {  # arrays that older maps of this schema do not have
    "label_confusion": NO_CONFUSION, "label_stationary": NO_STATIONARY,
}  # fmt: skip


def save_map(semantic_map: SemanticMap, folder: Path, places_of: Path | None = None) -> None:
    """Write the map to `folder`, replacing a map that is there.

    The folder appears in one rename: a killed process leaves the old map, or none, never half
    of one. Places and objects of the map `places_of`, which may be `folder`, go along if its views
    are the same; others are gone with the old map. Raises MapError if the arrays do not agree, if
    `folder` is something else than a map or holds files of others (they are not touched), or if it
    cannot be written.
    """
    counts = check_layout({name: getattr(semantic_map, name) for name in ARRAYS})
    check_content(semantic_map)
    check_replaceable(folder)
    with replaced(folder) as fresh:
        files = _write_files(semantic_map, fresh)
        manifest = dataclasses.replace(semantic_map.manifest, files=files, counts=counts)
        write_bytes(fresh / FILE_NAME, to_json(manifest).encode())
        read_manifest(fresh)  # what could not be read again does not replace a map
        if places_of is not None:
            carry_places(places_of, fresh)
            carry_objects(places_of, fresh)


def load_map(folder: Path, verify: bool = True) -> SemanticMap:
    """The map in `folder`, its arrays memory-mapped and read-only.

    `verify` also compares every file with its sha256 and checks poses and indices; without it
    only the manifest, shapes and dtypes are checked. Raises MapError with one line that says
    what is wrong.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    older = {name for name in _LATER if _array_file(name) not in manifest.files}
    for name in (*(_array_file(one) for one in ARRAYS if one not in older), VIEWS_FILE):
        _check_listed(folder, name, manifest)
    if verify:
        for name, entry in manifest.files.items():
            _check_seal(folder / name, entry)
    arrays = {
        name: _LATER[name] if name in older
        else read_array(folder / _array_file(name), manifest.files[_array_file(name)])
        for name in ARRAYS
    }  # fmt: skip
    counts = check_layout(arrays)
    if counts != manifest.counts:
        raise MapError(expected(f"{folder / FILE_NAME} counts", counts, manifest.counts))
    names, cameras = _read_views(folder / VIEWS_FILE, len(arrays["camera_from_map"]))
    semantic_map = SemanticMap(manifest, names, cameras, **arrays)
    if verify:
        check_content(semantic_map)
    return semantic_map


def _array_file(name: str) -> str:
    return f"{name}.npy"


def _write_files(semantic_map: SemanticMap, folder: Path) -> dict[str, FileEntry]:
    files = {}
    for name in ARRAYS:
        path = folder / _array_file(name)
        files[path.name] = write_array(path, getattr(semantic_map, name))
    views = {
        "names": list(semantic_map.view_names),
        "cameras": [dataclasses.asdict(camera) for camera in semantic_map.cameras],
    }
    content = (json.dumps(views, indent=1, ensure_ascii=False) + "\n").encode()
    write_bytes(folder / VIEWS_FILE, content)
    files[VIEWS_FILE] = FileEntry(hashlib.sha256(content).hexdigest())
    return files


def check_replaceable(folder: Path) -> None:
    """Raise MapError if `folder` holds anything but a map of ours: it will not be overwritten."""
    check_named(folder)
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    known = files_of_map(folder)
    if known:
        known |= {name for name in found if name.lstrip(".").split(".new-")[0] == CACHE_FOLDER}
    if known and holds_only_places(folder / PLACES_FOLDER):
        known.add(PLACES_FOLDER)
    if known and holds_only_objects(folder / OBJECTS_FOLDER):
        known.add(OBJECTS_FOLDER)
    foreign = sorted(found - known)
    if foreign:
        got = f"{foreign[0]} (delete or move it first)"
        raise MapError(expected(str(folder), "a map or nothing", got))


def _check_listed(folder: Path, name: str, manifest: Manifest) -> None:
    if name not in manifest.files:
        raise MapError(expected(str(folder / FILE_NAME), f"an entry for {name}", "none"))
    if not (folder / name).is_file():
        raise MapError(expected(str(folder / name), "a file of the map", "no such file"))


def _check_seal(path: Path, entry: FileEntry) -> None:
    if not path.is_file():
        raise MapError(expected(str(path), "a file of the map", "no such file"))
    found = sha256_of(path)
    if found != entry.sha256:
        wanted = f"sha256 {entry.sha256[:12]}… as in the manifest"
        raise MapError(expected(str(path), wanted, f"{found[:12]}… (truncated or edited)"))


def _read_views(path: Path, count: int) -> tuple[tuple[str, ...], tuple[Camera, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(str(name) for name in content["names"])
        cameras = tuple(_camera(fields) for fields in content["cameras"])
    except SemlocError as error:
        raise MapError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise MapError(expected(str(path), "names and cameras", str(error))) from None
    if len(names) != count or len(set(names)) != count:
        raise MapError(expected(str(path), f"{count} different view names", len(set(names))))
    return names, cameras


def _camera(fields: dict[str, Any]) -> Camera:
    camera = Camera(**{**fields, "distortion": tuple(fields["distortion"])})
    if not (isinstance(camera.width, int) and isinstance(camera.height, int)):
        raise MapError(expected("camera", "a size", f"{camera.width}x{camera.height}"))
    check_camera("camera", camera)
    return camera
