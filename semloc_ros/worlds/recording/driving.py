"""How a robot or a car drives: a smooth loop, and where it is at each time.

The base moves in the plane like a differential drive: it faces where it goes. `map_from_base`
has its origin on the floor between the wheels (REP-105 base_link). The body of a car also sways.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Vehicle:
    """How something drives: `step` metres between samples of its path, `corner_radius` m about
    which it rounds sharp corners, `acceleration` m/s² and `turn_rate` rad/s at most."""

    step: float
    corner_radius: float
    acceleration: float
    turn_rate: float


ROBOT = Vehicle(step=0.005, corner_radius=1.6, acceleration=0.3, turn_rate=0.35)
CAR = Vehicle(step=0.02, corner_radius=7.0, acceleration=1.2, turn_rate=0.6)

_SWAY_RAMP_S = 4.0  # the body is calm when the car starts and stops
_SWAY_HZ = (0.25, 1.3)
_SWAY_SIGMAS = (np.radians(0.5), np.radians(0.4), 0.012)  # roll, pitch, heave


@dataclass(frozen=True, slots=True)
class Sway:
    """Roll, pitch (rad) and heave (m) of a body as sums of waves: `frequencies` (3, K) Hz,
    `phases` (3, K) rad, `amplitudes` (3, K); they fade in and out within a run of `duration` s."""

    frequencies: FloatArray
    phases: FloatArray
    amplitudes: FloatArray
    duration: float

    def at(self, times: FloatArray) -> FloatArray:
        """Roll, pitch, heave (N, 3) at the times (N,) in seconds."""
        edge = np.minimum(times, self.duration - times)
        share = np.clip(edge / _SWAY_RAMP_S, 0.0, 1.0)
        fade = share**3 * (10 - 15 * share + 6 * share**2)  # no jump of the acceleration
        angle = 2 * np.pi * self.frequencies * np.asarray(times)[:, None, None] + self.phases
        waves: FloatArray = (self.amplitudes * np.sin(angle)).sum(axis=2)
        return waves * fade[:, None]


@dataclass(frozen=True)
class Trajectory:
    """Samples of a drive: `times` (N,) s from 0 and `way` (N,) m driven, rising; `xy` (N, 2) m;
    `heading` (N,) rad, unwrapped; `speed` (N,) m/s; `sway` of the body, if it does."""

    times: FloatArray
    way: FloatArray
    xy: FloatArray
    heading: FloatArray
    speed: FloatArray
    sway: Sway | None = None
    _way_at: CubicHermiteSpline = field(init=False, repr=False, compare=False)
    _state_at: CubicSpline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        states = np.column_stack([self.xy, self.heading])
        object.__setattr__(
            self, "_way_at", CubicHermiteSpline(self.times, self.way, self.speed)
        )
        # Twice differentiable: what an IMU feels is not that of corners between samples.
        object.__setattr__(self, "_state_at", CubicSpline(self.way, states))

    @property
    def duration(self) -> float:
        """Seconds until the robot stands again."""
        return float(self.times[-1])

    def map_from_base(self, times: FloatArray) -> FloatArray:
        """Poses (N, 4, 4) at the times (N,) in seconds; before and after, it stands."""
        x, y, heading = self.planar(times).T
        if self.sway is None:
            roll = pitch = heave = np.zeros(len(x))
        else:
            roll, pitch, heave = self.sway.at(np.asarray(times)).T
        turns = Rotation.from_euler("ZYX", np.stack([heading, pitch, roll], axis=1)).as_matrix()
        return se3.make_pose(turns, np.stack([x, y, heave], axis=1))

    def planar(self, times: FloatArray) -> FloatArray:
        """x, y, heading (N, 3) at the times (N,)."""
        inside = np.clip(times, 0.0, self.duration)
        states: FloatArray = self._state_at(self._way_at(inside))
        return states


def drive_loop(
    corners: FloatArray,
    laps: float,
    spread: float,
    speed: float,
    rng: np.random.Generator,
    vehicle: Vehicle = ROBOT,
) -> Trajectory:
    """`laps` times round the rounded polygon `corners` (N, 2), starting somewhere on it, with a
    slowly wandering lateral offset of up to `spread` metres; from standstill to standstill."""
    loop = _rounded(corners, vehicle)
    length = vehicle.step * len(loop)
    start = int(rng.integers(len(loop)))
    index = (start + np.arange(int(len(loop) * laps))) % len(loop)
    tangent = np.roll(loop, -1, axis=0) - np.roll(loop, 1, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    way = vehicle.step * np.arange(len(index), dtype=np.float64)
    offset = _wander(way, length, rng) * spread
    return _timed(loop[index] + offset[:, None] * normal[index], speed, vehicle)


def make_sway(strength: float, duration: float, rng: np.random.Generator) -> Sway:
    """The sway of a run of `duration` seconds; `strength` 1 is that of a car."""
    frequencies = rng.uniform(*_SWAY_HZ, (3, 4))
    amplitudes = strength * np.array(_SWAY_SIGMAS)[:, None] * rng.uniform(0.4, 1.0, (3, 4))
    # Slow waves are larger, as those of a body on springs are.
    return Sway(
        frequencies, rng.uniform(0, 2 * np.pi, (3, 4)), amplitudes * 0.25 / frequencies, duration
    )


def _rounded(corners: FloatArray, vehicle: Vehicle) -> FloatArray:
    """The closed polygon with round corners of continuous curvature, every `step` metres."""
    ring = np.concatenate([corners, corners[:1]])
    sides = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    distance = np.concatenate([[0], np.cumsum(sides)])
    at = np.arange(0, distance[-1], vehicle.step)
    path = np.stack([np.interp(at, distance, ring[:, k]) for k in range(2)], axis=1)
    sigma = 0.5 * vehicle.corner_radius / vehicle.step
    smooth = gaussian_filter1d(path, sigma, axis=0, mode="wrap")
    return np.asarray(smooth, dtype=np.float64)


def _wander(way: FloatArray, length: float, rng: np.random.Generator) -> FloatArray:
    """A slow oscillation in [-1, 1] along the way, never two laps alike."""
    waves = rng.uniform(1.2, 3.4, 3) / length
    phases, weights = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.5, 1.0, 3)
    swing = np.sin(2 * np.pi * np.outer(way, waves) + phases) @ weights
    wander: FloatArray = swing / weights.sum()
    return wander


def _timed(path: FloatArray, speed: float, vehicle: Vehicle) -> Trajectory:
    steps = np.gradient(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    curvature = np.abs(np.gradient(heading)) / lengths
    limit = np.minimum(speed, vehicle.turn_rate / np.maximum(curvature, 1e-6))
    limit[[0, -1]] = 0.0
    gain = 2 * vehicle.acceleration * lengths
    squared = _limited(limit**2, gain)
    velocity = np.sqrt(_limited(squared[::-1], gain[::-1])[::-1])
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
