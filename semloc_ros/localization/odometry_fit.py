"""What the errors of a robot's wheel odometry are, from a drive with known positions.

Systematic errors hold all the time: the length of the way times a scale, the turns times a scale,
a heading that drifts with the way (unequal wheels; Borenstein and Feng, 1996). Random errors
make pieces of the drive differ from each other by more than the positions' own errors explain;
they grow with the root of the way. All in the plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from semloc_ros.errors import InputError, expected
from semloc_ros.types import FloatArray

_SCALE, _TURN_SCALE, _DRIFT = 0, 1, 2
_LEAST_PIECES = 3


@dataclass(frozen=True, slots=True)
class OdometryErrors:
    """True way = `scale` times odometry's, true turn = `turn_scale` times odometry's plus
    `drift` (rad/m) times odometry's way; `along` (m/√m) and `turn` (rad/√m) are 1-sigma random
    errors. `residual_m` is the RMS of the positions after the whole drive is corrected, `pieces`
    the number that was compared."""

    scale: float
    turn_scale: float
    drift: float
    along: float
    turn: float
    residual_m: float
    pieces: int


def fit_odometry_errors(
    stamps_ns: NDArray[np.int64], odom_from_base: FloatArray, reference_ns: NDArray[np.int64],
    positions: FloatArray, piece_m: float,
) -> OdometryErrors:
    """Errors of odometry (N, 4, 4) against positions (M, 2) in metres of any plane frame.

    `piece_m` is the way after which a new piece of the drive begins. Raises InputError if the
    drive is shorter than three pieces.
    """
    steps = _Steps.of(stamps_ns, odom_from_base, reference_ns)
    way = float(steps.way[-1])
    if way < _LEAST_PIECES * piece_m:
        wanted = f"at least {_LEAST_PIECES * piece_m:g} m of way"
        raise InputError(expected("odometry", wanted, f"{way:.1f} m"))
    errors, residual, _ = _fit(steps, positions, np.array([1.0, 1.0, 0.0]), (0, 1, 2))
    found, variances = [], []
    for piece in steps.pieces(piece_m):
        inside = steps.between(piece)
        one, _, spread = _fit(inside, positions[piece], errors, (_SCALE, _DRIFT))
        found.append(one[[_SCALE, _DRIFT]])
        variances.append(spread)
    excess = np.var(found, axis=0, ddof=1) - np.mean(variances, axis=0)
    along, turn = np.sqrt(np.maximum(excess, 0.0) * piece_m)
    scale, turn_scale, drift = errors.tolist()
    return OdometryErrors(
        scale, turn_scale, drift, float(along), float(turn), residual, len(found)
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Motion in the base's frame from sample to sample: `forward`, `left`, `turn` (N - 1,); `way`
    (N,) driven so far; `at` (M,) which sample (and part of the next) each reference belongs to."""

    forward: FloatArray
    left: FloatArray
    turn: FloatArray
    way: FloatArray
    at: FloatArray

    @staticmethod
    def of(
        stamps_ns: NDArray[np.int64], poses: FloatArray, reference_ns: NDArray[np.int64]
    ) -> _Steps:
        heading = np.unwrap(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]))
        moved = np.diff(poses[:, :2, 3], axis=0)
        turn = np.diff(heading)
        middle = heading[:-1] + turn / 2
        cosine, sine = np.cos(middle), np.sin(middle)
        forward = cosine * moved[:, 0] + sine * moved[:, 1]
        left = cosine * moved[:, 1] - sine * moved[:, 0]
        way = np.append(0.0, np.cumsum(np.hypot(*moved.T)))
        at = np.interp(reference_ns, stamps_ns, np.arange(len(stamps_ns)))
        return _Steps(forward, left, turn, way, np.asarray(at))

    def positions(self, errors: FloatArray) -> FloatArray:
        """Corrected positions (M, 2) from a start at the origin."""
        ways = np.diff(self.way)
        turns = errors[_TURN_SCALE] * self.turn + errors[_DRIFT] * ways
        middle = np.append(0.0, np.cumsum(turns))[:-1] + turns / 2
        cosine, sine = np.cos(middle), np.sin(middle)
        moved = errors[_SCALE] * np.stack(
            [cosine * self.forward - sine * self.left, sine * self.forward + cosine * self.left], 1
        )
        track = np.concatenate([np.zeros((1, 2)), np.cumsum(moved, axis=0)])
        numbers = np.arange(len(track))
        return np.stack([np.interp(self.at, numbers, column) for column in track.T], 1)

    def pieces(self, piece_m: float) -> list[NDArray[np.int64]]:
        """References (…,) of each piece of the way."""
        ways = np.interp(self.at, np.arange(len(self.way)), self.way)
        count = int(self.way[-1] // piece_m)
        number = np.minimum((ways / piece_m).astype(np.int64), count - 1)
        pieces = [np.flatnonzero(number == one) for one in range(count)]
        return [one for one in pieces if np.ptp(ways[one]) > piece_m / 2 and len(one) > 6]

    def between(self, references: NDArray[np.int64]) -> _Steps:
        """The steps around some references that follow each other."""
        first = int(self.at[references[0]])
        last = min(int(np.ceil(self.at[references[-1]])) + 1, len(self.turn))
        part = slice(first, last)
        return _Steps(
            self.forward[part], self.left[part], self.turn[part],
            self.way[first : last + 1] - self.way[first], self.at[references] - first,
        )


def _fit(
    steps: _Steps, positions: FloatArray, start: FloatArray, free: tuple[int, ...]
) -> tuple[FloatArray, float, FloatArray]:
    """Errors (3,) with those `free` fitted, RMS residual (m), variances of the free ones."""

    def errors_of(values: FloatArray) -> FloatArray:
        errors: FloatArray = start.copy()
        errors[list(free)] = values[3:]
        return errors

    def residuals(values: FloatArray) -> FloatArray:
        track = steps.positions(errors_of(values))
        cosine, sine = np.cos(values[2]), np.sin(values[2])
        turned = track @ np.array([[cosine, sine], [-sine, cosine]])
        errors: FloatArray = (turned + values[:2] - positions).ravel()
        return errors

    placed = np.append(_placement(steps.positions(start), positions), start[list(free)])
    found = least_squares(residuals, placed, loss="soft_l1", x_scale="jac")
    count = max(len(found.fun) - len(placed), 1)
    variance = float((found.fun**2).sum() / count)
    spread: FloatArray = np.diag(np.linalg.pinv(found.jac.T @ found.jac))[3:] * variance
    return errors_of(found.x), float(np.sqrt(2 * np.mean(found.fun**2))), spread


def _placement(track: FloatArray, positions: FloatArray) -> FloatArray:
    """x, y and angle that bring a track (M, 2) nearest to positions (M, 2) (Umeyama, 1991)."""
    centre, target = track.mean(0), positions.mean(0)
    product = (track - centre).T @ (positions - target)
    angle = np.arctan2(product[0, 1] - product[1, 0], product[0, 0] + product[1, 1])
    cosine, sine = np.cos(angle), np.sin(angle)
    shift = target - np.array([[cosine, -sine], [sine, cosine]]) @ centre
    return np.asarray(np.append(shift, angle))
