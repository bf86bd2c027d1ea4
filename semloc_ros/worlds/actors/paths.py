"""Lines to move along, and when to be where on them.

Ways are metres from the start of a path; time grids (T,) are seconds, evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from semloc_ros.types import FloatArray

_SAMPLE = 0.25  # metres between the points of a path
_SIDE_FORCE = 2.0  # m/s²: how fast bends are taken
_BOOST = 1.3  # m/s²: how fast speed changes


@dataclass(frozen=True, slots=True)
class Path:
    """Points `xy` (N, 2), `step` metres apart; a closed path leads from the last to the first,
    an open one goes on straight beyond its ends."""

    xy: FloatArray
    step: float
    closed: bool

    @property
    def length(self) -> float:
        """Metres, once round if closed."""
        return self.step * (len(self.xy) - (0 if self.closed else 1))

    def at(self, way: FloatArray) -> FloatArray:
        """Points (..., 2) at ways of any shape."""
        steps = np.asarray(way, dtype=np.float64) / self.step
        number = len(self.xy)
        if self.closed:
            low = np.floor(steps).astype(np.int64)
            share = (steps - low)[..., None]
            points: FloatArray = (1 - share) * self.xy[low % number] + share * self.xy[
                (low + 1) % number
            ]
            return points
        low = np.clip(np.floor(steps), 0, number - 2).astype(np.int64)
        share = (steps - low)[..., None]
        points = (1 - share) * self.xy[low] + share * self.xy[low + 1]
        return points

    def poses(self, way: FloatArray, wheelbase: float) -> FloatArray:
        """x, y, heading (T, 3) of what stands on the path with two axles about `way` (T,)."""
        front, rear = self.at(way + wheelbase / 2), self.at(way - wheelbase / 2)
        ahead, middle = front - rear, (front + rear) / 2
        heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
        return np.column_stack([middle, heading])

    def shifted(self, left: float | FloatArray) -> Path:
        """The path `left` metres (one, or one per point) to its left, negative = right."""
        ahead = self._ahead()
        normal = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
        return resampled(self.xy + np.multiply(left, normal.T).T, self.closed)

    def nearest(self, point: FloatArray) -> float:
        """Way of the path's point next to `point` (2,)."""
        return self.step * float(np.argmin(np.linalg.norm(self.xy - point, axis=1)))

    def bends(self) -> FloatArray:
        """Curvature (N,) in 1/m."""
        ahead = self._ahead()
        heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
        turn: FloatArray = np.abs(np.gradient(heading)) / self.step
        return np.asarray(gaussian_filter1d(turn, 4.0, mode="nearest"), dtype=np.float64)

    def _ahead(self) -> FloatArray:
        if self.closed:
            ahead = np.roll(self.xy, -1, axis=0) - np.roll(self.xy, 1, axis=0)
        else:
            ahead = np.gradient(self.xy, axis=0)
        unit: FloatArray = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        return unit


def resampled(corners: FloatArray, closed: bool) -> Path:
    """The polyline (N, 2) with points at even steps."""
    ring = np.concatenate([corners, corners[:1]]) if closed else np.asarray(corners)
    sides = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    distance = np.concatenate([[0], np.cumsum(sides)])
    count = max(2, round(distance[-1] / _SAMPLE))
    at = np.linspace(0, distance[-1], count + 1)
    xy = np.stack([np.interp(at, distance, ring[:, k]) for k in range(2)], axis=1)
    return Path(xy[:-1] if closed else xy, float(distance[-1] / count), closed)


def rounded(corners: FloatArray, closed: bool, sigma_m: float) -> Path:
    """The polyline (N, 2) with its corners rounded about `sigma_m` metres."""
    path = resampled(corners, closed)
    mode = "wrap" if closed else "nearest"
    smooth = gaussian_filter1d(path.xy, sigma_m / path.step, axis=0, mode=mode)
    return resampled(np.asarray(smooth, dtype=np.float64), closed)


def round_trip(line: Path, aside: float) -> Path:
    """A closed path along an open line and back, `aside` metres to its right each time."""
    out = line.shifted(-aside).xy
    back = Path(line.xy[::-1], line.step, False).shifted(-aside).xy
    return resampled(np.concatenate([out, _half_turn(out, back), back, _half_turn(back, out)]),
                     closed=True)  # fmt: skip


def _half_turn(arriving: FloatArray, leaving: FloatArray) -> FloatArray:
    """A left half circle (7, 2) from the end of one line to the start of the next."""
    middle = (arriving[-1] + leaving[0]) / 2
    first = arriving[-1] - middle
    angle = np.linspace(0, np.pi, 9)[1:-1]
    across = np.array([-first[1], first[0]])
    turned: FloatArray = middle + np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * across
    return turned


def cruise(path: Path, speed: float, times: FloatArray, phase: float) -> FloatArray:
    """Ways (T,) round a closed path, slower in bends; all who drive so, with phases (seconds)
    apart, never come nearer to each other than that in time."""
    taken = _lap_times(path, speed)
    lap = taken[-1]
    moment = times + phase
    rounds = np.floor(moment / lap)
    ways = path.step * np.arange(len(taken))
    return np.asarray(
        np.interp(moment - rounds * lap, taken, ways) + rounds * path.length, dtype=np.float64
    )


def lap_time(path: Path, speed: float) -> float:
    """Seconds of one round of `cruise`."""
    return float(_lap_times(path, speed)[-1])


def run(
    path: Path, speed: float, times: FloatArray, leave: float, ends: tuple[float, float]
) -> FloatArray:
    """Ways (T,) of who stands at way `ends[0]` until time `leave`, and drives to `ends[1]`."""
    ways = np.linspace(*ends, max(3, int((ends[1] - ends[0]) / 0.5)))
    limit = np.full(len(ways), speed)
    if not path.closed:
        at = np.clip((ways / path.step).astype(np.int64), 0, len(path.xy) - 1)
        limit = np.minimum(limit, np.sqrt(_SIDE_FORCE / np.maximum(path.bends()[at], 1e-3)))
    along = ways - ways[0]
    limit = np.minimum(limit, np.sqrt(2 * _BOOST * np.minimum(along, along[::-1]) + 0.04))
    taken = np.concatenate([[0], np.cumsum(np.diff(ways) / (0.5 * (limit[1:] + limit[:-1])))])
    return np.asarray(np.interp(times - leave, taken, ways), dtype=np.float64)


def nearness(path: Path, others: NDArray[np.float64]) -> FloatArray:
    """Distance (N,) of each of the path's points to the nearest of `others` (M, 2)."""
    gaps = np.linalg.norm(path.xy[:, None] - others[None], axis=2)
    least: FloatArray = gaps.min(axis=1)
    return least


def _lap_times(path: Path, speed: float) -> FloatArray:
    """Seconds (N + 1,) after which `cruise` passes each point."""
    bends = gaussian_filter1d(path.bends(), 6.0 / path.step, mode="wrap")
    limit = np.minimum(speed, np.sqrt(_SIDE_FORCE / np.maximum(bends, 1e-3)))
    times: FloatArray = np.concatenate([[0], np.cumsum(path.step / limit)])
    return times
