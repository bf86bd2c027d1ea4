"""Which poses of two drives are of the same place."""

from __future__ import annotations

import numpy as np

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray


def pair_poses(
    a: FloatArray, b: FloatArray, distance_m: float, angle: float
) -> list[tuple[int, int]]:
    """For each pose `camera_from_map` (N, 4, 4) of a the nearest of b (M, 4, 4), as (index in a,
    index in b), among those within `distance_m` and `angle` (rad); some of a may have no pair."""
    from_a, from_b = se3.inverse(a), se3.inverse(b)
    pairs = []
    for index, pose in enumerate(from_a):
        distances, angles = se3.pose_error(from_b, np.broadcast_to(pose, from_b.shape))
        distances = np.where((distances <= distance_m) & (angles <= angle), distances, np.inf)
        if not len(distances):
            break
        nearest = int(np.argmin(distances))
        if np.isfinite(distances[nearest]):
            pairs.append((index, nearest))
    return pairs
