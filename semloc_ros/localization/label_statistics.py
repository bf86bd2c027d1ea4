"""p(pixel label | point label), as a table of log ratios that weights are summed from.

The ratio is against what a pixel shows anywhere, log p(b | a) / p(b): a point of whose label
nothing is known then says nothing. From each row its expectation at the true pose is taken, the
Kullback-Leibler divergence of p(b | a) from p(b): a pose must gain nothing by looking where labels
are rare or sure.

What was counted was counted on the map's own day: other days have the errors of another light and
season, and other things stand before the points. So a counted row is mixed with what stands
anywhere, by the share of pixels that are assumed to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import LabelsConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.label_images import LabelImage, kernel_poses
from semloc_ros.localization.label_kernels import pixels_of
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.types import FloatArray

_LEAST_SHARE = 0.01  # of what is anywhere: a pixel may show anything, whatever was counted
_SMOOTHING = 10.0  # pixels of no particular label added to the counts of each point label


def count_confusion(
    points: LabelPoints, images: Iterable[tuple[LabelImage, FloatArray]], max_range_m: float,
    least_cosine: float,
) -> FloatArray:
    """Counts (L, L) of point labels (row) and the pixel labels found under them (column).

    `images` are label maps with their `camera_from_map` (4, 4), best of another day than the
    map's. What hides a point there counts too: in use it will be hidden as often.
    """
    counts = np.zeros((points.num_labels, points.num_labels + 1))
    for image, camera_from_map in images:
        map_from_camera = se3.inverse(camera_from_map)
        centre = map_from_camera[:3, 3]
        blocks, own = points.packed(points.near(centre, max_range_m, len(points)), centre)
        pixels = pixels_of(
            kernel_poses(image, map_from_camera[None], centre), blocks,
            np.float32(least_cosine**2), image.width, image.height,
        )[0]
        seen = pixels < image.width * image.height
        np.add.at(counts, (own[seen], image.labels[pixels[seen]]), 1)
    return counts[:, :-1]


def learned_table(counts: NDArray[Any], changed: float = 0.0) -> NDArray[np.float32]:
    """Log ratios (L, L + 1) from counts (L, L); the last column, for the unknown, is 0.

    `changed`: share of the points under which another day shows anything.
    """
    numbers = np.asarray(counts, np.float64)
    anywhere = (numbers.sum(0) + 1.0) / (numbers.sum() + len(numbers))
    each = numbers.sum(1, keepdims=True)
    shares = (numbers + _SMOOTHING * anywhere) / (each + _SMOOTHING)
    return _table((1.0 - changed) * shares + changed * anywhere, anywhere)


def assumed_table(shares_of_labels: FloatArray, config: LabelsConfig) -> NDArray[np.float32]:
    """Log ratios (L, L + 1) where nothing was learned: a share of pixel labels is wrong, each
    other label as likely, and a share of the points is hidden by anything.

    `shares_of_labels` (L,): how often each label stands in images, for example among the points.
    """
    count = len(shares_of_labels)
    anywhere = (shares_of_labels + 1e-3) / (shares_of_labels + 1e-3).sum()
    wrong = config.error_rate / max(count - 1, 1)
    visible = np.full((count, count), wrong)
    np.fill_diagonal(visible, 1.0 - config.error_rate)
    shares = (1.0 - config.occluded) * visible + config.occluded * anywhere
    return _table(shares, shares_of_labels @ shares + 1e-6)


def label_shares(points: LabelPoints) -> FloatArray:
    """Share (L,) of each label among the points."""
    counts = np.bincount(points.labels, minlength=points.num_labels)
    return np.asarray(counts / max(len(points), 1))


def _table(shares: FloatArray, anywhere: FloatArray) -> NDArray[np.float32]:
    mixed = (1.0 - _LEAST_SHARE) * shares + _LEAST_SHARE * anywhere
    ratios = np.log(mixed / anywhere)
    ratios -= (mixed * ratios).sum(1, keepdims=True)
    return np.concatenate([ratios, np.zeros((len(ratios), 1))], axis=1).astype(np.float32)
