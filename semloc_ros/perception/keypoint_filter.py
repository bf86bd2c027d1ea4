"""Which keypoints stand on what moves: for any SLAM or odometry that finds keypoints.

The same rule in C++, for a SLAM's own source: docs/snippets/dynamic_mask.hpp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semloc_ros.errors import InputError, expected


def static_keypoints(
    keypoints: ArrayLike, mask: NDArray[np.uint8], radius: ArrayLike = 0.0
) -> NDArray[np.bool_]:
    """(N,) whether no dynamic pixel lies within `radius` of each keypoint, along either axis.

    `keypoints` (N, 2) pixels (u, v) of the image of the mask (H, W), 0 = static; (0, 0) is the
    centre of the first pixel. `radius` pixels, one for all or (N,): half the diameter of the
    described region leaves out keypoints that see anything that moves, 0 those on it. Where there
    is no mask there is nothing dynamic; a keypoint that is not finite is not static. Raises
    InputError for other shapes.
    """
    points = np.asarray(keypoints, dtype=np.float64)
    if mask.ndim != 2:
        raise InputError(expected("mask", "(H, W)", mask.shape))
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(expected("keypoints", "(N, 2)", points.shape))
    reach = np.asarray(radius, dtype=np.float64).reshape(-1, 1)
    if len(reach) not in (1, len(points)):
        raise InputError(expected("radius", f"1 or {len(points)} numbers", len(reach)))
    finite = np.isfinite(points).all(axis=1) & np.isfinite(reach[:, 0])
    framed = np.pad(mask != 0, 1)  # what lies beside the image is its frame
    low, high = (_pixels(points + sign * reach, mask.shape) for sign in (-1, 1))
    sums = np.zeros((framed.shape[0] + 1, framed.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = framed.cumsum(axis=0).cumsum(axis=1)
    (left, top), (right, bottom) = low.T, high.T + 1
    dynamic = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    static: NDArray[np.bool_] = finite & (dynamic == 0)
    return static


def _pixels(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Columns and rows (N, 2) of the framed image that points lie in, or are nearest to."""
    nearest = np.floor(np.nan_to_num(points) + 1.5)
    return np.clip(nearest, 0, [shape[1] + 1, shape[0] + 1]).astype(np.int64)
