"""Local features: SIFT (Lowe, IJCV 2004) with RootSIFT descriptors (Arandjelović and
Zisserman, CVPR 2012), stored as COLMAP stores them: 128 bytes, the root scaled by 512.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FeaturesConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.types import Features

EDGE_THRESHOLD = 10.0  # Lowe's ratio of principal curvatures
OCTAVE_LAYERS = 3
BLUR = 1.6
_FLAT_GREYS = 4  # a channel with fewer grey levels between its extremes shows nothing


class RootSift:
    """The extractor. One object per thread: OpenCV's is not shared."""

    model = "rootsift"

    def __init__(self, config: FeaturesConfig | None = None) -> None:
        self._config = config or FeaturesConfig()
        self._strongest = self._make(self._config.max_features)
        self._all = self._make(0)

    def extract(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None
    ) -> Features:
        """The strongest features of an image, outside the mask.

        `image` (H, W) or (H, W, 3) RGB, uint8; `mask` (H, W) uint8, 255 = dynamic. Raises
        InputError for any other shape or type.
        """
        check_image(image)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
        if mask is None:
            found, descriptors = self._strongest.detectAndCompute(gray, None)
        else:
            check_mask(mask, image)
            found, descriptors = self._outside(gray, mask)
        return _as_features(found, descriptors)

    def _make(self, max_features: int) -> Any:
        # The precise upscale removes a shift of a quarter pixel that OpenCV's default has.
        return cv2.SIFT.create(
            max_features, OCTAVE_LAYERS, self._config.contrast_threshold,
            EDGE_THRESHOLD, BLUR, cv2.CV_8U, True,
        )

    def _outside(self, gray: NDArray[Any], mask: NDArray[np.uint8]) -> tuple[Any, Any]:
        # OpenCV keeps the strongest BEFORE it looks at its mask, so that a textured passer-by
        # would use up the features of the static scene: detect all, mask, then keep.
        static = np.where(mask > 0, 0, 255).astype(np.uint8)
        found = sorted(self._all.detect(gray, static), key=lambda point: -point.response)
        kept, descriptors = self._all.compute(gray, found[: self._config.max_features])
        return kept, descriptors


def check_image(image: NDArray[Any]) -> None:
    """Raise InputError unless `image` is (H, W) or (H, W, 3) uint8 and not empty."""
    if image.dtype != np.uint8:
        raise InputError(expected("image", "8 bits per channel (uint8)", image.dtype))
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise InputError(expected("image", "(H, W) or (H, W, 3) pixels", image.shape))
    if image.size == 0:
        raise InputError(expected("image", "at least one pixel", image.shape))


def check_contrast(image: NDArray[np.uint8]) -> None:
    """Raise InputError for an image by `check_image` that is black, or all of one colour."""
    planes = image.reshape(*image.shape[:2], -1).transpose(2, 0, 1)
    if all(int(plane.max()) - int(plane.min()) < _FLAT_GREYS for plane in planes):
        level = ", ".join(str(value) for value in planes[:, 0, 0])
        raise InputError(expected("image", "some contrast", f"all pixels about {level}"))


def check_mask(mask: NDArray[Any], image: NDArray[Any]) -> None:
    """Raise InputError unless `mask` is uint8 of the image's height and width."""
    if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        wanted = f"uint8 of shape {image.shape[:2]}"
        raise InputError(expected("mask", wanted, f"{mask.dtype} of shape {mask.shape}"))


def _as_features(found: Any, descriptors: Any) -> Features:
    if not found:
        return Features(
            RootSift.model,
            np.empty((0, 2), np.float32), np.empty(0, np.float32), np.empty((0, 128), np.uint8),
        )
    keypoints = np.asarray(cv2.KeyPoint.convert(found), np.float32)
    scales = np.array([point.size for point in found], np.float32)
    return Features(RootSift.model, keypoints, scales, _root(descriptors))


def _root(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bytes of the square root of the L1-normalized descriptors, (N, 128)."""
    values = descriptors.astype(np.float32)
    total = np.maximum(values.sum(axis=1, keepdims=True), 1.0)
    root = np.minimum(np.rint(512.0 * np.sqrt(values / total)), 255.0)
    stored: NDArray[np.uint8] = root.astype(np.uint8)
    return stored
