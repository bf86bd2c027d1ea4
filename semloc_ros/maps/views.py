"""The images of a build with what was extracted from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import MapBuilderConfig
from semloc_ros.errors import MapError, expected
from semloc_ros.maps import workspace
from semloc_ros.maps.masks import Mask, Masks
from semloc_ros.maps.workspace import Workspace
from semloc_ros.types import Features, PosedImage

Progress = Callable[[str, int, int], None]  # stage, done, total


class Extract(Protocol):
    """Features of an image (H, W[, 3]), outside a mask (H, W) where there is one."""

    def __call__(self, image: NDArray[np.uint8], mask: Mask | None = None, /) -> Features: ...


@dataclass(frozen=True, slots=True)
class Views:
    """Row by row: an image, its features, their RGB (N, 3), the key of what decided them, and
    the share of its pixels that was masked."""

    images: list[PosedImage]
    features: list[Features]
    colors: list[NDArray[np.uint8]]
    keys: list[str]
    masked: list[float]

    @property
    def keypoints(self) -> list[NDArray[np.float32]]:
        """The keypoints (N, 2) of each view."""
        return [one.keypoints for one in self.features]

    def with_images(self, images: list[PosedImage]) -> Views:
        """The same features, seen from other poses or by other cameras."""
        return dataclasses.replace(self, images=images)


def extract_views(
    images: Sequence[PosedImage], extract: Extract, config: MapBuilderConfig,
    work: Workspace, tell: Progress, masks: Masks | None = None,
) -> Views:  # fmt: skip
    """Features of all images, outside their masks if there are any, computed or remembered."""
    model = str(getattr(getattr(extract, "__self__", extract), "model", ""))
    views = Views(list(images), [], [], [], [])
    for index, image in enumerate(images):
        pixels = _pixels(image)
        mask = None if masks is None else masks.of(image, pixels, work)
        key = workspace.features_key(image, pixels, model, config.features, mask)
        arrays = work.remembered(key, partial(_extract_one, pixels, mask, extract))
        one, colors = workspace.unpack_features(arrays)
        views.features.append(one)
        views.colors.append(colors)
        views.keys.append(key)
        views.masked.append(0.0 if mask is None else float((mask > 0).mean()))
        tell("features", index + 1, len(images))
    return views


def _pixels(image: PosedImage) -> NDArray[np.uint8]:
    pixels = image.read()
    height, width = pixels.shape[:2]
    if (width, height) != (image.camera.width, image.camera.height):
        wanted = f"{image.camera.width}x{image.camera.height} as its camera"
        raise MapError(expected(image.name, wanted, f"{width}x{height}"))
    return pixels


def _extract_one(
    pixels: NDArray[np.uint8], mask: Mask | None, extract: Extract
) -> dict[str, NDArray[Any]]:
    height, width = pixels.shape[:2]
    features = extract(pixels) if mask is None else extract(pixels, mask)
    u, v = np.rint(features.keypoints).astype(int).T.reshape(2, -1)
    colors = pixels[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)]
    if colors.ndim == 1:
        colors = np.repeat(colors[:, None], 3, axis=1)
    return workspace.pack_features(features, colors)
