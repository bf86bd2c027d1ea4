"""A street of labelled points and its label maps, made by numbers: for benchmarks of the filter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.label_points import LabelPoints, from_arrays
from semloc_ros.types import Camera, FloatArray

CAMERA = Camera("pinhole", 640, 480, 500.0, 500.0, 319.5, 239.5)
LABELS = 19
ROAD_WIDTH, HEIGHT = 9.0, 12.0
DOWN = np.array([0.0, 0.0, -1.0])
BASE_FROM_CAMERA = se3.make_pose(
    np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([0.5, 0.0, 1.6])
)


def label_of(points: FloatArray, num_labels: int = LABELS) -> NDArray[np.int64]:
    """The label (N,) of points on the road (0) and on the patches of the two walls."""
    side = (points[:, 1] > 0).astype(np.int64)
    patch = np.floor(points[:, 0] / 2.5).astype(np.int64) * 31 + side * 17
    patch += np.floor(points[:, 2] / 2.0).astype(np.int64) * 7
    number = 1 + (patch * 2654435761 >> 9) % (num_labels - 1)
    return np.asarray(np.where(points[:, 2] < 0.01, 0, number), np.int64)


def street(count: int, length_m: float, rng: np.random.Generator) -> LabelPoints:
    """`count` points on two walls and a road along x."""
    kind = rng.integers(0, 3, count)
    x = rng.uniform(-length_m / 2, length_m / 2, count)
    y = np.choose(kind, [np.full(count, -ROAD_WIDTH), np.full(count, ROAD_WIDTH),
                         rng.uniform(-ROAD_WIDTH, ROAD_WIDTH, count)])
    z = np.where(kind == 2, 0.0, rng.uniform(0.1, HEIGHT, count))
    positions = np.stack([x, y, z], 1)
    directions = np.zeros((count, 3))
    directions[:, 0] = -0.7  # mapped by a camera that drove along x
    directions[:, 1] = np.where(kind == 2, 0.0, -0.7 * np.sign(y))
    directions[:, 2] = np.where(kind == 2, 0.7, 0.0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ranges = np.tile([2.0, 60.0], (count, 1))
    return from_arrays(positions, directions, ranges, label_of(positions), LABELS, 10.0, rng)


def label_map(
    map_from_camera: FloatArray, rng: np.random.Generator, wrong: float
) -> NDArray[np.uint8]:
    """The labels (H, W) that a camera in the street sees; a share of patches 16 pixels wide is
    wrong."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width].reshape(2, -1)
    rays = cameras.unproject(CAMERA, np.stack([u, v], 1).astype(float)) @ map_from_camera[:3, :3].T
    eye = map_from_camera[:3, 3]
    with np.errstate(divide="ignore"):
        wall = (np.where(rays[:, 1] > 0, ROAD_WIDTH, -ROAD_WIDTH) - eye[1]) / rays[:, 1]
        road = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
    distance = np.minimum(np.minimum(wall, road), 1e4)
    there = eye + rays * distance[:, None]
    there[road < wall, 2] = 0.0
    sky = (there[:, 2] > HEIGHT) | (distance > 200)
    labels = np.where(sky, 255, label_of(there)).reshape(CAMERA.height, CAMERA.width)
    shape = (CAMERA.height // 16, CAMERA.width // 16)
    bad = (rng.random(shape) < wrong).repeat(16, 0).repeat(16, 1)
    other = rng.integers(0, LABELS, shape).repeat(16, 0).repeat(16, 1)
    return np.where(bad, other, labels).astype(np.uint8)
