"""A room whose walls are patches of labels: its points, its label maps, drives through it."""

from __future__ import annotations

import numpy as np

from semloc_ros.config import FilterConfig, LabelsConfig, ParticlesConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization import odometry_noise
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_points import LabelPoints, from_arrays
from semloc_ros.localization.label_update import LabelView
from semloc_ros.localization.particle_filter import Labels, Step
from semloc_ros.types import Camera, Odometry

CAMERA = Camera("pinhole", 80, 60, 60.0, 60.0, 39.5, 29.5)
LABELS = 20
HALF = np.array([12.0, 9.0])  # of the room; 4 m high, the floor is label 0
BASE_FROM_CAMERA = se3.make_pose(
    np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([0.2, 0.0, 1.2])
)
FRAME_NS = 200_000_000
CONFIG = FilterConfig(  # a small image: what lies beside a pixel's centre is wrong alike for long
    points=400, range_m=30.0, cell_m=4.0, label_cells=8, independent_m=4.0, independent_deg=60.0,
    particles=ParticlesConfig(least=300, most=800),
    labels=LabelsConfig(error_rate=0.1, occluded=0.05),
)


def labels_of(points: np.ndarray) -> np.ndarray:
    """The label (N,) of points on the walls and the floor."""
    wall = np.argmax(np.abs(points[:, :2]) / HALF, axis=1)
    side = 2 * wall + (np.take_along_axis(points[:, :2], wall[:, None], 1)[:, 0] > 0)
    along = np.take_along_axis(points[:, :2], 1 - wall[:, None], 1)[:, 0]
    patch = (np.floor(along / 1.1) + 37 * side) * 7 + np.floor(points[:, 2] / 1.3)
    number = 1 + (patch.astype(np.int64) * 2654435761 >> 7) % (LABELS - 1)
    return np.where(points[:, 2] < 1e-6, 0, number)


def photograph(map_from_camera: np.ndarray, rng: np.random.Generator, wrong: float) -> np.ndarray:
    """The label map (H, W); patches of it are wrong."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width].reshape(2, -1)
    rays = cameras.unproject(CAMERA, np.stack([u, v], 1).astype(float)) @ map_from_camera[:3, :3].T
    eye = map_from_camera[:3, 3]
    with np.errstate(divide="ignore"):
        walls = ((np.where(rays[:, :2] > 0, HALF, -HALF) - eye[:2]) / rays[:, :2]).min(1)
        floor = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
    there = eye + rays * np.minimum(walls, floor)[:, None]
    there[floor < walls, 2] = 0.0
    labels = np.where(there[:, 2] < 4.0, labels_of(there), 255).reshape(CAMERA.height, -1)
    patches = rng.random((CAMERA.height // 5, CAMERA.width // 5)) < wrong
    other = rng.integers(0, LABELS, patches.shape)
    bad = patches.repeat(5, 0).repeat(5, 1)
    return np.where(bad, other.repeat(5, 0).repeat(5, 1), labels).astype(np.uint8)


def labelled_points() -> LabelPoints:
    rng = np.random.default_rng(0)
    count = 4000
    corner = rng.uniform(-1, 1, (count, 2)) * HALF
    side = rng.integers(0, 3, count)
    corner[side == 0, 0] = np.sign(corner[side == 0, 0]) * HALF[0]
    corner[side == 1, 1] = np.sign(corner[side == 1, 1]) * HALF[1]
    positions = np.column_stack([corner, np.where(side == 2, 0.0, rng.uniform(0, 4, count))])
    inward = np.zeros((count, 3))
    inward[np.arange(count), side] = np.where(
        side == 2, 1.0, -np.sign(positions[np.arange(count), side])
    )
    ranges = np.tile([0.3, 40.0], (count, 1))
    return from_arrays(positions, inward, ranges, labels_of(positions), LABELS, 4.0, rng)


def drive(frames: int) -> np.ndarray:
    """map_from_base (frames, 4, 4) on a circle."""
    angles = np.arange(frames) * 0.06
    heading = np.stack([0 * angles, 0 * angles, angles + np.pi / 2], 1)
    centre = np.stack([5 * np.cos(angles), 5 * np.sin(angles), 0 * angles], 1)
    turn = se3.exp(np.concatenate([0 * heading, heading], 1))
    return se3.make_pose(turn[:, :3, :3], centre)


def odometry_of(truth: np.ndarray, rng: np.random.Generator, scale: float = 1.0) -> list[Odometry]:
    """Wheel odometry with the errors that the model expects."""
    pose, samples = np.eye(4), []
    for number, map_from_base in enumerate(truth):
        if number:
            motion = se3.inverse(truth[number - 1]) @ map_from_base
            motion[:3, 3] *= scale
            spread = odometry_noise.motion_covariance(motion, CONFIG.odometry)
            pose = odometry_noise.moved(pose[None], motion, spread, rng)[0]
        samples.append(Odometry(number * FRAME_NS, pose))
    return samples


def steps_of(truth, rng, wrong=0.2, scale=1.0, mounts=(BASE_FROM_CAMERA,)) -> list[Step]:
    """Odometry and label images of a drive."""
    steps = []
    for map_from_base, odometry in zip(truth, odometry_of(truth, rng, scale), strict=True):
        views = tuple(
            LabelView(label_image(
                CAMERA, photograph(map_from_base @ mount, rng, wrong), np.ones(LABELS, bool)
            ), mount)
            for mount in mounts
        )
        steps.append(Step(odometry.stamp_ns, odometry, Labels(views)))
    return steps
