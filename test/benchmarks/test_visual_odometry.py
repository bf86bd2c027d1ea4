"""The plain odometry of one camera, in a room of two walls before which something large moves."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import cv2
import numpy as np
import pytest

from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import intrinsic_matrix
from semloc_ros.types import Camera, PosedImage

CAMERA = Camera("pinhole", 480, 360, 400.0, 400.0, 239.5, 179.5)
RNG = np.random.default_rng(0)
WALL = cv2.resize(RNG.integers(0, 256, (120, 160), np.uint8), (1600, 1200))
CROWD = cv2.resize(RNG.integers(0, 256, (40, 60), np.uint8), (450, 320))
METRES = np.array([[0.01, 0, -8.0], [0, 0.01, -6.0], [0, 0, 1]])  # of a pixel of the wall


@pytest.fixture(scope="module")
def odometry():
    return import_module("visual_odometry")


def pose(number):
    """To the right and forward, slowly turning."""
    turn = se3.exp([0, 0, 0, 0, -0.01 * number, 0.0])
    return turn @ se3.make_pose(np.eye(3), [-0.06 * number, 0, -0.03 * number])


def wall(camera_from_map, depth):
    """The wall at that depth as the camera sees it, and where it does."""
    lens = intrinsic_matrix(CAMERA)
    turn, shift = camera_from_map[:3, :3], camera_from_map[:3, 3]
    plane = np.column_stack([turn[:, 0], turn[:, 1], turn[:, 2] * depth + shift])
    return cv2.warpPerspective(WALL, lens @ plane @ METRES, (480, 360), flags=cv2.INTER_AREA)


def picture(number, crowd):
    """The left half shows a wall at 3 m, the right one another at 5 m; the crowd goes up."""
    image = wall(pose(number), 5.0)
    image[:, :240] = wall(pose(number), 3.0)[:, :240]
    if crowd:
        image[crowded(number)] = CROWD[:270, :380]
    return np.repeat(image[..., None], 3, axis=2)


def crowded(number):
    """Six tenths of the picture."""
    return slice(60 - 5 * number, 330 - 5 * number), slice(50, 430)


def covered(number, crowd):
    mask = np.zeros((360, 480), np.uint8)
    if crowd:
        mask[crowded(number)] = 255
    return mask


def drives(odometry, crowd, masks, **options):
    images = [
        PosedImage(f"{number}.png", number, CAMERA, pose(number), partial(picture, number, crowd))
        for number in range(9)
    ]
    true = lambda image, pixels: covered(image.stamp_ns, crowd)  # noqa: E731
    none = lambda image, pixels: None  # noqa: E731
    moving = lambda image: covered(image.stamp_ns, crowd)  # noqa: E731
    return odometry.drive(images, true if masks else none, true, moving, **options)


@pytest.mark.parametrize("method", ["usac", "ransac"])
def test_an_empty_room_is_followed(method, odometry):
    found = drives(odometry, crowd=False, masks=False, method=method)
    assert np.median(found.turn_deg) < 0.1
    assert np.median(found.shift_m) < 0.006  # of steps of 7 cm
    assert found.inliers.min() > 0.8
    assert found.way[-1] == pytest.approx(8 * np.hypot(0.06, 0.03))
    assert not found.failed.any()
    assert np.nanmax(found.on_moving) == 0


def test_what_moves_leads_astray_and_masks_help(odometry):
    led_astray = drives(odometry, crowd=True, masks=False)
    masked = drives(odometry, crowd=True, masks=True)
    assert np.nanmean(led_astray.on_moving) > 0.5
    assert led_astray.moving.mean() == pytest.approx(0.6, abs=0.03)
    assert np.nanmax(masked.on_moving) == 0
    assert masked.shift_m.mean() < 0.3 * led_astray.shift_m.mean()
    assert odometry.row_of("x", [masked])[6] > 80  # percent of inliers


def test_a_step_without_tracks_goes_on_as_before(odometry):
    tracker = odometry.Tracker(CAMERA)
    assert tracker.step(picture(0, False)) is None
    assert tracker.step(picture(1, False)).second_from_first is not None
    lost = tracker.step(np.zeros((360, 480, 3), np.uint8))
    assert lost.second_from_first is None
    assert lost.inlier_ratio == 0


def test_drift_is_the_error_of_the_ends_by_the_way(odometry):
    """A robot that goes 1 % askew: 1 % of each stretch, and it does not turn."""
    truth = np.stack([se3.make_pose(np.eye(3), [0, 0, -0.1 * k]) for k in range(41)])
    poses = truth.copy()
    poses[:, 0, 3] = -0.001 * np.arange(41)
    steps = np.zeros(40)
    found = odometry.Drive(poses, truth, 0.1 * np.arange(41), *[steps] * 4, steps > 0, steps)
    assert found.stretches()[:, 0] == pytest.approx(1.0, rel=0.3)
    assert found.stretches()[:, 1] == pytest.approx(0.0)
    assert found.end_m == pytest.approx(0.04)
