"""Textures of what fills openings: window panes, doors, shop windows, shutters.

Images (H, W, 3) float, 0-255, of the asked size in texels. A lit one shows the room behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.worlds.textures.noise import Size, fractal_noise, smooth_noise

Picture = NDArray[np.float32]
Color = Sequence[float] | NDArray[np.float64]
# columns and rows of panes of a window, with the share of its height where the rows begin
_BARS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "sash": ((0.5,), (0.5,)),
    "casement": ((0.5,), (0.3,)),
    "grid": ((1 / 3, 2 / 3), (0.25, 0.5, 0.75)),
    "wide": ((0.34,), ()),
    "plain": ((), ()),
}


def window(
    kind: str, size: Size, rng: np.random.Generator, frame: Color, *, lit: bool
) -> Picture:
    """A window of one of the kinds "sash", "casement", "grid", "wide", "plain"."""
    picture = _room(size, rng) if lit else _glass(size, rng)
    _hang(picture, rng, lit)
    rim = max(2, round(0.055 * size[1]))
    tone = 0.16 if lit else 1.0
    _frame(picture, rim, np.asarray(frame) * tone)
    columns, rows = _BARS[kind]
    thin = max(1, rim // 2)
    for x in columns:
        at = round(x * size[1])
        picture[:, at - thin : at + thin] = np.asarray(frame) * 0.94 * tone
        picture[:, at + thin : at + thin + 1] *= 0.7
    for y in rows:
        at = round(y * size[0])
        picture[at - thin : at + thin] = np.asarray(frame) * tone
        picture[at + thin : at + thin + max(1, thin // 2)] *= 0.6
    shade = np.ones(size[0], dtype=np.float32)
    if not lit:  # the lintel's shadow
        shade -= 0.4 * np.exp(-np.arange(size[0]) / (0.07 * size[0]))
    return np.asarray(picture * shade[:, None, None], dtype=np.float32)


def door(size: Size, rng: np.random.Generator, color: Color, *, lit: bool) -> Picture:
    """A door of two or four panels with a light above."""
    picture = np.ones((*size, 1), np.float32) * np.asarray(color, dtype=np.float32)
    picture *= (1 + 0.05 * smooth_noise(size, rng, (size[0] / 3, 2.0)))[:, :, None]
    top, leaves = round(0.2 * size[0]), int(rng.integers(1, 3))
    rim = max(2, round(0.06 * size[1]))
    inner = (top - 2 * rim, size[1] - 2 * rim)
    light = _room(inner, rng) if lit else _glass(inner, rng)
    picture[rim : top - rim, rim : size[1] - rim] = light
    for leaf in range(leaves):
        x0, x1 = (round(size[1] * (leaf + k) / leaves) for k in (0, 1))
        for share in ((0.27, 0.55), (0.6, 0.93)):
            y0, y1 = (round(s * size[0]) for s in share)
            a, b = x0 + 2 * rim, x1 - 2 * rim
            picture[y0:y1, a:b] *= 0.82
            picture[y0 : y0 + 1, a:b] *= 0.55
            picture[y1 - 1 : y1, a:b] *= 1.35
        picture[top:, x1 - 1 : x1] *= 0.5
    row, handle = round(0.6 * size[0]), round(size[1] * (0.88 if leaves == 1 else 0.45))
    picture[row - rim : row + rim, handle : handle + rim] = (206, 196, 160)
    return picture


def shop(size: Size, rng: np.random.Generator, frame: Color, *, lit: bool) -> Picture:
    """A shop window: goods on shelves or figures before a coloured wall, behind glass."""
    base = np.array([176, 164, 146]) * rng.uniform(0.6, 1.25) * rng.normal(1, 0.12, 3)
    back = 1 + 0.12 * fractal_noise(size, rng, 0.4 * size[0], 3)
    picture = (back[:, :, None] * base).astype(np.float32)
    picture *= np.linspace(1.15, 0.65, size[0], dtype=np.float32)[:, None, None]
    (_shelves if rng.uniform() < 0.6 else _figures)(picture, rng)
    if lit:
        picture *= np.array([1.15, 1.05, 0.86])
    else:
        picture = 0.72 * picture + 0.3 * _glass(size, rng)
    _frame(picture, max(2, round(0.04 * size[0])), np.asarray(frame) * (0.3 if lit else 1.0))
    if rng.uniform() < 0.6:
        at = round(rng.uniform(0.3, 0.7) * size[1])
        picture[:, at : at + max(2, size[0] // 40)] = np.asarray(frame) * (0.3 if lit else 0.9)
    return np.asarray(picture, dtype=np.float32)


def shutter(size: Size, rng: np.random.Generator, color: Color) -> Picture:
    """Louvres in a frame."""
    rows = np.arange(size[0])
    shade = 0.72 + 0.28 * ((rows // 2) % 2)
    picture = (shade * rng.normal(1, 0.03, size[0]))[:, None, None] * np.asarray(color)
    picture = np.repeat(picture, size[1], axis=1).astype(np.float32)
    rim = max(1, size[1] // 9)
    _frame(picture, rim, np.asarray(color, dtype=float))
    picture[size[0] // 2 - rim : size[0] // 2 + rim] = color
    return picture


def _glass(size: Size, rng: np.random.Generator) -> Picture:
    """Dark glass that mirrors a bright sky above a skyline of houses."""
    height, width = size
    low, high = np.array([62, 72, 80]) * rng.uniform(0.7, 1.2), np.array([186, 206, 226])
    share = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] * rng.uniform(0.5, 1.0)
    picture = np.repeat(low + share * (high - low), width, axis=1).astype(np.float32)
    steps = np.repeat(rng.uniform(0.2, 0.75, 6), width // 6 + 1)[:width]
    mirrored = np.arange(height)[:, None] / height > steps[None] + rng.uniform(-0.1, 0.3)
    picture[mirrored] *= 0.62
    wave = 1 + 0.06 * fractal_noise(size, rng, 0.6 * height, 3)
    return np.asarray(picture * wave[:, :, None], dtype=np.float32)


def _room(size: Size, rng: np.random.Generator) -> Picture:
    """A room in lamplight: brighter towards its lamp, with a shelf or a picture."""
    tint = np.array([[255, 206, 128], [255, 226, 170], [238, 234, 214], [255, 186, 108]])
    y, x = np.mgrid[0:1:complex(size[0]), 0:1:complex(size[1])]
    centre = rng.uniform(0.2, 0.8), rng.uniform(0.0, 0.4)
    glow = np.exp(-2.2 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2))
    room = (0.35 + 0.65 * glow)[:, :, None] * tint[int(rng.integers(4))]
    for _ in range(int(rng.integers(1, 5))):
        a, b = rng.uniform(0.1, 0.8), rng.uniform(0.35, 0.8)
        rows = slice(round(b * size[0]), round((b + rng.uniform(0.08, 0.4)) * size[0]))
        columns = slice(round(a * size[1]), round((a + rng.uniform(0.08, 0.35)) * size[1]))
        room[rows, columns] *= rng.uniform(0.3, 0.8, 3)
    return np.asarray(room, dtype=np.float32)


def _hang(picture: Picture, rng: np.random.Generator, lit: bool) -> None:
    """Curtains, a blind, flowers or nothing, in place."""
    height, width = picture.shape[:2]
    kind = rng.choice(["curtains", "net", "blind", "plant", "none"], p=[0.3, 0.2, 0.2, 0.1, 0.2])
    cloth = np.array([212, 206, 194]) * rng.uniform(0.62, 1.0) * rng.normal(1, 0.06, 3)
    if lit:
        cloth = cloth * np.array([0.8, 0.62, 0.4])
    folds = 0.84 + 0.16 * np.sin(np.arange(width) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
    hung = (folds[None, :, None] * cloth * np.linspace(0.9, 0.75, height)[:, None, None])
    if kind == "curtains":
        reach = round(rng.uniform(0.16, 0.34) * width)
        for columns in (slice(0, reach), slice(width - reach, width)):
            picture[:, columns] = hung[:, columns]
    elif kind == "net":
        top = round(rng.choice([0.0, 0.5]) * height)
        picture[top:] = 0.4 * picture[top:] + 0.6 * hung[top:]
    elif kind == "blind":
        end = round(rng.uniform(0.25, 0.9) * height)
        slats = 0.8 + 0.2 * (np.arange(end) % 5 > 0)
        picture[:end] = slats[:, None, None] * cloth * 0.9
    elif kind == "plant":
        for _ in range(40):
            x, y = rng.normal(0.5, 0.2) * width, rng.uniform(0.66, 0.95) * height
            color = tuple(float(c) for c in rng.uniform((30, 60, 20), (80, 130, 60)))
            cv2.circle(picture, (int(x), int(y)), max(1, width // 16), color, -1)


def _frame(picture: Picture, rim: int, color: NDArray[np.float64]) -> None:
    for edge in (picture[:rim], picture[-rim:], picture[:, :rim], picture[:, -rim:]):
        edge[:] = color
    picture[rim : rim + 1, rim:-rim] *= 0.6
    picture[rim:-rim, rim : rim + 1] *= 0.75


def _shelves(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    for floor in (0.42, 0.66, 0.9):
        x, foot = rng.uniform(0, 0.05) * width, round(floor * height)
        while x < 0.96 * width:
            wide, high = rng.uniform(0.025, 0.08) * width, rng.uniform(0.06, 0.19) * height
            color = 0.6 * rng.uniform(30, 250, 3) + 0.4 * rng.uniform(30, 250)
            picture[foot - int(high) : foot, int(x) : int(x + wide)] = color
            label = foot - int(0.6 * high)
            picture[label : label + max(1, int(0.2 * high)), int(x) + 1 : int(x + wide) - 1] = (
                255 - color
            )
            x += wide + rng.uniform(0, 0.03) * width
        picture[foot : foot + max(1, height // 60)] *= 0.4


def _figures(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    for x in np.arange(0.14, 0.95, 0.24) * width:
        coat = tuple(float(c) for c in rng.uniform(20, 235, 3))
        skin = tuple(float(c) for c in np.array([222, 196, 176]) * rng.uniform(0.6, 1))
        top, middle = 0.22 * height, int(x + rng.normal(0, 4))
        cv2.circle(picture, (middle, int(top)), max(2, height // 22), skin, -1, cv2.LINE_AA)
        body = np.array([[-0.075, 0.28], [0.075, 0.28], [0.1, 0.62], [-0.1, 0.62]]) * height
        cv2.fillPoly(picture, [(body + [middle, 0]).astype(np.int32)], coat, cv2.LINE_AA)
        legs = np.array([[-0.05, 0.62], [0.05, 0.62], [0.04, 0.95], [-0.04, 0.95]]) * height
        dark = tuple(0.4 * c for c in coat)
        cv2.fillPoly(picture, [(legs + [middle, 0]).astype(np.int32)], dark, cv2.LINE_AA)
