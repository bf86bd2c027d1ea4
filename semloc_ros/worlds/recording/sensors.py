"""What the robot's sensors make of the truth: wheel odometry and camera pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray

_UNOBSERVED = 1e-6  # variance of height, roll and pitch, which wheels do not measure


@dataclass(frozen=True, slots=True)
class WheelOdometry:
    """`odom_from_base` (N, 4, 4); `covariances` (N, 6, 6) of random errors since the start, in
    odom axes as ROS means it; `twists` (N, 2): forward m/s and turn rad/s."""

    odom_from_base: FloatArray
    covariances: FloatArray
    twists: FloatArray


def wheel_odometry(
    planar: FloatArray, times: FloatArray, config: GalleryConfig, rng: np.random.Generator
) -> WheelOdometry:
    """Dead reckoning of the true x, y, heading (N, 3) at `times` (N,), starting at identity.

    Errors: one wheel-size error for the run (scale, and heading per turn), and random walks of
    distance, lateral slip and heading that grow with the way driven.
    """
    moves = _moves(planar)
    way = np.abs(moves[:, :1])
    sigmas = np.array(
        [config.odometry_slip, 0.5 * config.odometry_slip, np.radians(config.odometry_drift_deg)]
    )
    scales = 1 + config.odometry_scale_error * rng.standard_normal(2)
    measured = moves * [scales[0], 1.0, scales[1]]
    measured += sigmas * np.sqrt(way) * rng.standard_normal(moves.shape)
    states, covariances = _integrate(measured, sigmas**2 * way)
    gaps = np.diff(times)
    twists = np.concatenate([[[0.0, 0.0]], measured[:, [0, 2]] / gaps[:, None]])
    return WheelOdometry(_poses(states), covariances, twists)


def camera_of(config: GalleryConfig) -> Camera:
    """The robot's camera: a mild wide-angle lens, its principal point a little off."""
    focal = config.image_width / 2 / np.tan(np.radians(config.field_of_view_deg) / 2)
    return Camera(
        "radtan", config.image_width, config.image_height, float(focal), float(focal * 1.0015),
        0.503 * config.image_width, 0.492 * config.image_height, (-0.055, 0.021, 4e-4, -3e-4, 0.0),
    )  # fmt: skip


def base_from_camera(config: GalleryConfig) -> FloatArray:
    """Pose (4, 4) of the camera on the robot: on a mast, turned aside, tilted up a little."""
    yaw, pitch = np.radians(config.camera_yaw_deg), np.radians(3.0)
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return se3.make_pose(rotation, np.array([0.12, -0.04, 1.15]))


def expose(
    color: NDArray[np.float32], config: GalleryConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) that the sensor makes: vignetting, shot and read noise, 8 bits."""
    height, width = color.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    falloff = 1 - np.float32(config.vignetting / 2) * (x * x + y * y)
    light = np.clip(color * falloff[:, :, None], 0, 255)
    sigma = np.float32(config.image_noise) * np.sqrt(0.35 + 0.65 * light / 128)
    noisy = light + sigma * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8)


def _moves(planar: FloatArray) -> FloatArray:
    """Forward, sideways and turn (N - 1, 3) between states, seen at the half-way heading."""
    step = np.diff(planar, axis=0)
    middle = planar[:-1, 2] + step[:, 2] / 2
    cosine, sine = np.cos(middle), np.sin(middle)
    forward = cosine * step[:, 0] + sine * step[:, 1]
    sideways = -sine * step[:, 0] + cosine * step[:, 1]
    return np.stack([forward, sideways, step[:, 2]], axis=1)


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
