"""Images of a mapping session that lie on disk as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected


def read_image(path: Path) -> NDArray[np.uint8]:
    """The image (H, W, 3) RGB; MapError if the file is absent or no image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) if path.is_file() else None
    if image is None:
        reason = "not readable" if path.exists() else "no such file"
        raise MapError(expected(str(path), "an image", reason))
    return np.asarray(image, np.uint8)


def read_labels(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The label map (H, W) as stored; MapError if the file is absent or has no such numbers."""
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if labels is None:
        reason = "not readable" if path.exists() else "no such file"
        raise MapError(expected(str(path), "a label map", reason))
    if labels.ndim != 2 or labels.dtype not in (np.uint8, np.uint16):
        got = f"{labels.shape} {labels.dtype}"
        raise MapError(expected(str(path), "one number of 8 or 16 bits per pixel", got))
    return labels  # type: ignore[return-value]


def image_reader(path: Path) -> Callable[[], NDArray[np.uint8]]:
    """A function that reads the image when it is called."""
    return lambda: read_image(path)
