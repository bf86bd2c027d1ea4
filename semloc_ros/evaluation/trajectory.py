"""Absolute and relative errors of a trajectory, defined as evo defines them.

Estimate and truth are poses `map_from_base` (N, 4, 4), row by row of the same stamps. The error of
a pose is E = truth⁻¹ estimate, that of a pair (i, j) the same of its two relative motions. Sturm et
al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012, sections IV-A and IV-B.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import fit_similarity
from semloc_ros.types import FloatArray

Pairs = NDArray[np.int64]  # (P, 2) rows of poses


class Part(str, Enum):
    """What of E is measured, named as evo's `--pose_relation`."""

    TRANSLATION = "trans_part"  # length, metres
    ANGLE = "angle_deg"  # rotation angle, degrees
    FULL = "full"  # Frobenius norm of E - I, without unit


def absolute_errors(estimate: FloatArray, truth: FloatArray, part: Part) -> FloatArray:
    """Error (N,) of each pose."""
    return _measure(se3.inverse(truth) @ estimate, part)


def relative_errors(
    estimate: FloatArray, truth: FloatArray, pairs: Pairs, part: Part
) -> FloatArray:
    """Error (P,) of the motion from the first to the second pose of each pair."""
    first, second = pairs[:, 0], pairs[:, 1]
    moved = se3.inverse(estimate[first]) @ estimate[second]
    truly = se3.inverse(truth[first]) @ truth[second]
    return _measure(se3.inverse(truly) @ moved, part)


def pairs_by_frames(count: int, delta: int) -> Pairs:
    """Consecutive pairs of poses that are `delta` rows apart: (0, d), (d, 2d), …"""
    rows = np.arange(0, count, delta, dtype=np.int64)
    return np.stack([rows[:-1], rows[1:]], axis=1)


def pairs_by_way(estimate: FloatArray, delta_m: float) -> Pairs:
    """Consecutive pairs between which the estimate has gone at least `delta_m` metres."""
    steps = np.linalg.norm(np.diff(estimate[:, :3, 3], axis=0), axis=1)
    rows, gone = [0] if len(estimate) else [], 0.0
    for row, step in enumerate(steps, start=1):
        gone += float(step)
        if gone >= delta_m:
            rows.append(row)
            gone = 0.0
    chosen = np.array(rows, dtype=np.int64)
    return np.stack([chosen[:-1], chosen[1:]], axis=1)


def aligned(estimate: FloatArray, truth: FloatArray) -> FloatArray:
    """The estimate moved as one rigid body so that its positions fit those of the truth best.

    Least squares without scale: see `fit_similarity`.
    """
    fitted = fit_similarity(estimate[:, :3, 3], truth[:, :3, 3], with_scale=False)
    return fitted.poses(estimate)


def root_mean_square(errors: FloatArray) -> float | None:
    """RMSE of errors (N,), None if there are none."""
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else None


def _measure(difference: FloatArray, part: Part) -> FloatArray:
    if part is Part.TRANSLATION:
        measured = np.linalg.norm(difference[:, :3, 3], axis=-1)
    elif part is Part.ANGLE:
        turned = se3.rotation_vector(difference[:, :3, :3])
        measured = np.degrees(np.linalg.norm(turned, axis=-1))
    else:
        measured = np.linalg.norm(difference - np.eye(4), axis=(1, 2))
    return np.asarray(measured, dtype=np.float64)
