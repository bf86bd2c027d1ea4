"""Many textures with their mip levels in one flat array, as the shading kernel reads them.

Texel i of a row covers [i, i + 1) in texel coordinates, its centre lies at i + 0.5. A level
has half the size of the one before, rounded up, its last row and column repeated where odd:
texel coordinates of level l are those of level 0 divided by 2**l, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TextureAtlas:
    """`texels` (N, 3) uint8; per texture and level: `offsets`, `widths`, `heights` (T, L) int64;
    `level_counts` (T,) int64."""

    texels: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    widths: NDArray[np.int64]
    heights: NDArray[np.int64]
    level_counts: NDArray[np.int64]


def mip_levels(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The image (H, W, 3) and its box-filtered halvings down to one texel."""
    levels = [image]
    exact = image.astype(np.float32)
    while max(exact.shape[:2]) > 1:
        exact = _halve(exact)
        levels.append(np.rint(exact).astype(np.uint8))
    return levels


def build_atlas(images: list[NDArray[np.uint8]]) -> TextureAtlas:
    """The atlas of images (H, W, 3) uint8; texture i is image i."""
    pyramids = [mip_levels(image) for image in images]
    depth = max(len(pyramid) for pyramid in pyramids)
    tables = np.zeros((3, len(images), depth), dtype=np.int64)
    used = 0
    for i, pyramid in enumerate(pyramids):
        for level, image in enumerate(pyramid):
            height, width = image.shape[:2]
            tables[:, i, level] = used, width, height
            used += height * width
    texels = np.concatenate([image.reshape(-1, 3) for pyramid in pyramids for image in pyramid])
    counts = np.array([len(pyramid) for pyramid in pyramids], dtype=np.int64)
    return TextureAtlas(texels, tables[0], tables[1], tables[2], counts)


def _halve(image: NDArray[np.float32]) -> NDArray[np.float32]:
    odd = [(0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)]
    even = np.pad(image, odd, mode="edge")
    total = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return np.asarray(total / 4, dtype=np.float32)
