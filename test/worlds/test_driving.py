"""The robot drives as robots do, and hits nothing."""

import numpy as np
import pytest

from semloc_ros.worlds.recording.driving import drive_loop

CORNERS = np.array([[0.0, 0], [7, 0], [7, 6], [0, 6]])


@pytest.fixture(scope="module")
def drive():
    return drive_loop(CORNERS, 1, 0.35, 0.4, np.random.default_rng(0))


def test_speed_and_turning_are_a_robots(drive):
    times = np.arange(0, drive.duration, 0.05)
    state = drive.planar(times)
    speed = np.linalg.norm(np.diff(state[:, :2], axis=0), axis=1) / 0.05
    assert speed.max() < 0.41 and speed[0] < 0.03 and speed[-1] < 0.05
    assert np.abs(np.diff(speed)).max() / 0.05 < 0.35
    turn = np.diff(state[:, 2]) / 0.05
    assert np.abs(turn).max() < 0.37
    assert np.abs(np.diff(turn)).max() < 0.1, "the curvature must not jump"


def test_it_faces_where_it_goes(drive):
    state = drive.planar(np.arange(1, drive.duration - 1, 0.1))
    step = np.diff(state[:, :2], axis=0)
    heading = np.arctan2(step[:, 1], step[:, 0])
    middle = (state[1:, 2] + state[:-1, 2]) / 2
    error = np.angle(np.exp(1j * (heading - middle)))
    assert np.abs(error).max() < 0.01


def test_it_goes_round_once(drive):
    assert 20 < drive.duration * 0.4 < 30
    assert drive.heading[-1] - drive.heading[0] == pytest.approx(2 * np.pi, abs=0.5)
    assert np.linalg.norm(drive.xy[-1] - drive.xy[0]) < 0.8


def test_runs_differ_by_their_offset(drive):
    other = drive_loop(CORNERS, 1, 0.35, 0.4, np.random.default_rng(1))
    gaps = np.linalg.norm(drive.xy[::100, None] - other.xy[None, ::20], axis=2).min(axis=1)
    assert 0.02 < np.median(gaps) < 0.7


def test_poses_are_planar_and_upright(drive):
    poses = drive.map_from_base(np.array([0.0, 3.0]))
    np.testing.assert_allclose(poses[:, 2], np.tile([0.0, 0, 1, 0], (2, 1)), atol=1e-15)
    np.testing.assert_allclose(poses[1, :2, 3], drive.planar(np.array([3.0]))[0, :2])


def test_the_gallery_leaves_the_way_free(gallery):
    for seed in range(5):
        drive = drive_loop(gallery.loop_xy, 1, 0.35, 0.4, np.random.default_rng(seed))
        for x0, y0, x1, y1 in gallery.obstacles:
            nearest = np.clip(drive.xy, [x0, y0], [x1, y1])
            assert np.linalg.norm(drive.xy - nearest, axis=1).min() > 0.3
