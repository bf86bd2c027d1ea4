"""The path of the ego, for those who go ahead of it or behind it."""

from __future__ import annotations

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.paths import Path, resampled
from semloc_ros.worlds.recording.driving import Trajectory

_BEND_M = 8.0  # within which a lane and the ego's own line become one


def extended(ego: Trajectory, lane: Path, reach: float) -> tuple[Path, float]:
    """The ego's path with `reach` metres of its closed lane before and after; the way at which
    the ego starts."""
    before = _lead(lane, ego.xy[0], -reach)[::-1]
    after = _lead(lane, ego.xy[-1], reach)
    even = np.arange(0.0, ego.way[-1], 0.25)
    own = np.stack([np.interp(even, ego.way, ego.xy[:, k]) for k in range(2)], axis=1)
    lead = np.concatenate([before, own[:1]])
    shift = float(np.linalg.norm(np.diff(lead, axis=0), axis=1).sum())
    return resampled(np.concatenate([before, own, after]), closed=False), shift


def _lead(lane: Path, point: FloatArray, reach: float) -> FloatArray:
    """The lane's points (N, 2) away from `point`, bent so that they begin there."""
    at = np.arange(0.5, abs(reach), 0.5)
    way = lane.nearest(point)
    line = lane.at(way + np.sign(reach) * at)
    blend = np.exp(-at / _BEND_M)[:, None]
    bent: FloatArray = line + blend * (point - lane.at(np.array([way]))[0])
    return bent
