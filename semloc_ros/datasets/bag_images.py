"""From sensor_msgs/Image and CompressedImage (ROS 1 or 2) to arrays.

Colour comes out as RGB, whatever the message held; 16-bit grey as its upper eight bits.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.bag_reader import connections, faults_named, open_reader
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import Camera, LabelMap

Image = NDArray[np.uint8]
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
# encoding: channels, bytes per channel, conversion to RGB (or None)
_LABEL_ENCODINGS = ("mono8", "8UC1", "mono16", "16UC1")
_ENCODINGS: dict[str, tuple[int, int, int | None]] = {
    "rgb8": (3, 1, None),
    "bgr8": (3, 1, cv2.COLOR_BGR2RGB),
    "8UC3": (3, 1, cv2.COLOR_BGR2RGB),
    "rgba8": (4, 1, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, 1, cv2.COLOR_BGRA2RGB),
    "mono8": (1, 1, None),
    "8UC1": (1, 1, None),
    "mono16": (1, 2, None),
    "16UC1": (1, 2, None),
    # OpenCV names a Bayer pattern by the second row, ROS by the first.
    "bayer_rggb8": (1, 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (1, 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (1, 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (1, 1, cv2.COLOR_BayerGB2RGB),
}


def decode_image(name: str, message: Any) -> Image:
    """(H, W, 3) RGB or (H, W) grey, uint8; DatasetError if it cannot be decoded."""
    if hasattr(message, "encoding"):
        return _decode_raw(name, message)
    return _decode_compressed(name, message)


def decode_labels(name: str, message: Any) -> LabelMap:
    """A label map (H, W) uint8 or uint16, all bits kept; DatasetError if it is no such thing."""
    if not hasattr(message, "encoding"):
        data = np.asarray(message.data, dtype=np.uint8)
        labels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
        if labels is None or labels.ndim != 2 or labels.dtype not in (np.uint8, np.uint16):
            got = f"{len(data)} bytes of {message.format!r}"
            raise DatasetError(expected(name, "a label map of 8 or 16 bits", got))
        return labels  # type: ignore[return-value]
    if message.encoding not in _LABEL_ENCODINGS:
        raise DatasetError(expected(name, " or ".join(_LABEL_ENCODINGS), repr(message.encoding)))
    pixels = _rows(name, message)
    if _ENCODINGS[message.encoding][1] == 1:
        return pixels
    stored = pixels.view(">u2" if message.is_bigendian else "<u2")
    return stored.astype(np.uint16)


class ImageSource:
    """Pixels of one image topic on demand; may be shared by threads and pickled. Without a camera
    images may be of any size."""

    def __init__(self, bag: Path, topic: str, camera: Camera | None) -> None:
        self._bag, self._topic, self._camera = bag, topic, camera
        self._lock = threading.Lock()
        self._reader: Any = None

    def __getstate__(self) -> tuple[Path, str, Camera | None]:
        return self._bag, self._topic, self._camera

    def __setstate__(self, state: tuple[Path, str, Camera | None]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def read(self, time_ns: int, stamp_ns: int) -> Image:
        """The image recorded at `time_ns` with the header stamp `stamp_ns`.

        Raises DatasetError if it is broken or not of the camera's size.
        """
        name = f"{self._bag} {self._topic} at {stamp_ns}"
        image = decode_image(name, self._message(name, time_ns, stamp_ns))
        lens = self._camera
        size = image.shape[1::-1]
        wanted = size if lens is None else (lens.width, lens.height)
        if size != wanted:
            wanted_text = f"{wanted[0]}x{wanted[1]} as in camera_info"
            raise DatasetError(expected(name, wanted_text, f"{size[0]}x{size[1]}"))
        return image

    def _message(self, name: str, time_ns: int, stamp_ns: int) -> Any:
        with self._lock, faults_named(self._bag):
            if self._reader is None:
                self._reader = open_reader(self._bag)
                weakref.finalize(self, self._reader.close)
            chosen = connections(self._reader, self._bag, self._topic, IMAGE_TYPES)
            for connection, _, raw in self._reader.messages(chosen, time_ns, time_ns + 1):
                message = self._reader.deserialize(raw, connection.msgtype)
                if message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == stamp_ns:
                    return message
        raise DatasetError(expected(name, "an image", "nothing"))


def _decode_raw(name: str, message: Any) -> Image:
    if message.encoding not in _ENCODINGS:
        raise DatasetError(expected(name, " or ".join(_ENCODINGS), repr(message.encoding)))
    channels, width, conversion = _ENCODINGS[message.encoding]
    pixels = _rows(name, message)
    if width == 2:
        high_byte = 0 if message.is_bigendian else 1
        pixels = np.ascontiguousarray(pixels[:, high_byte::2])
    if channels > 1:
        pixels = pixels.reshape(message.height, message.width, channels)
    if conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)


def _rows(name: str, message: Any) -> Image:
    """The bytes of each row (height, bytes) without padding; DatasetError for a torn image."""
    channels, width, _ = _ENCODINGS[message.encoding]
    row = message.width * channels * width
    if message.step < row or len(message.data) < message.step * message.height or row == 0:
        got = f"{len(message.data)} bytes for {message.width}x{message.height}"
        raise DatasetError(expected(name, "whole rows", got))
    rows = message.data[: message.step * message.height].reshape(message.height, message.step)
    return np.ascontiguousarray(rows[:, :row])


def _decode_compressed(name: str, message: Any) -> Image:
    data = np.asarray(message.data, dtype=np.uint8)
    # Orientation tags are for people: calibration is of the pixels as they are stored.
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(data, flags) if len(data) else None
    if image is None:
        got = f"{len(data)} bytes of {message.format!r}"
        raise DatasetError(expected(name, "a compressed image", got))
    if image.ndim == 2:
        return np.asarray(image, dtype=np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
