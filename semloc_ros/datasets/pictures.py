"""Images with what a data set says about them drawn over."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray

Image = NDArray[np.uint8]

_MOST_POINTS = 40
_MOVING, _UNKNOWN, _OUTSIDE = 255, 170, 85  # of CDnet's truth
_TRUTH_COLORS = {_MOVING: (255, 40, 40), 50: (255, 200, 0), _UNKNOWN: (120, 120, 255)}


def labels_over(name: str, image: Image, labels: NDArray[np.uint8]) -> Image:
    """The image, half covered by the colours of its classes; unknown pixels are left as they are.

    DatasetError if the sizes differ.
    """
    picture = _rgb(image)
    _check_size(name, labels, picture)
    known = labels != classes.UNKNOWN
    mixed = cv2.addWeighted(picture, 0.4, classes.colorize(labels), 0.6, 0)
    return np.where(known[..., None], mixed, picture).astype(np.uint8)


def pair_picture(a: Image, b: Image, points_a: FloatArray, points_b: FloatArray) -> Image:
    """Both images side by side, with some shared points in the same colour in each."""
    a, b = _rgb(a), _rgb(b)
    height = max(a.shape[0], b.shape[0])
    canvas = np.zeros((height, a.shape[1] + b.shape[1], 3), np.uint8)
    canvas[: a.shape[0], : a.shape[1]] = a
    canvas[: b.shape[0], a.shape[1] :] = b
    chosen = np.linspace(0, len(points_a) - 1, min(len(points_a), _MOST_POINTS)).round().astype(int)
    radius = max(2, height // 90)
    for rank, index in enumerate(chosen):
        color = [255 * part for part in colorsys.hsv_to_rgb(rank / len(chosen), 1.0, 1.0)]
        for (u, v), shift in ((points_a[index], 0), (points_b[index], a.shape[1])):
            cv2.circle(canvas, (round(u) + shift, round(v)), radius, color, -1, cv2.LINE_AA)
    return canvas


def truth_over(name: str, image: Image, truth: NDArray[np.uint8] | None) -> Image:
    """The frame with moving pixels red, shadows yellow, unknown ones blue, the outside darker.

    DatasetError if the sizes differ.
    """
    picture: Image = _rgb(image).copy()
    if truth is None:
        return picture
    _check_size(name, truth, picture)
    for value, color in _TRUTH_COLORS.items():
        chosen = truth == value
        picture[chosen] = picture[chosen] // 2 + np.array(color, np.uint8) // 2
    picture[truth == _OUTSIDE] //= 3
    return picture


def _rgb(image: Image) -> Image:
    if image.ndim == 3:
        return image
    return np.repeat(image[..., None], 3, axis=2)


def _check_size(name: str, labels: NDArray[np.uint8], image: Image) -> None:
    if labels.shape != image.shape[:2]:
        wanted = f"labels of the image's size {image.shape[:2]}"
        raise DatasetError(expected(name, wanted, labels.shape))
