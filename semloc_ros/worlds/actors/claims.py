"""Room that is taken: who is where on a grid of times, to keep others off.

Everybody is a row of discs along its axis; two claims are clear of each other if no discs ever
overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.types import FloatArray

_SPACING = 1.3  # metres between discs
_MARGIN = 0.2
_EVERY = 2  # samples of the timetable


@dataclass(frozen=True, slots=True)
class Claim:
    """`discs` (T, K, 2) middles of discs of `radius`; `reach`, that of all of them from the
    first."""

    discs: FloatArray
    radius: float
    reach: float

    def clear_of(self, other: Claim) -> bool:
        """No overlap at any time; who is nowhere (NaN) is in nobody's way."""
        far = self.reach + other.reach + self.radius + other.radius + _MARGIN
        gap = self.discs[:, 0] - other.discs[:, 0]
        near = np.hypot(gap[:, 0], gap[:, 1]) < far
        if not near.any():
            return True
        apart = self.discs[near, :, None] - other.discs[near, None]
        least = np.hypot(apart[..., 0], apart[..., 1])
        return not bool((least < self.radius + other.radius + _MARGIN).any())


def claim(poses: FloatArray, reach: tuple[float, float], width: float) -> Claim:
    """The claim of x, y, heading (T, 3) of something from `reach[0]` to `reach[1]` along x."""
    rear, front = reach[0] + width / 2, reach[1] - width / 2
    count = max(1, int(np.ceil((front - rear) / _SPACING)) + 1)
    along = np.linspace(rear, front, count) if count > 1 else np.array([0.0])
    few = poses[::_EVERY]
    ahead = np.stack([np.cos(few[:, 2]), np.sin(few[:, 2])], axis=1)
    discs = few[:, None, :2] + along[None, :, None] * ahead[:, None]
    return Claim(discs, width / 2, float(along[-1] - along[0]))
