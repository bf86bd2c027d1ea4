"""What pose networks see of an image: standardized, dynamic pixels zero, resized and cut.

Cimarelli et al. (AVSS 2019), section 4.1: masked pixels are set to zero after the data set's mean
was subtracted, as of cutout. They are zero before the image is resized, so nothing of them bleeds
into what is around; where a pixel of the small image is dynamic in part, that part of it is zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.networks.images import check_image_array, to_planes
from semloc_ros.networks.place_inputs import check_mask
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.types import FloatArray

Planes = NDArray[np.float32]


def pose_planes(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, about: PoseAbout
) -> Planes:
    """The planes (3, height, width) float32 of the middle of an image (H, W, 3) RGB or (H, W) grey,
    uint8, with a mask (H, W) uint8, 0 = static, or None. InputError for others."""
    whole = whole_planes(image, mask, about)[:3]
    return np.ascontiguousarray(cut(whole, about, (0.5, 0.5)))


def whole_planes(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, about: PoseAbout
) -> Planes:
    """Planes (4, h, w) of the whole image in the size it is cut from: three of `pose_planes`, and
    the share of each pixel that is static."""
    coloured = image if check_image_array(image) else np.repeat(image[..., None], 3, 2)
    planes = np.ones((4, *image.shape[:2]), np.float32)
    planes[:3] = to_planes(coloured, about.normalization)
    if mask is not None:
        check_mask(mask, image.shape[:2])
        planes[:, mask != 0] = 0.0
    before = (image.shape[1], image.shape[0])
    size = resized(before, about)
    if size == before:
        return planes
    smaller = size[0] < before[0]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    found = cv2.resize(planes.transpose(1, 2, 0), size, interpolation=kind).transpose(2, 0, 1)
    return np.asarray(found, np.float32)


def resized(size: tuple[int, int], about: PoseAbout) -> tuple[int, int]:
    """The (width, height) that an image of a size is brought to: its shorter side is `short_side`
    long, or more where the network's input would not fit in."""
    wanted = about.short_side / min(size) if about.short_side else 1.0
    scale = max(wanted, about.width / size[0], about.height / size[1])
    return max(round(size[0] * scale), about.width), max(round(size[1] * scale), about.height)


def cut(planes: NDArray[np.floating], about: PoseAbout, where: tuple[float, float]) -> Planes:
    """The network's input from whole planes (P, h, w): `where` from 0, left and above, to 1."""
    height, width = planes.shape[1:]
    left, top = round(where[0] * (width - about.width)), round(where[1] * (height - about.height))
    part = planes[:, top : top + about.height, left : left + about.width]
    return np.asarray(part, np.float32)


def poses_from(found: NDArray[np.float32], offset: Sequence[float] | FloatArray) -> FloatArray:
    """`map_from_camera` (N, 4, 4) from a network's output (N, 7) and its `position_offset`."""
    numbers = found.astype(np.float64)
    return se3.from_quaternion_xyzw(numbers[:, :3] + np.asarray(offset), numbers[:, 3:])
