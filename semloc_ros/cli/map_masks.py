"""`semloc map build --masks`: where the masks of a map's images come from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.maps.masks import Masks

_OPTIONS = "masks."  # before the names of a model's options


def take_dynamic(given: dict[str, Any]) -> DynamicConfig:
    """The options of the model that masks, taken out of all that were given."""
    of_model = [name for name in given if name.startswith(_OPTIONS)]
    return from_mapping(
        DynamicConfig, {name.removeprefix(_OPTIONS): given.pop(name) for name in of_model}
    )


def masks_from(source: str | None, config: DynamicConfig) -> Masks | None:
    """The masks of a world's folder, of a folder of PNG, or of a model; None without a source.

    ConfigError for no word, and for options of a model without one; the errors of
    `read_true_masks` and `load_dynamic`.
    """
    from semloc_ros.datasets import world_folder
    from semloc_ros.maps.masks import Masks, masks_of_folder

    if source == "":
        raise ConfigError(expected("--masks", "a model or a folder", "''"))
    if source is not None and not Path(source).expanduser().is_dir():
        return _of_model(source, config)
    if config != DynamicConfig():
        raise ConfigError(expected("--masks", f"a model, for {_OPTIONS}…", source or "none"))
    if source is None:
        return None
    folder = Path(source).expanduser()
    if not world_folder.recognize(folder):
        return masks_of_folder(folder)
    true = world_folder.read_true_masks(folder)
    return Masks(lambda image, pixels: true(image), f"truth of {folder.resolve().name}")


def _of_model(model: str, config: DynamicConfig) -> Masks:
    from semloc_ros.maps.masks import Masks
    from semloc_ros.perception.dynamic_masks import load_dynamic
    from semloc_ros.perception.mask_shapes import finished

    segmenter = load_dynamic(model, config)
    return Masks(
        lambda image, pixels: finished(segmenter.segment(pixels), config).mask,
        f"model {segmenter.name}: {', '.join(segmenter.classes)}",
        json.dumps([_seal(model), segmenter.computed_by, asdict(config)]),
    )


def _seal(model: str) -> str:
    """The hash of a model's file, and of what describes it."""
    from semloc_ros.networks.manifest import find_model

    path = Path(model).expanduser()
    path = path if path.is_file() else find_model(model)
    files = [path, *(one for one in [path.with_suffix(".yaml")] if one.is_file())]
    return hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()
