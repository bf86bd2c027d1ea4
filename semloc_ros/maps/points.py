"""What a point's observations tell about it: error, uncertainty, viewing cone, colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.tracks import Tracks, sum_by_point
from semloc_ros.types import Camera, FloatArray, PosedImage

_SINGULAR = 1e-9  # least by largest eigenvalue of what is known about a point: below, rounding


def reprojection_residuals(
    tracks: Tracks, images: Sequence[PosedImage], keypoints: Sequence[NDArray[np.float32]]
) -> FloatArray:
    """Projection minus keypoint (T, 2), pixels; NaN where the lens cannot see the point."""
    residuals = np.full((len(tracks.views), 2), np.nan)
    in_camera = points_in_cameras(tracks, images)
    for camera, rows in rows_by_camera(tracks, images):
        residuals[rows] = cameras.project(camera, in_camera[rows])[0]
    return residuals - observed_pixels(tracks, keypoints)


def observed_pixels(tracks: Tracks, keypoints: Sequence[NDArray[np.float32]]) -> FloatArray:
    """The keypoint of each observation, (T, 2)."""
    starts = np.cumsum([0] + [len(one) for one in keypoints])[:-1]
    every = np.concatenate([*keypoints, np.empty((0, 2), np.float32)]).astype(np.float64)
    return np.asarray(every[starts[tracks.views] + tracks.features])


def points_in_cameras(tracks: Tracks, images: Sequence[PosedImage]) -> FloatArray:
    """The point of each observation in its camera's frame, (T, 3)."""
    poses = np.stack([image.camera_from_map for image in images])[tracks.views]
    return se3.transform(poses, tracks.points_map[tracks.point_of][:, None])[:, 0]


def point_jacobians(tracks: Tracks, images: Sequence[PosedImage]) -> FloatArray:
    """Derivative (T, 2, 3) of each observation's pixel by its point in the map; NaN unseen."""
    in_camera = points_in_cameras(tracks, images)
    jacobians = np.zeros((len(tracks.views), 2, 3))
    rotations = np.stack([image.camera_from_map[:3, :3] for image in images])
    for camera, rows in rows_by_camera(tracks, images):
        derivative = cameras.project_jacobian(camera, in_camera[rows])
        jacobians[rows] = derivative @ rotations[tracks.views[rows]]
    return jacobians


def point_sigmas(
    tracks: Tracks, images: Sequence[PosedImage], sigma_px: float
) -> NDArray[np.float32]:
    """Standard deviation (P,) in metres along each point's least certain axis.

    The covariance is the inverse of the sum of JᵀJ / sigma_px² over the observations, J the
    derivative of the pixel by the point, for exact poses. Infinite where it has no inverse,
    as along the only ray that sees a point: there rounding leaves an eigenvalue beside zero.
    """
    jacobians = point_jacobians(tracks, images)
    information = sum_by_point(jacobians.transpose(0, 2, 1) @ jacobians, tracks) / sigma_px**2
    eigenvalues = np.linalg.eigvalsh(np.nan_to_num(information))
    least, largest = eigenvalues[:, 0], eigenvalues[:, -1]
    sigmas = np.full(len(least), np.inf, np.float32)
    known = (least > 0) & (least >= _SINGULAR * largest)
    sigmas[known] = 1.0 / np.sqrt(least[known])
    return sigmas


def viewing_cones(
    tracks: Tracks, images: Sequence[PosedImage]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest distance (P, 2) and mean unit direction (P, 3) to the cameras."""
    centres = se3.inverse(np.stack([image.camera_from_map for image in images]))[:, :3, 3]
    to_camera = centres[tracks.views] - tracks.points_map[tracks.point_of]
    distances = np.linalg.norm(to_camera, axis=1)
    ranges = np.zeros((len(tracks), 2), np.float32)
    if len(tracks):
        ranges[:, 0] = np.minimum.reduceat(distances, tracks.offsets[:-1])
        ranges[:, 1] = np.maximum.reduceat(distances, tracks.offsets[:-1])
    mean = sum_by_point(to_camera / np.maximum(distances, 1e-12)[:, None], tracks)
    length = np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return ranges, np.asarray(mean / length, np.float32)


def widest_angles(tracks: Tracks, images: Sequence[PosedImage]) -> FloatArray:
    """Twice the widest angle (P,) in radians between a ray of a point and their mean."""
    centres = se3.inverse(np.stack([image.camera_from_map for image in images]))[:, :3, 3]
    rays = centres[tracks.views] - tracks.points_map[tracks.point_of]
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    mean = sum_by_point(rays, tracks)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    cosines = np.clip((rays * mean[tracks.point_of]).sum(1), -1.0, 1.0)
    if not len(tracks):
        return np.empty(0)
    return 2.0 * np.arccos(np.minimum.reduceat(cosines, tracks.offsets[:-1]))


def mean_colors(tracks: Tracks, colors: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Mean RGB (P, 3) of the features of each point."""
    starts = np.cumsum([0] + [len(one) for one in colors])[:-1]
    every = np.concatenate([*colors, np.empty((0, 3), np.uint8)])
    seen = every[starts[tracks.views] + tracks.features].astype(np.float64)
    counts = np.maximum(np.diff(tracks.offsets), 1)[:, None]
    return np.asarray(np.rint(sum_by_point(seen, tracks) / counts), np.uint8)


def number_cameras(images: Sequence[PosedImage]) -> tuple[list[Camera], NDArray[np.int64]]:
    """The different cameras, and which of them took each image, (V,)."""
    numbers: dict[Camera, int] = {}
    number = [numbers.setdefault(image.camera, len(numbers)) for image in images]
    return list(numbers), np.array(number, np.int64)


def rows_by_camera(
    tracks: Tracks, images: Sequence[PosedImage]
) -> list[tuple[Camera, NDArray[np.int64]]]:
    """Each camera with the rows of the observations that it made."""
    kinds, number = number_cameras(images)
    of_rows = number[tracks.views]
    order = np.argsort(of_rows, kind="stable")
    ends = np.searchsorted(of_rows[order], np.arange(len(kinds)), side="right")
    return list(zip(kinds, np.split(order, ends[:-1]), strict=True))
