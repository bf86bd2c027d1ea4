"""Absolute pose from matches of which few are right, with the help of their semantic scores.

Two ways: the scores order the matches, and PoseLib's RANSAC gets the best first, in growing lists;
or they are weights by which samples are drawn (Toft et al., ECCV 2018, section 4.3).
"""

from __future__ import annotations

import math

import numpy as np
import poselib
from numpy.typing import NDArray

from semloc_ros.config import PnpConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.pnp import MINIMAL_SAMPLE, estimate_pose, poselib_camera
from semloc_ros.types import Camera, Correspondences, FloatArray

_FIRST_LIST = 32  # matches with which the growing lists begin
_GROWTH = 2
_CLEAR_SHARE = 1 / 3  # of the matches of a list, which makes longer ones needless
_CONFIDENCE = 0.9999
_CHANCE = 1e-6  # that wrong matches support a pose as well by accident


def ordered_pose(
    camera: Camera, matches: Correspondences, scores: FloatArray, config: PnpConfig, seed: int
) -> FloatArray | None:
    """`camera_from_map` (4, 4), or None: PoseLib on the best-scored matches first.

    PROSAC alone draws good samples early, but cannot stop early where few matches in all are
    right. So it is given the best 32, 64, … matches, and within a list goes by their own scores.
    A pose counts that more of the list support than wrong ones would by chance, and `min_inliers`
    of all. The first is taken that a third of its list supports: one that fewer do may be that of
    a repeated pattern, so longer lists are asked too, and of all the pose with most support stands.
    """
    order = np.argsort(-scores, kind="stable")
    best, most, count = None, config.min_inliers - 1, _FIRST_LIST
    while len(order) > MINIMAL_SAMPLE:
        some = matches.select(order[:count])
        pose = estimate_pose(camera, some, config, seed)
        if pose is not None:
            within = inliers_of(camera, pose, matches, config.max_error_px)
            support = int(within[order[:count]].sum())
            if within.sum() > most and _is_no_accident(
                camera, support, len(some), config.max_error_px
            ):
                best, most = refined(camera, pose, matches.select(within), config), within.sum()
                if support >= _CLEAR_SHARE * len(some):
                    break
        if count >= len(order):
            break
        count *= _GROWTH
    return best


def weighted_pose(
    camera: Camera, matches: Correspondences, scores: FloatArray, config: PnpConfig,
    rng: np.random.Generator,
) -> FloatArray | None:
    """`camera_from_map` (4, 4), or None: P3P in RANSAC whose samples are drawn by the scores.

    It ends when, with the share of inliers found among the weights, a good sample was drawn with
    probability 0.9999. The pose is refined on its inliers.
    """
    total = float(scores.sum())
    if len(matches) <= MINIMAL_SAMPLE or np.count_nonzero(scores) < MINIMAL_SAMPLE:
        return None
    weights = scores / total
    rays = cameras.unproject(camera, matches.points_image)
    best, most, needed, drawn = None, 0, config.max_iterations, 0
    ends = np.cumsum(weights)
    while drawn < needed:
        drawn += 1
        rows = np.searchsorted(ends, rng.random(MINIMAL_SAMPLE) * ends[-1], side="right")
        if len(set(rows.tolist())) < MINIMAL_SAMPLE:
            continue
        for found in poselib.p3p(rays[rows], matches.points_map[rows]):
            pose = se3.make_pose(found.R, found.t)
            within = inliers_of(camera, pose, matches, config.max_error_px)
            if within.sum() > most:
                best, most = pose, int(within.sum())
                needed = min(needed, _samples_needed(float(weights[within].sum())))
    if best is None or most < config.min_inliers:
        return None
    within = inliers_of(camera, best, matches, config.max_error_px)
    return refined(camera, best, matches.select(within), config)


def inliers_of(
    camera: Camera, camera_from_map: FloatArray, matches: Correspondences, max_error_px: float
) -> NDArray[np.bool_]:
    """Which matches (N,) a pose puts within `max_error_px` of their pixel."""
    pixels, _ = cameras.project(camera, se3.transform(camera_from_map, matches.points_map))
    errors = np.linalg.norm(pixels - matches.points_image, axis=1)
    return np.asarray(errors <= max_error_px)  # False for NaN


def refined(
    camera: Camera, camera_from_map: FloatArray, inliers: Correspondences, config: PnpConfig
) -> FloatArray:
    """The pose after PoseLib's bundle adjustment of it alone on its inliers."""
    start = poselib.CameraPose()
    start.R, start.t = camera_from_map[:3, :3], camera_from_map[:3, 3]
    options = {"loss_type": "CAUCHY", "loss_scale": 0.5 * config.max_error_px}
    found, _ = poselib.refine_absolute_pose(
        inliers.points_image, inliers.points_map, start, poselib_camera(camera), options
    )
    return se3.make_pose(found.R, found.t)


def _samples_needed(share: float) -> int:
    """Samples until one of three inliers came with the chance `_CONFIDENCE`."""
    good = share**MINIMAL_SAMPLE
    if good >= 1.0:
        return 1
    return math.ceil(math.log(1.0 - _CONFIDENCE) / math.log1p(-max(good, 1e-12)))


def _is_no_accident(camera: Camera, support: int, count: int, max_error_px: float) -> bool:
    """Whether wrong matches, their pixels anywhere, would hardly support a pose so well: the tail
    of the binomial distribution beyond the sample, over all samples that could be drawn."""
    from scipy.stats import binom

    by_chance = min(1.0, np.pi * max_error_px**2 / (camera.width * camera.height))
    tail = binom.sf(support - MINIMAL_SAMPLE - 1, max(count - MINIMAL_SAMPLE, 0), by_chance)
    return bool(tail * math.comb(count, MINIMAL_SAMPLE) < _CHANCE)
