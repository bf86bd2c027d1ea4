"""Odometry errs as much as it says, the IMU feels gravity and turns."""

import dataclasses

import numpy as np

from semloc_ros.config import OdometryNoiseConfig, SensorsConfig
from semloc_ros.geometry import se3, uncertainty
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.driving import CAR, Trajectory, drive_loop, make_sway

CORNERS = np.array([[0.0, 0], [7, 0], [7, 6], [0, 6]])
TIMES = np.arange(0, 12, 0.02)
SENSORS = SensorsConfig()
SAME_ALL_RUN = {"odometry_scale": 0.0, "odometry_turn_scale": 0.0}
RANDOM = {f"odometry_{name}": 0.0 for name in ("along", "across", "turn", "turn_per_turn")}
EXACT = SensorsConfig(gyro_noise=0, gyro_bias=0, accel_noise=0, accel_bias=0)


def truth():
    drive = drive_loop(CORNERS, 1, 0.3, 0.4, np.random.default_rng(3))
    poses = drive.map_from_base(TIMES)
    return drive.planar(TIMES), se3.inverse(poses[0]) @ poses


def test_without_noise_odometry_is_the_truth():
    quiet = dataclasses.replace(SENSORS, **SAME_ALL_RUN, **RANDOM)
    planar, poses = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, quiet, np.random.default_rng(0))
    np.testing.assert_allclose(odometry.odom_from_base, poses, atol=1e-9)
    np.testing.assert_allclose(odometry.twists[300:, 0].max(), 0.4, atol=0.02)


def test_random_errors_are_as_large_as_the_covariance():
    config = dataclasses.replace(SENSORS, **SAME_ALL_RUN)
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


def test_heading_errs_by_the_way_and_by_what_was_turned():
    """Ahead and on the spot, each error for itself."""
    config = dataclasses.replace(SENSORS, **SAME_ALL_RUN)
    times = TIMES[::20]
    still, far = np.zeros(len(times)), np.linspace(0, 9, len(times))
    for planar, sigma in (
        (np.stack([far, still, still], 1), config.odometry_turn * 3),
        (np.stack([still, still, far], 1), config.odometry_turn_per_turn * 3),
    ):
        ends = [
            sensors.wheel_odometry(planar, times, config, np.random.default_rng(seed))
            for seed in range(150)
        ]
        headings = [np.arctan2(*one.odom_from_base[-1, [1, 0], 0]) for one in ends]
        errors = np.angle(np.exp(1j * (np.array(headings) - planar[-1, 2])))
        assert abs(np.std(errors) / sigma - 1) < 0.2
        np.testing.assert_allclose([one.covariances[-1, 5, 5] for one in ends], sigma**2, rtol=1e-4)


def test_twists_err_as_much_as_they_say():
    planar, _ = truth()
    config = dataclasses.replace(SENSORS, **SAME_ALL_RUN)
    exact = dataclasses.replace(config, **RANDOM)
    noisy, right = (
        sensors.wheel_odometry(planar, TIMES, one, np.random.default_rng(0))
        for one in (config, exact)
    )
    error = (noisy.twists - right.twists)[200:]
    assert abs(np.mean(error**2 / noisy.twist_variances[200:, [0, 5]]) - 1) < 0.2
    assert noisy.twist_variances.min() > 0


def test_the_worlds_wheels_err_as_the_filter_expects():
    """The numbers of one fit, held in two places: the truth of a world reads no filter's options.
    What the filter takes for errors by turns is here the run's scale of turns and a random part."""
    expected = OdometryNoiseConfig()
    for name in ("along", "across", "turn", "scale"):
        assert getattr(SENSORS, f"odometry_{name}") == getattr(expected, name)
    for turned in (0.5 * np.pi, 2 * np.pi):
        mean_square = (
            (SENSORS.odometry_turn_scale * turned) ** 2
            + SENSORS.odometry_turn_per_turn**2 * turned
        )
        assert 0.5 < mean_square / (expected.turn_per_turn**2 * turned) < 3


def test_the_wheels_size_errs_for_a_whole_run():
    config = dataclasses.replace(SENSORS, **RANDOM)
    planar, poses = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, config, np.random.default_rng(4))
    way = np.linalg.norm(np.diff(odometry.odom_from_base[:, :2, 3], axis=0), axis=1)
    true_way = np.linalg.norm(np.diff(poses[:, :2, 3], axis=0), axis=1)
    ratio = way[50:] / true_way[50:]
    assert ratio.std() < 1e-4 and 0.001 < abs(ratio.mean() - 1) < 0.1


def test_covariances_are_positive_definite_from_the_start():
    planar, _ = truth()
    odometry = sensors.wheel_odometry(planar, TIMES, SENSORS, np.random.default_rng(0))
    assert np.linalg.eigvalsh(odometry.covariances).min() > 0
    np.testing.assert_array_equal(odometry.odom_from_base[0], np.eye(4))


def swaying_car(seed=0):
    rng = np.random.default_rng(seed)
    flat = drive_loop(10 * CORNERS, 1, 0.3, 7.5, rng, CAR)
    sway = make_sway(1.0, flat.duration, rng)
    return Trajectory(flat.times, flat.way, flat.xy, flat.heading, flat.speed, sway)


def test_standing_still_the_imu_feels_gravity_upwards():
    car = swaying_car()
    after = car.duration + np.arange(1, 21, 0.01)
    still = sensors.inertial(car, after, EXACT, np.random.default_rng(0))
    np.testing.assert_allclose(still.specific_force, np.tile([0, 0, 9.81], (2000, 1)), atol=1e-4)
    np.testing.assert_allclose(still.angular, 0, atol=1e-9)
    noisy = sensors.inertial(car, after, SENSORS, np.random.default_rng(0))
    assert abs(noisy.specific_force.std(axis=0) / SENSORS.accel_noise - 1).max() < 0.1
    assert abs(noisy.angular.std(axis=0) / SENSORS.gyro_noise - 1).max() < 0.1
    bias = noisy.angular.mean(axis=0)
    assert 0.1 * SENSORS.gyro_bias < abs(bias).max() < 4 * SENSORS.gyro_bias


def test_a_left_turn_is_positive_and_pulls_inwards():
    """A circle to the left: v / r about up, v²/r to the left."""
    angle = np.linspace(0, 2 * np.pi, 4001)
    circle = Trajectory(
        angle * 10 / 5, 10 * angle, 10 * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1),
        angle, np.full(4001, 5.0),
    )  # fmt: skip
    felt = sensors.inertial(circle, np.arange(1, 10, 0.01), EXACT, np.random.default_rng(0))
    np.testing.assert_allclose(felt.angular, np.tile([0, 0, 0.5], (900, 1)), atol=1e-4)
    np.testing.assert_allclose(felt.specific_force, np.tile([0, 2.5, 9.81], (900, 1)), atol=1e-2)


def test_the_imu_integrates_to_the_true_pose():
    car = swaying_car(1)
    step = 1 / EXACT.imu_rate
    times = np.arange(0, 25, step) + step / 2
    felt = sensors.inertial(car, times, EXACT, np.random.default_rng(0))
    begin = car.map_from_base(np.array([0.0]))[0] @ sensors.BASE_FROM_IMU
    rotation, velocity, position = begin[:3, :3], np.zeros(3), begin[:3, 3]
    for turn, force in zip(felt.angular, felt.specific_force, strict=True):
        half = se3.exp(np.append(np.zeros(3), turn * step / 2))[:3, :3]
        acceleration = rotation @ half @ force - [0, 0, sensors.GRAVITY]
        position = position + velocity * step + acceleration * step**2 / 2
        velocity = velocity + acceleration * step
        rotation = rotation @ half @ half
    end = car.map_from_base(np.array([25.0]))[0] @ sensors.BASE_FROM_IMU
    way = np.interp(25.0, car.times, car.way)
    assert np.linalg.norm(position - end[:3, 3]) < 0.005 * way
    assert np.degrees(np.linalg.norm(se3.rotation_vector(end[:3, :3].T @ rotation))) < 0.05


def test_a_car_sways_a_little_and_not_when_it_stands():
    car = swaying_car()
    poses = car.map_from_base(np.arange(0, car.duration, 0.05))
    tilt = np.degrees(np.arccos(poses[:, 2, 2]))
    assert tilt[0] < 1e-6 and tilt[-1] < 1e-2 and 0.2 < tilt.max() < 3.0
    assert 0.003 < poses[:, 2, 3].std() < 0.05
    np.testing.assert_allclose(np.linalg.det(poses[:, :3, :3]), 1, atol=1e-12)
