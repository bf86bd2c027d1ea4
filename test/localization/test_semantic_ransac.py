"""Poses from matches of which few are right, by scores that know a little."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import PnpConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization import semantic_ransac
from semloc_ros.types import Camera, Correspondences

CAMERA = Camera("pinhole", 640, 480, 500.0, 500.0, 319.5, 239.5)
CONFIG = PnpConfig()
TRUTH = se3.exp([0.3, -0.2, 0.5, 0.1, -0.05, 0.2])


def some_matches(rng: np.random.Generator, count: int, share: float):
    """Matches, scores (those of the right ones higher, but not all), and which are right."""
    pixels = rng.uniform([0, 0], [640, 480], (count, 2))
    rays = cameras.unproject(CAMERA, pixels) * rng.uniform(4, 20, (count, 1))
    good = rng.random(count) < share
    points = se3.transform(se3.inverse(TRUTH), rays)
    points[~good] = points[~good][rng.permutation(int((~good).sum()))]
    scores = np.clip(rng.normal(np.where(good, 0.7, 0.4), 0.15), 0, 1)
    noisy = pixels + rng.normal(0, 0.7, pixels.shape)
    ones = np.ones(count)
    return Correspondences(noisy, points, ones, ones, np.arange(count)), scores, good


def error_of(pose: np.ndarray) -> tuple[float, float]:
    distance, angle = se3.pose_error(se3.inverse(pose), se3.inverse(TRUTH))
    return float(distance), float(np.degrees(angle))


@pytest.mark.parametrize("share", [0.06, 0.3])
def test_both_ways_find_the_pose(share: float) -> None:
    rng = np.random.default_rng(0)
    matches, scores, good = some_matches(rng, 800, share)
    by_order = semantic_ransac.ordered_pose(CAMERA, matches, scores, CONFIG, 0)
    by_weight = semantic_ransac.weighted_pose(CAMERA, matches, scores**4, CONFIG, rng)
    for pose in (by_order, by_weight):
        assert pose is not None
        distance, angle = error_of(pose)
        assert distance < 0.05 and angle < 0.4
    found = semantic_ransac.inliers_of(CAMERA, by_order, matches, CONFIG.max_error_px)
    assert (found & good).sum() > 0.95 * good.sum()


def test_no_pose_where_nothing_is_right() -> None:
    rng = np.random.default_rng(1)
    matches, scores, _ = some_matches(rng, 150, 0.0)
    few = PnpConfig(max_iterations=300)
    assert semantic_ransac.ordered_pose(CAMERA, matches, scores, few, 0) is None
    assert semantic_ransac.weighted_pose(CAMERA, matches, scores, few, rng) is None


def test_no_pose_of_too_few_matches() -> None:
    rng = np.random.default_rng(2)
    matches, scores, _ = some_matches(rng, 3, 1.0)
    assert semantic_ransac.ordered_pose(CAMERA, matches, scores, CONFIG, 0) is None
    assert semantic_ransac.weighted_pose(CAMERA, matches, scores, CONFIG, rng) is None
    more, _, _ = some_matches(rng, 30, 1.0)
    assert semantic_ransac.weighted_pose(CAMERA, more, np.zeros(30), CONFIG, rng) is None


def test_refinement_ends_at_the_least_squares_pose() -> None:
    rng = np.random.default_rng(3)
    matches, _, _ = some_matches(rng, 300, 1.0)
    start = se3.exp([0.02, 0.01, -0.03, 0.002, -0.003, 0.001]) @ TRUTH
    found = semantic_ransac.refined(CAMERA, start, matches, CONFIG)
    assert error_of(found)[0] < 0.3 * error_of(start)[0]
