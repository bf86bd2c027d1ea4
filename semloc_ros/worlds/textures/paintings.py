"""Procedural art: pictures that are rich, and unlike each other.

`paint(style, size, rng)` gives (H, W, 3) uint8. Styles differ in what they hold (areas, edges,
strokes, clouds, letters), so that a gallery has objects of every kind of texture.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.noise import (
    Field,
    Size,
    colorize,
    fractal_noise,
    smooth_noise,
    to_image,
)

Image = NDArray[np.uint8]
Painter = Callable[[Size, np.random.Generator], Image]
_FRACTION_BITS = 4  # OpenCV draws at a sixteenth of a texel


def paint(style: str, size: Size, rng: np.random.Generator) -> Image:
    """A picture of `size` (height, width) in one of `STYLES`, on woven canvas."""
    picture = STYLES[style](size, rng).astype(np.float32)
    weave = (
        1 + 0.02 * smooth_noise(size, rng, (1.3, 1.3)) + 0.02 * fractal_noise(size, rng, 60.0, 3)
    )
    return to_image(picture * weave[:, :, None])


def palette(rng: np.random.Generator, number: int) -> NDArray[np.float32]:
    """Colours (number, 3), 0-255: two related hues, one opposite, dark and light."""
    base = rng.uniform()
    hues = base + rng.choice([0.0, 0.06, -0.08, 0.45, 0.55], number) + rng.normal(0, 0.02, number)
    saturation, value = rng.uniform(0.25, 0.9, number), rng.uniform(0.15, 1.0, number)
    value[0], value[-1] = 0.12, 0.95
    rows = [
        colorsys.hsv_to_rgb(h % 1, s, v) for h, s, v in zip(hues, saturation, value, strict=True)
    ]
    return np.array(rows, dtype=np.float32) * 255


def _shapes(size: Size, rng: np.random.Generator) -> Image:
    """Circles, polygons and lines over a washed ground (after Kandinsky)."""
    colors = palette(rng, 9)
    picture = _wash(size, rng, colors[[-1, 3]])
    for _ in range(70):
        color = _color(rng, colors)
        centre, reach = rng.uniform(0, 1, 2) * size[::-1], rng.exponential(0.1) * min(size)
        kind = rng.integers(4)
        if kind == 0:
            thick = -1 if rng.uniform() < 0.6 else int(rng.integers(2, 9))
            cv2.circle(picture, _at(centre), int(reach * 12) + 16, color, thick, cv2.LINE_AA, 4)
        elif kind < 3:
            corners = centre + rng.normal(0, reach + 4, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(picture, [_fixed(corners)], color, cv2.LINE_AA, _FRACTION_BITS)
        else:
            end = centre + rng.normal(0, 4 * reach + 10, 2)
            cv2.line(picture, _at(centre), _at(end), color, int(rng.integers(1, 6)), cv2.LINE_AA, 4)
    return picture


def _blocks(size: Size, rng: np.random.Generator) -> Image:
    """Rectangles divided again and again, with black bars (after Mondrian)."""
    colors = palette(rng, 8)
    picture = np.full((*size, 3), 240, dtype=np.uint8)
    areas = [(0, 0, size[1], size[0])]
    for _ in range(64):
        x, y, w, h = areas.pop(int(np.argmax([a[2] * a[3] * rng.uniform(0.2, 1) for a in areas])))
        cut = rng.uniform(0.25, 0.75)
        if w > h:
            areas += [(x, y, int(w * cut), h), (x + int(w * cut), y, w - int(w * cut), h)]
        else:
            areas += [(x, y, w, int(h * cut)), (x, y + int(h * cut), w, h - int(h * cut))]
    for x, y, w, h in areas:
        cv2.rectangle(picture, (x, y), (x + w, y + h), _color(rng, colors), -1)
        cv2.rectangle(picture, (x, y), (x + w, y + h), (20, 18, 16), int(rng.integers(1, 7)))
    brushed = 1 + 0.1 * fractal_noise(size, rng, 0.1 * min(size), 5, 0.7, stretch=3.0)
    return to_image(picture * brushed[:, :, None])


def _strokes(size: Size, rng: np.random.Generator) -> Image:
    """Thousands of brush strokes along a turning field (after van Gogh)."""
    colors = palette(rng, 10)
    picture = _wash(size, rng, colors[[1, 4]])
    turning = 2.5 * fractal_noise(size, rng, 0.5 * min(size), octaves=2)
    tones = fractal_noise(size, rng, 0.35 * min(size), octaves=3)
    length = 0.035 * min(size)
    for _ in range(3500):
        x, y = int(rng.integers(size[1])), int(rng.integers(size[0]))
        step = (
            length
            * rng.uniform(0.5, 1.6)
            * np.array([np.cos(turning[y, x]), np.sin(turning[y, x])])
        )
        index = int(np.clip(4.5 + 2.2 * tones[y, x] + rng.normal(0, 1.0), 0, 9))
        color = tuple(float(c) for c in colors[index] * rng.normal(1, 0.12))
        here = np.array([x, y], dtype=float)
        cv2.line(
            picture,
            _at(here - step),
            _at(here + step),
            color,
            int(rng.integers(2, 7)),
            cv2.LINE_AA,
            4,
        )
    return picture


def _marble(size: Size, rng: np.random.Generator) -> Image:
    """Noise bent by noise, in the colours of poured paint."""
    bend_x, bend_y = (fractal_noise(size, rng, 0.5 * min(size), octaves=3) for _ in range(2))
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    field = fractal_noise(size, rng, 0.3 * min(size), octaves=6)
    reach = np.float32(0.13 * min(size))
    bent = cv2.remap(
        field, x + reach * bend_x, y + reach * bend_y, cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT
    )
    bands = 0.5 + 0.5 * np.sin(3.2 * bent + 1.4 * bend_x)
    return to_image(colorize(bands, palette(rng, 9)))


def _letters(size: Size, rng: np.random.Generator) -> Image:
    """Lines of large and small letters over colour fields, as on a poster."""
    colors = palette(rng, 8)
    picture = _wash(size, rng, colors[[-1, -2]])
    for _ in range(5):
        corner, far = (rng.uniform(0, 1, 2) * size[::-1] for _ in range(2))
        cv2.rectangle(
            picture, tuple(corner.astype(int)), tuple(far.astype(int)), _color(rng, colors), -1
        )
    y = 0.0
    while y < size[0]:
        height = float(rng.choice([0.05, 0.08, 0.14, 0.22])) * size[0]
        y += 1.25 * height
        _line_of_letters(picture, rng, y, height, _color(rng, colors))
    return picture


def _line_of_letters(
    picture: Image, rng: np.random.Generator, y: float, height: float, color: tuple[float, ...]
) -> None:
    alphabet = list("ABDEFGHKMNPQRSTUVXYZ&?2345789aefghkmrstz")
    font = int(
        rng.choice(
            [cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX]
        )
    )
    word = "".join(rng.choice(alphabet, 40))
    thick = max(1, int(height / 14))
    at = (int(rng.uniform(-0.02, 0.1) * picture.shape[1]), int(y))
    cv2.putText(picture, word, at, font, height / 26, color, thick, cv2.LINE_AA)


def _hills(size: Size, rng: np.random.Generator) -> Image:
    """A landscape: sky, ridges one before the other, trees."""
    colors = palette(rng, 9)
    height, width = size
    sky = np.linspace(0, 1, height, dtype=np.float32)[:, None] + 0.08 * fractal_noise(
        size, rng, 0.4 * height, 5, stretch=3
    )
    picture = to_image(colorize(np.clip(sky, 0, 1), colors[[2, 5, -1]]))
    cv2.circle(
        picture,
        (int(rng.uniform(0.1, 0.9) * width), int(0.25 * height)),
        height // 11,
        (250, 236, 190),
        -1,
        cv2.LINE_AA,
    )
    for layer in range(6):
        ridge = (
            0.3 + 0.11 * layer + 0.07 * fractal_noise((1, width), rng, 0.3 * width, 7)[0]
        ) * height
        ground = colors[layer] * rng.uniform(0.5, 1.0)
        below = np.arange(height)[:, None] > ridge
        grain = fractal_noise(size, rng, 0.06 * height, 4, 0.8, stretch=2.0)
        picture[below] = to_image(ground * (1 + 0.18 * grain)[:, :, None])[below]
        for x in rng.integers(0, width, 14):
            _tree(picture, rng, float(x), float(ridge[x]), (0.02 + 0.016 * layer) * height, ground)
    return picture


def _tree(
    picture: Image, rng: np.random.Generator, x: float, y: float, height: float, color: Field
) -> None:
    tall = height * rng.uniform(0.7, 2.0)
    dark = tuple(float(c) for c in color * rng.uniform(0.3, 0.8))
    corners = np.array([[x - 0.3 * tall, y + 2], [x + 0.3 * tall, y + 2], [x, y - tall]])
    cv2.fillPoly(picture, [_fixed(corners)], dark, cv2.LINE_AA, _FRACTION_BITS)


def _dots(size: Size, rng: np.random.Generator) -> Image:
    """Touches of pure colour that mix in the eye (after Seurat)."""
    colors = palette(rng, 9)
    tones = fractal_noise(size, rng, 0.4 * min(size), octaves=3)
    picture = np.full((*size, 3), 225, dtype=np.uint8)
    for _ in range(9000):
        x, y = int(rng.integers(size[1])), int(rng.integers(size[0]))
        index = int(np.clip(4 + 2.4 * tones[y, x] + rng.normal(0, 1.2), 0, 8))
        color = tuple(float(c) for c in colors[index])
        cv2.circle(
            picture,
            (x, y),
            int(rng.integers(2, max(3, min(size) // 90) + 2)),
            color,
            -1,
            cv2.LINE_AA,
        )
    return picture


STYLES: dict[str, Painter] = {
    "shapes": _shapes,
    "strokes": _strokes,
    "hills": _hills,
    "letters": _letters,
    "marble": _marble,
    "blocks": _blocks,
    "dots": _dots,
}


def _wash(size: Size, rng: np.random.Generator, colors: NDArray[np.float32]) -> Image:
    """Two colours running into each other."""
    field = 0.5 + 0.3 * fractal_noise(size, rng, 0.7 * min(size), octaves=5)
    return to_image(colorize(np.clip(field, 0, 1), colors))


def _color(rng: np.random.Generator, colors: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(float(c) for c in colors[int(rng.integers(len(colors)))])


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * 2**_FRACTION_BITS), dtype=np.int32)


def _at(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = _fixed(point)
    return int(x), int(y)
