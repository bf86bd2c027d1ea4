"""From an image to its label map, whatever the model: one door to networks and clusters.

- networks of this package (FGSN or classes): a name in models/, or a .safetensors or .onnx file;
- a network of somebody else: an .onnx file with a yaml file beside it (see `foreign_model`);
- clusters of hand-made features: an .npz file (see `cluster_labels`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import LabellerConfig
from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.maps import label_sets
from semloc_ros.maps.label_sets import LabelSet
from semloc_ros.networks.backends import Backend, GraphBackend, check_stride, open_backend
from semloc_ros.networks.graphs import open_graph
from semloc_ros.networks.images import to_planes
from semloc_ros.networks.manifest import find_model, model_folders, read_manifest
from semloc_ros.perception import foreign_model
from semloc_ros.perception.cluster_labels import ClusterLabels
from semloc_ros.perception.features import check_image
from semloc_ros.perception.tiles import Tiling, blended, finer, full_size
from semloc_ros.types import LabelMap

_OWN_STRIDE = 8.0
_ENDINGS = (".safetensors", ".onnx", ".npz")


class Labeller(Protocol):
    """What gives images their labels. `about` says what the numbers mean, `computed_by` in words
    what computes. Not thread-safe."""

    name: str
    about: LabelSet
    computed_by: str

    @property
    def count(self) -> int: ...

    def label(self, image: NDArray[np.uint8]) -> LabelMap: ...


class Network(Protocol):
    """A network that works on images (H, W[, 3]) uint8, in cells of `stride` pixels: scores
    (C, rows, columns) of numpy or torch, or labels (rows, columns) of numpy."""

    def scores(self, image: NDArray[np.uint8], stride: int) -> Any: ...

    def cells(self, image: NDArray[np.uint8], stride: int) -> NDArray[Any]: ...


class NetworkLabeller:
    """Label maps of a network, of the image at once or in patches.

    `unknown` are the numbers of labels that mean that nothing is known.
    """

    def __init__(
        self, name: str, about: LabelSet, network: Network, config: LabellerConfig,
        label_stride: int, computed_by: str, unknown: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self.about, self.computed_by = name, about, computed_by
        self._network, self._unknown = network, list(unknown)
        self._stride = config.label_stride or label_stride
        check_stride(self._stride)
        self._tiling = None
        if config.inference == "patches":
            sides = (config.patch_px, config.step_px, config.centre_px)
            self._tiling = Tiling(*sides, self._stride)

    @property
    def count(self) -> int:
        """How many labels there are."""
        return len(self.about)

    def label(self, image: NDArray[np.uint8]) -> LabelMap:
        """The label map (H, W) of an image (H, W, 3) RGB or (H, W): uint8 up to 255 labels,
        uint16 beyond, the largest number for unknown. InputError for any other image."""
        check_image(image)
        cells = self._cells(image)
        labels = full_size(cells, self._stride, image.shape[:2], self.count)
        if self._unknown:
            labels[np.isin(labels, self._unknown)] = np.iinfo(labels.dtype).max
        return labels

    def _cells(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        if self._tiling is None:
            return self._network.cells(image, self._stride)
        scores = blended(
            image, self._tiling, lambda patch: self._network.scores(patch, self._stride)
        )
        labels = scores.argmax(0)
        return labels if isinstance(labels, np.ndarray) else np.asarray(labels.cpu())


class ClusterLabeller:
    """Label maps of clusters of hand-made features."""

    computed_by = "clusters on the CPU"

    def __init__(self, name: str, model: ClusterLabels) -> None:
        self.name, self.about, self._model = name, label_sets.clusters(model.count), model

    @property
    def count(self) -> int:
        """How many labels there are."""
        return self._model.count

    def label(self, image: NDArray[np.uint8]) -> LabelMap:
        """As `NetworkLabeller.label`."""
        return self._model.label(image)


def load_labeller(model: str | Path, config: LabellerConfig | None = None) -> Labeller:
    """The labeller of a model by name or file, see the top.

    Raises ModelError or MapError for a model that is not there or damaged, ConfigError for options
    that do not fit it, EnvironmentFault for what the machine lacks.
    """
    config = config or LabellerConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model", "''"))
    path = Path(model).expanduser()
    if path.suffix == ".npz":
        return ClusterLabeller(path.stem, ClusterLabels.load(path))
    if path.suffix == ".onnx" and foreign_model.description_of(path).is_file():
        return _foreign(path, config)
    return _own(path if path.suffix else model, config)


def _own(model: str | Path, config: LabellerConfig) -> Labeller:
    path = find_model(model)
    backend = open_backend(path, config.backend, config.device, config.threads)
    about = backend.about
    stationary = np.array(about.stationary, np.bool_) if about.stationary else None
    if about.names:
        labels = label_sets.classes_named(about.names, stationary)
    else:
        labels = replace(label_sets.clusters(about.num_labels), stationary=stationary)
    network = _OwnNetwork(backend)
    return NetworkLabeller(
        about.name, labels, network, config, about.label_stride, backend.computed_by
    )


class _OwnNetwork:
    """A network of this package, whose scores are at stride 8."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def scores(self, image: NDArray[np.uint8], stride: int) -> Any:
        """See `Network`."""
        scores = self._backend.scores(self._planes(image))[0]
        return finer(scores, (_OWN_STRIDE, _OWN_STRIDE), stride, image.shape[:2])

    def cells(self, image: NDArray[np.uint8], stride: int) -> NDArray[Any]:
        """See `Network`. An exported network holds the argmax for one stride only."""
        exported = isinstance(self._backend, GraphBackend)
        if exported and stride != self._backend.about.label_stride:
            return np.asarray(self.scores(image, stride).argmax(0))
        return np.asarray(self._backend.labels(self._planes(image), stride)[0])

    def _planes(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return to_planes(image, self._backend.about.normalization)[None]


def _foreign(path: Path, config: LabellerConfig) -> Labeller:
    about = foreign_model.read_about(foreign_model.description_of(path))
    if about.kind != foreign_model.CLASSES:
        raise ModelError(expected(str(path), "a network that gives labels", f"one of {about.kind}"))
    if config.backend == "torch":
        raise ConfigError(expected("backend", "onnxruntime or tensorrt, for .onnx", "torch"))
    runner = "onnxruntime" if config.backend == "auto" else config.backend
    graph = open_graph(path, runner, config.device, config.threads)
    network = foreign_model.ForeignNetwork(graph, about)
    return NetworkLabeller(
        about.name, about.labels, network, config, about.label_stride, graph.computed_by,
        about.unknown,
    )  # fmt: skip


def is_model(source: str) -> bool:
    """Whether `load_labeller` is meant: a file of a model by its ending, or a name in models/."""
    if Path(source).suffix in _ENDINGS:
        return True
    return any(source in read_manifest(folder) for folder in model_folders())
