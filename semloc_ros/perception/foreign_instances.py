"""Bring your own: an instance segmentation network in ONNX, and the yaml file beside it.

    # mine.yaml, beside mine.onnx
    kind: instances
    classes: coco                       # names by the numbers it gives, from 0; coco: torchvision's
                                        # (0 background, 1 person … 90); coco80: 0 person … 79
    dynamic: [person, car]              # which are masked; of coco: a list of the literature
    outputs: {boxes: dets}              # where its outputs are not called so; see below
    mean: [0, 0, 0]                     # and std, channels, size: as in `foreign_model`
    std: [1, 1, 1]

Outputs, each with or without a first axis of 1: `boxes` (N, 4) x0 y0 x1 y1 in pixels of the image
that it was given, or (N, 5) with the score; `labels` (N,); `scores` (N,); `masks` (N, h, w) or
(N, 1, h, w) from 0 to 1, of the image if they are of its size, else of the boxes' cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.graphs import Graph
from semloc_ros.networks.instance_backends import INSTANCE_OUTPUTS
from semloc_ros.networks.instance_inputs import Detections
from semloc_ros.perception.foreign_model import ForeignAbout, network_images

_BOXES, _LABELS, _SCORES, _MASKS = INSTANCE_OUTPUTS


class ForeignDetector:
    """The network of an ONNX file that finds objects."""

    def __init__(self, graph: Graph, about: ForeignAbout) -> None:
        """Raises ModelError if it lacks an output."""
        self._graph, self._about = graph, about
        wanted = {one: about.outputs.get(one, one) for one in INSTANCE_OUTPUTS}
        self._names = {one: name for one, name in wanted.items() if name in graph.outputs}
        lacking = [name for one, name in wanted.items() if one not in self._names]
        if lacking and lacking != [_SCORES]:
            got = ", ".join(graph.outputs)
            raise ModelError(expected(f"{graph.path}: outputs", f"one called {lacking[0]}", got))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """The objects of an image (H, W[, 3]), in its pixels. ModelError for outputs that do not
        fit each other."""
        images = network_images(image, self._about, self._graph)
        found = self._graph.run(images, tuple(self._names.values()))
        given = dict(zip(self._names, map(np.asarray, found), strict=True))
        size = (images.shape[2], images.shape[3])
        return self._read(given, size).scaled(size, (image.shape[0], image.shape[1]))

    def _read(self, given: dict[str, NDArray[Any]], size: tuple[int, int]) -> Detections:
        boxes = self._shaped(given, _BOXES, 2)
        if _SCORES not in given:
            if boxes.shape[1] != 5:
                got = "none, and boxes without a fifth number"
                raise ModelError(expected(f"{self._graph.path}: scores", "an output", got))
            given[_SCORES] = boxes[:, 4]
        labels, scores = self._shaped(given, _LABELS, 1), self._shaped(given, _SCORES, 1)
        masks = self._shaped(given, _MASKS, 3)
        if boxes.shape[1] not in (4, 5) or not len(boxes) == len(labels) == len(scores) == len(
            masks
        ):
            wanted = "boxes (N, 4), labels (N,), scores (N,), masks (N, h, w)"
            got = ", ".join(f"{name} {one.shape}" for name, one in given.items())
            raise ModelError(expected(f"{self._graph.path}: outputs", wanted, got))
        return Detections(
            boxes[:, :4].astype(np.float32), labels.astype(np.int64), scores.astype(np.float32),
            masks, masks.shape[1:] == size,
        )  # fmt: skip

    def _shaped(self, given: dict[str, NDArray[Any]], name: str, rank: int) -> NDArray[Any]:
        """An output with that many axes: a first one of 1 (the image) and, of masks, a second one
        of 1 (the class) are left out."""
        found = given[name]
        if name == _MASKS and found.ndim > rank and found.shape[-3] == 1:
            found = found[..., 0, :, :]
        if found.ndim == rank + 1 and found.shape[0] == 1:
            found = found[0]
        if found.ndim != rank:
            raise ModelError(
                expected(f"{self._graph.path}: {name}", f"{rank} axes", given[name].shape)
            )
        return found
