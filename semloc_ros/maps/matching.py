"""Matches between two images whose poses are known.

Mutual nearest neighbours with a ratio test on the descriptors (Lowe, IJCV 2004, section 7.1),
then only those that lie near their epipolar line, as the given poses draw it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

Pairs = NDArray[np.int32]


def unit_descriptors(descriptors: NDArray[Any]) -> NDArray[np.float32]:
    """The descriptors (N, D) as float32 of length one."""
    values = descriptors.astype(np.float32)
    lengths = np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    unit: NDArray[np.float32] = values / lengths
    return unit


def mutual_matches(
    first: NDArray[np.float32], second: NDArray[np.float32], ratio: float
) -> Pairs:
    """Rows (M, 2) of unit descriptors that are each other's nearest and pass the ratio test."""
    if len(first) < 2 or len(second) < 2:
        return np.empty((0, 2), np.int32)
    similarity = first @ second.T
    nearest = similarity.argmax(1)
    mutual = np.flatnonzero(similarity.argmax(0)[nearest] == np.arange(len(first)))
    nearest = nearest[mutual]
    best = similarity[mutual, nearest]
    similarity[mutual, nearest] = -np.inf
    rival = np.maximum(similarity[mutual].max(1), similarity[:, nearest].max(0))
    # squared distance of unit vectors is 2 - 2 * similarity
    distinct = (1.0 - best) < ratio**2 * (1.0 - rival)
    return np.stack([mutual[distinct], nearest[distinct]], axis=1).astype(np.int32)


def epipolar_error(
    rays_first: FloatArray, rays_second: FloatArray, second_from_first: FloatArray
) -> FloatArray:
    """Angle (N,) in radians by which rays (N, 3) miss meeting, the larger of both images.

    It is the distance of a ray from the epipolar plane that the other ray spans with the
    baseline; times the focal length, about the distance from the epipolar line in pixels. Two
    images from one place have no baseline: then it is the angle between the rays.
    """
    turned = rays_first @ second_from_first[:3, :3].T
    baseline = second_from_first[:3, 3]
    if np.linalg.norm(baseline) < 1e-9:
        apart: FloatArray = np.linalg.norm(turned - rays_second, axis=1)
        return apart
    from_first, from_second = np.cross(baseline, turned), np.cross(baseline, rays_second)
    triple = np.abs((from_first * rays_second).sum(1))
    lengths = np.minimum(
        np.linalg.norm(from_first, axis=1), np.linalg.norm(from_second, axis=1)
    )
    error: FloatArray = triple / np.maximum(lengths, 1e-12)
    return error


def relative_pose(first_from_map: FloatArray, second_from_map: FloatArray) -> FloatArray:
    """`second_from_first` of two camera poses."""
    return second_from_map @ se3.inverse(first_from_map)
