"""What faults do to images (H, W) or (H, W, 3) uint8: covered, crowded, blurred, badly exposed.

Each function takes the image, the fault's value, the time in seconds and a Generator that is the
same for every image of a run, and returns a new image of the same shape.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_WALK_WIDTHS_S = (0.05, 0.3)  # how fast people cross the image, in widths of it per second


def occlude(image: Image, share: float, seconds: float, rng: np.random.Generator) -> Image:
    """A textured board over `share` of the image, of its shape, that moves on every second."""
    height, width = image.shape[:2]
    rows, columns = (round(side * share**0.5) for side in (height, width))
    if rows == 0 or columns == 0:
        return image
    places = np.random.default_rng([int(rng.integers(2**32)), int(seconds)])
    top, left = places.integers(height - rows + 1), places.integers(width - columns + 1)
    coarse = rng.integers(30, 200, (6, 8), dtype=np.uint8)
    board = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    spoiled: Image = image.copy()
    patch = spoiled[top : top + rows, left : left + columns]
    patch[:] = board if image.ndim == 2 else board[..., None]
    return spoiled


def crowd(image: Image, people: float, seconds: float, rng: np.random.Generator) -> Image:
    """`people` figures who cross the image, each at a speed and of a size of its own."""
    height, width = image.shape[:2]
    spoiled: Image = image.copy()
    for _ in range(round(people)):
        start, size, feet = rng.random(), rng.uniform(0.35, 0.8), rng.uniform(0.85, 1.05)
        speed = rng.uniform(*_WALK_WIDTHS_S) * rng.choice([-1, 1])
        clothes = [rng.integers(20, 230, 3).tolist() for _ in range(2)]
        place = (start + speed * seconds) % 1.4 - 0.2  # they leave the image and come again
        _figure(spoiled, (place * width, feet * height), size * height, clothes)
    return spoiled


def blur(image: Image, length_px: float, seconds: float, rng: np.random.Generator) -> Image:
    """Motion blur along the rows, of a length in pixels."""
    length = max(1, round(length_px))
    kernel = np.full((1, length), 1.0 / length)
    return np.asarray(
        cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def expose(image: Image, factor: float, seconds: float, rng: np.random.Generator) -> Image:
    """Brightness times a factor, clipped at white."""
    brighter: Image = np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)
    return brighter


def _figure(
    image: Image, feet: tuple[float, float], height: float, clothes: list[list[int]]
) -> None:
    """Head, body and legs, drawn into the image."""
    x, y = feet
    shapes = (
        (0.93, 0.055, 0.07, (190, 150, 130)),  # centre above the feet, half width, half height
        (0.65, 0.12, 0.22, clothes[0]),
        (0.24, 0.09, 0.25, clothes[1]),
    )
    for above, half_width, half_height, color in shapes:
        centre = (round(x), round(y - above * height))
        axes = (max(1, round(half_width * height)), max(1, round(half_height * height)))
        grey = int(np.mean(color))
        shade = grey if image.ndim == 2 else tuple(int(value) for value in color)
        cv2.ellipse(image, centre, axes, 0, 0, 360, shade, -1, cv2.LINE_AA)
