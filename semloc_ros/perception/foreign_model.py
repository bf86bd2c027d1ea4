"""Bring your own: a segmentation network in ONNX, and a yaml file beside it that says what it is.

    # mine.yaml, beside mine.onnx; only `classes` must be given
    name: mine
    classes: [road, building, tree, car, void]    # or `cityscapes`: the 19 train ids
    stationary: [road, building, tree]            # which stay; else known by name, or learned
    unknown: [void]                               # classes that are no label
    mean: [0.485, 0.456, 0.406]                   # of RGB from 0 to 1; these are the defaults
    std: [0.229, 0.224, 0.225]                    # (a network of 0 to 255: mean 0, std 1/255)
    channels: rgb                                 # or bgr
    size: [512, 1024]                             # height, width to resize images to
    label_stride: 4                               # pixels of the cells that get a label
    dynamic: [car]                                # what is masked: see docs/dynamic.md
    kind: classes                                 # or instances: see `foreign_instances`
    outputs: {boxes: dets}                        # of instances, where they have other names

The network takes one image (1, 3, H, W) or (3, H, W) float32 and gives scores (1, C, h, w) of any
size, or the numbers of classes (1, h, w), (1, 1, h, w) or (h, w). Without `size` images are resized
where it says that it takes one size only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.maps.label_sets import LabelSet, classes_named
from semloc_ros.networks import coco
from semloc_ros.networks.graphs import Graph
from semloc_ros.networks.images import IMAGENET, Normalization, to_planes
from semloc_ros.networks.instance_backends import INSTANCE_OUTPUTS
from semloc_ros.networks.model_about import LABEL_STRIDE, STRIDES
from semloc_ros.perception.tiles import finer

_KEYS = (
    "name", "classes", "stationary", "unknown", "mean", "std", "channels", "size", "label_stride",
    "dynamic", "kind", "outputs",
)  # fmt: skip
_KNOWN = {"cityscapes": classes.NAMES, "coco": coco.NAMES, "coco80": coco.NAMES_80}
CLASSES, INSTANCES = "classes", "instances"  # kinds of networks


@dataclass(frozen=True, slots=True)
class ForeignAbout:
    """What the yaml file says; `unknown` are numbers of labels, `size` (height, width) or None,
    `dynamic` names of classes, `outputs` what outputs are called that have another name."""

    name: str
    labels: LabelSet
    unknown: tuple[int, ...]
    normalization: Normalization
    is_bgr: bool
    size: tuple[int, int] | None
    label_stride: int
    dynamic: tuple[str, ...]
    kind: str
    outputs: Mapping[str, str]


class ForeignNetwork:
    """The network of an ONNX file, of which the first output counts."""

    def __init__(self, graph: Graph, about: ForeignAbout) -> None:
        self._graph, self._about = graph, about

    def scores(self, image: NDArray[np.uint8], stride: int) -> NDArray[np.float32]:
        """Scores (C, rows, columns) by cell of `stride` pixels of an image (H, W[, 3])."""
        output = self._output(image)
        if np.issubdtype(output.dtype, np.integer):
            wanted = "whole: the network gives no scores"
            raise ConfigError(expected("inference", wanted, "patches"))
        height, width = image.shape[:2]
        factors = (height / output.shape[1], width / output.shape[2])
        return np.asarray(finer(output, factors, stride, (height, width)))

    def cells(self, image: NDArray[np.uint8], stride: int) -> NDArray[np.int64]:
        """The label (rows, columns) of each cell."""
        output = self._output(image)
        if not np.issubdtype(output.dtype, np.integer):
            size = image.shape[:2]
            factors = (size[0] / output.shape[1], size[1] / output.shape[2])
            return np.asarray(finer(output, factors, stride, size[:2]).argmax(0))
        rows, columns = (
            np.minimum((stride * np.arange(-(-here // stride)) + stride // 2), here - 1)
            * there // here
            for here, there in zip(image.shape[:2], output.shape, strict=True)
        )
        return np.asarray(output[rows[:, None], columns], np.int64)

    def _output(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """Scores (C, h, w) float32 or labels (h, w) of whole numbers."""
        images = network_images(image, self._about, self._graph)
        return self._checked(self._graph.run(images, self._graph.outputs[:1])[0])

    def _checked(self, output: NDArray[Any]) -> NDArray[Any]:
        count, shape = len(self._about.labels), output.shape
        if np.issubdtype(output.dtype, np.integer):
            is_map = output.ndim >= 2 and 0 < output.size == shape[-1] * shape[-2]
            if is_map and output.max() < count:
                return output.reshape(shape[-2:])
        elif output.ndim == 4 and shape[:2] == (1, count):
            return np.asarray(output[0], np.float32)
        wanted = f"scores (1, {count}, h, w) or labels (1, h, w) below {count}"
        raise ModelError(expected(f"{self._graph.path}: output", wanted, f"{output.dtype} {shape}"))


def network_images(
    image: NDArray[np.uint8], about: ForeignAbout, graph: Graph
) -> NDArray[np.float32]:
    """What the network takes of an image (H, W[, 3]): (1, 3, h, w)."""
    colored: NDArray[Any] = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    own = about.size or graph.size
    height, width = (one or given for one, given in zip(own, image.shape, strict=False))
    if (height, width) != image.shape[:2]:
        colored = cv2.resize(colored, (width, height), interpolation=cv2.INTER_AREA)
    planes = to_planes(np.asarray(colored, np.uint8), about.normalization)
    return planes[None, ::-1] if about.is_bgr else planes[None]


def description_of(model: Path) -> Path:
    """The yaml file of an ONNX file, whether it is there or not."""
    return model.with_suffix(".yaml")


def read_about(path: Path) -> ForeignAbout:
    """What a yaml file says; ModelError, in one line, for anything that it must not say."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(expected(str(path), "a readable yaml file", reason)) from None
    if not isinstance(values, Mapping) or "classes" not in values:
        raise ModelError(expected(str(path), "keys and values, at least `classes`", repr(values)))
    odd = [key for key in values if key not in _KEYS]
    if odd:
        raise ModelError(expected(str(path), f"only {', '.join(_KEYS)}", repr(odd[0])))
    names = _names(path, values["classes"])
    return ForeignAbout(
        str(values.get("name", path.stem)),
        _labels(path, values, names),
        tuple(_numbers(path, "unknown", values.get("unknown", []), names)),
        _normalization(path, values),
        _one_of(path, "channels", values.get("channels", "rgb"), ("rgb", "bgr")) == "bgr",
        _size(path, values.get("size")),
        _one_of(path, "label_stride", values.get("label_stride", LABEL_STRIDE), STRIDES),
        _dynamic(path, values, names),
        _one_of(path, "kind", values.get("kind", CLASSES), (CLASSES, INSTANCES)),
        _outputs(path, values.get("outputs", {})),
    )


def _names(path: Path, given: Any) -> tuple[str, ...]:
    if isinstance(given, str) and given in _KNOWN:
        return _KNOWN[given]
    whole = isinstance(given, list) and all(isinstance(one, str) for one in given)
    if not whole or not given or len(set(given)) != len(given):
        wanted = f"{', '.join(_KNOWN)}, or different names"
        raise ModelError(expected(f"{path}: classes", wanted, given))
    return tuple(given)


def _labels(path: Path, values: Mapping[str, Any], names: tuple[str, ...]) -> LabelSet:
    if values.get("stationary") is None:
        return classes_named(names, None)
    stay = np.zeros(len(names), np.bool_)
    stay[_numbers(path, "stationary", values["stationary"], names)] = True
    return classes_named(names, stay)


def _dynamic(path: Path, values: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """What is said to be dynamic; else what is known to be of classes of that name; or nothing."""
    if values.get("dynamic") is not None:
        return tuple(names[one] for one in _numbers(path, "dynamic", values["dynamic"], names))
    if values["classes"] in ("coco", "coco80"):
        return tuple(name for name in names if name in coco.DYNAMIC)
    stationary = _labels(path, values, names).stationary
    if stationary is None:
        return ()
    return tuple(name for name, stays in zip(names, stationary, strict=True) if not stays)


def _outputs(path: Path, given: Any) -> Mapping[str, str]:
    known = isinstance(given, Mapping) and set(given) <= set(INSTANCE_OUTPUTS)
    if not known or not all(isinstance(one, str) for one in given.values()):
        wanted = f"names of outputs by {', '.join(INSTANCE_OUTPUTS)}"
        raise ModelError(expected(f"{path}: outputs", wanted, repr(given)))
    return dict(given)


def _numbers(path: Path, key: str, given: Any, names: tuple[str, ...]) -> list[int]:
    """The numbers of classes that are named under a key."""
    if not isinstance(given, list):
        raise ModelError(expected(f"{path}: {key}", "a list of classes", repr(given)))
    for one in given:
        if one not in names:
            raise ModelError(expected(f"{path}: {key}", "names that classes has", repr(one)))
    return [names.index(one) for one in given]


def _normalization(path: Path, values: Mapping[str, Any]) -> Normalization:
    found = {}
    for key, default in (("mean", IMAGENET.mean), ("std", IMAGENET.std)):
        three = _floats(values.get(key, default))
        if len(three) != 3 or (key == "std" and min(three) <= 0):
            wanted = "three numbers" + (" above 0" if key == "std" else "")
            raise ModelError(expected(f"{path}: {key}", wanted, values[key]))
        found[key] = (three[0], three[1], three[2])
    return Normalization(found["mean"], found["std"])


def _size(path: Path, given: Any) -> tuple[int, int] | None:
    if given is None:
        return None
    whole = isinstance(given, list) and all(type(one) is int and one > 0 for one in given)
    if not whole or len(given) != 2:
        raise ModelError(expected(f"{path}: size", "[height, width]", repr(given)))
    return given[0], given[1]


def _one_of(path: Path, key: str, given: Any, allowed: tuple[Any, ...]) -> Any:
    if given not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ModelError(expected(f"{path}: {key}", wanted, repr(given)))
    return given


def _floats(given: Any) -> list[float]:
    """Finite numbers; nothing for anything else."""
    try:
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        return []
    fine = found.ndim == 1 and np.isfinite(found).all()
    return [float(one) for one in found] if fine else []
