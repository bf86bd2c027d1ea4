"""The models that come with the package: `models/manifest.yaml` and the files it seals.

An entry has the file and its sha256, and in words what the file also says of itself: the
manifest is what a person reads, and a file that is not the one it describes is refused.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.model_about import About, about_class, read_about

FILE_NAME = "manifest.yaml"
_FIELDS = ("file", "sha256", "architecture", "kind", "training", "data", "licence")  # of all
_SUFFIXES = (".safetensors", ".onnx")
_HEAD = """\
# The models of this package, by name. `semloc_ros.networks.manifest.add_to_manifest` writes it:
# file        beside this one, safetensors
# sha256      of the file
# kind        clusters or classes: gives images their labels; places: describes places
# input       RGB in 0..1 minus mean, over std; label maps are made at label_stride pixels;
#             places: planes of width x height, of images (rgb) or of the kept labels
#             pose: images of short_side, of which width x height go in
# classes     names of the labels, in order; empty for clusters
# pooling     of places; dimensions: numbers of a descriptor
# spread      of a pose: one sigma, x y z (m) and rotations about them (rad); position_offset (m)
# objects     names of those that it finds, in order; head: how it says where their pixels are
# training    the command; data: what it learned from; licence: of the weights
"""
Entries = dict[str, dict[str, Any]]


def find_model(name_or_path: str | Path) -> Path:
    """The file of a model that comes with the package (by name), or at a path.

    A name has no suffix and no folder. What a manifest lists is compared with its sha256. Raises
    ModelError for a name that is not there (naming the nearest) and for another file.
    """
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES or len(path.parts) > 1:
        return _sealed(path)
    folders = list(model_folders())
    known: dict[str, Path] = {}
    for folder in reversed(folders):
        entries = read_manifest(folder)
        known.update({name: folder / entry["file"] for name, entry in entries.items()})
    if str(path) not in known:
        near = difflib.get_close_matches(str(path), known, n=1, cutoff=0.0)
        where = f"{', '.join(map(str, folders)) or 'any folder of models'}"
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ModelError(expected("model", f"a name in {where}, or a path", f"{path}{hint}"))
    return _sealed(known[str(path)])


def model_folders() -> Iterator[Path]:
    """Folders with a manifest: the source tree's, then installed ones, then those of ROS."""
    here = Path(__file__).resolve()
    places = [here.parents[2] / "models"]
    places += [parent / "share/semloc_ros/models" for parent in here.parents]
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    places += [Path(one) / "share/semloc_ros/models" for one in prefixes if one]
    return (place for place in dict.fromkeys(places) if (place / FILE_NAME).is_file())


def read_manifest(folder: Path) -> Entries:
    """The entries of the manifest in a folder by name, each with every field; none is fine."""
    path = folder / FILE_NAME
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(expected(str(path), "a readable yaml file", reason)) from None
    found = {} if found is None else found
    if not isinstance(found, dict):
        raise ModelError(expected(str(path), "names and entries", type(found).__name__))
    for name, entry in found.items():
        _check_entry(f"{path}: {name}", entry)
    return {str(name): entry for name, entry in found.items()}


def add_to_manifest(path: Path) -> None:
    """Enter the model file at `path` into the manifest beside it, under the name that it has.

    An entry of that name is replaced. Raises ModelError if the file is not one of ours.
    """
    manifest = path.parent / FILE_NAME
    entries = read_manifest(path.parent) if manifest.is_file() else {}
    about = read_about(path)
    entries[about.name] = entry_of(about, path)
    text = yaml.safe_dump(entries, sort_keys=False, width=100, allow_unicode=True)
    manifest.write_text(_HEAD + text)


def entry_of(about: About, path: Path) -> dict[str, Any]:
    """The entry of a model whose file is at `path`."""
    return {
        "file": path.name,
        "sha256": file_sha256(path),
        "architecture": about.architecture,
        "kind": about.kind,
        **about.entry(),
        "training": about.training,
        "data": about.data,
        "licence": about.licence,
    }


def _check_entry(where: str, entry: object) -> None:
    """Raises ModelError unless an entry has the fields of its kind, and a file beside it."""
    if not isinstance(entry, dict) or "kind" not in entry:
        raise ModelError(expected(where, f"the fields {', '.join(_FIELDS)}", entry))
    try:
        fields = {*_FIELDS, *about_class(entry["kind"]).entry_fields}
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
    if set(entry) != fields:
        got = ", ".join(map(str, sorted(set(entry) ^ fields, key=str)))
        raise ModelError(expected(where, f"the fields {', '.join(sorted(fields))}", got))
    if Path(str(entry["file"])).name != entry["file"]:
        raise ModelError(expected(where, "a file beside it", entry["file"]))


def _sealed(path: Path) -> Path:
    """The path, if the file is there and is the one that a manifest beside it means."""
    if not path.is_file():
        raise ModelError(expected(str(path), "a file of weights", "no such file"))
    if (path.parent / FILE_NAME).is_file():
        for entry in read_manifest(path.parent).values():
            if entry["file"] == path.name and entry["sha256"] != file_sha256(path):
                wanted = f"sha256 {str(entry['sha256'])[:12]}… as in {FILE_NAME}"
                raise ModelError(expected(str(path), wanted, f"{file_sha256(path)[:12]}…"))
    return path


def file_sha256(path: Path) -> str:
    """The sha256 of a file, 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
