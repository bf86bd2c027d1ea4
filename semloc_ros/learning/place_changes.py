"""How training images of places are changed by chance: light, noise, shifts, and what hides them.

All images are (H, W, 3) uint8 and keep their size; label maps (H, W) have the largest number of
their type for unknown.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.places_learning import ChangesConfig, LightChangesConfig
from semloc_ros.types import FloatArray, LabelMap

_LEAST_BLUR = 0.3  # pixels: below, a pixel keeps nearly all of itself
_WAVES = (4, 5)  # nodes of the field by which boundaries are moved, rows and columns


def change_image(
    image: NDArray[np.uint8], config: ChangesConfig, mirrored: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The image in another light and cut otherwise, and a mask (H, W): 255 where a block hides it
    as the masks of moving things do. Other blocks are full of colours."""
    height, width = image.shape[:2]
    lit = in_other_light(image, config, rng)
    matrix = _cut(width, height, config.shift, mirrored, rng)
    cut = cv2.warpAffine(
        lit, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip
    found = blurred_and_noisy(np.asarray(cut, np.uint8), config, rng)
    mask = np.zeros((height, width), np.uint8)
    for rows, columns in _blocks(height, width, config, rng):
        if rng.random() < 0.5:
            mask[rows, columns] = 255
        else:
            found[rows, columns] = rng.integers(0, 256, 3)
    return found, mask


def change_labels(
    labels: LabelMap, config: ChangesConfig, mirrored: bool, num_labels: int,
    pixel: float, rng: np.random.Generator,
) -> LabelMap:  # fmt: skip
    """The label map cut otherwise, with boundaries elsewhere, some labels gone, some blocks wrong.

    `pixel` is how many pixels of the map are one of the network's input.
    """
    height, width = labels.shape
    unknown = int(np.iinfo(labels.dtype).max)
    matrix = _cut(width, height, config.shift, mirrored, rng)
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    source = [
        (matrix[axis, 0] * columns + matrix[axis, 1] * rows + matrix[axis, 2]).astype(np.float32)
        for axis in range(2)
    ]
    sigma = rng.uniform(0.0, config.warp_px) * pixel
    for axis in range(2):
        nodes = (sigma * rng.standard_normal(_WAVES)).astype(np.float32)
        source[axis] += cv2.resize(nodes, (width, height), interpolation=cv2.INTER_CUBIC)
    found = cv2.remap(
        labels, source[0], source[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT,
        borderValue=unknown,
    )  # fmt: skip
    table = np.arange(unknown + 1, dtype=labels.dtype)
    table[:num_labels][rng.random(num_labels) < config.drop] = unknown
    found = table[found]
    for block_rows, block_columns in _blocks(height, width, config, rng):
        wrong = int(rng.integers(num_labels)) if rng.random() < 0.5 else unknown
        found[block_rows, block_columns] = wrong
    return np.asarray(found)


def in_other_light(
    image: NDArray[np.uint8], config: LightChangesConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The image (H, W, 3) with other brightness, contrast and colours."""
    return np.asarray(cv2.LUT(image, _light(float(image.mean()) / 255.0, config, rng)), np.uint8)


def blurred_and_noisy(
    image: NDArray[np.uint8], config: LightChangesConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The image (H, W, 3) as a poorer camera takes it."""
    sigma = rng.uniform(0.0, config.blur_px)
    if sigma > _LEAST_BLUR:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    noise = rng.uniform(0.0, config.noise) * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def _light(
    mean: float, config: LightChangesConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """What each value (0 to 255) of each channel becomes: (256, 1, 3)."""
    exponent = np.exp(rng.uniform(-config.gamma, config.gamma))
    contrast = 1.0 + rng.uniform(-config.contrast, config.contrast)
    gain = 1.0 + rng.uniform(-config.brightness, config.brightness)
    tint = 1.0 + rng.uniform(-config.tint, config.tint, 3)
    values = (np.arange(256) / 255.0) ** exponent
    middle = mean**exponent
    values = ((values - middle) * contrast + middle) * gain
    found = np.clip(np.rint(255.0 * values[:, None, None] * tint), 0, 255)
    return np.asarray(found, np.uint8)


def _cut(
    width: int, height: int, shift: float, mirrored: bool, rng: np.random.Generator
) -> FloatArray:
    """(2, 3): from pixels of the result to pixels of the image, another part of it at its size."""
    seen = 1.0 - rng.uniform(0.0, shift)
    moved = rng.uniform(-shift / 2, shift / 2, 2) * (width, height)
    centre = np.array([width - 1, height - 1]) / 2
    along = -seen if mirrored else seen
    return np.array([
        [along, 0.0, centre[0] + moved[0] - along * centre[0]],
        [0.0, seen, centre[1] + moved[1] - seen * centre[1]],
    ])  # fmt: skip


def _blocks(
    height: int, width: int, config: ChangesConfig, rng: np.random.Generator
) -> list[tuple[slice, slice]]:
    """Rows and columns of none to `config.blocks` blocks, each wholly in the image."""
    found = []
    for _ in range(int(rng.integers(config.blocks + 1))):
        sides = [
            max(1, int(length * rng.uniform(0.0, config.block))) for length in (height, width)
        ]
        row, column = (
            int(rng.integers(length - side + 1))
            for length, side in zip((height, width), sides, strict=True)
        )
        found.append((slice(row, row + sides[0]), slice(column, column + sides[1])))
    return found
