"""Descriptors of a map's views as places, beside the map: `MAP/places/MODEL-SHA256/`.

Each model has a folder of its own, written whole or not at all: `places.json` names the model and
its sha256, seals each array, and bears the seal of the views that were described. Where the map's
views are others, the places are refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.folders import replaced
from semloc_ros.maps.manifest import FileEntry, read_manifest, sha256_of
from semloc_ros.maps.sealed_arrays import read_array, write_array, write_bytes
from semloc_ros.types import LabelMap

PLACES_FOLDER = "places"
_ABOUT = "places.json"
_FORMAT = 1
_OF_VIEWS = ("camera_from_map.npy", "view_cameras.npy", "view_stamps_ns.npy", "views.json")
_ARRAYS: dict[str, tuple[tuple[str, ...], int]] = {  # name → dtypes, dimensions
    "descriptors": (("float32",), 2),
    "views": (("int64",), 1),
    "grids": (("uint8", "uint16"), 3),
    "counted": (("bool",), 1),
}
_OF_LABELS = ("grids", "counted")  # there where the views had label maps


@dataclass(frozen=True, slots=True)
class PlaceDescriptors:
    """N described views of a map.

    `model` and `sha256` of the network; `descriptors` (N, D) float32 of unit length; `views` (N,)
    int64 rows of the map's views, each once; `grids`, if the views had label maps, (N, rows,
    columns) uint8 or uint16 coarse labels, the largest number for unknown, and `counted` (L,) which
    of the L labels they tell of.
    """

    model: str
    sha256: str
    descriptors: NDArray[np.float32]
    views: NDArray[np.int64]
    grids: LabelMap | None = None
    counted: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.views)


@dataclass(frozen=True, slots=True)
class PlacesAbout:
    """What `places.json` says; `of_views` is the seal of the views, by file of the map."""

    model: str
    sha256: str
    of_views: Mapping[str, str]
    files: Mapping[str, FileEntry]


def save_places(map_folder: Path, places: PlaceDescriptors) -> Path:
    """Write the places of a map, over older ones of the same model; the folder they are in.

    Raises MapError if they do not fit the map, or if it cannot be written.
    """
    check_places(map_folder, places)
    folder = map_folder / PLACES_FOLDER / _name(places.model, places.sha256)
    with replaced(folder) as fresh:
        files = {}
        for name in _ARRAYS:
            array = getattr(places, name)
            if array is not None:
                files[f"{name}.npy"] = write_array(fresh / f"{name}.npy", array)
        about = {
            "format": _FORMAT, "model": places.model, "sha256": places.sha256,
            "of_views": seal_of_views(map_folder),
            "files": {name: [one.sha256, one.dtype, one.shape] for name, one in files.items()},
        }  # fmt: skip
        write_bytes(fresh / _ABOUT, (json.dumps(about, indent=1) + "\n").encode())
    return folder


def load_places(map_folder: Path, model: str, sha256: str, verify: bool = True) -> PlaceDescriptors:
    """The places that `model`, whose weights have this sha256, described in a map.

    Arrays are memory-mapped and read-only; `verify` compares them with their seals. MapError, in
    one line, if there are none, if they are of other weights or of another map's views, or broken.
    """
    path = map_folder / PLACES_FOLDER / _name(model, sha256)
    if not path.exists():
        raise MapError(_absent(map_folder, model, sha256))
    about = _read_about(path)
    if (about.model, about.sha256) != (model, sha256):
        wanted = f"places of {model} {sha256[:12]}…"
        raise MapError(expected(str(path), wanted, f"{about.model} {about.sha256[:12]}…"))
    if about.of_views != seal_of_views(map_folder):
        wanted = "places of this map's views (semloc map places)"
        raise MapError(expected(str(path), wanted, "those of other views"))
    arrays = {name: _read_array(path, name, about, verify) for name in _ARRAYS}
    if arrays["descriptors"] is None or arrays["views"] is None:
        raise MapError(expected(str(path / _ABOUT), "descriptors and views", "none"))
    places = PlaceDescriptors(about.model, about.sha256, **arrays)
    check_places(map_folder, places)
    return places


def list_places(map_folder: Path) -> dict[Path, PlacesAbout]:
    """By its folder what each set of places of a map says about itself, by name."""
    folder = map_folder / PLACES_FOLDER
    if not folder.is_dir():
        return {}
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return {path: _read_about(path) for path in paths}


def check_places(map_folder: Path, places: PlaceDescriptors) -> None:
    """MapError unless the arrays agree with each other and with the map in `map_folder`."""
    if (places.grids is None) != (places.counted is None):
        raise MapError(expected("grids of places", "the labels that they tell of", "none"))
    for name, (dtypes, dimensions) in _ARRAYS.items():
        array = getattr(places, name)
        if array is None and name in _OF_LABELS:
            continue
        if array.dtype.name not in dtypes or array.ndim != dimensions:
            wanted = f"{' or '.join(dtypes)} of {dimensions} dimensions"
            raise MapError(expected(name, wanted, f"{array.dtype.name} {array.shape}"))
        if not array.size or (name != "counted" and len(array) != len(places)):
            wanted = f"{len(places) or 'some'} rows"
            raise MapError(expected(f"{name} of places", wanted, len(array)))
    count = read_manifest(map_folder).counts["V"]
    views = np.asarray(places.views)
    if len(np.unique(views)) != len(views) or views.min() < 0 or views.max() >= count:
        wanted, got = f"different rows below {count}", f"{views.min()} to {views.max()}"
        raise MapError(expected("views of places", wanted, got))


def holds_only_places(folder: Path) -> bool:
    """Whether a folder holds nothing but places, whole or as a killed writer left them."""
    known = {_ABOUT, *(f"{name}.npy" for name in _ARRAYS)}
    return folder.is_dir() and all(
        one.is_dir() and {inner.name for inner in one.iterdir()} <= known
        for one in folder.iterdir()
    )


def carry_places(source: Path, target: Path) -> None:
    """Give the map in `target` those places of the map in `source` whose views it has too."""
    seal = seal_of_views(target)
    folder = source / PLACES_FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            fits = _read_about(path).of_views == seal
        except MapError:
            continue  # broken ones are not worth a copy
        if fits:
            shutil.copytree(path, target / PLACES_FOLDER / path.name, copy_function=link_or_copy)


def link_or_copy(source: str, target: str) -> None:
    """The same file by another name, or a copy; for files that are never written in place."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _name(model: str, sha256: str) -> str:
    return f"{re.sub(r'[^0-9A-Za-z_-]', '_', model)[:80]}-{sha256[:12]}"


def _absent(map_folder: Path, model: str, sha256: str) -> str:
    """The line that says which places a map has instead of those wanted."""
    kept = list_places(map_folder).values()
    wanted = f"places of {model} {sha256[:12]}… (semloc map places)"
    got = ", ".join(sorted(f"{one.model} {one.sha256[:12]}…" for one in kept)) or "none"
    return expected(str(map_folder / PLACES_FOLDER), wanted, got)


def seal_of_views(map_folder: Path) -> dict[str, str]:
    """The sha256 of the files that say which views a map has; MapError if it does not say so."""
    files = read_manifest(map_folder).files
    missing = [name for name in _OF_VIEWS if name not in files]
    if missing:
        raise MapError(expected(str(map_folder), f"an entry for {missing[0]}", "none"))
    return {name: files[name].sha256 for name in _OF_VIEWS}


def _read_about(folder: Path) -> PlacesAbout:
    path = folder / _ABOUT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        number = content["format"]
        files = {
            str(name): FileEntry(str(sha256), str(dtype), tuple(map(int, shape)))
            for name, (sha256, dtype, shape) in content["files"].items()
        }
        of_views = {str(name): str(sha256) for name, sha256 in content["of_views"].items()}
        about = PlacesAbout(str(content["model"]), str(content["sha256"]), of_views, files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise MapError(expected(str(path), "what places are in the folder", reason)) from None
    if number != _FORMAT:
        raise MapError(expected(f"{path} format", _FORMAT, number))
    return about


def _read_array(folder: Path, name: str, about: PlacesAbout, verify: bool) -> Any:
    """An array, memory-mapped; None where there is no such array."""
    path = folder / f"{name}.npy"
    entry = about.files.get(path.name)
    if entry is None:
        return None
    # what is no file is said by reading it
    if verify and path.is_file() and sha256_of(path) != entry.sha256:
        raise MapError(expected(str(path), "its sha256 in places.json", "another"))
    return read_array(path, entry)
