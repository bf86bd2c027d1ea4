"""Each published pose beside the truth, and each query frame beside its pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import InputError
from semloc_ros.evaluation.association import associate, poses_at
from semloc_ros.evaluation.predictions import Poses, Run
from semloc_ros.geometry import se3, uncertainty
from semloc_ros.types import FloatArray, State

NO_STATUS = "NO_STATUS"


@dataclass(frozen=True, slots=True)
class Judged:
    """All published poses (N) and all query frames (F) of a run.

    `truth` (N, 4, 4) map_from_base at the stamps of the poses, NaN where unknown;
    `position_m`, `rotation_deg`, `nees`, `latency_ms` (N,), NaN where unknown;
    `pose_states` (N) the state that the status of the same stamp gave, or NO_STATUS;
    `claimed` (N,) the poses offered as good: not only TRACKING ones, but also those that no
    status disowned, so that a lost status cannot hide a wrong pose;
    `fix_of_frame` (F,) the row of the TRACKING pose of each frame, or -1;
    `frame_states` (F) the state after each frame, or NO_STATUS.
    """

    truth: FloatArray
    position_m: FloatArray
    rotation_deg: FloatArray
    nees: FloatArray
    latency_ms: FloatArray
    pose_states: tuple[str, ...]
    claimed: NDArray[np.bool_]
    fix_of_frame: NDArray[np.int64]
    frame_states: tuple[str, ...]

    def of_fixes(self, values: FloatArray) -> FloatArray:
        """The values (N,) of the poses that are the fix of a frame and have a truth."""
        chosen = values[self.fix_of_frame[self.fix_of_frame >= 0]]
        known: FloatArray = chosen[np.isfinite(self.of_all_fixes(self.position_m))]
        return known

    def of_all_fixes(self, values: FloatArray) -> FloatArray:
        """The values (N,) of the poses that are the fix of a frame."""
        chosen: FloatArray = values[self.fix_of_frame[self.fix_of_frame >= 0]]
        return chosen

    def per_frame(self, values: FloatArray) -> FloatArray:
        """The values (N,) arranged by frame (F,), NaN where a frame has no fix."""
        result = np.full(len(self.fix_of_frame), np.nan)
        fixed = self.fix_of_frame >= 0
        result[fixed] = values[self.fix_of_frame[fixed]]
        return result


def judge(run: Run, config: EvaluationConfig) -> Judged:
    """Compare a run with its truth."""
    poses = run.poses
    truth = poses_at(
        poses.stamps_ns,
        run.truth.stamps_ns,
        run.truth.map_from_base,
        round(config.max_truth_gap_s * 1e9),
    )
    position_m, rotation_deg, nees = _errors(poses, truth)
    states = states_at(run, poses.stamps_ns)
    return Judged(
        truth=truth,
        position_m=position_m,
        rotation_deg=rotation_deg,
        nees=nees,
        latency_ms=_latencies(run),
        pose_states=states,
        claimed=np.isin(states, [State.TRACKING.value, NO_STATUS]),
        fix_of_frame=_fixes(run, states, round(config.max_stamp_difference_ms * 1e6)),
        frame_states=states_at(run, run.frames_ns),
    )


def states_at(run: Run, stamps_ns: NDArray[np.int64]) -> tuple[str, ...]:
    """The state after the image of each stamp: that of the first status that names it."""
    by_stamp = {status.stamp_ns: status.state.value for status in reversed(run.statuses)}
    return tuple(by_stamp.get(int(stamp), NO_STATUS) for stamp in stamps_ns)


def claimed_nees(judged: Judged) -> FloatArray:
    """NEES of the poses that were offered as good and have a truth."""
    values: FloatArray = judged.nees[judged.claimed & ~np.isnan(judged.nees)]
    return values


def _errors(poses: Poses, truth: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    position, rotation, nees = np.full((3, len(poses)), np.nan)
    known = np.isfinite(truth).all(axis=(1, 2))
    if not known.any():
        return position, rotation, nees
    estimates = poses.map_from_base[known]
    position[known], radians = se3.pose_error(estimates, truth[known])
    rotation[known] = np.degrees(radians)
    errors = uncertainty.error_vector(estimates, truth[known])
    pairs = zip(errors, poses.covariances[known], strict=True)
    nees[known] = [_nees(error, covariance) for error, covariance in pairs]
    return position, rotation, nees


def _nees(error: FloatArray, covariance: FloatArray) -> float:
    """Infinite for a covariance that is none: it claims certainty in some direction."""
    try:
        return uncertainty.nees(error, covariance)
    except InputError:
        return float("inf")


def _latencies(run: Run) -> FloatArray:
    pairs = zip(run.poses.stamps_ns, run.poses.received_ns, strict=True)
    return np.array(
        [
            (received - run.seen_ns[stamp]) * 1e-6 if stamp in run.seen_ns else np.nan
            for stamp, received in pairs
        ],
        dtype=np.float64,
    )


def _fixes(run: Run, states: tuple[str, ...], tolerance_ns: int) -> NDArray[np.int64]:
    tracking = np.flatnonzero(np.array(states) == State.TRACKING.value)
    matched = associate(run.frames_ns, run.poses.stamps_ns[tracking], tolerance_ns)
    fixes = np.full(len(matched), -1, dtype=np.int64)
    fixes[matched >= 0] = tracking[matched[matched >= 0]]
    return fixes
