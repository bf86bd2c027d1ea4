"""The manifest of a map folder: what the map is, who made it, and the seal of every file.

`manifest.json` is the only file that is read before anything is believed. `SCHEMA` grows when
an older program could no longer read the folder.
"""

from __future__ import annotations

import hashlib
import json
import math
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

    Raises MapError if it is absent, is not JSON, has a newer schema, lacks a field, or holds a
    value that cannot be meant.
    """
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise MapError(expected(str(folder), "a map folder", "no such folder"))
    if not path.is_file():
        raise MapError(expected(str(path), "the manifest of a map", "no such file"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
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


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file, read piece by piece."""
    seal = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            seal.update(block)
    return seal.hexdigest()


def _parse(path: Path, content: Any) -> Manifest:
    if not isinstance(content, dict):
        raise MapError(expected(str(path), "a JSON object", type(content).__name__))
    _check_schema(path, content)
    origin = content.get("geographic_origin")
    try:
        return Manifest(
            feature_model=_text(content, "feature_model"),
            map_frame=_map_frame(content),
            source=_text(content, "source"),
            units=_units(content),
            created_by=_text(content, "created_by"),
            schema=SCHEMA,
            models={name: _text(content["models"], name) for name in content["models"]},
            geographic_origin=None if origin is None else _origin(origin),
            counts={name: _count(name, count) for name, count in content["counts"].items()},
            build=_build(content["build"]),
            files={name: _entry(name, entry) for name, entry in content["files"].items()},
        )
    except KeyError as error:
        raise MapError(expected(str(path), f"the field {error}", "none")) from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
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


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} {value!r}"[:80])
    return value


def _map_frame(content: Mapping[str, Any]) -> str:
    frame = _text(content, "map_frame")
    if not frame.strip():
        raise ValueError("an empty map_frame")
    return frame


def _units(content: Mapping[str, Any]) -> str:
    if content["units"] != "m":
        raise ValueError(f"units {content['units']!r} instead of 'm'"[:80])
    return "m"


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} {value!r}"[:80])
    return value


def _origin(values: Any) -> tuple[float, float, float]:
    latitude, longitude, altitude = (float(value) for value in values)
    if not (abs(latitude) <= 90 and abs(longitude) <= 360 and math.isfinite(altitude)):
        raise ValueError(f"geographic_origin {values}"[:80])
    return latitude, longitude, altitude


def _entry(name: str, entry: Mapping[str, Any]) -> FileEntry:
    shape = tuple(_count(f"shape of {name}", size) for size in entry["shape"])
    return FileEntry(_text(entry, "sha256"), _text(entry, "dtype"), shape)


def _build(values: Any) -> dict[str, Any]:
    """The builder's report; what the localizer computes with must be numbers."""
    build = dict(values)
    if build.get("refinement") is not None:
        said = build["options"]["refine"]
        for name in ("position_sigma_m", "rotation_sigma_deg"):
            _check_size(name, [said[name]], 1)
        for name in ("position_rms_m", "rotation_rms_deg"):
            _check_size(name, build["refinement"][name], 3)
    return build


def _check_size(name: str, values: Any, count: int) -> None:
    """ValueError unless these are `count` finite numbers that are not negative."""
    good = isinstance(values, list) and len(values) == count and all(
        isinstance(one, (int, float)) and math.isfinite(one) and one >= 0 for one in values
    )
    if not good:
        raise ValueError(f"{name} {values}"[:80])
