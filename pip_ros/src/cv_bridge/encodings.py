"""What the encoding strings of sensor_msgs/Image mean."""

import re
from dataclasses import dataclass

import numpy as np

DEPTHS = {
    "8U": "uint8",
    "8S": "int8",
    "16U": "uint16",
    "16S": "int16",
    "32S": "int32",
    "32F": "float32",
    "64F": "float64",
}
NUMPY_TO_DEPTH = {numpy_name: depth for depth, numpy_name in DEPTHS.items()}
COLORS = {"mono": 1, "rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
BAYER = tuple(f"bayer_{pattern}" for pattern in ("rggb", "bggr", "gbrg", "grbg"))


class CvBridgeError(TypeError):
    """An image or an encoding cannot be converted: one line says why."""


@dataclass(frozen=True)
class Encoding:
    """Pixel layout: `color` is the meaning of the channels, None where there is none."""

    name: str
    depth: str
    channels: int
    color: str | None

    @property
    def dtype(self) -> np.dtype:
        """numpy's type of one channel."""
        return np.dtype(DEPTHS[self.depth])

    @property
    def cv_name(self) -> str:
        """OpenCV's name of the type, such as 8UC3."""
        return f"{self.depth}C{self.channels}"


def _named() -> dict[str, Encoding]:
    table = {}
    for bits, depth in (("8", "8U"), ("16", "16U")):
        for color, channels in (*COLORS.items(), *((bayer, 1) for bayer in BAYER)):
            table[color + bits] = Encoding(color + bits, depth, channels, color)
    for name in ("yuv422", "yuv422_yuy2"):
        table[name] = Encoding(name, "8U", 2, name)
    return table


NAMED = _named()
GENERIC = re.compile(f"({'|'.join(DEPTHS)})(?:C([0-9]+))?")


def parse(name: str) -> Encoding:
    """The layout of an encoding string; raises CvBridgeError where it is unknown."""
    known = NAMED.get(name)
    if known:
        return known
    match = GENERIC.fullmatch(name)
    if not match:
        raise CvBridgeError(f"encoding: expected one of sensor_msgs/image_encodings, got {name!r}")
    return Encoding(name, match[1], int(match[2] or 1), None)
