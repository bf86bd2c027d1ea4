"""Conversions between encodings: colour by OpenCV, then depth with saturation."""

import cv2
import numpy as np

from cv_bridge.encodings import CvBridgeError, Encoding

# OpenCV names a Bayer pattern by the second row's middle pixels, ROS by the first row's.
_BAYER = {"bayer_rggb": "BG", "bayer_bggr": "RG", "bayer_gbrg": "GR", "bayer_grbg": "GB"}
_YUV = {"yuv422": "UYVY", "yuv422_yuy2": "YUY2"}
_OPENCV = {"mono": "GRAY", "rgb": "RGB", "bgr": "BGR", "rgba": "RGBA", "bgra": "BGRA"}


def convert(image: np.ndarray, source: Encoding, target: Encoding) -> np.ndarray:
    """A new array of `image` in another encoding; raises CvBridgeError where there is no way."""
    if source == target:
        return image.copy()
    result = image
    if source.color is None or target.color is None:
        _check_plain(source, target)
    elif source.color != target.color:
        result = cv2.cvtColor(image, _color_code(source, target))
    if result.dtype != target.dtype:
        return _to_depth(result, source, target)
    return image.copy() if result is image else result


def _check_plain(source: Encoding, target: Encoding) -> None:
    """Without colour on one side only the depth can change."""
    if source.color is None and target.color is not None:
        raise CvBridgeError(
            f"conversion: expected a colour encoding to make {target.name}, got {source.name}"
        )
    if source.channels != target.channels:
        raise CvBridgeError(
            f"conversion: expected {source.channels} channels as in {source.name}, "
            f"got {target.name} with {target.channels}"
        )


def _color_code(source: Encoding, target: Encoding) -> int:
    wanted = _OPENCV.get(target.color)
    if source.color in _BAYER and target.channels < 4:
        start = f"Bayer{_BAYER[source.color]}"
    elif source.color in _YUV:
        start = "YUV"
        wanted = wanted and f"{wanted}_{_YUV[source.color]}"
    else:
        start = _OPENCV.get(source.color)
    if start is None or wanted is None:
        raise CvBridgeError(f"conversion: there is none from {source.name} to {target.name}")
    return getattr(cv2, f"COLOR_{start}2{wanted}")


def _to_depth(image: np.ndarray, source: Encoding, target: Encoding) -> np.ndarray:
    """Change the depth; 8 and 16 bit are scaled onto each other's whole range."""
    bits = (source.dtype.itemsize * 8, target.dtype.itemsize * 8)
    if bits == (8, 16) and source.depth == "8U":
        return np.multiply(image, 257, dtype=target.dtype)
    if bits == (16, 8) and (source.depth, target.depth) == ("16U", "8U"):
        return cv2.convertScaleAbs(image, alpha=255.0 / 65535.0)
    factor = {(8, 16): 65535.0 / 255.0, (16, 8): 255.0 / 65535.0}.get(bits, 1.0)
    return _saturated(image, factor, target.dtype)


def _saturated(image: np.ndarray, factor: float, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return image.astype(dtype)
    limits = np.iinfo(dtype)
    scaled = np.rint(image * factor) if image.dtype.kind == "f" or factor != 1.0 else image
    return np.clip(scaled, limits.min, limits.max).astype(dtype)
