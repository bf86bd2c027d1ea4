"""A picture, and images of it from anywhere, exactly by a homography."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import homographies
from semloc_ros.types import FloatArray

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_FINER = 3  # each pixel is the mean of so many by so many


def picture(seed: int = 0, size: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 with structure of all sizes."""
    rng = np.random.default_rng(seed)
    made = np.zeros((*size, 3), np.float32)
    for cells in (3, 7, 15, 31, 63):
        noise = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        made += cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC) / cells**0.35
    made = 128 + 60 * made / made.std()
    return np.asarray(np.clip(made, 0, 255).astype(np.uint8))


def image_from_corners(corners: FloatArray) -> FloatArray:
    """The homography that puts the corners of (u, v) at pixels (4, 2)."""
    found = cv2.getPerspectiveTransform(CORNERS.astype(np.float32), np.float32(corners))
    return np.asarray(found, np.float64)


def image_of(
    reference: NDArray[np.uint8], image_from_uv: FloatArray, size: tuple[int, int] = (240, 320),
    noise: float = 4.0, seed: int = 0,
) -> NDArray[np.uint8]:  # fmt: skip
    """What a camera sees of a picture, in uneven light, with noise; before a grey wall."""
    finer = np.array([[_FINER, 0, (_FINER - 1) / 2], [0, _FINER, (_FINER - 1) / 2], [0, 0, 1]])
    uv_from_reference = np.linalg.inv(homographies.pixels_from_uv(reference.shape[:2]))
    large = cv2.warpPerspective(
        reference, finer @ image_from_uv @ uv_from_reference, (size[1] * _FINER, size[0] * _FINER),
        flags=cv2.INTER_CUBIC, borderValue=(110, 110, 110),
    )  # fmt: skip
    seen = cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)
    light = 0.6 + 0.4 * np.arange(size[1]) / size[1]
    seen = seen * light[:, None] + 15.0
    seen += np.random.default_rng(seed).normal(0.0, noise, seen.shape)
    return np.asarray(np.clip(seen, 0, 255).astype(np.uint8))


def corner_error(found: FloatArray, truth: FloatArray) -> float:
    """The mean distance of the four corners, in pixels."""
    ends = homographies.apply(found, CORNERS) - homographies.apply(truth, CORNERS)
    return float(np.linalg.norm(ends, axis=1).mean())
