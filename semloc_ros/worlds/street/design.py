"""Designs of buildings: style, colours, storeys, and where the openings of a front lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.sides import Span

Color = tuple[float, float, float]
_PLASTER = (
    (214, 190, 146), (222, 208, 178), (196, 148, 118), (178, 186, 172), (204, 172, 158),
    (232, 222, 200), (170, 160, 148), (216, 178, 112), (158, 172, 184), (188, 118, 92),
)  # fmt: skip
_COLORS: dict[str, Sequence[Color]] = {
    "plaster": _PLASTER,
    "brick": ((150, 76, 54), (128, 64, 50), (168, 104, 72), (120, 86, 66), (176, 148, 110)),
    "stone": ((186, 172, 146), (162, 156, 146), (196, 186, 166), (150, 140, 124)),
    "concrete": ((160, 158, 154), (186, 184, 180), (140, 142, 144)),
}
_FRAMES = ((236, 234, 226), (236, 234, 226), (92, 64, 44), (58, 62, 64), (60, 84, 70))
_DOORS = (
    (104, 62, 42), (52, 88, 68), (140, 44, 38), (54, 70, 112), (88, 82, 76), (168, 126, 78),
)  # fmt: skip
_ROOFS = ("gable", "gable", "front gable", "hip", "mansard", "flat")
_TILES = ((150, 78, 54), (124, 66, 50), (96, 92, 92), (74, 78, 86), (134, 92, 68))
_SHOP = 6.5  # metres: no shop has a narrower front
_MARGIN = 0.45  # metres of wall at both ends of a front


@dataclass(frozen=True, slots=True)
class Design:
    """One building. `ground_m` height of the ground floor, `storeys` above it of `storey_m`;
    `window` width and height; `pitch` metres between windows; `finer` factor on texels."""

    style: str
    color: Color
    trim: Color
    frame: Color
    door: Color
    roof: str
    tiles: Color
    storeys: int
    storey_m: float
    ground_m: float
    pitch: float
    window: tuple[float, float]
    kind: str
    shop: bool
    balconies: bool
    shutters: bool
    quoins: bool
    surround: float
    finer: float

    @property
    def height(self) -> float:
        """Of the eaves above the carriageway."""
        return SIDEWALK_HEIGHT + self.ground_m + self.storeys * self.storey_m


@dataclass(frozen=True, slots=True)
class Opening:
    """A hole in a front in side coordinates; `kind`: "window", "french", "door" or "shop"."""

    kind: str
    u: Span
    z: Span
    depth: float


def draw_design(rng: np.random.Generator, *, shops: float, finer: float) -> Design:
    """A design; `shops` is the probability of shops on the ground floor."""
    style = str(rng.choice(list(_COLORS), p=[0.46, 0.28, 0.15, 0.11]))
    color = np.array(_pick(rng, _COLORS[style])) * rng.normal(1, 0.04) * rng.normal(1, 0.02, 3)
    modern = style == "concrete"
    tall = rng.uniform(1.35, 1.95)
    wide = rng.uniform(1.6, 2.3) if modern else rng.uniform(0.9, 1.3)
    shop = bool(rng.uniform() < shops)
    kinds = ["wide", "plain"] if modern else ["sash", "casement", "casement", "grid", "plain"]
    trim = np.clip(color * rng.choice([0.78, 1.18, 1.3]), 0, 240) if modern else np.array(
        _pick(rng, ((226, 220, 206), (196, 186, 166), (206, 200, 190), (170, 160, 148)))
    )  # fmt: skip
    return Design(
        style=style, color=_rgb(color), trim=_rgb(trim), frame=_pick(rng, _FRAMES),
        door=_pick(rng, _DOORS), roof="flat" if modern else str(rng.choice(_ROOFS)),
        tiles=_pick(rng, _TILES), storeys=int(rng.integers(1, 5)),
        storey_m=float(rng.uniform(2.9, 3.5)),
        ground_m=float(rng.uniform(3.5, 4.3) if shop else 3.4),
        pitch=wide + float(rng.uniform(0.9, 1.5)), window=(float(wide), float(tall)),
        kind=str(rng.choice(kinds)), shop=shop, balconies=bool(rng.uniform() < 0.3),
        shutters=bool(style == "plaster" and wide < 1.2 and rng.uniform() < 0.4),
        quoins=bool(not modern and rng.uniform() < 0.3),
        surround=float(rng.choice([0.0, 0.12, 0.18])), finer=finer,
    )  # fmt: skip


def openings(design: Design, width: float, rng: np.random.Generator) -> list[Opening]:
    """The openings of a front of this width, storey by storey."""
    tall = design.window[1]
    bays = max(1, int((width - 2 * _MARGIN) / design.pitch))
    pitch = (width - 2 * _MARGIN) / bays
    wide = min(design.window[0], pitch - 0.3)
    middles = _MARGIN + pitch * (np.arange(bays) + 0.5)
    doors = {int(k) for k in rng.choice(bays, max(1, bays // 3), replace=False)}
    found = _ground_floor(design, middles, rng, width, wide)
    depth = float(rng.uniform(0.13, 0.24))
    for storey in range(design.storeys):
        floor = SIDEWALK_HEIGHT + design.ground_m + storey * design.storey_m
        for k, middle in enumerate(middles):
            french = design.balconies and k in doors
            foot = floor + (0.1 if french else 0.82)
            head = min(floor + 0.82 + tall, floor + design.storey_m - 0.35)
            span = (float(middle - wide / 2), float(middle + wide / 2))
            found.append(Opening("french" if french else "window", span, (foot, head), depth))
    return found


def _ground_floor(
    design: Design, middles: np.ndarray, rng: np.random.Generator, width: float, wide: float
) -> list[Opening]:
    base, head = SIDEWALK_HEIGHT, SIDEWALK_HEIGHT + min(design.ground_m - 1.0, 2.75)
    door = int(rng.integers(len(middles)))
    if design.shop and width > _SHOP:
        return _shop_front(width, head, rng)
    found = []
    for k, middle in enumerate(middles):
        if k == door:
            span = (float(middle - 0.55), float(middle + 0.55))
            found.append(Opening("door", span, (base, base + 2.45), 0.3))
        else:
            half = wide / 2
            span = (float(middle - half), float(middle + half))
            found.append(Opening("window", span, (base + 0.95, base + 2.55), 0.2))
    return found


def _shop_front(width: float, head: float, rng: np.random.Generator) -> list[Opening]:
    """Shop windows between piers, with the shop's door and the house's door at one end."""
    found, base = [], SIDEWALK_HEIGHT
    flip = bool(rng.uniform() < 0.5)
    found.append(Opening("door", _flip((0.4, 1.45), width, flip), (base, base + 2.3), 0.3))
    room = width - 1.9 - 0.4
    panes = max(1, round(room / 3.4))
    shop_door = int(rng.integers(panes + 1))
    step = (room - 1.25) / panes
    u = 1.9
    for k in range(panes + 1):
        if k == shop_door:
            span = _flip((u, u + 1.05), width, flip)
            found.append(Opening("door", span, (base, base + 2.35), 0.45))
            u += 1.25
        if k < panes:
            span = _flip((u, u + step - 0.2), width, flip)
            found.append(Opening("shop", span, (base + 0.45, head), 0.18))
            u += step
    return found


def _flip(span: Span, width: float, flip: bool) -> Span:
    return (width - span[1], width - span[0]) if flip else span


def _pick(rng: np.random.Generator, options: Sequence[Color]) -> Color:
    return options[int(rng.integers(len(options)))]


def _rgb(color: np.ndarray) -> Color:
    return float(color[0]), float(color[1]), float(color[2])
