"""What a file of weights says of itself; goes into the file as JSON, so that neither is lost."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.images import IMAGENET, Normalization

KINDS = ("clusters", "classes")
STRIDES = (1, 2, 4, 8)  # of label maps: whole parts of the networks' own stride
LABEL_STRIDE = 4  # pixels: scores are interpolated from 8 to 4, and the best label repeated
METADATA_KEY = "semloc_model"  # where it stands in files of weights and in ONNX files
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ModelAbout:
    """A trained segmentation network in words.

    `names` of the labels and whether they are `stationary` (buildings, not cars) have one entry
    per label or none. `label_stride` is that of the label maps it makes (pixels). `training` is
    the command that made it, `data` what it was trained on.
    """

    name: str
    architecture: str
    num_labels: int
    kind: str
    names: tuple[str, ...] = ()
    stationary: tuple[bool, ...] = ()
    normalization: Normalization = IMAGENET
    label_stride: int = LABEL_STRIDE
    training: str = ""
    data: str = ""
    licence: str = ""


def check_about(about: ModelAbout) -> None:
    """Raises ModelError, naming the field, where the fields do not agree."""
    if about.kind not in KINDS:
        raise ModelError(expected("kind", " or ".join(KINDS), repr(about.kind)))
    if about.num_labels < 1:
        raise ModelError(expected("num_labels", "1 or more", about.num_labels))
    if about.label_stride not in STRIDES:
        raise ModelError(expected("label_stride", f"one of {STRIDES}", about.label_stride))
    for name in ("names", "stationary"):
        found = len(getattr(about, name))
        if found not in (0, about.num_labels):
            raise ModelError(expected(name, f"one per label ({about.num_labels}) or none", found))
    if about.kind == "classes" and not about.names:
        raise ModelError(expected("names", f"one per class ({about.num_labels})", "none"))
    check_normalization(about.normalization)


def check_normalization(normalization: Normalization) -> None:
    """Raises ModelError unless there are three finite numbers each, and no std of 0 or less."""
    for name, values in dataclasses.asdict(normalization).items():
        fine = len(values) == 3 and all(math.isfinite(one) for one in values)
        if not fine or (name == "std" and min(values) <= 0):
            wanted = "three finite numbers" + (" above 0" if name == "std" else "")
            raise ModelError(expected(name, wanted, list(values)))


def to_json(about: ModelAbout) -> str:
    """The fields as JSON; `from_json` reads them back."""
    return json.dumps({"schema": _SCHEMA, **dataclasses.asdict(about)})


def from_json(text: str) -> ModelAbout:
    """The fields of `to_json`, checked; ModelError names what is wrong."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ModelError(expected("about", "JSON", error)) from None
    if not isinstance(found, dict) or found.pop("schema", None) != _SCHEMA:
        raise ModelError(expected("about", f"schema {_SCHEMA}", "another"))
    about = _about(found)
    check_about(about)
    return about


def _about(found: Mapping[str, Any]) -> ModelAbout:
    fields = {field.name for field in dataclasses.fields(ModelAbout)}
    if set(found) != fields:
        odd = sorted(set(found) ^ fields)
        raise ModelError(expected("about", "the fields of a model", f"{odd[0]} missing or unknown"))
    try:
        parts = found["normalization"]
        values: Any = [tuple(float(one) for one in parts[name]) for name in ("mean", "std")]
        lists = {
            "names": tuple(str(one) for one in found["names"]),
            "stationary": tuple(bool(one) for one in found["stationary"]),
            "num_labels": int(found["num_labels"]),
            "label_stride": int(found["label_stride"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(expected("about", "the fields of a model", repr(error))) from None
    return ModelAbout(**{**found, **lists, "normalization": Normalization(*values)})


def read_about(path: Path) -> ModelAbout:
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
