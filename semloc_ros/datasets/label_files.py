"""Files of labels: images whose pixels are numbers or colours of classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import DatasetError, expected

NO_LABEL = -1  # in a table: a value that must not occur


def lookup_table(labels: Mapping[int, int]) -> NDArray[np.int16]:
    """(256,): the train id per stored value; 255 stays unknown, what is not named may not occur."""
    table = np.full(256, NO_LABEL, np.int16)
    table[classes.UNKNOWN] = classes.UNKNOWN
    for value, label in labels.items():
        table[value] = label
    return table


def read_table_labels(path: Path, table: NDArray[np.int16], values: str) -> NDArray[np.uint8]:
    """The train ids (H, W) of a file with one 8-bit value per pixel, through `lookup_table`.

    Raises DatasetError if the file is no such image or holds a value outside `values` (words).
    """
    stored = read_values(path)
    labels = table[stored]
    if labels.min() == NO_LABEL:
        wrong = stored[labels == NO_LABEL].min()
        raise DatasetError(expected(str(path), f"{values} or 255", wrong))
    return labels.astype(np.uint8)


def read_values(path: Path) -> NDArray[np.uint8]:
    """The stored numbers (H, W) uint8; of a grey image kept as RGB, one channel.

    Raises DatasetError if the file is absent, no image, of 16 bits or coloured.
    """
    image = _decode(path)
    if image.ndim == 3:
        first = image[..., 0]
        if not all(np.array_equal(first, image[..., channel]) for channel in (1, 2)):
            raise DatasetError(expected(str(path), "one value per pixel", "a colour image"))
        image = first
    return image


def read_colors(path: Path) -> NDArray[np.uint8]:
    """The stored colours (H, W, 3) RGB; DatasetError if the file is absent, no image or grey."""
    image = _decode(path)
    if image.ndim != 3:
        raise DatasetError(expected(str(path), "a colour image", "one value per pixel"))
    return np.ascontiguousarray(image[..., 2::-1])


def _decode(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if image is None:
        reason = "not readable" if path.exists() else "no such file"
        raise DatasetError(expected(str(path), "a label image", reason))
    if image.dtype != np.uint8:
        raise DatasetError(expected(str(path), "8 bits per pixel", image.dtype))
    return np.asarray(image, np.uint8)
