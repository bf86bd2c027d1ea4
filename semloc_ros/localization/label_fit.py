"""How well label images fit a pose, beside what they would if it were right.

A wrong pose can be the best of all that are believed: weights only compare. The mean log ratio of
the points that the pose sees tells more. It is 0 at the true pose, if labels err as the table says
(see `label_statistics`), and has a known value if labels of points and of pixels have nothing to
do with each other: that of the same points on the same pixels, paired anew in all ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FilterConfig
from semloc_ros.localization.label_images import kernel_poses
from semloc_ros.localization.label_kernels import pixels_of
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import LabelView, least_cosine2
from semloc_ros.types import FloatArray

_NEAR = 4  # points near by that are looked at, for each that weighs a particle
_LEAST_POINTS = 20  # fewer say nothing
_LEAST_GAIN = 0.05  # nats per point between a right pose and chance; less tells nothing


def label_fit(
    points: LabelPoints, table: NDArray[np.float32], map_from_base: FloatArray,
    views: tuple[LabelView, ...], config: FilterConfig,
) -> float | None:
    """0 (as if by chance) to 1 (as at the true pose, or better), over all cameras.

    `table` (L, L + 1) as of `label_statistics`. None where too few points are seen, or labels
    could not tell.
    """
    pairs = np.zeros((points.num_labels, points.num_labels))
    for view in views:
        pairs += _pairs(points, map_from_base, view, config)
    count = pairs.sum()
    if count < _LEAST_POINTS:
        return None
    known = table[:, :-1]
    by_chance = float(pairs.sum(1) @ known @ pairs.sum(0)) / count**2
    if by_chance > -_LEAST_GAIN:
        return None
    return float(np.clip(1.0 - (pairs * known).sum() / count / by_chance, 0.0, 1.0))


def _pairs(
    points: LabelPoints, map_from_base: FloatArray, view: LabelView, config: FilterConfig
) -> FloatArray:
    """Numbers (L, L) of the points of a label (row) that are seen on pixels of a label."""
    map_from_camera, image = map_from_base @ view.base_from_camera, view.image
    centre = map_from_camera[:3, 3]
    rows = points.near(centre, config.range_m, min(config.near_points, _NEAR * config.points))
    blocks, own = points.packed(rows, centre)
    pixels = pixels_of(
        kernel_poses(image, map_from_camera[None], centre), blocks, least_cosine2(config),
        image.width, image.height,
    )[0]
    found = image.labels[pixels]
    known = found < points.num_labels
    across = points.num_labels
    numbers = own[known].astype(np.int64) * across + found[known]
    return np.bincount(numbers, minlength=across**2).reshape(across, across).astype(np.float64)
