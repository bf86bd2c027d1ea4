"""Belief and session: propagation against brute force, and when a fix is believed."""

import numpy as np
import pytest
from straight_drive import (
    BASE_FROM_CAMERA,
    ODOM_FROM_MAP,
    SECOND,
    SHARP,
    Drive,
    estimate,
    nothing,
)

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, perturb
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.types import NoPoseReason, Odometry, State


def test_a_global_fix_that_contradicts_the_belief_needs_a_second():
    drive = Drive(global_after=2)
    drive.start()
    for _ in range(2):
        assert drive.frame(lambda _: nothing(NoPoseReason.AGAINST_PRIOR)).fix is None
        assert drive.plan.prior is not None
    elsewhere = se3.exp([0, 4, 0, 0, 0, 0])
    first = drive.frame(lambda pose: estimate(elsewhere @ pose))
    assert drive.plan.prior is None and first.fix is None
    assert first.standing.reason == "unconfirmed" and len(first.hypotheses) == 1
    second = drive.frame(lambda pose: estimate(elsewhere @ pose))
    assert drive.plan.prior is None
    assert second.fix is not None, "a kidnapped robot is found again"


def test_a_weak_fix_is_believed_only_where_a_sharp_belief_expects_it():
    drive = Drive(bootstrap_inliers=40, trusted_spread_m=0.3)
    drive.start()
    assert drive.frame(lambda pose: estimate(pose, 20)).fix is not None
    drive.step += 90
    drive.x += 9.0  # blind: the belief spreads to half a metre
    assert drive.session.standing.state is State.TRACKING
    outcome = drive.frame(lambda pose: estimate(pose, 20))
    assert drive.plan.prior is not None and drive.session.spread_m > 0.3
    assert outcome.fix is None and outcome.standing.reason == "unconfirmed"
    assert drive.frame(lambda pose: estimate(pose, 20)).fix is not None


def test_a_run_of_misses_alternates_between_guided_and_global():
    drive = Drive(global_after=2)
    drive.start()
    guided = []
    for _ in range(6):
        drive.frame(lambda _: nothing())
        guided.append(drive.plan.prior is not None)
    assert guided == [True, True, False, True, False, True]


def test_degraded_then_lost_then_found():
    drive = Drive(degraded_after=0.35, lost_after=0.95)
    drive.start()
    seen = []
    for _ in range(12):
        drive.frame(lambda _: nothing())
        seen.append(drive.session.standing.state)
    assert seen[2] is State.TRACKING and seen[4] is State.DEGRADED and seen[-1] is State.LOST
    assert drive.plan.prior is None, "LOST searches the whole map"
    kept = drive.session.map_from_odom
    np.testing.assert_allclose(kept, se3.inverse(ODOM_FROM_MAP), atol=1e-12)
    assert drive.start().standing.state is State.TRACKING


def test_a_tick_carries_a_copy_of_the_belief_and_its_spread_makes_lost():
    """By odometry the spread follows the way, without it blind time; the belief stays."""
    drive = Drive(lost_after=1e6, degraded_after=1e5, lost_spread_m=2.0)
    drive.start()
    believed, kept = drive.session.belief, drive.session.map_from_odom
    now = believed.stamp_ns + 20 * SECOND
    standing = drive.session.tick(now, Odometry(now, believed.odom_from_base))
    assert standing.state is State.TRACKING and drive.session.spread_m < 0.03, "it stood still"
    far = believed.odom_from_base @ se3.exp([8, 0, 0, 0, 0, 0])
    drive.session.tick(now, Odometry(now, far))
    assert 0.4 < drive.session.spread_m < 2.0, "8 m at 5 % and a heading error"
    standing = drive.session.tick(now, None)
    assert (standing.state, standing.reason) == (State.LOST, "spread")
    assert drive.session.spread_m == pytest.approx(MotionConfig().speed * 20, rel=0.01)
    drive.session.tick(now + SECOND, None)
    assert drive.session.spread_m == pytest.approx(MotionConfig().speed * 21, rel=0.01)
    assert drive.session.belief is believed and drive.session.map_from_odom is kept


def test_an_uncertain_fix_is_never_tracking():
    drive = Drive(max_spread_m=0.05)
    blurred = np.diag([0.2**2] * 3 + [0.01**2] * 3)
    drive.start()
    outcome = drive.frame(lambda pose: estimate(pose, covariance=blurred))
    assert (outcome.standing.state, outcome.standing.reason) == (State.DEGRADED, "uncertain")
    assert outcome.fix.spread_m > 0.19


def test_missing_odometry_is_said_and_keeps_the_last_map_from_odom():
    drive = Drive()
    drive.start()
    kept = drive.session.map_from_odom
    drive.odometry = False
    outcome = drive.frame(estimate)
    assert (outcome.standing.state, outcome.standing.reason) == (State.DEGRADED, "no_odometry")
    assert drive.session.map_from_odom is kept


def test_without_odometry_by_choice_nothing_is_degraded():
    drive = Drive(odometry=False)
    drive.session = Session(TrackingConfig(), MotionConfig(), expects_odometry=False)
    outcome = drive.start()
    assert outcome.standing.state is State.TRACKING and outcome.fix.map_from_odom is None


def test_the_result_of_before_a_reset_is_stale():
    drive = Drive()
    plan = drive.session.plan(Sighting(1, BASE_FROM_CAMERA, None))
    drive.session.reset(Reason.CLOCK_JUMP)
    outcome = drive.session.conclude(plan, estimate(np.eye(4)))
    assert outcome.fix is None and outcome.is_stale
    assert (outcome.standing.state, outcome.standing.reason) == (State.BOOTSTRAPPING, "clock_jump")
    assert drive.session.belief is None and drive.session.map_from_odom is None


def test_a_frame_taken_up_before_a_reset_touches_nothing():
    drive = Drive()
    epoch = drive.session.epoch
    drive.session.set_pose(np.eye(4), SHARP)
    plan = drive.session.plan(Sighting(1, BASE_FROM_CAMERA, None), epoch)
    assert plan.prior is None and drive.session.belief is None
    assert drive.session.conclude(plan, estimate(np.eye(4))).is_stale
    fresh = drive.session.plan(Sighting(2, BASE_FROM_CAMERA, None), drive.session.epoch)
    assert fresh.prior is not None, "the given pose waits for a frame of its own time"


def test_an_initial_pose_guides_the_next_frame():
    drive = Drive()
    drive.session.set_pose(se3.exp([0.12, 0, 0, 0, 0, 0]), np.eye(6) * 0.25)
    drive.frame(lambda _: nothing())
    expected = se3.inverse(drive.truth() @ BASE_FROM_CAMERA)
    np.testing.assert_allclose(drive.plan.prior.camera_from_map, expected, atol=1e-12)
    np.testing.assert_allclose(drive.session.map_from_odom, se3.inverse(ODOM_FROM_MAP), atol=1e-12)
    assert drive.session.standing.state is State.BOOTSTRAPPING


def test_the_prior_of_the_camera_carries_pose_and_covariance_over_the_lever():
    """Against samples: perturb the base, look where the camera goes."""
    rng = np.random.default_rng(3)
    map_from_base = se3.exp([1, 2, 3, 0.3, 0.2, -1.0])
    belief = Belief(0, map_from_base, np.diag([0.02**2] * 3 + [0.03**2] * 3), np.eye(4))
    motion = MotionConfig(floor_m=1e-4, floor_rad=1e-4)
    prior = beliefs.camera_prior(belief, BASE_FROM_CAMERA, motion)
    errors = rng.multivariate_normal(np.zeros(6), belief.fix_covariance, 20_000)
    truth = perturb(np.broadcast_to(map_from_base, (20_000, 4, 4)), errors) @ BASE_FROM_CAMERA
    seen = error_vector(se3.inverse(prior.camera_from_map), truth)
    np.testing.assert_allclose(np.cov(seen.T), prior.covariance, atol=4e-5)


def test_base_of_camera_undoes_camera_prior():
    belief = Belief(0, se3.exp([1, 2, 3, 0.3, 0.2, -1.0]), SHARP, np.eye(4))
    motion = MotionConfig(floor_m=1e-4, floor_rad=1e-4)
    prior = beliefs.camera_prior(belief, BASE_FROM_CAMERA, motion)
    pose, covariance = beliefs.base_of_camera(
        prior.camera_from_map, prior.covariance, BASE_FROM_CAMERA
    )
    np.testing.assert_allclose(pose, belief.map_from_base, atol=1e-12)
    np.testing.assert_allclose(covariance, beliefs.covariance(belief, motion), atol=1e-12)


def test_the_belief_spreads_with_the_way_and_with_blind_time():
    motion = MotionConfig(floor_m=0.01, position_per_m=0.1, rotation_per_m=0.0, speed=0.5)
    belief = Belief(0, np.eye(4), np.zeros((6, 6)), np.eye(4))
    driven = beliefs.carry(belief, SECOND, se3.exp([2, 0, 0, 0, 0, 0]))
    spread = beliefs.position_spread(beliefs.covariance(driven, motion))
    assert spread == pytest.approx(np.hypot(0.2, 0.01))
    blind = beliefs.carry(belief, 2 * SECOND, None)
    spread = beliefs.position_spread(beliefs.covariance(blind, motion))
    assert spread == pytest.approx(np.hypot(1.0, 0.01))
    there_and_back = beliefs.carry(driven, 2 * SECOND, np.eye(4))
    assert there_and_back.driven_m == pytest.approx(4.0)
    np.testing.assert_allclose(there_and_back.map_from_base, np.eye(4), atol=1e-12)
