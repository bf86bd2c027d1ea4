"""What a file of weights says of itself; goes into the file as JSON, so that neither is lost.

Kinds of models stand in `_KINDS`: another one is another subclass of `about.About` there, and a
network in `model_files`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TypeVar

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, from_fields
from semloc_ros.networks.instance_about import InstanceAbout
from semloc_ros.networks.label_about import LABEL_STRIDE, STRIDES, ModelAbout
from semloc_ros.networks.object_about import ObjectAbout
from semloc_ros.networks.place_about import PlaceAbout
from semloc_ros.networks.pose_about import PoseAbout

__all__ = [
    "LABEL_STRIDE", "METADATA_KEY", "STRIDES", "WEIGHTS_KEY", "About", "InstanceAbout",
    "ModelAbout", "ObjectAbout", "PlaceAbout", "PoseAbout", "about_class", "check_gives",
    "from_json", "read_about", "to_json",
]  # fmt: skip

Kind = TypeVar("Kind", bound=About)

METADATA_KEY = "semloc_model"  # where it stands in files of weights and in ONNX files
WEIGHTS_KEY = "semloc_weights"  # in ONNX files: sha256 of the file of weights
_SCHEMA = 1
_KINDS: tuple[type[About], ...] = (
    ModelAbout, PlaceAbout, InstanceAbout, PoseAbout, ObjectAbout,
)  # fmt: skip


def about_class(kind: object) -> type[About]:
    """The class of what models of a kind say of themselves; ModelError for an unknown kind."""
    for one in _KINDS:
        if kind in one.kinds:
            return one
    known = [kind for one in _KINDS for kind in one.kinds]
    raise ModelError(expected("kind", " or ".join(known), repr(kind)))


def check_gives(path: Path, about: About, kind: type[Kind]) -> Kind:
    """`about` of the model at `path`, if it is of that kind; ModelError, saying which, if not."""
    if not isinstance(about, kind):
        raise ModelError(expected(str(path), f"a model of {kind.gives}", f"one of {about.gives}"))
    return about


def to_json(about: About) -> str:
    """The fields as JSON; `from_json` reads them back."""
    return json.dumps({"schema": _SCHEMA, **dataclasses.asdict(about)})


def from_json(text: str) -> About:
    """The fields of `to_json`, checked; ModelError names what is wrong."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ModelError(expected("about", "JSON", error)) from None
    if not isinstance(found, dict) or found.pop("schema", None) != _SCHEMA:
        raise ModelError(expected("about", f"schema {_SCHEMA}", "another"))
    about = from_fields(about_class(found.get("kind")), found)
    about.check()
    return about


def read_about(path: Path) -> About:
    """What the safetensors file at `path` says of itself; needs no torch."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelError(expected(str(path), "a file of weights", "no such file"))
    try:
        with safe_open(path, framework="numpy") as stream:
            found = stream.metadata() or {}
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(expected(str(path), "a whole safetensors file", reason)) from None
    if METADATA_KEY not in found:
        raise ModelError(expected(str(path), f"a file with {METADATA_KEY} in it", "one of others"))
    try:
        return from_json(found[METADATA_KEY])
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
