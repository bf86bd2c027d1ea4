"""Textures of signs: boards of shops, posters, traffic signs, plates with names.

`board` and `poster` are objects of interest and unlike each other; all images are (H, W, 3) uint8.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures import paintings
from semloc_ros.worlds.textures.noise import Size, fractal_noise, to_image

Image = NDArray[np.uint8]
Color = Sequence[float]
_FINER = 3  # letters are drawn larger and shrunk
_TRADES = (
    "BAKERY", "CAFE", "BOOKS", "OPTICIAN", "FLOWERS", "PHARMACY", "HOTEL", "PIZZERIA", "MARKET",
    "SHOES", "BICYCLES", "RECORDS", "TAILOR", "HAIRDRESSER", "TEA HOUSE", "PHOTO", "TOYS", "WINES",
    "LAUNDRY", "BANK", "DENTIST", "ANTIQUES", "GARDEN", "KEBAB", "SUSHI", "FISH", "CHEESE",
    "MUSIC", "HARDWARE", "TRAVEL",
)  # fmt: skip
_NAMES = (
    "Luna", "Miller", "Rossi", "Novak", "Olsen", "Weber", "Dubois", "Kowalski", "Jansen", "Moreau",
    "Silva", "Horvath", "Keller", "Marin", "Petit", "Ferri", "Lind", "Bauer", "Costa", "Blum",
)  # fmt: skip
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SIMPLEX)


def board(size: Size, rng: np.random.Generator, number: int) -> Image:
    """A shop's board: its trade and its owner's name; `number` tells shops apart."""
    ground, ink = _contrast(rng)
    picture = _canvas(size, ground)
    shade = 1 + 0.05 * fractal_noise(picture.shape[:2], rng, 0.8 * picture.shape[0], 4)
    picture = to_image(picture * shade[:, :, None])
    high, wide = picture.shape[:2]
    edge = max(2, high // 22)
    cv2.rectangle(picture, (2 * edge, 2 * edge), (wide - 2 * edge, high - 2 * edge), ink, edge)
    trade, name = _TRADES[number % len(_TRADES)], _NAMES[int(rng.integers(len(_NAMES)))]
    left = 0.05
    if rng.uniform() < 0.7:
        _emblem(picture, rng, ink, (int(0.6 * high), high // 2), 0.27 * high)
        left = 0.95 * high / wide
    if wide > 4.5 * high:
        write(picture, trade, (left, 0.2, 0.72, 0.8), ink, rng)
        write(picture, f"{name} {number + 2}", (0.75, 0.32, 0.96, 0.72), ink, rng)
    else:
        write(picture, trade, (left, 0.14, 0.95, 0.62), ink, rng)
        write(picture, f"{name} & Co {number + 2}", (left, 0.68, 0.95, 0.88), ink, rng)
    return _shrink(picture, size)


def poster(size: Size, rng: np.random.Generator, number: int) -> Image:
    """A poster: a picture in one of the styles of art, a headline, small print."""
    style = list(paintings.STYLES)[number % len(paintings.STYLES)]
    picture = paintings.paint(style, size, rng)
    large = np.asarray(cv2.resize(picture, (size[1] * _FINER, size[0] * _FINER)), dtype=np.uint8)
    ground, ink = _contrast(rng)
    top, bottom = (0.06, 0.24) if rng.uniform() < 0.5 else (0.74, 0.92)
    rows = slice(round((top - 0.03) * len(large)), round((bottom + 0.03) * len(large)))
    large[rows] = ground
    words = f"{_NAMES[int(rng.integers(len(_NAMES)))].upper()} {int(rng.integers(1, 31))}.{number}"
    write(large, words, (0.06, top, 0.94, top + 0.12), ink, rng)
    line = " ".join(str(w) for w in rng.choice(_TRADES, 3)).lower()
    write(large, line, (0.08, top + 0.13, 0.92, bottom), ink, rng)
    cv2.rectangle(large, (0, 0), (large.shape[1] - 1, large.shape[0] - 1), (240, 238, 230), 9)
    return _shrink(large, size)


def traffic(kind: str, size: Size, rng: np.random.Generator) -> Image:
    """A traffic sign: "stop", "limit", "yield", "crossing", "parking", "oneway", "no", "name"."""
    red, blue, white, black = (186, 24, 28), (22, 74, 156), (240, 240, 236), (16, 16, 16)
    picture = _canvas(size, white)
    high, wide = picture.shape[:2]
    centre, reach = (wide // 2, high // 2), min(wide, high) // 2
    if kind in ("limit", "no"):
        cv2.circle(picture, centre, reach, red, -1)
        cv2.circle(picture, centre, int(0.78 * reach), white, -1)
        if kind == "limit":
            write(picture, str(rng.choice(["30", "40", "50"])), (0.26, 0.3, 0.74, 0.7), black, rng)
        else:
            ends = (wide // 4, high // 4), (3 * wide // 4, 3 * high // 4)
            cv2.line(picture, *ends, red, reach // 5)
    elif kind == "stop":
        picture[:] = red
        write(picture, "STOP", (0.1, 0.33, 0.9, 0.67), white, rng)
    elif kind == "yield":
        picture[:] = red
        inner = np.array([[0.2, 0.12], [0.8, 0.12], [0.5, 0.72]]) * (wide, high)
        cv2.fillPoly(picture, [inner.astype(np.int32)], white)
    elif kind == "crossing":
        picture[:] = blue
        corners = np.array([[0.5, 0.14], [0.86, 0.82], [0.14, 0.82]]) * (wide, high)
        cv2.fillPoly(picture, [corners.astype(np.int32)], white)
        cv2.circle(picture, (wide // 2, int(0.4 * high)), reach // 9, black, -1)
        for foot in (0.4, 0.6):
            cv2.line(picture, (wide // 2, int(0.48 * high)), (int(foot * wide), int(0.76 * high)),
                     black, reach // 8)  # fmt: skip
    elif kind == "parking":
        picture[:] = blue
        write(picture, "P", (0.25, 0.15, 0.75, 0.85), white, rng)
    elif kind == "oneway":
        picture[:] = blue
        tip = np.array([[0.1, 0.4], [0.6, 0.4], [0.6, 0.2], [0.92, 0.5], [0.6, 0.8], [0.6, 0.6],
                        [0.1, 0.6]]) * (wide, high)  # fmt: skip
        cv2.fillPoly(picture, [tip.astype(np.int32)], white)
    else:
        picture[:] = (24, 60, 120)
        words = f"{_NAMES[int(rng.integers(len(_NAMES)))]}street"
        write(picture, words, (0.06, 0.22, 0.94, 0.78), white, rng)
    return _shrink(picture, size)


def write(
    picture: Image, words: str, area: tuple[float, ...], ink: Color, rng: np.random.Generator
) -> None:
    """A line of letters that fills `area` (left, top, right, bottom: shares), in place."""
    font = int(_FONTS[int(rng.integers(len(_FONTS)))])
    high, wide = picture.shape[:2]
    tall, room = (area[3] - area[1]) * high, (area[2] - area[0]) * wide
    (width, height), _ = cv2.getTextSize(words, font, 1.0, 1)
    factor = min(tall / height, room / width)
    thick = max(1, int(factor * (3.2 if font != cv2.FONT_HERSHEY_TRIPLEX else 2.2)))
    left = int((area[0] + area[2]) / 2 * wide - factor * width / 2)
    foot = int((area[1] + area[3]) / 2 * high + factor * height / 2)
    cv2.putText(picture, words, (left, foot), font, factor, tuple(ink), thick, cv2.LINE_AA)


def _emblem(
    picture: Image, rng: np.random.Generator, ink: Color, centre: tuple[int, int], reach: float
) -> None:
    kind, color = int(rng.integers(3)), tuple(float(c) for c in rng.uniform(40, 250, 3))
    cv2.circle(picture, centre, int(1.25 * reach), tuple(ink), -1, cv2.LINE_AA)
    turn = np.linspace(0, 2 * np.pi, 2 * int(rng.integers(3, 8)) + 1)[:-1] + rng.uniform(0, 3)
    radius = reach * np.where(np.arange(len(turn)) % 2, 0.45 + 0.25 * kind, 1.1)
    tips = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None] + centre
    cv2.fillPoly(picture, [tips.astype(np.int32)], color, cv2.LINE_AA)


def _contrast(rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Ground and ink: one dark and strong, one bright."""
    dark = paintings.palette(rng, 3)[1] * 0.6
    bright = 255 - 0.18 * rng.uniform(0, 255, 3)
    pair = [tuple(float(c) for c in one) for one in (dark * min(1.0, 90 / dark.mean()), bright)]
    return (pair[0], pair[1]) if rng.uniform() < 0.65 else (pair[1], pair[0])


def _canvas(size: Size, color: Color) -> Image:
    return np.full((size[0] * _FINER, size[1] * _FINER, 3), color, dtype=np.uint8)


def _shrink(picture: Image, size: Size) -> Image:
    small = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)
