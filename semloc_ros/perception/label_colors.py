"""Label maps as people look at them."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.maps.label_sets import LabelSet
from semloc_ros.types import LabelMap

_GOLDEN = (5**0.5 - 1) / 2  # of the circle of hues: neighbours in number are far apart in colour
_TONES = ((0.55, 0.95), (0.9, 0.75), (0.45, 0.7), (0.8, 1.0), (0.95, 0.5))  # saturation, value


def palette(labels: LabelSet) -> NDArray[np.uint8]:
    """A colour (L, 3) RGB for each label: the benchmark's for classes of its names, others from
    all hues. The same number has the same colour in every set."""
    colors = np.array([_color(number) for number in range(len(labels))], np.uint8)
    for number, name in enumerate(labels.names):
        if name in classes.NAMES:
            colors[number] = classes.PALETTE[classes.NAMES.index(name)]
    return colors


def colorize(labels: LabelMap, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label map (H, W) in the colours (L, 3) of `palette`: (H, W, 3); unknown is black."""
    table = np.zeros((np.iinfo(labels.dtype).max + 1, 3), np.uint8)
    table[: len(colors)] = colors
    return table[labels]


def _color(number: int) -> tuple[int, int, int]:
    saturation, value = _TONES[number % len(_TONES)]
    rgb = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, saturation, value)
    red, green, blue = (round(255 * part) for part in rgb)
    return red, green, blue
