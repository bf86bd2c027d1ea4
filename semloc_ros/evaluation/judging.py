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
    `position_m`, `rotation_deg`, `nees` (N,), NaN where unknown;
    `latency_ms` (A,) of the frames that were answered, by a pose or by a status alone;
    `pose_states` (N) the state that the status of the same stamp gave, or NO_STATUS;
    `claimed` (N,) the poses offered as good: not only TRACKING ones, but also those that no
    status disowned, so that a lost status cannot hide a wrong pose;
    `fix_of_frame` (F,) the row of the TRACKING pose of each frame, or -1;
    `frame_states` (F) the state after each frame, or NO_STATUS;
    `tf_position_m`, `tf_rotation_deg` (F,) errors of the base as tf has it at the stamp of each
    frame, map→odom with the robot's own odometry, NaN where one of the three is unknown.
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
    tf_position_m: FloatArray
    tf_rotation_deg: FloatArray

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
    gap_ns = round(config.max_truth_gap_s * 1e9)
    truth = _truth_at(run, run.poses.stamps_ns, gap_ns)
    position_m, rotation_deg, nees = _errors(run.poses, truth)
    tf_position_m, tf_rotation_deg = _tf_errors(run, gap_ns)
    states = states_at(run, run.poses.stamps_ns)
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
        tf_position_m=tf_position_m,
        tf_rotation_deg=tf_rotation_deg,
    )


def states_at(run: Run, stamps_ns: NDArray[np.int64]) -> tuple[str, ...]:
    """The state after the image of each stamp: that of the first status that names it."""
    by_stamp = {status.stamp_ns: status.state.value for status in reversed(run.statuses)}
    return tuple(by_stamp.get(int(stamp), NO_STATUS) for stamp in stamps_ns)


def claimed_nees(judged: Judged) -> FloatArray:
    """NEES of the poses that were offered as good and have a truth."""
    values: FloatArray = judged.nees[judged.claimed & ~np.isnan(judged.nees)]
    return values


def _truth_at(run: Run, stamps_ns: NDArray[np.int64], gap_ns: int) -> FloatArray:
    return poses_at(stamps_ns, run.truth.stamps_ns, run.truth.map_from_base, gap_ns)


def _tf_errors(run: Run, gap_ns: int) -> tuple[FloatArray, FloatArray]:
    """What a robot that asks tf where it is would suffer, at the stamp of each frame (F,).

    tf answers between two transforms by interpolation, as `poses_at` does.
    """
    position, rotation = np.full((2, len(run.frames_ns)), np.nan)
    sent, drive = run.transforms, run.odometry
    if drive is None or len(sent.stamps_ns) == 0:
        return position, rotation
    stamps_ns, newest = np.unique(sent.stamps_ns[::-1], return_index=True)
    map_from_odom = poses_at(run.frames_ns, stamps_ns, sent.map_from_odom[::-1][newest], gap_ns)
    odom_from_base = poses_at(run.frames_ns, drive.stamps_ns, drive.odom_from_base, gap_ns)
    truth = _truth_at(run, run.frames_ns, gap_ns)
    map_from_base = map_from_odom @ odom_from_base
    known = np.isfinite(map_from_base).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    if known.any():
        position[known], radians = se3.pose_error(map_from_base[known], truth[known])
        rotation[known] = np.degrees(radians)
    return position, rotation


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
    """Infinite for a covariance that is none, singular or not of numbers: it covers nothing, and
    must not drop out of the statistics."""
    try:
        found = uncertainty.nees(error, covariance)
    except InputError:
        return float("inf")
    return float("inf") if np.isnan(found) else found


def _latencies(run: Run) -> FloatArray:
    """From image to answer on the wire: its first pose, or where there is none its status."""
    answered = {status.stamp_ns: status.received_ns for status in reversed(run.statuses)}
    poses = zip(run.poses.stamps_ns[::-1], run.poses.received_ns[::-1], strict=True)
    answered |= {int(stamp): int(received) for stamp, received in poses}
    seen = [stamp for stamp in run.seen_ns if stamp in answered]
    return np.array([answered[stamp] - run.seen_ns[stamp] for stamp in seen], dtype=float) * 1e-6


def _fixes(run: Run, states: tuple[str, ...], tolerance_ns: int) -> NDArray[np.int64]:
    tracking = np.flatnonzero(np.array(states) == State.TRACKING.value)
    matched = associate(run.frames_ns, run.poses.stamps_ns[tracking], tolerance_ns)
    fixes = np.full(len(matched), -1, dtype=np.int64)
    fixes[matched >= 0] = tracking[matched[matched >= 0]]
    return fixes
