"""Images as networks take them: planes of float32, shifted and scaled as in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected

if TYPE_CHECKING:
    import torch

_CHANNELS = 3
_WHITE = 255.0


@dataclass(frozen=True, slots=True)
class Normalization:
    """(value - mean) / std per channel of RGB images whose values are from 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # torchvision's weights


def check_image_array(image: NDArray[np.uint8]) -> bool:
    """Whether an image has colours; InputError unless it is (H, W, 3) or (H, W) uint8."""
    coloured = image.ndim == _CHANNELS and image.shape[2] == _CHANNELS
    if image.dtype != np.uint8 or not (coloured or image.ndim == 2) or image.size == 0:
        wanted = "(H, W, 3) or (H, W) uint8"
        raise InputError(expected("image", wanted, f"{image.shape} {image.dtype}"))
    return coloured


def to_planes(image: NDArray[np.uint8], normalization: Normalization) -> NDArray[np.float32]:
    """The image, (H, W, 3) RGB or (H, W) grey, uint8, as normalized planes (3, H, W) float32.

    Raises InputError for another shape or number format.
    """
    coloured = check_image_array(image)
    planes = image.transpose(2, 0, 1) if coloured else image[None]
    std = np.asarray(normalization.std, np.float32)
    scale = 1.0 / (_WHITE * std)
    shift = np.asarray(normalization.mean, np.float32) / std
    result = planes * scale[:, None, None].astype(np.float32)
    result -= shift[:, None, None]
    return np.ascontiguousarray(result)


def to_tensor(image: NDArray[np.uint8], normalization: Normalization) -> torch.Tensor:
    """The same as a tensor (3, H, W) float32 on the CPU."""
    import torch

    return torch.from_numpy(to_planes(image, normalization))
