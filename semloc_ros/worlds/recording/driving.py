"""How the robot drives: a smooth loop, and where it is at each time.

The base moves in the plane like a differential drive: it faces where it goes. `map_from_base`
has its origin on the floor between the wheels (REP-105 base_link).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.ndimage import gaussian_filter1d

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_STEP = 0.005  # metres between samples of a path
_CORNER_RADIUS = 1.6
_ACCELERATION = 0.3  # m/s²
_TURN_RATE = 0.35  # rad/s, at most


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Samples of a drive: `times` (N,) s from 0 and `way` (N,) m driven, rising; `xy` (N, 2) m;
    `heading` (N,) rad, unwrapped; `speed` (N,) m/s."""

    times: FloatArray
    way: FloatArray
    xy: FloatArray
    heading: FloatArray
    speed: FloatArray

    @property
    def duration(self) -> float:
        """Seconds until the robot stands again."""
        return float(self.times[-1])

    def map_from_base(self, times: FloatArray) -> FloatArray:
        """Poses (N, 4, 4) at the times (N,) in seconds."""
        x, y, heading = self.planar(times).T
        tangent = np.zeros((len(x), 6))
        tangent[:, 5] = heading
        return se3.make_pose(se3.exp(tangent)[:, :3, :3], np.stack([x, y, 0 * x], axis=1))

    def planar(self, times: FloatArray) -> FloatArray:
        """x, y, heading (N, 3) at the times (N,)."""
        inside = np.clip(times, 0.0, self.duration)
        way = CubicHermiteSpline(self.times, self.way, self.speed)(inside)
        columns = (self.xy[:, 0], self.xy[:, 1], self.heading)
        return np.stack([np.interp(way, self.way, column) for column in columns], axis=1)


def drive_loop(
    corners: FloatArray, laps: int, spread: float, speed: float, rng: np.random.Generator
) -> Trajectory:
    """`laps` times round the rounded polygon `corners` (N, 2), starting somewhere on it, with a
    slowly wandering lateral offset of up to `spread` metres; from standstill to standstill."""
    loop = _rounded(corners)
    length = _STEP * len(loop)
    start = int(rng.integers(len(loop)))
    index = (start + np.arange(int(len(loop) * laps))) % len(loop)
    tangent = np.roll(loop, -1, axis=0) - np.roll(loop, 1, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    way = _STEP * np.arange(len(index), dtype=np.float64)
    offset = _wander(way, length, rng) * spread
    return _timed(loop[index] + offset[:, None] * normal[index], speed)


def _rounded(corners: FloatArray) -> FloatArray:
    """The closed polygon with round corners of continuous curvature, every `_STEP` metres."""
    ring = np.concatenate([corners, corners[:1]])
    sides = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    distance = np.concatenate([[0], np.cumsum(sides)])
    at = np.arange(0, distance[-1], _STEP)
    path = np.stack([np.interp(at, distance, ring[:, k]) for k in range(2)], axis=1)
    smooth = gaussian_filter1d(path, 0.5 * _CORNER_RADIUS / _STEP, axis=0, mode="wrap")
    return np.asarray(smooth, dtype=np.float64)


def _wander(way: FloatArray, length: float, rng: np.random.Generator) -> FloatArray:
    """A slow oscillation in [-1, 1] along the way, never two laps alike."""
    waves = rng.uniform(1.2, 3.4, 3) / length
    phases, weights = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.5, 1.0, 3)
    swing = np.sin(2 * np.pi * np.outer(way, waves) + phases) @ weights
    wander: FloatArray = swing / weights.sum()
    return wander


def _timed(path: FloatArray, speed: float) -> Trajectory:
    steps = np.gradient(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    curvature = np.abs(np.gradient(heading)) / lengths
    limit = np.minimum(speed, _TURN_RATE / np.maximum(curvature, 1e-6))
    limit[[0, -1]] = 0.0
    squared = _limited(limit**2, 2 * _ACCELERATION * lengths)
    velocity = np.sqrt(_limited(squared[::-1], 2 * _ACCELERATION * lengths[::-1])[::-1])
    between = 0.5 * (velocity[1:] + velocity[:-1])
    gaps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    times, way = (np.concatenate([[0], np.cumsum(steps)]) for steps in (gaps / between, gaps))
    return Trajectory(times, way, path, heading, velocity)


def _limited(squared: FloatArray, gain: FloatArray) -> FloatArray:
    """Squared speeds that rise by no more than `gain` from sample to sample."""
    limited: FloatArray = squared.copy()
    for i in range(1, len(limited)):
        limited[i] = min(limited[i], limited[i - 1] + gain[i])
    return limited
