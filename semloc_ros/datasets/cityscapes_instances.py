"""Dynamic objects of Cityscapes (see `cityscapes`): persons and vehicles, parked ones too.

From `gtFine/<split>/<city>/<name>_gtFine_instanceIds.png` (16 bits: the label id, or 1000 times it
plus the number of the object; a label id alone is a group whose objects are not told apart:
unsure), or without those from `_labelIds.png`, whose connected parts are taken for objects. Unsure
is also what the benchmark calls `dynamic` (bags, prams, ...), the car that carries the camera, and
what lies outside the rectified image.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.cityscapes import FINE, IMAGES
from semloc_ros.datasets.instance_numbers import consecutive
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image, read_labels
from semloc_ros.types import UNSURE, InstanceImage

# label ids: person, rider, car, truck, bus, caravan, trailer, train, motorcycle, bicycle
DYNAMIC_IDS = tuple(range(24, 34))
_UNSURE_IDS = (1, 2, 3, 5)  # ego vehicle, rectification border, out of roi, dynamic
_OBJECTS = 1000  # numbers of objects are their label id times this, and more
_NO_LABEL = 255  # of 8 bits, the -1 of a number plate


def read_cityscapes_instances(folder: Path, split: str) -> list[InstanceImage]:
    """All images of a split by name, each `<city>/<name>`.

    Raises DatasetError, in one line, if there are no images, or the truth of one is missing.
    """
    images = Path(folder) / IMAGES / split
    paths = sorted(images.glob(f"*/*_{IMAGES}.png"))
    if not paths:
        raise DatasetError(expected(str(images), f"<city>/*_{IMAGES}.png", "none"))
    found = []
    for path in paths:
        name = f"{path.parent.name}/{path.name.removesuffix(f'_{IMAGES}.png')}"
        start = Path(folder) / FINE / split / f"{name}_{FINE}"
        found.append(InstanceImage(name, partial(read_image, path), _reader(start)))
    return found


def _reader(start: Path) -> partial[NDArray[np.uint16]]:
    by_object, by_label = (
        start.with_name(f"{start.name}_{kind}Ids.png") for kind in ("instance", "label")
    )
    if by_object.is_file():
        return partial(_read_objects, by_object)
    if by_label.is_file():
        return partial(_read_classes, by_label)
    raise DatasetError(expected(str(by_object), "the truth of an image", "no such file"))


def _read_objects(path: Path) -> NDArray[np.uint16]:
    stored = read_labels(path).astype(np.int32)
    single = stored >= _OBJECTS
    labels = np.where(single, stored // _OBJECTS, stored)
    dynamic = np.isin(labels, DYNAMIC_IDS)
    numbers = np.where(dynamic & single, stored, 0)
    numbers[(dynamic & ~single) | np.isin(labels, _UNSURE_IDS)] = UNSURE
    return consecutive(numbers)


def _read_classes(path: Path) -> NDArray[np.uint16]:
    stored = read_labels(path).astype(np.int32)
    numbers = np.zeros(stored.shape, np.int32)
    for label in DYNAMIC_IDS:
        _, parts = cv2.connectedComponents((stored == label).astype(np.uint8))
        numbers += np.where(parts > 0, parts + numbers.max(), 0)
    numbers[np.isin(stored, (*_UNSURE_IDS, _NO_LABEL))] = UNSURE
    return consecutive(numbers)
