"""Made-up pictures of planar objects, whose truth is known exactly."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray, ObjectImage, PictureObjects

HEIGHT, WIDTH = 72, 96
NAMES = ("rings", "stripes")


def reference(name: str, side: int = 96) -> NDArray[np.uint8]:
    """(side, side, 3): a picture that looks otherwise at each place."""
    rng = np.random.default_rng(NAMES.index(name))
    coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_NEAREST)
    colour = (240, 60, 30) if name == "rings" else (30, 90, 240)
    for step in range(8, side, 24):
        if name == "rings":
            cv2.circle(picture, (side // 2, side // 2), step // 2, colour, 5)
        else:
            cv2.line(picture, (step, 0), (step, side), colour, 6)
    return np.asarray(cv2.rectangle(picture, (0, 0), (side - 1, side - 1), (255, 255, 255), 6))


def laid(
    homographies: dict[str, FloatArray], size: tuple[int, int] = (HEIGHT, WIDTH), seed: int = 0
) -> tuple[NDArray[np.uint8], PictureObjects]:
    """A picture of `size` (height, width) and its truth; by name `image_from_uv` (3, 3), the later
    before the earlier."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 120, (*size, 3)).astype(np.uint8)
    numbers, uv = np.zeros(size, np.uint16), np.full((*size, 2), np.nan, np.float32)
    for number, (name, image_from_uv) in enumerate(homographies.items(), 1):
        picture = reference(name)
        side = len(picture)
        pixels = np.array([[1 / side, 0, 0.5 / side], [0, 1 / side, 0.5 / side], [0, 0, 1.0]])
        cv2.warpPerspective(
            picture, image_from_uv @ pixels, size[::-1], dst=image, flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )  # fmt: skip
        places = places_of(image_from_uv, size)
        inside = ((places >= 0) & (places < 1)).all(2)
        numbers[inside], uv[inside] = number, places[inside]
    return image, PictureObjects(numbers, tuple(homographies), uv)


def places_of(image_from_uv: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(u, v) (H, W, 2) of the pixels of an image."""
    columns, rows = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    points = np.stack([columns, rows, np.ones(size)], 2) @ np.linalg.inv(image_from_uv).T
    return np.asarray(points[..., :2] / points[..., 2:])


def upright(x: float, y: float, width: float, height: float, lean: float = 0.0) -> FloatArray:
    """`image_from_uv` of a picture whose top left corner is at x, y; `lean` is how much of its
    height the right edge is shorter by, as seen from the left."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    away = lean * height / 2
    seen = np.array(
        [[x, y], [x + width, y + away], [x + width, y + height - away], [x, y + height]],
        np.float32,
    )  # fmt: skip
    return np.asarray(cv2.getPerspectiveTransform(corners, seen), np.float64)


def scenes(count: int) -> list[ObjectImage]:
    """Images of both objects, at other places in each."""
    found = []
    for seed in range(count):
        rng = np.random.default_rng([seed, 7])
        left, right = rng.permutation(NAMES).tolist()
        homographies = {
            left: upright(*rng.uniform((2, 4), (10, 20)), *rng.uniform(30, 40, 2), 0.2),
            right: upright(*rng.uniform((50, 4), (54, 20)), *rng.uniform(30, 40, 2), -0.2),
        }
        found.append(ObjectImage(
            f"made/{seed}", partial(_image, homographies, seed), partial(_truth, homographies)
        ))  # fmt: skip
    return found


def _image(homographies: dict[str, FloatArray], seed: int) -> NDArray[np.uint8]:
    return laid(homographies, seed=seed)[0]


def _truth(homographies: dict[str, FloatArray]) -> PictureObjects:
    return laid(homographies)[1]
