"""From an image to its dynamic objects, whatever the model: one door to all of them.

- a network that gives images their labels, ours or another's (see `label_model`), whose classes
  have names: each connected part of what is of a dynamic class is an object.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig, LabellerConfig
from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.perception.label_model import Labeller, load_labeller
from semloc_ros.perception.mask_shapes import parts_of
from semloc_ros.types import Instances


class DynamicSegmenter(Protocol):
    """What finds the dynamic objects of images. `classes` are the names of what counts as dynamic,
    `computed_by` says in words what computes. Not thread-safe."""

    name: str
    computed_by: str
    classes: tuple[str, ...]

    def segment(self, image: NDArray[np.uint8]) -> Instances:
        """The objects of an image (H, W, 3) RGB or (H, W), as the model sees them: see
        `mask_shapes.finished` for masks. InputError for any other image."""
        ...


class LabelSegmenter:
    """The connected parts of dynamic classes; see `DynamicSegmenter`."""

    def __init__(self, labeller: Labeller, classes: tuple[str, ...], min_area: float) -> None:
        self.name, self.computed_by = labeller.name, labeller.computed_by
        self.classes, self._labeller, self._min_area = classes, labeller, min_area
        names = labeller.about.names
        self._dynamic = np.zeros(np.iinfo(np.uint16).max + 1, np.bool_)
        self._dynamic[[names.index(one) for one in classes]] = True

    def segment(self, image: NDArray[np.uint8]) -> Instances:
        """See `DynamicSegmenter`."""
        return parts_of(self._dynamic[self._labeller.label(image)], self._min_area)


def load_dynamic(model: str | Path, config: DynamicConfig | None = None) -> DynamicSegmenter:
    """The segmenter of a model by name or file, see the top.

    Raises ModelError for a model that is not there, damaged or does not know what is dynamic,
    ConfigError for options that do not fit it, EnvironmentFault for what the machine lacks.
    """
    config = config or DynamicConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model", "''"))
    run_by = LabellerConfig(config.backend, config.device, config.threads)
    labeller = load_labeller(model, run_by)
    about = labeller.about
    stays = np.ones(len(about), np.bool_) if about.stationary is None else about.stationary
    known = [name for name, stay in zip(about.names, stays, strict=True) if not stay]
    return LabelSegmenter(
        labeller, _dynamic_classes(model, about.names, known, config), config.min_area
    )


def _dynamic_classes(
    model: str | Path, names: Sequence[str], known: Sequence[str], config: DynamicConfig
) -> tuple[str, ...]:
    """What is dynamic: the names of `config.classes`, else what the model knows to be."""
    asked = [one.strip() for one in config.classes.split(",") if one.strip()]
    for one in asked:
        if one not in names:
            near = difflib.get_close_matches(one, names, n=1, cutoff=0.0)
            wanted = f"names of classes of {model}"
            raise ConfigError(expected("classes", wanted, f"{one!r} (did you mean {near[0]}?)"))
    if not asked and not known:
        raise ModelError(expected(str(model), "a model that knows what is dynamic", "none known"))
    return tuple(asked or known)
