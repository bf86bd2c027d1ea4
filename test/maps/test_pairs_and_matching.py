"""Which images are compared, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import PairsConfig
from semloc_ros.geometry import se3
from semloc_ros.maps.matching import epipolar_error, match_pair
from semloc_ros.maps.pairs import choose_pairs
from semloc_ros.types import Camera, PosedImage

CAMERA = Camera("pinhole", 640, 480, 500, 500, 319.5, 239.5)


def view(number, x, yaw=0.0):
    pose = se3.inverse(
        se3.make_pose(se3.exp([0, 0, 0, 0, yaw, 0])[:3, :3], [x, 0.0, 0.0])
    )
    return PosedImage(str(number), number, CAMERA, pose, lambda: np.zeros((480, 640), np.uint8))


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


def test_views_that_look_apart_are_not_paired():
    images = [view(0, 0.0), view(1, 0.5), view(2, 0.0, np.pi), view(3, 0.5, np.pi)]
    assert as_set(choose_pairs(images, PairsConfig())) == {(0, 1), (2, 3)}


def test_a_revisit_is_paired_with_the_first_visit():
    there = [view(k, 0.3 * k) for k in range(30)]
    back = [view(30 + k, 0.3 * (29 - k) + 0.05) for k in range(30)]
    pairs = as_set(choose_pairs(there + back, PairsConfig(neighbours=16)))
    paired_back = {first for first, second in pairs if first < 30 <= second}
    assert paired_back == set(range(30))


def test_pairs_have_several_baselines_and_are_few():
    images = [view(k, 0.02 * k) for k in range(200)]
    pairs = choose_pairs(images, PairsConfig(neighbours=24))
    gaps = np.diff(pairs, axis=1)
    assert len(pairs) <= 200 * 24
    assert (gaps <= 3).any() and (gaps >= 20).any()
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_one_image_makes_no_pair():
    assert choose_pairs([view(0, 0.0)], PairsConfig()).shape == (0, 2)


@pytest.fixture()
def two_views():
    """Rays of 300 points in both views, point k at row k of the first, shuffled in the second."""
    rng = np.random.default_rng(2)
    points = rng.uniform([-2, -1.5, 3], [2, 1.5, 8], (300, 3))
    second_from_first = se3.exp([-0.5, 0.1, 0.05, 0.02, -0.05, 0.03])
    order = rng.permutation(300)
    first = points / np.linalg.norm(points, axis=1, keepdims=True)
    moved = se3.transform(second_from_first, points)[order]
    second = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    descriptors = rng.integers(0, 120, (300, 128), np.uint8)
    return first, second, second_from_first, descriptors, order


def test_epipolar_error_is_zero_for_true_pairs_and_the_angle_for_moved_ones(two_views):
    first, second, pose, _, order = two_views
    assert epipolar_error(first[order], second, pose).max() < 1e-12
    across = np.cross(pose[:3, 3], second)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    tilted = second * np.cos(0.01) + across * np.sin(0.01)
    assert epipolar_error(first[order], tilted, pose) == pytest.approx(0.01, rel=0.15)


def test_all_true_matches_are_found(two_views):
    first, second, pose, descriptors, order = two_views
    rows = match_pair((descriptors, descriptors[order]), (first, second), pose, 0.85, 0.002)
    assert len(rows) == 300
    assert np.array_equal(rows[:, 0], order[rows[:, 1]])


def test_twins_on_one_epipolar_line_are_refused_and_others_told_apart(two_views):
    """Every descriptor twice: the epipolar plane decides where plain matching could not."""
    first, second, pose, descriptors, order = two_views
    twins = descriptors.copy()
    twins[150:] = twins[:150]
    rows = match_pair((twins, twins[order]), (first, second), pose, 0.85, 0.002)
    right = rows[:, 0] == order[rows[:, 1]]
    assert len(rows) > 200
    assert right.mean() > 0.98


def test_float_descriptors_match_alike(two_views):
    first, second, pose, descriptors, order = two_views
    real = descriptors.astype(np.float32) / 100
    rows = match_pair((real, real[order]), (first, second), pose, 0.85, 0.002)
    assert len(rows) == 300


def test_a_wrong_pose_finds_next_to_nothing(two_views):
    first, second, pose, descriptors, order = two_views
    wrong = se3.exp([0.3, 0.6, 0, 0, 0, 0.2]) @ pose
    rows = match_pair((descriptors, descriptors[order]), (first, second), wrong, 0.85, 0.002)
    assert len(rows) < 30


def test_no_baseline_and_no_features_give_no_matches(two_views):
    first, second, _, descriptors, order = two_views
    turned = se3.exp([0, 0, 0, 0.1, 0, 0])
    same_place = match_pair((descriptors, descriptors[order]), (first, second), turned, 0.85, 0.01)
    nothing = match_pair(
        (descriptors[:0], descriptors), (first[:0], second), se3.exp([1, 0, 0, 0, 0, 0]), 0.85, 0.01
    )
    assert len(same_place) == len(nothing) == 0


def test_points_all_around_a_fisheye_are_matched_across_the_cut(two_views):
    """Plane angles are cyclic: rays on both sides of +-pi belong together."""
    rng = np.random.default_rng(4)
    points = rng.normal(0, 1, (300, 3))
    points *= 5 / np.linalg.norm(points, axis=1, keepdims=True)
    pose = se3.exp([-0.4, 0, 0, 0, 0.001, 0])
    rays = [points / 5, se3.transform(pose, points)]
    rays[1] = rays[1] / np.linalg.norm(rays[1], axis=1, keepdims=True)
    descriptors = rng.integers(0, 120, (300, 128), np.uint8)
    rows = match_pair((descriptors, descriptors), tuple(rays), pose, 0.85, 0.003)
    assert len(rows) == 300
    assert (rows[:, 0] == rows[:, 1]).all()
