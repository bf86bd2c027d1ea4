"""The weight update of particles by label maps: which points, from where, and how much they count.

Thousands of pixels are no thousands of witnesses: the errors of labels come in patches. So the
mean log ratio counts as often as there are points, divided by Kish's design effect of those that
fall into the same cell of the image (see `covariance`): an effective number of observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FilterConfig
from semloc_ros.localization.covariance import assumed_effect
from semloc_ros.localization.label_images import LabelImage, kernel_poses
from semloc_ros.localization.label_kernels import pixels_of, unpack_table
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_weights import chosen_device, sum_log_ratios
from semloc_ros.localization.particles import Particles
from semloc_ros.types import FloatArray

_REPRESENTATIVES = 12  # particles of a group whose views choose its points
_LEAST_SEEN = 0.1  # of the points that the best pose sees
_SCATTER = np.int64(2654435761)  # Knuth's multiplicative hash: a fixed order without any pattern


@dataclass(frozen=True, slots=True)
class LabelView:
    """One camera's label image and its place on the robot, (4, 4)."""

    image: LabelImage
    base_from_camera: FloatArray


def label_log_likelihoods(
    points: LabelPoints, table: NDArray[np.int32], particles: Particles,
    views: tuple[LabelView, ...], config: FilterConfig,
) -> FloatArray:
    """Log likelihoods (N,) up to a constant, over all cameras; `table` of `pack_table`."""
    groups = _groups(particles.poses[:, :3, 3], config.group_m)
    return sum(
        (_of_view(points, table, particles, groups, view, config) for view in views),
        start=np.zeros(len(particles)),
    )


def _of_view(
    points: LabelPoints, table: NDArray[np.int32], particles: Particles,
    groups: list[NDArray[np.int64]], view: LabelView, config: FilterConfig,
) -> FloatArray:
    """Log likelihoods (N,) by one camera; where no point can be seen, those of a chance place."""
    gained, blind, most = np.zeros(len(particles)), [], 0.0
    for group in groups:
        poses = particles.poses[group]
        origin = poses[:, :3, 3].mean(0)
        rows = points.near(origin, config.range_m + config.group_m / 2, config.near_points)
        some = _representatives(particles.log_weights[group])
        from_camera = poses @ view.base_from_camera
        chosen, witnesses = _choose(points, rows, from_camera[some], view.image, origin, config)
        if not len(chosen):
            blind.append(group)
            continue
        most = max(most, witnesses)
        gained[group] = witnesses * _mean_log_ratios(
            points, chosen, from_camera, view.image, origin, table, config
        )
    for group in blind:
        gained[group] = most * by_chance(table, points.labels, view.image)
    return gained


def by_chance(
    table: NDArray[np.int32], labels: NDArray[Any], image: LabelImage
) -> float:
    """Mean log ratio of points of these labels (N,) on pixels that have nothing to do with them."""
    count = image.num_labels
    ratios = unpack_table(table, count)
    of_points = np.bincount(labels, minlength=count)[:count]
    of_pixels = np.bincount(image.labels[:-1], minlength=count)[:count]
    total = float(of_points.sum()) * float(of_pixels.sum())
    return float(of_points @ ratios @ of_pixels) / max(total, 1.0)


def _mean_log_ratios(
    points: LabelPoints, chosen: NDArray[np.int64], map_from_camera: FloatArray,
    image: LabelImage, origin: FloatArray, table: NDArray[np.int32], config: FilterConfig,
) -> FloatArray:
    """Mean log ratio (N,) of the points that a pose sees.

    The mean, since a sum would favour poses that see more points: those farther back. A pose that
    sees far fewer than others is given points that agree as if by chance, so that it is not judged
    by the few it sees, and one that sees none is no good one.
    """
    blocks, own = points.packed(chosen, origin)
    chance = by_chance(table, own.ravel()[: len(chosen)], image)
    sums, counts = sum_log_ratios(
        chosen_device(config.device), kernel_poses(image, map_from_camera, origin), blocks,
        own * np.int32(points.num_labels + 1), image.labels, table, least_cosine2(config),
        image.width, image.height,
    )
    least = max(_LEAST_SEEN * counts.max(initial=0), 1.0)
    missing = np.maximum(least - counts, 0.0)
    return np.asarray((sums + missing * chance) / (counts + missing))


def least_cosine2(config: FilterConfig) -> np.float32:
    """Square of the cosine of the widest viewing angle; the kernels know none beyond 90 degrees."""
    widest = min(config.labels.max_viewing_angle_deg, 90.0)
    cosine2: np.float32 = np.float32(np.cos(np.radians(widest)) ** 2)
    return cosine2


def _choose(
    points: LabelPoints, rows: NDArray[np.int64], map_from_camera: FloatArray, image: LabelImage,
    origin: FloatArray, config: FilterConfig,
) -> tuple[NDArray[np.int64], float]:
    """Rows of at most `config.points` points that any of the poses (M, 4, 4) sees, and the
    effective number of those that one of them sees.

    The order of choice is the same in every frame and for every group, so that particles are
    told apart by where they are and not by what they were asked.
    """
    if not len(rows):
        return rows, 0.0
    blocks, _ = points.packed(rows, origin)
    pixels = pixels_of(
        kernel_poses(image, map_from_camera, origin), blocks, least_cosine2(config),
        image.width, image.height,
    ).reshape(len(map_from_camera), -1)[:, : len(rows)]
    seen = pixels < image.width * image.height
    visible = np.flatnonzero(seen.any(0))
    if len(visible) > config.points:
        order = rows[visible] * _SCATTER % (1 << 32)
        visible = visible[np.argpartition(order, config.points)[: config.points]]
    most = int(seen[:, visible].sum(1).argmax()) if len(visible) else 0
    best = pixels[most, visible[seen[most, visible]]]
    effect = assumed_effect(_cells(best, image, config), config.label_correlation)
    return rows[visible], len(best) / effect


def _cells(
    pixels: NDArray[np.int32], image: LabelImage, config: FilterConfig
) -> NDArray[np.int64]:
    """The cell (N,) of the image in which each pixel number lies."""
    row, column = np.divmod(pixels.astype(np.int64), image.width)
    across = config.label_cells
    return np.asarray(row * across // image.height * across + column * across // image.width)


def _groups(positions: FloatArray, group_m: float) -> list[NDArray[np.int64]]:
    """Rows of particles that share their points: all, if they are together, else by cells."""
    if (np.ptp(positions, axis=0) <= group_m).all():
        return [np.arange(len(positions))]
    _, number = np.unique(np.floor(positions / group_m), axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    return np.split(order, np.cumsum(np.bincount(number.ravel()))[:-1])


def _representatives(log_weights: FloatArray) -> NDArray[np.int64]:
    """The heaviest particle and some others, evenly by weight."""
    ends = np.cumsum(np.exp(log_weights - log_weights.max()))
    steps = (np.arange(_REPRESENTATIVES - 1) + 0.5) / (_REPRESENTATIVES - 1) * ends[-1]
    rows = np.minimum(np.searchsorted(ends, steps), len(ends) - 1)
    return np.unique(np.append(rows, log_weights.argmax()))
