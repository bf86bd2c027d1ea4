"""A label map made ready for the kernels: ideal pinhole, flat, unknown in a class of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import cameras, se3
from semloc_ros.types import Camera, FloatArray


@dataclass(frozen=True, slots=True)
class LabelImage:
    """The labels of one image as an ideal pinhole camera would see them.

    `labels` (width * height + 1,) uint8 or uint16, row by row, `num_labels` for what is unknown
    or not stationary; the one at the end belongs to points that are not seen. `rows` (3, 3)
    takes a point of the camera's frame to (u z, v z, z), (u, v) from the image's corner.
    """

    labels: NDArray[Any]
    width: int
    height: int
    rows: FloatArray
    num_labels: int


def label_image(
    camera: Camera, labels: NDArray[Any], stationary: NDArray[np.bool_], stride: int = 1
) -> LabelImage:
    """The label map (H, W) of `camera`, every `stride`-th pixel; `stationary` (L,).

    A distorted image is seen through an ideal camera of the same focal lengths: a fisheye lens
    loses what lies beyond its corners. Raises InputError if image and camera differ in size.
    """
    if labels.shape != (camera.height, camera.width):
        wanted = f"{camera.width}x{camera.height} as camera_info"
        raise InputError(expected("label map", wanted, "x".join(map(str, labels.shape[::-1]))))
    count = len(stationary)
    table = np.full(int(np.iinfo(labels.dtype).max) + 1, count)
    kept = np.flatnonzero(stationary)
    kept = kept[kept < len(table) - 1]
    table[kept] = kept
    kind = np.uint8 if count < 256 else np.uint16
    source = _source_pixels(camera)
    seen = table.astype(kind)[labels]
    if source is not None:
        seen = np.append(seen, kind(count))[source].reshape(labels.shape)
    seen = seen[stride // 2 :: stride, stride // 2 :: stride]
    height, width = seen.shape
    return LabelImage(np.append(seen, kind(count)), width, height, _rows(camera, stride), count)


def kernel_poses(
    image: LabelImage, map_from_camera: FloatArray, origin: FloatArray
) -> NDArray[np.float32]:
    """Poses (N, 12) of the kernels about `origin` (3,), from (N, 4, 4)."""
    rows = image.rows @ se3.inverse(map_from_camera)[:, :3, :3]
    centres = map_from_camera[:, :3, 3] - origin
    return np.concatenate([centres, rows.reshape(-1, 9)], axis=1).astype(np.float32)


def _rows(camera: Camera, stride: int) -> FloatArray:
    """Pixel centres of the coarse grid lie in the middle of `stride` pixels of the fine one."""
    shift = 0.5 * stride - stride // 2
    return np.array([
        [camera.fx / stride, 0.0, (camera.cx + shift) / stride],
        [0.0, camera.fy / stride, (camera.cy + shift) / stride],
        [0.0, 0.0, 1.0],
    ])


@lru_cache(maxsize=16)
def _source_pixels(camera: Camera) -> NDArray[np.int64] | None:
    """Number (H * W,) of the pixel in the distorted image under each pixel of the ideal one,
    H * W where there is none; None for a camera without distortion."""
    if camera.model == "pinhole":
        return None
    v, u = np.mgrid[: camera.height, : camera.width].reshape(2, -1)
    rays = np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.size)], 1
    )
    pixels, seen = cameras.project(camera, rays)
    inside = seen & cameras.inside_image(camera, pixels)
    at = np.floor(pixels[inside] + 0.5).astype(np.int64)
    source = np.full(u.size, u.size, np.int64)
    source[inside] = at[:, 1] * camera.width + at[:, 0]
    return source
