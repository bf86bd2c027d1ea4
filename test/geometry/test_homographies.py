"""Homographies: directions, what is behind, robust estimation, and its repeatability."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.geometry import homographies

PIXEL_FROM_UV = np.array([[200.0, 30.0, 50.0], [10.0, 150.0, 40.0], [0.3, 0.1, 1.0]])


def matches(count: int = 200, wrong: int = 80, noise: float = 0.5):
    rng = np.random.default_rng(3)
    points = rng.uniform(size=(count, 2))
    pixels = homographies.apply(PIXEL_FROM_UV, points) + rng.normal(0.0, noise, (count, 2))
    pixels[:wrong] = rng.uniform(0.0, 300.0, (wrong, 2))
    return points, pixels, np.full(count, noise)


def test_pixels_have_their_middles_where_the_map_of_objects_says() -> None:
    found = homographies.apply(homographies.pixels_from_uv((20, 40)), [[0.5 / 40, 0.5 / 20]])
    np.testing.assert_allclose(found, [[0.0, 0.0]], atol=1e-12)


def test_what_lies_behind_is_not_shown() -> None:
    behind = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.5]])
    found = homographies.apply(behind, [[0.0, 0.0], [0.9, 0.0]])
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


def test_wrong_matches_do_not_matter() -> None:
    points, pixels, sigmas = matches()
    found, inliers = homographies.fit_robustly(points, pixels, sigmas, 3.0)
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    truth = homographies.apply(PIXEL_FROM_UV, corners)
    assert np.linalg.norm(homographies.apply(found, corners) - truth, axis=1).max() < 0.7
    assert inliers[80:].mean() > 0.98 and inliers[:80].mean() < 0.05


def test_least_squares_weighs_by_sigma() -> None:
    rng = np.random.default_rng(4)
    points = rng.uniform(size=(300, 2))
    sigmas = np.where(np.arange(300) < 150, 0.05, 2.0)
    noise = rng.normal(size=(300, 2)) * sigmas[:, None]
    pixels = homographies.apply(PIXEL_FROM_UV, points) + noise
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    truth = homographies.apply(PIXEL_FROM_UV, corners)

    def error(told):
        found, _ = homographies.fit_robustly(points, pixels, told, 6.0)
        return np.linalg.norm(homographies.apply(found, corners) - truth, axis=1).max()

    assert error(sigmas) < 0.05 < error(np.ones(300))


def test_the_same_matches_give_the_same() -> None:
    one, other = (homographies.fit_robustly(*matches(), 3.0, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("flip", [False, True])
def test_a_mirror_is_none(flip: bool) -> None:
    points, pixels, sigmas = matches(wrong=0)
    pixels = pixels * [-1.0, 1.0] if flip else pixels
    assert (homographies.fit_robustly(points, pixels, sigmas, 3.0) is None) == flip


def test_three_matches_are_too_few() -> None:
    points, pixels, sigmas = matches(3, 0)
    assert homographies.fit_robustly(points, pixels, sigmas, 3.0) is None


def test_scales_are_those_of_small_steps() -> None:
    at, step = np.array([0.3, 0.6]), 1e-6
    lengths = [
        np.linalg.norm(np.diff(homographies.apply(PIXEL_FROM_UV, [at, at + way]), axis=0)) / step
        for way in (np.array([step, 0]), np.array([0, step]))
    ]
    np.testing.assert_allclose(homographies.scales_at(PIXEL_FROM_UV, at), lengths, rtol=1e-4)


def test_the_apparent_size_is_that_of_what_is_in_the_picture() -> None:
    upright = np.array([[60.0, 0, 100], [0, 40, 20], [0, 0, 1]])
    np.testing.assert_allclose(homographies.apparent_size(upright, (240, 320)), [40, 60])
    np.testing.assert_allclose(homographies.apparent_size(upright, (30, 110)), [40, 60])
    assert homographies.apparent_size(upright, (20, 320)) is None


def test_motion_is_that_of_the_corner_that_moves_most() -> None:
    upright = np.array([[30.0, 0, 100], [0, 40, 20], [0, 0, 1]])
    moved = upright.copy()
    moved[0, 2] += 5
    assert homographies.motion(upright, moved) == pytest.approx(0.1)
    moved[0, 0] += 10
    assert homographies.motion(upright, moved) == pytest.approx(0.3)
    behind = np.array([[30.0, 0, 100], [0, 40, 20], [-2.0, 0, 1]])
    assert homographies.motion(upright, behind) == np.inf
    assert homographies.motion(-upright, upright) == np.inf
    assert homographies.motion(upright * [[0], [0], [1]], upright) == np.inf
