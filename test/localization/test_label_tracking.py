"""A session whose features fail: labels on odometry keep the pose, find it, or say that they do not
know."""

from __future__ import annotations

import dataclasses

import label_room as room
import numpy as np
import pytest
from label_robot import MOUNT, ODOM, SHARP, Robot

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.label_tracking import thinned
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.types import (
    Frame,
    NoPose,
    NoPoseReason,
    State,
)


@pytest.fixture(scope="module")
def points():
    return room.labelled_points()


def test_labels_keep_the_pose_where_features_fail(points):
    robot = Robot(points)
    first = robot.frame(robot.truth[0])
    assert first.standing.reason == "ok" and first.tracked is None
    outcomes = [robot.frame() for _ in range(30)]
    kept = [one for one in outcomes if one.fix is not None]
    assert len(kept) >= 25
    last = outcomes[-1]
    assert (last.standing.state, last.standing.reason) == (State.TRACKING, "labels")
    assert robot.error_m(last) < 0.5
    assert last.tracked.fit > 0.6 and last.tracked.share > 0.9
    back = robot.frame(robot.truth[31])  # features see again
    assert back.standing.reason == "ok" and robot.error_m(back) < 1e-9
    assert 0.0 < back.jump_m < 0.5


def test_without_labels_odometry_alone_is_no_fix(points):
    robot = Robot(points)
    robot.frame(robot.truth[0])
    outcomes = [robot.frame(blind=True) for _ in range(15)]
    assert all(one.fix is None for one in outcomes)
    assert robot.session.standing.state is State.DEGRADED


def test_the_covariance_of_odometry_spreads_the_particles(points):
    spreads = []
    grown = [np.diag([step] * 3 + [0.0] * 3) for step in np.linspace(1.0, 4.0, 4)]
    for covariances in ([None] * 4, grown):
        robot = Robot(points)
        robot.frame(robot.truth[0], covariance=covariances[0])
        robot.frame(covariance=covariances[1])  # starts by its labels
        last = [robot.frame(blind=True, covariance=one) for one in covariances[2:]][-1]
        spreads.append(np.sqrt(last.tracked.covariance[0, 0]))
    assert spreads[0] < 0.5 and 0.8 < spreads[1] < 2.5, spreads


def test_method_pnp_asks_no_labels_and_can_be_switched_at_run_time(points):
    robot = Robot(points, "pnp")
    robot.frame(robot.truth[0])
    assert robot.frame().tracked is None
    robot.session.adjust(
        TrackingConfig(lost_after=30.0, confirm_first=False), MotionConfig(), "auto"
    )
    assert [robot.frame() for _ in range(8)][-1].standing.reason == "labels"


def test_pfsl_asks_features_only_for_a_start(points):
    robot = Robot(points, "pfsl")
    for number in range(20):
        outcome = robot.frame(robot.truth[number])
    assert robot.asked[0] and not any(robot.asked[6:])
    assert outcome.standing.reason == "labels" and robot.error_m(outcome) < 0.5


def test_labels_of_another_place_are_said_to_disagree(points):
    robot = Robot(points, labels_fit=0.5)
    robot.frame(robot.truth[0])
    rng = np.random.default_rng(0)
    for _ in range(20):
        elsewhere = perturb(
            np.eye(4), np.array([*rng.uniform(-4, 4, 2), 0, 0, 0, rng.uniform(0, 6)])
        )
        outcome = robot.frame(place=elsewhere)
    assert outcome.fix is None
    assert outcome.standing.state is not State.TRACKING
    assert outcome.standing.reason in ("labels_disagree", "unconfirmed", "uncertain")


@pytest.mark.parametrize("seed", range(3))
def test_it_starts_anywhere_by_labels_alone(points, seed):
    robot = Robot(points, "pfsl", frames=60, wrong=0.1, seed=seed)
    outcomes = [robot.frame() for _ in range(60)]
    assert all(one.fix is None for one in outcomes[:3])
    for step, one in enumerate(outcomes):
        if one.fix is not None:
            off = np.linalg.norm(one.fix.map_from_base[:3, 3] - robot.truth[step][:3, 3])
            assert off < 1.0
    assert outcomes[-1].fix is not None


def test_weak_fixes_of_other_places_do_not_carry_the_particles_away(points):
    robot, rng = Robot(points), np.random.default_rng(5)
    robot.frame(robot.truth[0])
    outcomes = []
    for _ in range(30):
        wrong = perturb(
            np.eye(4), np.array([*rng.uniform(-6, 6, 2), 0, 0, 0, rng.uniform(0, 6)])
        )
        outcomes.append((robot.frame(wrong, inliers=20), robot.truth[robot.step - 1]))
    fixes = [(one, truth) for one, truth in outcomes if one.fix is not None]
    assert len(fixes) >= 20
    for one, truth in fixes:
        assert np.linalg.norm(one.fix.map_from_base[:3, 3] - truth[:3, 3]) < 1.0


def test_labels_against_odometry_are_believed_only_when_they_say_it_again_and_again(points):
    robot = Robot(points, "pfsl", frames=60, wrong=0.0, labels_relocate=6)
    robot.frame(robot.truth[0])
    for _ in range(8):
        robot.frame()
    robot.step += 25  # carried off; odometry has not noticed
    moved = se3.inverse(robot.odometry[robot.step - 1].odom_from_base)
    before = robot.odometry[robot.step - 26].odom_from_base
    for sample in range(robot.step, 60):
        pose = before @ moved @ robot.odometry[sample].odom_from_base
        robot.odometry[sample] = dataclasses.replace(robot.odometry[sample], odom_from_base=pose)
    outcomes = [robot.frame(robot.truth[robot.step], inliers=20) for _ in range(25)]
    for step, one in enumerate(outcomes, robot.step - 25):
        if one.fix is not None:
            off = np.linalg.norm(one.fix.map_from_base[:3, 3] - robot.truth[step][:3, 3])
            assert off < 1.0
    assert outcomes[-1].fix is not None


@pytest.mark.parametrize("seed", range(2))
def test_a_wrong_belief_is_left_when_labels_fit_nothing_for_long(points, seed):
    robot = Robot(points, frames=60, wrong=0.1, seed=seed)
    robot.frame(robot.truth[30])  # far from where it is; features never see again
    outcomes = [robot.frame() for _ in range(59)]
    assert outcomes[12].fix is None
    for step, one in enumerate(outcomes, 1):
        if one.fix is not None:
            off = np.linalg.norm(one.fix.map_from_base[:3, 3] - robot.truth[step][:3, 3])
            assert off < 1.0
    assert outcomes[-1].fix is not None


def test_labels_that_are_wrong_first_and_right_later_give_no_false_fix(points):
    robot, rng = Robot(points, "pfsl", frames=60, wrong=0.1), np.random.default_rng(1)
    outcomes = []
    for step in range(60):
        elsewhere = perturb(
            np.eye(4), np.array([*rng.uniform(-4, 4, 2), 0, 0, 0, rng.uniform(0, 6)])
        )
        outcomes.append(robot.frame(place=elsewhere if step < 15 else None))
    fixes = [(step, one.fix) for step, one in enumerate(outcomes) if one.fix is not None]
    off = [
        np.linalg.norm(fix.map_from_base[:3, 3] - robot.truth[step][:3, 3]) for step, fix in fixes
    ]
    assert fixes and min(step for step, _ in fixes) > 15
    assert max(off) < 1.0


def test_labels_are_no_fix_while_features_see_another_place(points):
    robot = Robot(points)
    robot.frame(robot.truth[0])
    for _ in range(6):
        kept = robot.frame()
    assert kept.standing.reason == "labels"
    stamp = robot.step * room.FRAME_NS + 1
    labels = room.photograph(robot.truth[robot.step] @ MOUNT, robot.rng, 0.1)
    frame = Frame(stamp, np.zeros(labels.shape, np.uint8), room.CAMERA, labels=labels)
    odom_from_base = ODOM @ robot.odometry[robot.step].odom_from_base
    plan = robot.session.plan(Sighting(stamp, MOUNT, odom_from_base))
    against = NoPose(stamp, NoPoseReason.AGAINST_PRIOR, "4 m from the prior")
    outcome = robot.session.conclude(plan, against, frame)
    assert outcome.fix is None and outcome.standing.reason == "unconfirmed"
    believed = robot.session.belief.map_from_base  # by odometry alone, not by the labels
    motion = se3.inverse(robot.odometry[robot.step - 1].odom_from_base)
    motion = motion @ robot.odometry[robot.step].odom_from_base
    np.testing.assert_allclose(believed, kept.fix.map_from_base @ motion, atol=1e-9)
    assert robot.session.plan(Sighting(stamp + 1, MOUNT, odom_from_base)).prior is None


def test_a_robot_that_stands_is_not_believed_for_seeing_the_same_thrice(points):
    robot = Robot(points, "pfsl", wrong=0.0)
    robot.truth = np.repeat(robot.truth[:1], len(robot.truth), axis=0)
    robot.odometry = [
        dataclasses.replace(one, odom_from_base=np.eye(4)) for one in robot.odometry
    ]
    outcomes = [robot.frame() for _ in range(20)]
    assert all(one.fix is None for one in outcomes)
    assert outcomes[-1].tracked.updates == 1 and not outcomes[-1].tracked.is_new


def test_an_initial_pose_wins_over_the_particles(points):
    robot = Robot(points, frames=60)
    robot.frame(robot.truth[20])  # a wrong start
    for _ in range(3):
        robot.frame()
    robot.session.set_pose(robot.truth[4], np.diag([0.04] * 3 + [0.01] * 3))
    outcomes = [robot.frame() for _ in range(12)]
    assert outcomes[-1].standing.reason == "labels" and robot.error_m(outcomes[-1]) < 0.5


def test_a_reset_while_a_frame_is_in_work_makes_it_stale(points):
    robot = Robot(points)
    robot.frame(robot.truth[0])
    plan = robot.session.plan(Sighting(room.FRAME_NS, MOUNT, ODOM))
    robot.session.set_pose(np.eye(4), np.eye(6))
    result = NoPose(room.FRAME_NS, NoPoseReason.TOO_FEW_INLIERS, "")
    assert robot.session.conclude(plan, result, None).is_stale


def test_a_label_map_of_another_size_is_none(points):
    robot = Robot(points)
    robot.frame(robot.truth[0])
    frame = Frame(
        room.FRAME_NS, np.zeros((60, 80), np.uint8), room.CAMERA,
        labels=np.zeros((3, 4), np.uint8),
    )
    plan = robot.session.plan(Sighting(room.FRAME_NS, MOUNT, ODOM))
    missed = NoPose(room.FRAME_NS, NoPoseReason.TOO_FEW_INLIERS, "")
    outcome = robot.session.conclude(plan, missed, frame)
    assert outcome.fix is None and outcome.standing.reason == "few_labels"


def test_places_near_to_each_other_are_one():
    places = np.array([[0.1, 0.1, 0], [0.2, 0.1, 0], [3.0, 0, 0]])
    np.testing.assert_array_equal(thinned(places, 1.0), places[[0, 2]])


def test_pose_at_carries_the_belief_by_newer_odometry(points):
    robot = Robot(points)
    robot.frame(robot.truth[0])
    newer = dataclasses.replace(robot.odometry[1], odom_from_base=ODOM @ robot.truth[1])
    pose, covariance = robot.session.pose_at(newer)
    motion = se3.inverse(robot.odometry[0].odom_from_base) @ robot.truth[1]
    np.testing.assert_allclose(pose, robot.truth[0] @ motion, atol=1e-9)
    assert (np.diag(covariance) > np.diag(SHARP)).all()
