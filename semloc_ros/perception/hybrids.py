"""Hybrids of two place models, as `semloc train hybrid` writes them: NAME.yaml beside the models.

    semantic: {model: places_classes, sha256: 3f…}
    rgb: {model: places_rgb, sha256: a0…}
    weight: 0.45                       # of the semantic one; the rest is the other's
    learned: {command: …, data: …, recall: {…}}

A model is a name in models/, or a file beside the yaml. The sha256 are those of the weights: the
weight was learned for these and for no others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.manifest import FILE_NAME, find_model, model_folders

SUFFIX = ".yaml"
_ROLES = ("semantic", "rgb")


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Two models by name or file, the sha256 of their weights, and the weight of the semantic one,
    0 to 1. `learned` tells of what."""

    semantic: str
    rgb: str
    sha256: tuple[str, str]
    weight: float
    learned: Mapping[str, Any]

    def check(self, semantic: str, rgb: str) -> None:
        """Raises ModelError unless the two sha256 are those of the hybrid."""
        names = (self.semantic, self.rgb)
        for name, wanted, got in zip(names, self.sha256, (semantic, rgb), strict=True):
            if wanted != got:
                wanted = f"sha256 {wanted[:12]}… as in the hybrid"
                raise ModelError(expected(name, wanted, f"{got[:12]}…"))


def load_hybrid(name_or_path: str) -> Hybrid | None:
    """The hybrid of a name (in a folder of models) or a file; None if it is neither.

    ModelError, in one line, for a missing or broken file.
    """
    path = find_hybrid(name_or_path)
    if path is None:
        return None
    try:
        found = yaml.safe_load(path.read_text())
        seals = (str(found["semantic"]["sha256"]), str(found["rgb"]["sha256"]))
        models = [_named(path, str(found[role]["model"])) for role in _ROLES]
        weight, learned = float(found["weight"]), dict(found.get("learned") or {})
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        wanted = "semantic and rgb (model, sha256) and weight"
        raise ModelError(expected(str(path), wanted, _reason(error))) from None
    if not 0.0 <= weight <= 1.0:
        raise ModelError(expected(f"{path}: weight", "0 to 1", weight))
    return Hybrid(models[0], models[1], seals, weight, learned)


def _reason(error: Exception) -> str:
    """What a reader of the file can mend, in one line."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"
    if isinstance(error, TypeError):
        return "an entry of another kind, or an empty file"
    return " ".join(str(error).split())[:200]


def list_hybrids() -> dict[str, Path]:
    """The hybrids in the folders of models: files by name; a name is that of the first folder."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.name != FILE_NAME:
                found.setdefault(path.stem, path)
    return found


def find_hybrid(name_or_path: str) -> Path | None:
    """The file of a hybrid by its name (in a folder of models) or path; None if it is neither."""
    path = Path(name_or_path).expanduser()
    if path.suffix == SUFFIX:
        return path
    if len(path.parts) != 1:
        return None
    return list_hybrids().get(str(path))


def _named(path: Path, model: str) -> str:
    """A file is meant as seen from the yaml, a name is left as it is."""
    return str(path.parent / model) if Path(model).suffix else model


def write_hybrid(path: Path, hybrid: Hybrid) -> None:
    """Write the file; models that are files are written as seen from it. ModelError if it cannot
    be written."""
    entries = {
        role: {"model": _written(path, model), "sha256": seal}
        for role, model, seal in zip(
            _ROLES, (hybrid.semantic, hybrid.rgb), hybrid.sha256, strict=True
        )
    }
    content = {**entries, "weight": hybrid.weight, "learned": dict(hybrid.learned)}
    head = "# Two models of places and the weight of the semantic one (`semloc train hybrid`).\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + yaml.safe_dump(content, sort_keys=False, width=100))
    except OSError as error:
        raise ModelError(expected(str(path), "a file that can be written", error)) from None


def _written(path: Path, model: str) -> str:
    if not Path(model).suffix:
        return model
    return os.path.relpath(find_model(model).resolve(), path.parent.resolve())
