"""How well masks of what moves fit the truth: precision, recall and F1 of pixels.

By the rules of CDnet 2014 (Goyette et al., changedetection.net): 255 moves, 0 and 50 (shadow) do
not, 170 (unknown) and 85 (outside the region) are not counted. Counts of frames are added up before
anything is divided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.static_clips import MOVING, OUTSIDE, SHADOW, UNKNOWN
from semloc_ros.errors import InputError, expected


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """Pixels: `hits` move and were found, `false_alarms` do not and were, `misses` were not."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    def __add__(self, other: MaskCounts) -> MaskCounts:
        return MaskCounts(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
        )

    @property
    def precision(self) -> float:
        """Of what was found, the share that moves; NaN if nothing was."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Of what moves, the share that was found; NaN if nothing moves."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """The harmonic mean of the two; NaN if nothing moves and nothing was found."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)


def count_pixels(
    mask: NDArray[np.bool_],
    truth: NDArray[np.uint8],
    *,
    shadows: bool = True,
    left_out: NDArray[np.bool_] | None = None,
) -> MaskCounts:
    """The pixels of a mask (H, W) against CDnet's truth (H, W).

    `shadows` False leaves shadows out; `left_out` (H, W) are more pixels that do not count.
    Raises InputError if shapes differ.
    """
    if mask.shape != truth.shape:
        raise InputError(expected("mask", f"the shape of the truth, {truth.shape}", mask.shape))
    not_counted = (UNKNOWN, OUTSIDE) if shadows else (UNKNOWN, OUTSIDE, SHADOW)
    counted = ~np.isin(truth, not_counted)
    if left_out is not None:
        counted &= ~left_out
    moves = truth == MOVING
    return MaskCounts(
        int((mask & moves & counted).sum()),
        int((mask & ~moves & counted).sum()),
        int((~mask & moves & counted).sum()),
    )


def sum_counts(counts: Iterable[MaskCounts]) -> MaskCounts:
    """The pixels of several masks together."""
    return sum(counts, MaskCounts())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
