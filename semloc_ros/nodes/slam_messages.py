"""What a SLAM says, as values, and the SLAM as odometry, as a message."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry as OdometryMessage

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.localization.slam_following import BaseOdometry
from semloc_ros.nodes import messages
from semloc_ros.types import FloatArray

SLAM_MESSAGES: dict[str, type[Any]] = {
    "pose": PoseStamped,
    "pose_with_covariance": PoseWithCovarianceStamped,
    "odometry": OdometryMessage,
}
_SPEED_SIGMA = 0.01  # m/s, rad/s: jitter of the poses, whatever the speed


def slam_pose_from(message: Any, config: SlamBridgeNodeConfig) -> tuple[int, FloatArray]:
    """Stamp and `slam_from_body` (4, 4) of one of SLAM_MESSAGES.

    Raises InputError for other frames than those of the options, for numbers that are not finite,
    and for a stamp of 0.
    """
    stamp = messages.stamp_ns(message.header.stamp)
    _check_frame("slam.header.frame_id", message.header.frame_id, config.slam_frame)
    if isinstance(message, OdometryMessage):
        _check_frame("slam.child_frame_id", message.child_frame_id, config.body_frame)
    if stamp == 0:
        raise InputError(expected("slam.header.stamp", "a time", 0))
    pose = message.pose if isinstance(message, PoseStamped) else message.pose.pose
    return stamp, messages.pose_from("slam.pose", pose)


def fix_from(
    message: PoseWithCovarianceStamped, map_frame: str
) -> tuple[int, FloatArray, FloatArray]:
    """Stamp, `map_from_base` (4, 4) and covariance (6, 6) of what the localizer says; InputError
    for another frame and numbers that are not finite."""
    name = "localizer/pose"
    _check_frame(f"{name}.header.frame_id", message.header.frame_id, map_frame)
    covariance = np.array(message.pose.covariance, dtype=float).reshape(6, 6)
    return (
        messages.stamp_ns(message.header.stamp),
        messages.pose_from(f"{name}.pose", message.pose.pose),
        messages.checked_covariance(f"{name}.covariance", covariance),
    )


def to_slam_odometry(
    sample: BaseOdometry, config: SlamBridgeNodeConfig
) -> OdometryMessage:
    """The message of odometry from `odom_frame` to `base_frame`; the twist is known as well as
    the SLAM's unit is."""
    message = OdometryMessage(
        header=messages.header(config.odom_frame, sample.stamp_ns),
        child_frame_id=config.base_frame,
    )
    message.pose.pose = messages.to_pose(sample.odom_from_base)
    message.pose.covariance = sample.covariance.ravel()
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = map(float, sample.twist)
    sigmas = config.alignment.drift * np.abs(sample.twist) + _SPEED_SIGMA
    message.twist.covariance = np.diag(sigmas**2).ravel()
    return message


def _check_frame(name: str, said: str, wanted: str) -> None:
    if messages.frame_of(said) != wanted:
        raise InputError(expected(name, wanted, repr(said)))
