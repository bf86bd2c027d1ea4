"""From an image to its dynamic objects, whatever the model: one door to all of them.

- networks of this package for objects: a name in models/, or a .safetensors or .onnx file;
- torchvision's Mask R-CNN with its weights of COCO, as it comes (.pth): see `networks.coco`;
- a network of somebody else, for objects or for classes: an .onnx file with a yaml file beside it
  that says what is dynamic (see `foreign_instances` and `foreign_model`);
- networks of this package for classes: what belongs to a dynamic class.

Of networks for classes each connected part is an object of score 1.
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
from semloc_ros.networks.backends import said_of
from semloc_ros.networks.graphs import open_graph
from semloc_ros.networks.instance_backends import COCO_WEIGHTS, open_instance_backend
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.model_about import InstanceAbout
from semloc_ros.perception import foreign_model
from semloc_ros.perception.foreign_instances import ForeignDetector
from semloc_ros.perception.instance_segmenter import InstanceSegmenter, OwnDetector
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
    path = Path(model).expanduser()
    if path.suffix == COCO_WEIGHTS:
        return _of_objects(path, config)
    if path.suffix == ".onnx" and foreign_model.description_of(path).is_file():
        return _foreign(path, config)
    if path.suffix == ".npz":
        raise ModelError(expected(str(path), "a model that knows what is dynamic", "clusters"))
    path = find_model(path)
    finds_objects = isinstance(said_of(path), InstanceAbout)  # others are checked where opened
    return _of_objects(path, config) if finds_objects else _of_labels(path, config)


def _of_objects(path: Path, config: DynamicConfig) -> DynamicSegmenter:
    backend = open_instance_backend(
        path, config.backend, config.device, config.threads, config.score
    )
    about = backend.about
    known = [name for name, one in zip(about.names, about.dynamic, strict=True) if one]
    classes = _chosen(path, about.names[1:], known, config)
    detector = OwnDetector(backend, config.short_side)
    return InstanceSegmenter(
        about.name, backend.computed_by, detector, about.names, classes, config
    )


def _of_labels(path: Path, config: DynamicConfig) -> DynamicSegmenter:
    labeller = _labeller(path, config)
    names, stationary = labeller.about.names, labeller.about.stationary
    stays = np.ones(len(names), np.bool_) if stationary is None else stationary
    known = [name for name, stay in zip(names, stays, strict=True) if not stay]
    return LabelSegmenter(labeller, _chosen(path, names, known, config), config.min_area)


def _foreign(path: Path, config: DynamicConfig) -> DynamicSegmenter:
    about = foreign_model.read_about(foreign_model.description_of(path))
    names = about.labels.names
    classes = _chosen(path, names, about.dynamic, config)
    if about.kind == foreign_model.CLASSES:
        return LabelSegmenter(_labeller(path, config), classes, config.min_area)
    if config.backend not in ("auto", "onnxruntime"):
        raise ConfigError(expected("backend", "onnxruntime, for others' objects", config.backend))
    graph = open_graph(path, "onnxruntime", config.device, config.threads)
    detector = ForeignDetector(graph, about)
    return InstanceSegmenter(about.name, graph.computed_by, detector, names, classes, config)


def _labeller(path: Path, config: DynamicConfig) -> Labeller:
    return load_labeller(path, LabellerConfig(config.backend, config.device, config.threads))


def _chosen(
    path: Path, names: Sequence[str], known: Sequence[str], config: DynamicConfig
) -> tuple[str, ...]:
    """What is dynamic: the names of `config.classes`, else what the model knows to be."""
    asked = [one.strip() for one in config.classes.split(",") if one.strip()]
    for one in asked:
        if one not in names:
            near = difflib.get_close_matches(one, names, n=1, cutoff=0.0)
            wanted = f"names of classes of {path.name}"
            raise ConfigError(expected("classes", wanted, f"{one!r} (did you mean {near[0]}?)"))
    if not asked and not known:
        wanted = "a model that knows which classes are dynamic, or their names in `classes`"
        raise ModelError(expected(str(path), wanted, "neither"))
    return tuple(dict.fromkeys(asked or known))
