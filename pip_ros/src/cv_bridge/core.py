"""CvBridge: sensor_msgs/Image and CompressedImage to numpy arrays and back."""

import array
import sys
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from cv_bridge.conversions import convert
from cv_bridge.encodings import DEPTHS, NUMPY_TO_DEPTH, CvBridgeError, Encoding, parse

PASSTHROUGH = "passthrough"
_DECODED = {
    ("uint8", 1): "mono8",
    ("uint8", 3): "bgr8",
    ("uint8", 4): "bgra8",
    ("uint16", 1): "mono16",
    ("uint16", 3): "bgr16",
    ("uint16", 4): "bgra16",
}


class CvBridge:
    """Converts images; it keeps no state, so that one object serves all topics and threads."""

    def __init__(self) -> None:
        self.cvdepth_to_numpy_depth = {
            getattr(cv2, f"CV_{depth}"): name for depth, name in DEPTHS.items()
        }
        self.cvtype_to_name = {
            getattr(cv2, f"CV_{depth}C{channels}"): f"{depth}C{channels}"
            for depth in DEPTHS
            for channels in range(1, 5)
        }
        self.numpy_type_to_cvtype = {**NUMPY_TO_DEPTH, **DEPTHS}

    def dtype_with_channels_to_cvtype2(self, dtype: np.dtype, n_channels: int) -> str:
        """OpenCV's name of a type, such as 8UC3."""
        depth = NUMPY_TO_DEPTH.get(np.dtype(dtype).name)
        if depth is None:
            raise CvBridgeError(f"dtype: expected one of {list(NUMPY_TO_DEPTH)}, got {dtype}")
        return f"{depth}C{n_channels}"

    def cvtype2_to_dtype_with_channels(self, cvtype: int) -> tuple[str, int]:
        """numpy's dtype name and the number of channels of one of OpenCV's type numbers."""
        layout = parse(self.cvtype_to_name[cvtype])
        return layout.dtype.name, layout.channels

    def encoding_to_cvtype2(self, encoding: str) -> int:
        """OpenCV's type number of an encoding."""
        return int(getattr(cv2, f"CV_{parse(encoding).cv_name}"))

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """numpy's dtype name and the number of channels of an encoding."""
        layout = parse(encoding)
        return layout.dtype.name, layout.channels

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = PASSTHROUGH) -> np.ndarray:
        """The image as an array (height, width) or (height, width, channels).

        `passthrough` keeps the encoding and, where rows are not padded and the byte order is the
        machine's, shares the message's memory. Any other encoding gives an array of its own.
        Raises CvBridgeError.
        """
        source = parse(img_msg.encoding)
        image = _pixels(img_msg, source)
        if desired_encoding == PASSTHROUGH:
            return np.ascontiguousarray(image)
        return convert(image, source, parse(desired_encoding))

    def cv2_to_imgmsg(
        self, cvim: np.ndarray, encoding: str = PASSTHROUGH, header: Header | None = None
    ) -> Image:
        """A message with a copy of an array (height, width[, channels]).

        `passthrough` names the encoding by the type, such as 8UC3. Raises CvBridgeError where the
        array does not fit the encoding, TypeError where it is not an array.
        """
        _check_array(cvim)
        channels = cvim.shape[2] if cvim.ndim == 3 else 1
        cv_name = self.dtype_with_channels_to_cvtype2(cvim.dtype, channels)
        if encoding != PASSTHROUGH and parse(encoding).cv_name != cv_name:
            raise CvBridgeError(
                f"image: expected {parse(encoding).cv_name} for {encoding}, got {cv_name}"
            )
        message = Image() if header is None else Image(header=header)
        message.height, message.width = cvim.shape[:2]
        message.encoding = cv_name if encoding == PASSTHROUGH else encoding
        message.is_bigendian = int(_is_big_endian(cvim.dtype))
        message.step = cvim.shape[1] * channels * cvim.dtype.itemsize
        message.data = _bytes(cvim)
        return message

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: CompressedImage, desired_encoding: str = PASSTHROUGH
    ) -> np.ndarray:
        """Decode a compressed image.

        `passthrough` gives what the file holds (OpenCV's order: blue first). Raises CvBridgeError
        where the data does not decode.
        """
        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise CvBridgeError(
                f"compressed image: expected {cmprs_img_msg.format or 'image'} data, "
                f"got {data.size} bytes that do not decode"
            )
        if desired_encoding == PASSTHROUGH:
            return image
        channels = image.shape[2] if image.ndim == 3 else 1
        name = _DECODED.get((image.dtype.name, channels))
        if name is None:
            raise CvBridgeError(f"compressed image: {image.dtype} cannot be {desired_encoding}")
        target = parse(desired_encoding)
        return image if name == target.name else convert(image, parse(name), target)

    def cv2_to_compressed_imgmsg(
        self, cvim: np.ndarray, dst_format: str = "jpg"
    ) -> CompressedImage:
        """Encode an array (blue first) as a file of a format: jpg, png, …"""
        _check_array(cvim)
        try:
            _, data = cv2.imencode(f".{dst_format}", cvim)
        except cv2.error as fault:
            raise CvBridgeError(f"{dst_format}: {fault}") from None
        message = CompressedImage(format=dst_format)
        message.data = _bytes(data)
        return message


def _pixels(message: Image, layout: Encoding) -> np.ndarray:
    """The message's pixels, (height, width[, channels]), in the machine's byte order.

    Padded rows are skipped by strides. Copies only to swap bytes.
    """
    dtype = layout.dtype.newbyteorder(">" if message.is_bigendian else "<")
    pixel = dtype.itemsize * layout.channels
    data = message.data if not isinstance(message.data, list) else bytes(message.data)
    if message.step < message.width * pixel:
        raise CvBridgeError(
            f"step: expected at least {message.width * pixel} bytes "
            f"({message.width} {layout.name} pixels), got {message.step}"
        )
    if len(data) < message.height * message.step:
        raise CvBridgeError(
            f"data: expected {message.height * message.step} bytes "
            f"(height {message.height} * step {message.step}), got {len(data)}"
        )
    shape: tuple[int, ...] = (message.height, message.width)
    strides: tuple[int, ...] = (message.step, pixel)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, dtype.itemsize)
    image = np.ndarray(shape, dtype, data, strides=strides)
    return image if dtype.isnative else image.astype(layout.dtype)


def _bytes(image: np.ndarray) -> array.array:
    """The array's memory as the type that messages hold without converting: one copy."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).reshape(-1).view(np.uint8))
    return data


def _is_big_endian(dtype: np.dtype) -> bool:
    return dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")


def _check_array(image: Any) -> None:
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image: expected a numpy array, got {type(image).__name__}")
    if image.ndim not in (2, 3):
        raise CvBridgeError(f"image: expected 2 or 3 dimensions, got shape {image.shape}")
