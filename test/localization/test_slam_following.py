"""A SLAM followed: its fixes joined by stamp, the pose of the base, odometry without jumps."""

from __future__ import annotations

import numpy as np
import pytest
from slam_drive import STEP_NS, curve, slam_from_map

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb
from semloc_ros.localization.slam_alignment import Alignment, NotAligned, NotAlignedReason
from semloc_ros.localization.slam_following import BaseOdometry, SlamFollower
from semloc_ros.types import FloatArray

MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])
SIGMAS = np.repeat([0.05, 0.005], 3)


class Ride:
    """Truth of the base, row by row every 0.1 s; the camera's poses in the SLAM; every `every`
    rows a fix that comes `late` rows later."""

    def __init__(self, every: int = 5, late: int = 2, noise: bool = True) -> None:
        self.follower = SlamFollower(SlamAlignmentConfig())
        self.every, self.late, self.noise = every, late, noise
        self.generator = np.random.default_rng(5)
        self.row = 0
        self.odometry: list[BaseOdometry | None] = []

    def go(self, truth: FloatArray, slam: FloatArray) -> None:
        """Rows of the base's truth and of what the SLAM says of the camera."""
        for row, pose in enumerate(slam):
            self.odometry.append(self.follower.add_pose(self.row * STEP_NS, pose, MOUNT))
            if self.every and row >= self.late and row % self.every == 0:
                self.fix(self.row - self.late, truth[row - self.late])
            self.row += 1

    def fix(self, row: int, map_from_base: FloatArray) -> None:
        error = self.generator.normal(size=6) * SIGMAS * self.noise
        stamp = row * STEP_NS
        fix = perturb(map_from_base, error)
        self.follower.add_fix(stamp, fix, np.diag(SIGMAS**2), MOUNT)


def told(truth: FloatArray, scale: float = 0.2, seed: int = 3) -> FloatArray:
    """What a SLAM says of the camera."""
    return slam_from_map(scale, seed).poses(truth @ MOUNT)


def test_the_pose_is_that_of_the_base() -> None:
    truth, ride = curve(100), Ride(noise=False)
    ride.go(truth, told(truth))
    found = ride.follower.pose()
    assert found is not None and found[0] == 99 * STEP_NS
    assert np.allclose(found[1], truth[-1], atol=1e-6)
    assert ride.follower.last_fix_ns == (95 - 2) * STEP_NS and ride.follower.fixes == 19


def test_odometry_begins_level_and_is_in_metres() -> None:
    truth, ride = curve(150), Ride(noise=False)
    ride.go(truth, told(truth))
    samples = [one for one in ride.odometry if one is not None]
    assert 100 < len(samples) < 150, "none before the scale is known"
    first, last = samples[0], samples[-1]
    start = first.stamp_ns // STEP_NS - 1
    assert np.allclose(last.odom_from_base, se3.inverse(truth[start]) @ truth[-1], atol=1e-6)
    assert np.allclose(last.twist, [1.0, 0, 0.02, 0, 0, 0.1], atol=1e-6)
    spreads = [np.trace(one.covariance[:3, :3]) for one in samples]
    assert np.all(np.diff(spreads) > 0)


def test_a_fix_waits_for_the_slam() -> None:
    truth, ride = curve(60), Ride(every=0)
    slam = told(truth)
    for row in range(0, 50, 5):
        ride.fix(row, truth[row])
    assert ride.follower.fixes == ride.follower.missed == 0
    ride.go(truth[:30], slam[:30])
    assert ride.follower.fixes == 6 and ride.follower.missed == 0
    ride.go(truth[30:], slam[30:])
    assert ride.follower.fixes == 10
    assert isinstance(ride.follower.aligner.alignment, Alignment)


def test_a_fix_where_the_slam_has_no_pose_is_counted_and_no_fix() -> None:
    truth, ride = curve(60), Ride(every=0)
    ride.go(truth, told(truth))
    ride.fix(-5, truth[0])
    assert (ride.follower.fixes, ride.follower.missed) == (0, 1)
    assert ride.follower.last_fix_ns is None


def test_the_covariance_grows_while_no_fix_comes_and_stays_honest() -> None:
    errors, early, late = [], 0.0, 0.0
    for seed in range(8):
        truth, ride = curve(200), Ride()
        ride.generator = np.random.default_rng(seed)
        slam = told(truth)
        ride.go(truth[:100], slam[:100])
        first = ride.follower.pose()
        assert first is not None
        ride.every = 0
        ride.go(truth[100:], slam[100:])
        found = ride.follower.pose()
        assert found is not None
        errors.append(nees(error_vector(found[1], truth[-1]), found[2]))
        early, late = np.trace(first[2][:3, :3]), np.trace(found[2][:3, :3])
        assert late > 2 * early
    assert np.mean(errors) < 9.0  # 6 where it is exact; there is no drift here, so less


def test_a_closure_moves_the_pose_and_not_odometry() -> None:
    truth, ride = curve(160), Ride(noise=False)
    slam = told(truth)
    moved = se3.exp(np.array([0.3, 0.1, 0, 0, 0, 0.2])) @ slam
    ride.go(truth, np.concatenate([slam[:80], moved[80:]]))
    assert ride.follower.jumps == 1 and ride.follower.frames == 1
    samples = [one.odom_from_base for one in ride.odometry if one is not None]
    steps = np.linalg.norm(np.diff([one[:3, 3] for one in samples], axis=0), axis=1)
    assert steps.max() < 0.11  # 0.1 m a row
    found = ride.follower.pose()
    assert found is not None and np.allclose(found[1], truth[-1], atol=0.02)


def test_after_a_loss_odometry_goes_on_and_says_that_it_was_blind() -> None:
    truth, ride = curve(260), Ride(noise=False)
    ride.go(truth[:100], told(truth[:100]))
    before = ride.odometry[-1]
    assert before is not None
    ride.row += 30  # 3 s without a pose, then another frame and another unit
    ride.go(truth[130:], told(truth[130:], 0.7, 9))
    after = [one for one in ride.odometry[100:] if one is not None]
    assert ride.follower.frames == 2
    step = se3.pose_error(before.odom_from_base, after[0].odom_from_base)[0]
    assert float(step) < 0.11, "it goes on where it stopped"
    blind = np.sqrt(after[0].covariance[0, 0])
    assert blind > 3.0, "1 m/s for more than 3 s"
    found = ride.follower.pose()
    assert found is not None and np.allclose(found[1], truth[-1], atol=0.02)


def test_odometry_goes_on_where_fixes_get_few_and_ends_where_they_disagree() -> None:
    truth, ride = curve(1500), Ride(noise=False)
    slam = told(truth)
    ride.go(truth[:100], slam[:100])
    ride.every = 300  # 30 m: fewer than min_fixes within window_m
    ride.go(truth[100:1300], slam[100:1300])
    found = ride.follower.aligner.alignment
    assert isinstance(found, NotAligned) and found.reason is NotAlignedReason.TOO_FEW_FIXES
    assert None not in ride.odometry[100:]
    ride.every = 5
    wrong = perturb(truth, ride.generator.normal(size=(1500, 6)) * [9, 9, 9, 1, 1, 1])
    ride.go(wrong[1300:], slam[1300:])
    found = ride.follower.aligner.alignment
    assert isinstance(found, NotAligned) and found.reason is NotAlignedReason.FIXES_DISAGREE
    assert ride.odometry[-1] is None


def test_restart_forgets_the_frame_and_not_the_way() -> None:
    truth, ride = curve(200), Ride(noise=False)
    slam = told(truth)
    ride.go(truth[:100], slam[:100])
    last = ride.odometry[-1]
    assert last is not None
    ride.follower.restart()
    assert isinstance(ride.follower.aligner.alignment, NotAligned)
    assert ride.follower.pose() is None and ride.follower.last_fix_ns is None
    ride.go(truth[100:], slam[100:])
    again = next(one for one in ride.odometry[100:] if one is not None)
    assert float(se3.pose_error(last.odom_from_base, again.odom_from_base)[0]) < 0.11


def test_time_that_goes_back_forgets_the_fixes_that_waited() -> None:
    truth, ride = curve(60), Ride(every=0)
    slam = told(truth)
    ride.row = 1000
    ride.go(truth[:30], slam[:30])
    ride.fix(1040, truth[40])
    ride.row = 0
    ride.go(truth, slam)
    ride.row = 1041
    ride.go(truth[41:42], slam[41:42])
    assert (ride.follower.fixes, ride.follower.missed) == (0, 0)


@pytest.mark.parametrize("known", [True, False])
def test_where_the_scale_is_known_odometry_begins_with_the_slam(known: bool) -> None:
    truth = curve(20)
    follower = SlamFollower(SlamAlignmentConfig(known_scale=known))
    found = [
        follower.add_pose(row * STEP_NS, pose, MOUNT) for row, pose in enumerate(told(truth, 1.0))
    ]
    assert (found[-1] is not None) == known
    if known:
        assert found[0] is None and None not in found[1:]
