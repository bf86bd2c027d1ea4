"""How wrong odometry may be: by its own covariance, or by a model of wheels.

Noise is a tangent (6,) of SE(3) in the axes of the base at the end of a motion: the true motion is
`motion @ exp(noise)`. Independent errors add up as the root of the way, so that it makes no
difference into how many steps a way is divided.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semloc_ros.config import OdometryNoiseConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import rotate, transport
from semloc_ros.localization.particles import normal_errors
from semloc_ros.types import FloatArray, Odometry

_NEGATIVE = 1e-3  # of the largest eigenvalue: more is no rounding


def motion_covariance(
    motion: FloatArray, config: OdometryNoiseConfig, since_m: float = 0.0
) -> FloatArray:
    """(6, 6) of the noise of `motion` (4, 4) by the model of wheels; the base's x is forward.

    `since_m` as in `systematic_covariance`, which is part of it.
    """
    way = float(se3.pose_error(np.eye(4), motion)[0])
    sides = np.array([config.along, config.across, config.up]) ** 2 * way
    tilt, heading = config.tilt**2 * way, config.turn**2 * way
    random = np.diag([*sides, tilt, tilt, heading])
    return random + systematic_covariance(motion, config, since_m)


def systematic_covariance(
    motion: FloatArray, config: OdometryNoiseConfig, since_m: float = 0.0
) -> FloatArray:
    """(6, 6) of what the size and the distance of the wheels do to `motion` (4, 4).

    The scale's error is the same for long. While labels correct it, its part has the size that it
    has after `scale_m` and grows with the root of the way like all else: more than the truth
    before, less beyond. From `since_m` after what last corrected it, it grows with the way.
    """
    way, turned = (float(one) for one in se3.pose_error(np.eye(4), motion))
    along = config.scale**2 * max(config.scale_m, 2.0 * since_m + way) * way
    return np.diag([along, 0.0, 0.0, 0.0, 0.0, config.turn_per_turn**2 * turned])


def blind_covariance(elapsed_s: float, config: OdometryNoiseConfig) -> FloatArray:
    """(6, 6) of the noise of a base whose motion is not known at all."""
    position = config.blind_speed**2 * elapsed_s
    tilt = config.tilt**2 * config.blind_speed * elapsed_s
    heading = config.blind_turn_rate**2 * elapsed_s
    return np.diag([position, position, tilt, tilt, tilt, heading])


def covariance_of(numbers: Any) -> FloatArray | None:
    """(6, 6) of the 36 numbers of a message; None where they say nothing: not finite, a negative
    variance, or nothing but zeros, as drivers leave them."""
    matrix: FloatArray = np.array(numbers, dtype=float).reshape(6, 6)
    if not np.isfinite(matrix).all() or np.diag(matrix).min() < 0 or not matrix.any():
        return None
    return matrix


def covariance_between(previous: Odometry, now: Odometry) -> FloatArray | None:
    """(6, 6) of the noise of the motion between two messages, by their own covariances. They hold
    random errors: see `systematic_covariance` for the others.

    What a message adds to the one before, carried along, is the noise of the motion. None where
    the messages do not say: no covariance, one that does not grow though the base moved, or one
    that shrinks (it was then no sum of errors, but a constant or a filter's).
    """
    if previous.covariance is None or now.covariance is None:
        return None
    lever = now.odom_from_base[:3, 3] - previous.odom_from_base[:3, 3]
    added = now.covariance - transport(previous.covariance, lever)
    in_base = rotate(added, now.odom_from_base[:3, :3].T)
    values, axes = np.linalg.eigh((in_base + in_base.T) / 2)
    motion = se3.inverse(previous.odom_from_base) @ now.odom_from_base
    moved = max(float(one) for one in se3.pose_error(np.eye(4), motion)) > 1e-6
    if values[0] < -_NEGATIVE * max(values[-1], 0.0) or (moved and values[-1] <= 0):
        return None
    positive: FloatArray = axes * np.maximum(values, 0.0) @ axes.T
    return positive


def moved(
    poses: FloatArray, motion: FloatArray, covariance: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Poses (N, 4, 4) of the base after `motion` (4, 4), each with noise of its own."""
    return np.asarray(poses @ motion @ se3.exp(normal_errors(covariance, len(poses), rng)))
