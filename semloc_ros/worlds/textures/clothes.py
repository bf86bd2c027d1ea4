"""What people wear and look like: fabrics, coats, faces, hair.

Each garment is one small picture, used from all sides; what has a front is painted apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.canvas import Canvas, Color
from semloc_ros.worlds.textures.noise import fractal_noise, to_image

Image = NDArray[np.uint8]
SKINS = ((238, 200, 172), (224, 178, 144), (196, 146, 108), (150, 104, 74), (104, 70, 50))
HAIRS = ((36, 28, 24), (70, 48, 32), (112, 78, 46), (190, 156, 98), (150, 146, 142), (128, 58, 34))
FABRICS = ("plain", "stripes", "checks", "knit", "dots")
UPPER_COLORS = (
    (178, 40, 44), (38, 66, 118), (232, 230, 224), (46, 48, 54), (74, 110, 76), (216, 168, 60),
    (126, 130, 136), (96, 62, 88), (222, 130, 110), (92, 148, 176), (140, 96, 60), (202, 196, 174),
)  # fmt: skip
LOWER_COLORS = (
    (48, 62, 96), (72, 92, 130), (36, 37, 42), (92, 88, 84), (150, 134, 108), (58, 66, 54),
)  # fmt: skip
SHOES = ((30, 28, 28), (88, 58, 38), (226, 226, 222), (128, 40, 40))


def fabric(kind: str, color: Color, other: Color, rng: np.random.Generator) -> Image:
    """A cloth of `FABRICS`, 40 x 60 cm."""
    canvas = Canvas((0.4, 0.6), 120.0, color)
    if kind == "stripes":
        for k in range(6):
            canvas.box(0, 0.1 * k, 0.4, 0.1 * k + 0.045, other)
    elif kind == "checks":
        for k in range(6):
            canvas.line([[0, 0.1 * k + 0.05], [0.4, 0.1 * k + 0.05]], other, 0.02)
            canvas.line([[0.08 * k, 0], [0.08 * k, 0.6]], other, 0.02)
    elif kind == "dots":
        for k in range(60):
            canvas.disc([0.05 * (k % 8) + 0.025 * (k // 8 % 2), 0.075 * (k // 8)], 0.012, other)
    elif kind == "knit":
        canvas.box(0, 0.3, 0.4, 0.36, other)
        canvas.image[::2] = to_image(0.9 * canvas.image[::2])
    return _folds(canvas.image, rng)


def trousers(color: Color, rng: np.random.Generator) -> Image:
    """A trouser leg: a seam, paler on the thigh."""
    canvas = Canvas((0.2, 0.9), 80.0, color)
    canvas.darken(1.12, 0.85)
    canvas.line([[0.1, 0], [0.1, 0.9]], [0.75 * c for c in color], 0.01)
    return _folds(canvas.image, rng)


def coat_front(image: Image, kind: str) -> Image:
    """The front of a garment (a copy): "zip", "buttons", "open" over a shirt, "print" or
    "plain"."""
    canvas = Canvas((0.4, 0.6), 120.0, (0, 0, 0))
    canvas.image = image.copy()
    dark = 0.45 * image.reshape(-1, 3).mean(axis=0)
    if kind == "zip":
        canvas.line([[0.2, 0.0], [0.2, 0.6]], dark, 0.012)
        for x in (0.1, 0.3):
            inner = x + (0.03 if x < 0.2 else -0.03)
            canvas.line([[x, 0.42], [inner, 0.5]], dark, 0.01)
    elif kind == "buttons":
        canvas.line([[0.22, 0.0], [0.22, 0.6]], dark, 0.008)
        for k in range(6):
            canvas.disc([0.2, 0.06 + 0.1 * k], 0.011, (220, 210, 190))
    elif kind == "open":
        canvas.polygon([[0.15, 0], [0.25, 0], [0.24, 0.6], [0.16, 0.6]], (230, 228, 220))
        canvas.polygon([[0.19, 0.02], [0.21, 0.02], [0.215, 0.3], [0.2, 0.34], [0.185, 0.3]],
                       dark)  # fmt: skip
    elif kind == "print":
        canvas.disc([0.2, 0.22], 0.075, (240, 236, 224))
        canvas.disc([0.2, 0.22], 0.045, dark)
    return canvas.image


def face(skin: Color, hair: Color, beard: bool, rng: np.random.Generator) -> Image:
    """A head from the front, chin at the bottom, 16 x 24 cm."""
    canvas = Canvas((0.16, 0.24), 260.0, skin)
    shade = np.asarray(skin, dtype=np.float64)
    canvas.polygon([[0.0, 0.0], [0.16, 0.0], [0.16, 0.09], [0.135, 0.05], [0.03, 0.045],
                    [0.0, 0.1]], hair)  # fmt: skip
    canvas.box(0, 0.05, 0.014, 0.13, hair)
    canvas.box(0.146, 0.05, 0.16, 0.13, hair)
    if beard:
        canvas.polygon([[0.02, 0.16], [0.05, 0.172], [0.11, 0.172], [0.14, 0.16], [0.13, 0.24],
                        [0.03, 0.24]], hair)  # fmt: skip
    iris = (60, 44, 34) if rng.uniform() < 0.7 else (70, 100, 120)
    for x in (0.053, 0.107):
        brow = 0.6 * np.asarray(hair, dtype=np.float64)
        canvas.line([[x - 0.016, 0.094], [x + 0.016, 0.094]], brow, 0.006)
        canvas.polygon([[x - 0.015, 0.112], [x, 0.105], [x + 0.015, 0.112], [x, 0.118]],
                       (238, 236, 232))  # fmt: skip
        canvas.disc([x, 0.112], 0.006, iris)
    canvas.line([[0.08, 0.11], [0.084, 0.148], [0.074, 0.15]], 0.78 * shade, 0.005)
    canvas.line([[0.06, 0.182], [0.08, 0.186], [0.1, 0.182]], shade * [0.75, 0.5, 0.5], 0.008)
    return canvas.image


def head_side(skin: Color, hair: Color) -> Image:
    """A head from its side, the face at the left, 20 x 24 cm."""
    canvas = Canvas((0.2, 0.24), 200.0, skin)
    canvas.polygon([[0.0, 0], [0.2, 0], [0.2, 0.2], [0.13, 0.19], [0.1, 0.12], [0.07, 0.06],
                    [0.0, 0.05]], hair)  # fmt: skip
    canvas.disc([0.098, 0.135], 0.018, 0.88 * np.asarray(skin, dtype=np.float64))
    return canvas.image


def hair(color: Color, rng: np.random.Generator) -> Image:
    """Strands of hair."""
    strands = fractal_noise((64, 64), rng, 8.0, stretch=0.2)[:, :, None]
    return to_image(np.asarray(color) * (1 + 0.12 * strands))


def _folds(image: Image, rng: np.random.Generator) -> Image:
    """Soft folds of cloth."""
    field = fractal_noise(image.shape[:2], rng, 0.35 * image.shape[1], octaves=3)[:, :, None]
    return to_image(image * (1 + 0.06 * field))
