"""What moves, against the background: our additions to the paper's five steps.

The background is the temporal median of frames spread over the clip. A median sees at once what all
votes together tell, and its difference can be asked more: whether the light changed, whether it is
a shadow, and whether the thing stood. Images (H, W, 3) uint8 RGB, masks (H, W) bool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import BackgroundConfig
from semloc_ros.learning.mining_steps import Image, Mask, absolute_difference, fill_holes
from semloc_ros.types import FloatArray

_ROWS_AT_ONCE = 16
_NOISE = 5.0  # levels: what keeps ratios of dark pixels calm
_LEAST_PIXELS = 100  # that tell a gain
_DARK, _STEP = 16, 4  # levels below which ratios say nothing; every fourth pixel is enough
_DARKEST, _LIGHTEST = 0.4, 0.95  # brightness of a shadow over that of the background
_TINT, _UNEVEN, _WINDOW = 0.03, 0.1, 5  # of a shadow: change of colour, spread of the ratio, px


@dataclass(frozen=True, slots=True)
class Judgement:
    """`moving`; `shadow` of it; `stood`: differs from the background, but did not move."""

    moving: Mask
    shadow: Mask
    stood: Mask


def temporal_median(frames: Sequence[Image]) -> Image:
    """The median of each pixel and colour: the scene without what is seldom there."""
    median = np.empty_like(frames[0])
    middle = len(frames) // 2
    for top in range(0, len(median), _ROWS_AT_ONCE):
        rows = np.stack([frame[top : top + _ROWS_AT_ONCE] for frame in frames])
        median[top : top + _ROWS_AT_ONCE] = np.partition(rows, middle, axis=0)[middle]
    return median


def same_light(frame: Image, reference: Image) -> Image:
    """The frame in the light of the reference: one gain per colour, the median over pixels, which
    what moves does not change while it covers less than half."""
    some, other = (image[::_STEP, ::_STEP].reshape(-1, 3) for image in (frame, reference))
    bright = np.minimum(some, other).min(1) >= _DARK
    bright &= np.maximum(some, other).max(1) < 255
    if bright.sum() < _LEAST_PIXELS:
        return frame
    gains = np.median(other[bright] / some[bright].astype(np.float64), axis=0)
    levels = np.arange(256)[:, None] * gains
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[:, None]), np.uint8)


def shadow(query: Image, background: Image) -> Mask:
    """Where the query is the background, but evenly darker: its texture shows through, its colour
    stays (after Horprasert et al., ICCV Frame-Rate workshop 1999; evenness is ours)."""
    pair = (query, background)
    here, there = (cv2.GaussianBlur(one, (3, 3), 0).astype(np.float32) + 1 for one in pair)
    sums = here.sum(2), there.sum(2)
    darker = sums[0] / sums[1]
    tint = np.abs(here / sums[0][..., None] - there / sums[1][..., None]).max(2)
    even = _spread_of_ratio(query, background) < _UNEVEN
    dimmed = (darker > _DARKEST) & (darker < _LIGHTEST)
    return np.asarray(dimmed & (tint < _TINT) & even, np.bool_)


def _spread_of_ratio(query: Image, background: Image) -> NDArray[np.float32]:
    """The standard deviation of log brightness ratios around each pixel."""
    here, there = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (query, background))
    ratio = np.log((here.astype(np.float32) + _NOISE) / (there.astype(np.float32) + _NOISE))
    window = (_WINDOW, _WINDOW)
    mean, square = cv2.blur(ratio, window), cv2.blur(ratio * ratio, window)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)), np.float32)


def share_alike(
    query: Image, frames: Sequence[Image], threshold: int, kind: str
) -> FloatArray:
    """The share (H, W) of frames that look like the query."""
    alike = np.zeros(query.shape[:2], np.int32)
    for frame in frames:
        alike += absolute_difference(query, frame, kind) <= threshold
    return alike / len(frames)


def clean(mask: Mask, least_px: float) -> Mask:
    """Specks are opened away, gaps closed, holes filled, small components left out."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    whole = fill_holes(closed > 0)
    count, numbers, facts, _ = cv2.connectedComponentsWithStats(whole.astype(np.uint8))
    keep = facts[:, cv2.CC_STAT_AREA] >= least_px
    keep[0] = False
    return np.asarray(keep[numbers], np.bool_)


def judge(
    query: Image, background: Image, frames: Sequence[Image], config: BackgroundConfig,
    kind: str, least_px: float,
) -> Judgement:
    """What moves in the query. `frames`: those that the background was made of, in its light."""
    differs = absolute_difference(query, background, kind) > config.threshold
    none = np.zeros_like(differs)
    shaded = differs & shadow(query, background) if config.shadows else none
    moving = clean(differs & ~shaded, least_px)
    if not config.standing:
        return Judgement(moving, shaded & ~moving, none)
    alike = share_alike(query, frames, config.threshold, kind)
    count, numbers = cv2.connectedComponents(moving.astype(np.uint8))
    stood = np.zeros(count, np.bool_)
    for number in range(1, count):
        stood[number] = np.median(alike[numbers == number]) >= config.standing_share
    return Judgement(moving & ~stood[numbers], shaded & ~moving, stood[numbers])
