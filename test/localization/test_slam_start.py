"""A session without odometry gives a SLAM its first fixes, and then runs on it as odometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from slam_drive import STEP_NS, curve, slam_from_map

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.outcomes import Outcome, Sighting
from semloc_ros.localization.session import Session
from semloc_ros.localization.slam_following import SlamFollower
from semloc_ros.types import Correspondences, FloatArray, PoseEstimate

MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])
SIGMAS = np.repeat([0.02, 0.002], 3)


def seen(stamp_ns: int, map_from_camera: FloatArray) -> PoseEstimate:
    """A strong answer to an image."""
    rows = Correspondences(
        np.full((200, 2), 20.0), np.ones((200, 3)), np.ones(200), np.ones(200), np.full(200, -1)
    )
    pose = se3.inverse(map_from_camera)
    return PoseEstimate(stamp_ns, pose, np.diag(SIGMAS**2), rows, 400, {})


def outcomes(speed: float, assumed: float) -> list[Outcome]:
    """A drive of 30 s at `speed` m/s, an image every half second, odometry of the SLAM alone."""
    truth = curve(300, speed=speed)
    slam = slam_from_map(0.2).poses(truth @ MOUNT)
    session = Session(TrackingConfig(), replace(MotionConfig(), speed=assumed), True)
    follower = SlamFollower(SlamAlignmentConfig())
    generator = np.random.default_rng(0)
    found = []
    for row, pose in enumerate(truth):
        stamp = (row + 1) * STEP_NS
        sample = follower.add_pose(stamp, slam[row], MOUNT)
        if row % 5:
            continue
        known = None if sample is None else (sample.odom_from_base, sample.covariance)
        sighting = Sighting(stamp, MOUNT, *(known or (None, None)))
        answer = seen(stamp, perturb(pose @ MOUNT, generator.normal(size=6) * SIGMAS))
        found.append(session.conclude(session.plan(sighting), answer))
        if (fix := found[-1].fix) is not None:
            follower.add_fix(stamp, fix.map_from_base, fix.covariance, MOUNT)
    return found


@pytest.mark.parametrize("speed", [1.0, 5.0, 12.0])
def test_it_starts_by_itself_if_the_speed_is_about_right(speed: float) -> None:
    found = outcomes(speed, assumed=max(speed / 2, MotionConfig().speed))
    words = [(one.standing.state.value, one.standing.reason) for one in found]
    assert words[:2] == [("BOOTSTRAPPING", "unconfirmed"), ("DEGRADED", "no_odometry")]
    assert words[-20:] == [("TRACKING", "ok")] * 20
    before = words.index(("TRACKING", "ok"))
    assert set(words[1:before]) == {("DEGRADED", "no_odometry")} and before <= 10


def test_a_fast_robot_of_which_nobody_said_so_does_not_start() -> None:
    found = outcomes(5.0, assumed=MotionConfig().speed)
    assert all(one.fix is None for one in found)
