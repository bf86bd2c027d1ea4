"""A SLAM's frame in the map: exact without noise, right with wrong fixes, a value when unknown."""

from __future__ import annotations

import numpy as np
import pytest
from slam_drive import STEP_NS, Drive, curve, slam_from_map

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.slam_alignment import (
    Alignment,
    NotAligned,
    NotAlignedReason,
    SlamAligner,
)
from semloc_ros.types import FloatArray


def error(found: Alignment | NotAligned, slam: FloatArray, truth: FloatArray) -> float:
    """Metres from the last pose of the SLAM, put into the map, to the truth."""
    assert isinstance(found, Alignment), found
    return float(se3.pose_error(found.map_from_slam.poses(slam[-1:])[0], truth[-1])[0])


def reason(found: Alignment | NotAligned) -> NotAlignedReason:
    assert isinstance(found, NotAligned)
    return found.reason


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_without_noise_it_is_exact(scale: float) -> None:
    truth = curve(100)
    there = slam_from_map(scale)
    found = Drive().go(truth, there.poses(truth))
    assert isinstance(found, Alignment)
    assert found.map_from_slam.scale == pytest.approx(1 / scale, rel=1e-9)
    assert np.allclose(found.map_from_slam.poses(there.poses(truth)), truth, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_third_of_wrong_fixes_does_no_harm(seed: int) -> None:
    truth = curve(300)
    slam = slam_from_map().poses(truth)
    drive = Drive(sigma_m=0.05, sigma_rad=0.01, wrong=0.3, seed=seed)
    assert error(drive.go(truth, slam), slam, truth) < 0.1


def test_the_covariance_is_honest() -> None:
    truth = curve(200)
    slam = slam_from_map().poses(truth)
    squares = []
    for seed in range(10):
        found = Drive(sigma_m=0.1, sigma_rad=0.02, every=10, seed=seed).go(truth, slam)
        assert isinstance(found, Alignment)
        off = found.map_from_slam.poses(slam[-1:])[0, :3, 3] - truth[-1, :3, 3]
        squares.append(off @ np.linalg.inv(found.covariance[:3, :3]) @ off)
    assert 0.5 < np.mean(squares) < 4.5  # 3 where it is exact; drift that is not there makes less


def test_where_nothing_moved_the_scale_is_not_known() -> None:
    truth = np.repeat(curve(1), 100, axis=0)
    found = Drive().go(truth, slam_from_map().poses(truth))
    assert isinstance(found, NotAligned)


def test_a_short_way_does_not_tell_the_scale() -> None:
    truth = curve(200, speed=0.08)
    found = Drive(sigma_m=0.02, sigma_rad=0.01).go(truth, slam_from_map().poses(truth))
    assert reason(found) is NotAlignedReason.TOO_LITTLE_WAY


def test_noisy_fixes_need_more_way_for_the_scale() -> None:
    truth = curve(400)
    slam = slam_from_map().poses(truth)
    drive = Drive(sigma_m=0.5, sigma_rad=0.02)
    early = drive.go(truth[:40], slam[:40])
    assert reason(early) is NotAlignedReason.SCALE_UNCERTAIN
    assert isinstance(drive.go(truth[40:], slam[40:]), Alignment)


def test_a_straight_line_of_positions_leaves_the_turn_about_it_unknown() -> None:
    truth = curve(200, bend=0.0)
    slam = slam_from_map().poses(truth)
    found = Drive(sigma_rad=3.0).go(truth, slam)  # positions are exact, turns say nothing
    assert isinstance(found, NotAligned)


def test_a_straight_line_of_poses_is_enough() -> None:
    truth = curve(200, bend=0.0)
    slam = slam_from_map().poses(truth)
    assert error(Drive().go(truth, slam), slam, truth) < 1e-6


def test_with_known_scale_it_stays_one_and_no_way_is_needed() -> None:
    truth = np.repeat(curve(1), 50, axis=0)
    slam = slam_from_map(1.0).poses(truth)
    known = SlamAlignmentConfig(known_scale=True, fix_step_m=0.0)
    found = Drive(known, sigma_m=0.02, sigma_rad=0.005).go(truth, slam)
    assert error(found, slam, truth) < 0.02
    assert isinstance(found, Alignment)
    assert found.map_from_slam.scale == 1.0
    assert not found.covariance[6].any()


def test_a_loop_closure_is_bridged_at_once() -> None:
    truth = curve(300)
    there = slam_from_map()
    slam = there.poses(truth)
    closure = se3.exp(np.array([0.3, -0.2, 0.1, 0.05, 0.02, 0.1]))
    slam[203:] = closure @ slam[203:]  # 203: between two fixes
    drive = Drive()
    drive.go(truth[:203], slam[:203])
    found = drive.go(truth[203:205], slam[203:205])
    assert drive.steps.count("jumped") == 1
    assert error(found, slam[:205], truth[:205]) < 0.02
    found = drive.go(truth[205:], slam[205:])
    assert error(found, slam, truth) < 0.02


def test_a_reset_with_a_gap_forgets_everything_and_finds_itself_again() -> None:
    truth = curve(300)
    before, after = slam_from_map(0.2, 1), slam_from_map(0.7, 2)
    drive = Drive()
    drive.go(truth[:150], before.poses(truth[:150]))
    drive.row += 30  # 3 s without a pose
    lost = drive.go(truth[180:182], after.poses(truth[180:182]))
    assert reason(lost) is NotAlignedReason.TOO_FEW_FIXES
    slam = after.poses(truth[182:])
    found = drive.go(truth[182:], slam)
    assert error(found, slam, truth) < 1e-6
    assert isinstance(found, Alignment)
    assert found.map_from_slam.scale == pytest.approx(1 / 0.7)


def test_a_reset_to_another_unit_that_looks_like_a_closure_is_found_by_the_fixes() -> None:
    truth = curve(400)
    before, after = slam_from_map(0.2, 1), slam_from_map(0.7, 2)
    slam = np.concatenate([before.poses(truth[:150]), after.poses(truth[150:])])
    drive = Drive()
    drive.go(truth[:150], slam[:150])
    for row in range(150, 400):
        found = drive.go(truth[row : row + 1], slam[row : row + 1])
    assert error(found, slam, truth) < 0.02
    assert isinstance(found, Alignment)
    assert found.map_from_slam.scale == pytest.approx(1 / 0.7, rel=0.01)


def test_drift_is_followed() -> None:
    truth = curve(1500, bend=0.02)
    there = slam_from_map()
    steps = se3.inverse(truth[:-1]) @ truth[1:]
    drifted = [truth[0]]
    for step in steps:  # 1 % too long, and 0.05 deg/m to the left
        wrong = se3.make_pose(step[:3, :3], step[:3, 3] * 1.01)
        drifted.append(drifted[-1] @ wrong @ se3.exp(np.array([0, 0, 0, 0, 0, 8.7e-5])))
    slam = there.poses(np.array(drifted))
    assert np.linalg.norm(np.array(drifted)[-1] - truth[-1]) > 3.0
    found = Drive(sigma_m=0.05, sigma_rad=0.01, every=10).go(truth, slam)
    assert error(found, slam, truth) < 0.25


def test_before_anything_came_it_says_so() -> None:
    aligner = SlamAligner(SlamAlignmentConfig())
    assert reason(aligner.alignment) is NotAlignedReason.NO_SLAM
    found = aligner.add_fix(0, np.eye(4), np.eye(6))
    assert reason(found) is NotAlignedReason.NO_SLAM


def test_a_fix_of_a_stamp_without_a_pose_changes_nothing() -> None:
    truth = curve(100)
    drive = Drive()
    drive.go(truth, slam_from_map().poses(truth))
    before = drive.aligner.alignment
    after = drive.aligner.add_fix(100 * STEP_NS * 5, np.eye(4), np.eye(6))
    assert isinstance(before, Alignment)
    assert isinstance(after, Alignment)
    assert before.fixes == after.fixes


def test_fixes_of_another_place_are_no_alignment() -> None:
    truth = curve(200)
    drive = Drive(wrong=1.0)
    assert reason(drive.go(truth, slam_from_map().poses(truth))) is NotAlignedReason.FIXES_DISAGREE


def test_a_jump_after_which_the_speed_is_another_is_a_new_frame() -> None:
    truth = curve(200, speed=5.0)
    slam = np.concatenate([
        slam_from_map(0.2, 1).poses(truth[:103]), slam_from_map(0.7, 2).poses(truth[103:])
    ])
    drive = Drive()
    drive.go(truth[:103], slam[:103])
    drive.go(truth[103:105], slam[103:105])
    assert drive.steps[-2:] == ["jumped", "new_frame"]
    assert error(drive.go(truth[105:], slam[105:]), slam, truth) < 1e-6


def test_its_odometry_is_in_metres_and_does_not_jump() -> None:
    truth = curve(300)
    slam = slam_from_map().poses(truth)
    slam[203:] = se3.exp(np.array([0.3, -0.2, 0.1, 0.05, 0.02, 0.1])) @ slam[203:]
    drive = Drive()
    drive.go(truth[:10], slam[:10])
    assert drive.aligner.odometry is None
    drive.go(truth[10:100], slam[10:100])
    start = drive.aligner.odometry
    drive.go(truth[100:], slam[100:])
    end = drive.aligner.odometry
    assert start is not None
    assert end is not None
    assert end.stamp_ns == 299 * STEP_NS
    moved = se3.inverse(start.odom_from_base) @ end.odom_from_base
    assert np.allclose(moved, se3.inverse(truth[99]) @ truth[299], atol=0.02)


def test_after_a_loss_odometry_waits_for_the_scale_and_goes_on_where_it_stopped() -> None:
    truth = curve(300)
    slam = slam_from_map().poses(truth)
    drive = Drive()
    drive.go(truth[:100], slam[:100])
    before = drive.aligner.odometry
    drive.row += 30
    drive.go(truth[130:140], slam[130:140])
    assert drive.aligner.odometry is None
    drive.go(truth[140:200], slam[140:200])
    after = drive.aligner.odometry
    assert before is not None
    assert after is not None
    assert se3.pose_error(before.odom_from_base, after.odom_from_base)[0] < 6.0


def test_poses_that_come_late_are_dropped_and_a_clock_set_back_is_a_new_frame() -> None:
    truth = curve(100)
    drive = Drive()
    drive.go(truth, slam_from_map().poses(truth))
    aligner = drive.aligner
    assert aligner.add_pose(98 * STEP_NS, truth[0]).value == "dropped"
    assert isinstance(aligner.alignment, Alignment)
    assert aligner.add_pose(0, truth[0]).value == "new_frame"
    assert reason(aligner.alignment) is NotAlignedReason.TOO_FEW_FIXES
