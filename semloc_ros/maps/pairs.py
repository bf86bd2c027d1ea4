"""Which images to match: those that see the same part of the scene, from their poses alone.

The depth of the scene is not known yet, so the overlap of two images is measured for a few
assumed depths and the best of them counts. A pair far apart in viewing angle gives accurate
points, a pair close together matches reliably and links tracks: each image gets
neighbours of several angles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from semloc_ros.config import PairsConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.types import Camera, FloatArray, PosedImage

ANGLE_BINS_DEG = (0.0, 3.0, 8.0, 16.0, 40.0)  # wider views do not match with SIFT
_DEPTHS = 5
_GRID = (4, 3)  # sampled pixels of an image, columns and rows
_CANDIDATES = 400  # nearest images that are looked at, so that time grows linearly


def choose_pairs(images: Sequence[PosedImage], config: PairsConfig) -> NDArray[np.int32]:
    """Pairs (M, 2) of image indices, first < second, in ascending order."""
    if len(images) < 2:
        return np.empty((0, 2), np.int32)
    rays = {camera: _grid_rays(camera) for camera in {image.camera for image in images}}
    depths = np.geomspace(config.nearest_depth, config.farthest_depth, _DEPTHS)
    map_from_camera = se3.inverse(np.stack([image.camera_from_map for image in images]))
    _, nearest = cKDTree(map_from_camera[:, :3, 3]).query(
        map_from_camera[:, :3, 3], k=min(_CANDIDATES, len(images))
    )
    chosen: set[tuple[int, int]] = set()
    for index, candidates in enumerate(nearest):
        candidates = candidates[candidates != index]
        patch = rays[images[index].camera] * depths[:, None, None]
        points = se3.transform(map_from_camera[index], patch)
        shared, angles = _overlap(index, candidates, points, images, map_from_camera)
        for other in _best(candidates, shared, angles, config):
            chosen.add((min(index, other), max(index, other)))
    return np.array(sorted(chosen), np.int32).reshape(-1, 2)


def _grid_rays(camera: Camera) -> FloatArray:
    """Rays (R, 3) of a grid of pixels."""
    columns = (np.arange(_GRID[0]) + 0.5) / _GRID[0] * camera.width - 0.5
    rows = (np.arange(_GRID[1]) + 0.5) / _GRID[1] * camera.height - 0.5
    rays = cameras.unproject(camera, np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2))
    return rays[np.isfinite(rays).all(1)]


def _overlap(
    index: int, others: NDArray[np.int64], points: FloatArray,
    images: Sequence[PosedImage], map_from_camera: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """For each other image and depth: the share of points (D, R, 3) it sees, and the mean
    angle (radians) under which they see the two cameras; both (N, D)."""
    shared = np.zeros((len(others), len(points)))
    kinds = [images[other].camera for other in others]
    for camera in set(kinds):
        rows = np.array([row for row, kind in enumerate(kinds) if kind == camera])
        poses = np.stack([images[others[row]].camera_from_map for row in rows])
        in_cameras = se3.transform(poses, points.reshape(1, -1, 3))
        pixels, seen = cameras.project(camera, in_cameras.reshape(-1, 3))
        seen &= cameras.inside_image(camera, pixels)
        shared[rows] = seen.reshape(len(rows), *points.shape[:2]).mean(2)
    middle = points.mean(1)
    own = middle - map_from_camera[index, :3, 3]
    theirs = middle[None] - map_from_camera[others, None, :3, 3]
    lengths = np.linalg.norm(theirs, axis=2) * np.linalg.norm(own, axis=1)
    cosines = (theirs * own).sum(2) / np.maximum(lengths, 1e-12)
    return shared, np.arccos(np.clip(cosines, -1.0, 1.0))


def _best(
    candidates: NDArray[np.int64], shared: FloatArray, angles: FloatArray, config: PairsConfig
) -> list[int]:
    """The candidates with most overlap of each angle bin, at their best depth."""
    depth = shared.argmax(1)
    rows = np.arange(len(candidates))
    overlap, angle = shared[rows, depth], np.degrees(angles[rows, depth])
    bins = np.digitize(angle, ANGLE_BINS_DEG[1:])
    quota = -(-config.neighbours // (2 * (len(ANGLE_BINS_DEG) - 1)))
    chosen: list[int] = []
    for one in range(len(ANGLE_BINS_DEG) - 1):
        inside = np.flatnonzero((bins == one) & (overlap >= config.min_overlap))
        strongest = inside[np.argsort(-overlap[inside], kind="stable")[:quota]]
        chosen += [int(candidates[row]) for row in strongest]
    return chosen
