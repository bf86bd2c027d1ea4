"""Similarities: what they do to points and poses, and their closed form."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import Similarity, fit_similarity


def some(seed: int) -> Similarity:
    generator = np.random.default_rng(seed)
    tangent = generator.normal(size=6) * [5, 5, 5, 1, 1, 1]
    return Similarity(np.asarray(generator.uniform(0.1, 10)), se3.exp(tangent))


@pytest.mark.parametrize("seed", range(10))
def test_noise_free_points_give_back_the_similarity(seed: int) -> None:
    wanted = some(seed)
    points = np.random.default_rng(seed + 100).normal(size=(4, 3)) * 10
    found = fit_similarity(points, wanted.points(points))
    assert np.allclose(found.scale, wanted.scale, rtol=1e-12)
    assert np.allclose(found.rigid, wanted.rigid, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_two_poses_are_enough_where_their_turns_are_known(seed: int) -> None:
    wanted = some(seed)
    generator = np.random.default_rng(seed + 100)
    poses = se3.exp(generator.normal(size=(2, 6)))
    moved = wanted.poses(poses)
    turns = moved[:, :3, :3] @ np.swapaxes(poses[:, :3, :3], 1, 2)
    found = fit_similarity(poses[:, :3, 3], moved[:, :3, 3], True, turns, 1.0)
    assert np.allclose(found.scale, wanted.scale, rtol=1e-10)
    assert np.allclose(found.rigid, wanted.rigid, atol=1e-9)


def test_without_scale_it_stays_one() -> None:
    points = np.random.default_rng(0).normal(size=(6, 3))
    points -= points.mean(axis=0)
    found = fit_similarity(points, 3 * points, with_scale=False)
    assert found.scale == 1.0
    assert np.allclose(found.rigid, np.eye(4), atol=1e-12)


def test_a_mirror_image_is_not_mirrored_back() -> None:
    points = np.random.default_rng(0).normal(size=(6, 3))
    found = fit_similarity(points, points * [1, 1, -1])
    assert np.linalg.det(found.rigid[:3, :3]) == pytest.approx(1.0)


def test_batches_are_fitted_one_by_one() -> None:
    points = np.random.default_rng(0).normal(size=(3, 5, 3))
    there = np.stack([some(row).points(points[row]) for row in range(3)])
    found = fit_similarity(points, there)
    for row in range(3):
        assert np.allclose(found.scale[row], some(row).scale)
        assert np.allclose(found.rigid[row], some(row).rigid)


def test_after_a_rigid_motion_points_go_the_same_way() -> None:
    b_from_c = se3.exp(np.array([1.0, 2, 3, 0.1, 0.2, 0.3]))
    points = np.random.default_rng(0).normal(size=(4, 3))
    straight = some(1).points(se3.transform(b_from_c, points))
    assert np.allclose(some(1).after(b_from_c).points(points), straight)


def test_a_body_keeps_its_size() -> None:
    poses = some(1).poses(se3.exp(np.ones((2, 6))))
    assert np.allclose(np.linalg.det(poses[:, :3, :3]), 1.0)
