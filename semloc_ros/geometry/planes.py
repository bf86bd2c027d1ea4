"""Planes in the map: fitted to points, and what a camera sees of them.

A plane is (4,): unit normal n and offset d, with n·X + d = 0 for its points X.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras
from semloc_ros.types import Camera, FloatArray

_TRIALS = 400  # triples of points; with half of them on the plane one in eight is good
_FAR = 3.0  # standard deviations at which a point no longer counts as on the plane
_ROUNDS = 20
_LEAST_SCALE = 0.05  # errors are never believed to be less than this share of the given ones


def fit_plane(
    points: FloatArray, covariances: FloatArray, seed: int = 0
) -> tuple[FloatArray, NDArray[np.bool_]] | None:
    """The plane of points (N, 3) of which some lie elsewhere, and which of them (N,) are on it.

    `covariances` (N, 3, 3) of the points, m²; a common factor does not matter much: how far points
    scatter about the plane is seen from those near it. None where there are fewer than three
    points, or they are all on one line.
    """
    if len(points) < 3:
        return None
    middle = points.mean(axis=0)
    centred = points - middle
    start = _best_of_triples(centred, covariances, np.random.default_rng(seed))
    if start is None:
        return None
    plane, near = _refined(start, centred, covariances)
    if np.linalg.matrix_rank(centred[near] - centred[near].mean(axis=0), tol=1e-6) < 2:
        return None
    return np.append(plane[:3], plane[3] - plane[:3] @ middle), near


def distances(plane: FloatArray, points: FloatArray) -> FloatArray:
    """Signed distances (N,) of points (N, 3), metres."""
    return np.asarray(points @ plane[:3] + plane[3])


def distance_sigmas(plane: FloatArray, covariances: FloatArray) -> FloatArray:
    """Standard deviations (N,) of the distances of points with covariances (N, 3, 3)."""
    return np.asarray(np.sqrt(np.einsum("i,nij,j->n", plane[:3], covariances, plane[:3])))


def map_from_image(plane: FloatArray, camera: Camera, camera_from_map: FloatArray) -> FloatArray:
    """(4, 3): which point of the plane a camera sees at an ideal pixel (of its own K, without
    distortion), homogeneous both; its last row is positive where the plane is in front."""
    rotation = camera_from_map[:3, :3]
    centre = -rotation.T @ camera_from_map[:3, 3]
    rays = rotation.T @ np.linalg.inv(cameras.intrinsic_matrix(camera))
    height = float(plane[:3] @ centre + plane[3])
    rows = np.outer(centre, plane[:3] @ rays) - height * rays
    return np.asarray(np.vstack([rows, plane[:3] @ rays]) * -np.sign(height))


def image_from_plane(
    map_from_plane: FloatArray, camera: Camera, camera_from_map: FloatArray
) -> FloatArray:
    """(3, 3): at which ideal pixel a camera sees what is at a place of a plane, given as (4, 3)
    `map_from_plane`, homogeneous both; the last row is the depth's."""
    return np.asarray(
        cameras.intrinsic_matrix(camera) @ camera_from_map[:3] @ map_from_plane
    )


def _best_of_triples(
    points: FloatArray, covariances: FloatArray, rng: np.random.Generator
) -> FloatArray | None:
    """The plane through three points that most others are near to."""
    picks = np.argsort(rng.random((_TRIALS, len(points))), axis=1)[:, :3]
    a, b, c = (points[picks[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    areas = np.linalg.norm(normals, axis=1)
    good = areas > 1e-9
    if not good.any():
        return None
    normals = normals[good] / areas[good, None]
    offsets = -(normals * a[good]).sum(axis=1)
    errors = np.abs(normals @ points.T + offsets[:, None])
    sigmas = np.sqrt(np.einsum("ki,nij,kj->kn", normals, covariances, normals))
    best = int(np.argmin(np.minimum(errors / sigmas, _FAR).sum(axis=1)))
    return np.append(normals[best], offsets[best])


def _refined(
    plane: FloatArray, points: FloatArray, covariances: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Least squares of the distances by their own standard deviations, with little said by points
    that lie far out (Cauchy); the plane's turn and offset change."""
    scale = 1.0
    for _ in range(_ROUNDS):
        normal = plane[:3]
        across = np.linalg.svd(normal[None])[2][1:]  # two directions in the plane
        errors = distances(plane, points) / distance_sigmas(plane, covariances)
        near = np.abs(errors) < _FAR * scale
        if near.sum() >= 3:
            scale = min(scale, max(1.4826 * float(np.median(np.abs(errors[near]))), _LEAST_SCALE))
        pull = 1.0 / (1.0 + (errors / scale) ** 2 / 5.0) / distance_sigmas(plane, covariances)
        rows = np.c_[points @ across.T, np.ones(len(points))] * pull[:, None]
        step = np.linalg.lstsq(rows, -distances(plane, points) * pull, rcond=None)[0]
        turned = normal + step[:2] @ across
        plane = np.append(turned, plane[3] + step[2]) / np.linalg.norm(turned)
        if np.abs(step).max() < 1e-10:
            break
    errors = distances(plane, points) / distance_sigmas(plane, covariances)
    return plane, np.abs(errors) < _FAR * scale
