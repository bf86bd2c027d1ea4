"""Smooth random fields, the raw material of procedural textures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Size = tuple[int, int]  # height, width in texels


def smooth_noise(size: Size, rng: np.random.Generator, cell: tuple[float, float]) -> Field:
    """Cubically interpolated normal noise (H, W); `cell` = (height, width) of a blob in texels."""
    height, width = size
    # The grid reaches past the image, so that its border is not special.
    rows, columns = int(height / cell[0]) + 4, int(width / cell[1]) + 4
    grid = rng.standard_normal((rows, columns)).astype(np.float32)
    y = (np.arange(height, dtype=np.float32) / np.float32(cell[0])) + 1.5
    x = (np.arange(width, dtype=np.float32) / np.float32(cell[1])) + 1.5
    across, along = np.meshgrid(x, y)
    field = cv2.remap(grid, across, along, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(field, dtype=np.float32)


def fractal_noise(
    size: Size, rng: np.random.Generator, cell: float, octaves: int = 5, roughness: float = 0.55,
    stretch: float = 1.0,
) -> Field:  # fmt: skip
    """Sum of noises of halving size, about unit variance (H, W).

    `cell` texels is the largest blob, `stretch` > 1 draws it out horizontally.
    """
    total = np.zeros(size, dtype=np.float32)
    power = 0.0
    for octave in range(octaves):
        blob = cell / 2**octave
        if blob < 1.0:
            break
        weight = roughness**octave
        total += np.float32(weight) * smooth_noise(size, rng, (blob, blob * stretch))
        power += weight**2
    return np.asarray(total / (np.sqrt(max(power, 1e-9)) * 0.6), dtype=np.float32)


def colorize(field: NDArray[np.floating[Any]], palette: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (H, W, 3) by interpolating the palette (N, 3) over a field in [0, 1]."""
    stops = np.linspace(0, 1, len(palette))
    channels = [np.interp(field, stops, palette[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def to_image(color: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Colours 0-255 (H, W, 3) as an image."""
    return np.asarray(np.clip(np.rint(color), 0, 255), dtype=np.uint8)
