"""Odometry errs as much as it says, the camera has the noise it was given."""

import dataclasses

import numpy as np

from semloc_ros.geometry import se3, uncertainty
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.driving import drive_loop

CORNERS = np.array([[0.0, 0], [7, 0], [7, 6], [0, 6]])
TIMES = np.arange(0, 12, 0.02)


def truth():
    drive = drive_loop(CORNERS, 1, 0.3, 0.4, np.random.default_rng(3))
    poses = drive.map_from_base(TIMES)
    return drive.planar(TIMES), se3.inverse(poses[0]) @ poses


def test_without_noise_odometry_is_the_truth(tiny_config):
    quiet = dataclasses.replace(
        tiny_config, odometry_scale_error=0.0, odometry_slip=0.0, odometry_drift_deg=0.0
    )
    planar, poses = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, quiet, np.random.default_rng(0))
    np.testing.assert_allclose(odometry.odom_from_base, poses, atol=1e-9)
    np.testing.assert_allclose(odometry.twists[300:, 0].max(), 0.4, atol=0.02)


def test_random_errors_are_as_large_as_the_covariance(tiny_config):
    config = dataclasses.replace(tiny_config, odometry_scale_error=0.0)
    planar, poses = truth()
    errors, values = [], []
    for seed in range(150):
        odometry = sensors.wheel_odometry(planar, TIMES, config, np.random.default_rng(seed))
        error = uncertainty.error_vector(odometry.odom_from_base[-1], poses[-1])[[0, 1, 5]]
        covariance = odometry.covariances[-1][np.ix_([0, 1, 5], [0, 1, 5])]
        errors.append(error)
        values.append(error @ np.linalg.solve(covariance, error))
    assert 2.5 < np.mean(values) < 3.5  # chi-square with three degrees of freedom
    assert np.abs(np.mean(errors, axis=0)).max() < 0.02


def test_the_wheels_size_errs_for_a_whole_run(tiny_config):
    config = dataclasses.replace(tiny_config, odometry_slip=0.0, odometry_drift_deg=0.0)
    planar, poses = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, config, np.random.default_rng(4))
    way = np.linalg.norm(np.diff(odometry.odom_from_base[:, :2, 3], axis=0), axis=1)
    true_way = np.linalg.norm(np.diff(poses[:, :2, 3], axis=0), axis=1)
    ratio = way[50:] / true_way[50:]
    assert ratio.std() < 1e-4 and 0.001 < abs(ratio.mean() - 1) < 0.05


def test_covariances_are_positive_definite_from_the_start(tiny_config):
    planar, _ = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, tiny_config, np.random.default_rng(0))
    assert np.linalg.eigvalsh(odometry.covariances).min() > 0
    np.testing.assert_array_equal(odometry.odom_from_base[0], np.eye(4))


def test_camera_looks_to_the_right_and_level(tiny_config):
    pose = sensors.base_from_camera(tiny_config)
    se3.check_pose("camera", pose)
    forward, down = pose[:3, 2], pose[:3, 1]
    assert forward[0] > 0.5 and forward[1] < -0.5  # ahead and to the right
    assert down[2] < -0.99


def test_noise_and_vignetting(tiny_config):
    grey = np.full((200, 300, 3), 128, np.float32)
    picture = sensors.expose(grey, tiny_config, np.random.default_rng(0)).astype(float)
    middle, corner = picture[90:110, 140:160], picture[:15, :15]
    assert abs(middle.std() - tiny_config.image_noise) < 0.15
    assert abs(corner.mean() / middle.mean() - (1 - tiny_config.vignetting)) < 0.02
