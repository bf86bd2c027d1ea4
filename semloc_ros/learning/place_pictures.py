"""What the network sees of places: planes of images or of their label maps, kept small in memory.

Label maps are the true ones of the views, or made by a model and remembered in files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from semloc_ros.config.places_learning import ChangesConfig
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.learning.pairs import colored
from semloc_ros.learning.place_changes import change_image, change_labels
from semloc_ros.learning.place_views import PlaceView
from semloc_ros.maps.image_files import read_labels
from semloc_ros.networks.place_about import RGB, PlaceAbout
from semloc_ros.networks.place_inputs import image_planes, image_size, label_planes
from semloc_ros.types import LabelMap

if TYPE_CHECKING:
    from semloc_ros.perception.label_model import Labeller

_AT_ONCE = 32  # images through the network
_FINER = 2  # label maps are kept at up to this times the size of the network's input


class Pictures:
    """The pictures of V views, as the network `about` takes them.

    Up to `memory_mb` of them stay in memory once they are read, uint8 or uint16 at the network's
    size (label maps up to twice it); the others are read again whenever they are asked for.
    """

    def __init__(self, views: Sequence[PlaceView], about: PlaceAbout, memory_mb: int) -> None:
        if about.input != RGB:
            for view in views:
                if view.read_labels is None:
                    wanted = "labels (--labels, or a world with truth)"
                    raise DatasetError(expected(f"{view.run}/{view.name}", wanted, "none"))
        self.views, self.about = views, about
        self._room = memory_mb * 1_000_000
        self._kept: dict[int, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.views)

    def planes(self, row: int) -> NDArray[np.float32]:
        """Planes (P, H, W) of a picture as it is."""
        small = self._small(row)
        if self.about.input == RGB:
            return image_planes(small, self.about)
        return label_planes(small, self.about)

    def changed(
        self, row: int, changes: ChangesConfig, mirrored: bool, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Planes (P, H, W) of a picture that is changed by chance."""
        small = self._small(row)
        if self.about.input == RGB:
            image, mask = change_image(small, changes, mirrored, rng)
            return image_planes(image, self.about, mask)
        pixel = small.shape[1] / self.about.width
        found = change_labels(small, changes, mirrored, self.about.num_labels, pixel, rng)
        return label_planes(found, self.about)

    def _small(self, row: int) -> NDArray[Any]:
        if row in self._kept:
            return self._kept[row]
        view, size = self.views[row], image_size(self.about)
        small: NDArray[Any]
        if self.about.input == RGB or view.read_labels is None:
            image = colored(view.read())
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        else:
            labels = view.read_labels()
            step = max(1, min(labels.shape[0] // size[1], labels.shape[1] // size[0]) // _FINER)
            small = np.ascontiguousarray(labels[step // 2 :: step, step // 2 :: step])
        if small.nbytes <= self._room:
            self._room -= small.nbytes
            self._kept[row] = small
        return small


@torch.no_grad()
def describe(
    pictures: Pictures, network: nn.Module, device: torch.device, rows: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Descriptors (N, D) of the pictures `rows` (all), by a network that is set to evaluate."""
    rows = range(len(pictures)) if rows is None else rows
    found = []
    for first in range(0, len(rows), _AT_ONCE):
        planes = np.stack([pictures.planes(row) for row in rows[first : first + _AT_ONCE]])
        found.append(network(torch.from_numpy(planes).to(device)).float().cpu().numpy())
    return np.concatenate(found)


def labelled_by(
    views: Sequence[PlaceView], labeller: Labeller, folder: Path, width: int = 0,
    tell: Callable[[], None] = lambda: None,
) -> list[PlaceView]:  # fmt: skip
    """The views with the label maps of a model, in files below `folder`, made where they are
    not there yet; narrower images are enlarged to `width` pixels for it. `tell` is called for
    each. Raises ConfigError where it cannot write."""
    found = []
    for view in views:
        path = (folder / view.run / view.name).with_suffix(".png")
        if not path.is_file():
            _write(path, labeller.label(_enlarged(view.read(), width)))
        found.append(replace(view, read_labels=partial(read_labels, path)))
        tell()
    return found


def _enlarged(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height, before = image.shape[:2]
    if before >= width:
        return image
    size = (width, round(height * width / before))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _write(path: Path, labels: LabelMap) -> None:
    """In one rename: a killed process leaves no half of a file."""
    part = path.with_name(f"{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(part), labels):
            raise OSError("not written")
        part.replace(path)
    except OSError as error:
        raise ConfigError(expected(str(path), "a file that can be written", error)) from None
