"""Where the robot is believed to be, carried along by odometry with a growing covariance.

Frames: map, odom, base (the robot) and camera. Poses are `map_from_base`; covariances follow
`geometry.uncertainty` (errors in fixed map axes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from semloc_ros.config import MotionConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, transport
from semloc_ros.types import FloatArray, Odometry, Prior


@dataclass(frozen=True, slots=True)
class Belief:
    """A pose of the base and how it came about.

    `map_from_base` (4, 4) at `stamp_ns`; `fix_covariance` (6, 6) is what the last fix
    contributes; `odom_from_base` (4, 4) is the odometry at `stamp_ns`, None without odometry.
    Since that fix the base drove `driven_m` metres, turned `turned_rad` radians, and moved
    `blind_s` seconds without odometry.
    """

    stamp_ns: int
    map_from_base: FloatArray
    fix_covariance: FloatArray
    odom_from_base: FloatArray | None
    driven_m: float = 0.0
    turned_rad: float = 0.0
    blind_s: float = 0.0


def carry(belief: Belief, stamp_ns: int, odom_from_base: FloatArray | None) -> Belief:
    """The belief at `stamp_ns`: moved with the odometry, or left in place and older."""
    if odom_from_base is None or belief.odom_from_base is None:
        blind = belief.blind_s + abs(stamp_ns - belief.stamp_ns) / 1e9
        odometry = belief.odom_from_base if odom_from_base is None else odom_from_base
        return replace(belief, stamp_ns=stamp_ns, odom_from_base=odometry, blind_s=blind)
    motion = se3.inverse(belief.odom_from_base) @ odom_from_base
    moved = belief.map_from_base @ motion
    distance, angle = se3.pose_error(np.eye(4), motion)
    return replace(
        belief,
        stamp_ns=stamp_ns,
        map_from_base=moved,
        fix_covariance=transport(belief.fix_covariance, moved[:3, 3] - belief.map_from_base[:3, 3]),
        odom_from_base=odom_from_base,
        driven_m=belief.driven_m + float(distance),
        turned_rad=belief.turned_rad + float(angle),
    )


def carry_to_now(belief: Belief, now_ns: int, newest: Odometry | None) -> Belief:
    """The belief at `now_ns` by the newest odometry; what it does not reach is blind time."""
    if newest is not None and newest.stamp_ns > belief.stamp_ns:
        belief = carry(belief, newest.stamp_ns, newest.odom_from_base)
    return carry(belief, max(now_ns, belief.stamp_ns), None)


def covariance(belief: Belief, motion: MotionConfig) -> FloatArray:
    """(6, 6) of the belief: that of the fix and of the motion since.

    The motion errors of wheel odometry are taken as systematic (proportional to the way, not
    to its root), and a heading error swings the position by half of it times the way.
    """
    rotation = np.hypot(
        motion.rotation_per_m * belief.driven_m + motion.turn_rate * belief.blind_s,
        motion.rotation_per_rad * belief.turned_rad,
    )
    position = np.hypot(
        motion.position_per_m * belief.driven_m + motion.speed * belief.blind_s,
        0.5 * rotation * belief.driven_m,
    )
    variances = [position**2 + motion.floor_m**2] * 3 + [rotation**2 + motion.floor_rad**2] * 3
    total: FloatArray = belief.fix_covariance + np.diag(variances)
    return total


def camera_prior(belief: Belief, base_from_camera: FloatArray, motion: MotionConfig) -> Prior:
    """The belief as a prior for the camera mounted at `base_from_camera` (4, 4)."""
    map_from_camera = belief.map_from_base @ base_from_camera
    lever = map_from_camera[:3, 3] - belief.map_from_base[:3, 3]
    spread = transport(covariance(belief, motion), lever)
    return Prior(se3.inverse(map_from_camera), spread)


def base_of_camera(
    camera_from_map: FloatArray, covariance: FloatArray, base_from_camera: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """`map_from_base` and its covariance (6, 6) from those of the camera."""
    map_from_camera = se3.inverse(camera_from_map)
    map_from_base = map_from_camera @ se3.inverse(base_from_camera)
    lever = map_from_base[:3, 3] - map_from_camera[:3, 3]
    return map_from_base, transport(covariance, lever)


def agree(
    belief: Belief,
    map_from_base: FloatArray,
    pose_covariance: FloatArray,
    motion: MotionConfig,
    chi2: float,
) -> bool:
    """Whether a pose lies within the squared Mahalanobis distance `chi2` of the belief."""
    error = error_vector(belief.map_from_base, map_from_base)
    return nees(error, covariance(belief, motion) + pose_covariance) <= chi2


def position_spread(covariance: FloatArray) -> float:
    """1-sigma of the worst direction of the position, metres."""
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance[:3, :3])[-1], 0.0)))


def rotation_spread(covariance: FloatArray) -> float:
    """1-sigma of the rotation about the worst axis, radians."""
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance[3:, 3:])[-1], 0.0)))
