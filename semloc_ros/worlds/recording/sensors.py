"""What wheels and an IMU make of the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.config import SensorsConfig
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray
from semloc_ros.worlds.recording.driving import Trajectory

GRAVITY = 9.81  # m/s²
BASE_FROM_IMU = se3.make_pose(np.eye(3), np.array([0.0, 0.0, 0.3]))
_UNOBSERVED = 1e-6  # variance of height, roll and pitch, which wheels do not measure


@dataclass(frozen=True, slots=True)
class WheelOdometry:
    """`odom_from_base` (N, 4, 4); `covariances` (N, 6, 6) of random errors since the start, in
    odom axes as ROS means it; `twists` (N, 2): forward m/s and turn rad/s; `twist_variances`
    (N, 6) of random errors, in the order of covariances and in axes of the base."""

    odom_from_base: FloatArray
    covariances: FloatArray
    twists: FloatArray
    twist_variances: FloatArray


@dataclass(frozen=True, slots=True)
class InertialSamples:
    """In axes of the IMU (x forward, y left, z up): `angular` (N, 3) rad/s and `specific_force`
    (N, 3) m/s², which is +g upwards when the robot stands."""

    angular: FloatArray
    specific_force: FloatArray


def wheel_odometry(
    planar: FloatArray, times: FloatArray, config: SensorsConfig, rng: np.random.Generator
) -> WheelOdometry:
    """Dead reckoning of the true x, y, heading (N, 3) at `times` (N,), starting at identity.

    Errors: scales of way and turns that hold for the run, and random walks along, across and of
    heading, whose variances grow with the way driven, that of heading also with what was turned.
    The covariances are those of the random walks: what holds for the run is not in them.
    """
    moves = _moves(planar)
    variances = _variances(moves, config)
    run = rng.standard_normal(2)
    scales = [1 + config.odometry_scale * run[0], 1.0, 1 + config.odometry_turn_scale * run[1]]
    measured = moves * scales + np.sqrt(variances) * rng.standard_normal(moves.shape)
    states, covariances = _integrate(measured, variances)
    gaps = np.diff(times)[:, None]
    twists = np.concatenate([np.zeros((1, 2)), measured[:, [0, 2]] / gaps])
    spread = np.full((len(times), 6), _UNOBSERVED)  # never zero, also of a robot that stands
    spread[1:, [0, 1, 5]] += variances / gaps**2
    return WheelOdometry(_poses(states), covariances, twists, spread)


def inertial(
    trajectory: Trajectory, times: FloatArray, config: SensorsConfig, rng: np.random.Generator
) -> InertialSamples:
    """Turn rate and specific force at the times (N,), each a mean over its sampling interval,
    with white noise and a bias for the run."""
    half = 0.5 / config.imu_rate
    before, here, after = (
        trajectory.map_from_base(times + shift) @ BASE_FROM_IMU for shift in (-half, 0.0, half)
    )
    turn = np.swapaxes(before[:, :3, :3], 1, 2) @ after[:, :3, :3]
    angular = se3.rotation_vector(turn) / (2 * half)
    acceleration = (before[:, :3, 3] - 2 * here[:, :3, 3] + after[:, :3, 3]) / half**2
    acceleration[:, 2] += GRAVITY
    force = np.einsum("nji,nj->ni", here[:, :3, :3], acceleration)
    biases = rng.standard_normal((2, 3)) * [[config.gyro_bias], [config.accel_bias]]
    return InertialSamples(
        angular + biases[0] + config.gyro_noise * rng.standard_normal(angular.shape),
        force + biases[1] + config.accel_noise * rng.standard_normal(force.shape),
    )


def _moves(planar: FloatArray) -> FloatArray:
    """Forward, sideways and turn (N - 1, 3) between states, seen at the half-way heading."""
    step = np.diff(planar, axis=0)
    middle = planar[:-1, 2] + step[:, 2] / 2
    cosine, sine = np.cos(middle), np.sin(middle)
    forward = cosine * step[:, 0] + sine * step[:, 1]
    sideways = -sine * step[:, 0] + cosine * step[:, 1]
    return np.stack([forward, sideways, step[:, 2]], axis=1)


def _variances(moves: FloatArray, config: SensorsConfig) -> FloatArray:
    """Of the random errors of the moves (N, 3)."""
    way, turned = np.abs(moves[:, 0]), np.abs(moves[:, 2])
    heading = config.odometry_turn**2 * way + config.odometry_turn_per_turn**2 * turned
    sides = [config.odometry_along**2 * way, config.odometry_across**2 * way]
    return np.stack([*sides, heading], axis=1)


def _integrate(moves: FloatArray, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """States (N + 1, 3) from the origin, and covariances (N + 1, 6, 6)."""
    states = np.zeros((len(moves) + 1, 3))
    planar, full = np.zeros((3, 3)), np.zeros((len(moves) + 1, 6, 6))
    full[:, [2, 3, 4], [2, 3, 4]] = _UNOBSERVED
    for i, (move, variance) in enumerate(zip(moves, variances, strict=True)):
        middle = states[i, 2] + move[2] / 2
        turn = np.array([[np.cos(middle), -np.sin(middle)], [np.sin(middle), np.cos(middle)]])
        states[i + 1, :2] = states[i, :2] + turn @ move[:2]
        states[i + 1, 2] = states[i, 2] + move[2]
        swing, spread = np.eye(3), np.eye(3)
        dx, dy = states[i + 1, :2] - states[i, :2]
        swing[:2, 2], spread[:2, :2] = (-dy, dx), turn
        planar = swing @ planar @ swing.T + spread @ np.diag(variance) @ spread.T
        full[i + 1][np.ix_([0, 1, 5], [0, 1, 5])] = planar
    full[:, [0, 1, 5], [0, 1, 5]] += 1e-9  # never singular, also at the start
    return states, full


def _poses(states: FloatArray) -> FloatArray:
    tangent = np.zeros((len(states), 6))
    tangent[:, 5] = states[:, 2]
    position = np.column_stack([states[:, :2], np.zeros(len(states))])
    return se3.make_pose(se3.exp(tangent)[:, :3, :3], position)
