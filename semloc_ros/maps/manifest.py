"""The manifest of a map folder: what the map is, who made it, and the seal of every file.

`manifest.json` is the only file that is read before anything is believed. `SCHEMA` grows when
an older program could no longer read the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import semloc_ros
from semloc_ros.errors import MapError, expected

SCHEMA = 1
FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the folder; `dtype` and `shape` are empty for files that are no arrays."""

    sha256: str
    dtype: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a map says about itself.

    `models` holds name → sha256 of every network whose output is stored (RootSIFT has none);
    `geographic_origin` is (latitude deg, longitude deg, altitude m) of the map's origin, if
    known; `build` keeps the builder's options and figures, for people.
    """

    feature_model: str
    map_frame: str = "map"
    source: str = ""
    units: str = "m"
    created_by: str = f"semloc_ros {semloc_ros.__version__}"
    schema: int = SCHEMA
    models: Mapping[str, str] = field(default_factory=dict)
    geographic_origin: tuple[float, float, float] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    build: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileEntry] = field(default_factory=dict)


def to_json(manifest: Manifest) -> str:
    """The manifest as indented JSON text."""
    return json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a map folder.

    Raises MapError if it is absent, is not JSON, has a newer schema, or lacks a field.
    """
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise MapError(expected(str(folder), "a map folder", "no such folder"))
    if not path.is_file():
        raise MapError(expected(str(path), "the manifest of a map", "no such file"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MapError(expected(str(path), "JSON text", str(error))) from None
    return _parse(path, content)


def files_of_map(folder: Path) -> set[str]:
    """The names of the files that the manifest of `folder` seals, its own too.

    Empty if there is no manifest of ours: `manifest.json` is a name that many programs use.
    Maps of newer schemas count, so that they can be replaced.
    """
    try:
        content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        _check_schema(folder, {**content, "schema": min(content["schema"], SCHEMA)})
        known = {"feature_model", "map_frame", "created_by"} <= content.keys()
        return {FILE_NAME, *map(str, content["files"])} if known else set()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, MapError):
        return set()


def _parse(path: Path, content: Any) -> Manifest:
    if not isinstance(content, dict):
        raise MapError(expected(str(path), "a JSON object", type(content).__name__))
    _check_schema(path, content)
    origin = content.get("geographic_origin")
    try:
        return Manifest(
            feature_model=str(content["feature_model"]),
            map_frame=str(content["map_frame"]),
            source=str(content["source"]),
            units=str(content["units"]),
            created_by=str(content["created_by"]),
            schema=SCHEMA,
            models=dict(content["models"]),
            geographic_origin=None if origin is None else _origin(origin),
            counts={name: int(count) for name, count in content["counts"].items()},
            build=dict(content["build"]),
            files={name: _entry(entry) for name, entry in content["files"].items()},
        )
    except KeyError as error:
        raise MapError(expected(str(path), f"the field {error}", "none")) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise MapError(expected(str(path), "fields of a manifest", str(error))) from None


def _check_schema(path: Path, content: Mapping[str, Any]) -> None:
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise MapError(expected(f"{path} schema", f"a number from 1 to {SCHEMA}", repr(schema)))
    if schema > SCHEMA:
        maker = content.get("created_by", "a newer semloc_ros")
        wanted = f"at most {SCHEMA}"
        raise MapError(
            expected(f"{path} schema", wanted, f"{schema} (made by {maker}: upgrade semloc_ros)")
        )


def _origin(values: Any) -> tuple[float, float, float]:
    latitude, longitude, altitude = (float(value) for value in values)
    return latitude, longitude, altitude


def _entry(entry: Mapping[str, Any]) -> FileEntry:
    shape = tuple(int(size) for size in entry["shape"])
    return FileEntry(str(entry["sha256"]), str(entry["dtype"]), shape)
