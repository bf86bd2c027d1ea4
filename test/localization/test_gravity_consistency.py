"""Scores of matches from gravity, height and labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import GravityConsistencyConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.gravity_consistency import (
    Gravity,
    GravityConsistency,
    circle_starts,
    height_from_views,
    heights_from_tracks,
)
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_points import LabelPoints, from_arrays
from semloc_ros.types import Camera, Correspondences

CAMERA = Camera("pinhole", 160, 120, 120.0, 120.0, 79.5, 59.5)
DOWN = np.array([0.0, 0.0, -1.0])
LABELS = 8
HEIGHT = 1.6
CONFIG = GravityConsistencyConfig(coarse_points=1500, stride_px=2)


def street(rng: np.random.Generator, count: int = 4000) -> LabelPoints:
    """A square of walls whose patches have labels of their own, seen from inside."""
    along, up = rng.uniform(-15, 15, count), rng.uniform(0, 8, count)
    side = rng.integers(0, 4, count)
    wall = np.choose(side, [np.full(count, 15.0), along, np.full(count, -15.0), -along])
    other = np.choose(side, [along, np.full(count, 15.0), -along, np.full(count, -15.0)])
    positions = np.stack([wall, other, up], 1)
    patch = (side * 37 + np.floor(along / 3) * 11 + np.floor(up / 2) * 5).astype(np.int64)
    inward = -positions * (1, 1, 0) / np.linalg.norm(positions[:, :2], axis=1)[:, None]
    ranges = np.tile([0.5, 60.0], (count, 1))
    return from_arrays(positions, inward, ranges, patch * 2654435 % LABELS, LABELS, 5.0, rng)


def view(points: LabelPoints, pose: np.ndarray) -> np.ndarray:
    """The label map (H, W) from `map_from_camera`: each pixel that of the nearest projection."""
    positions = points.values[:, :3] + points.origin
    pixels, seen = cameras.project(CAMERA, se3.transform(se3.inverse(pose), positions))
    labels = np.full((CAMERA.height, CAMERA.width), 255, np.uint8)
    inside = seen & cameras.inside_image(CAMERA, pixels)
    for (u, v), label in zip(pixels[inside], points.labels[inside], strict=True):
        row, column = int(v + 0.5), int(u + 0.5)
        labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = label
    return labels


def standing(look) -> np.ndarray:
    """map_from_camera, tilted a little."""
    return se3.inverse(look((-4.0, 3.0, HEIGHT), (9.0, -2.0, HEIGHT + 0.7)))


def gravity_of(pose: np.ndarray, height: float = HEIGHT, sigma: float = 0.1) -> Gravity:
    return Gravity(pose[:3, :3].T @ DOWN, DOWN, height, sigma)


def some_matches(points, pose, rng, count=60) -> tuple[Correspondences, np.ndarray]:
    """Half true, half with the point of another."""
    positions = points.values[:, :3].astype(np.float64) + points.origin
    pixels, seen = cameras.project(CAMERA, se3.transform(se3.inverse(pose), positions))
    rows = rng.permutation(np.flatnonzero(seen & cameras.inside_image(CAMERA, pixels)))[:count]
    good = np.arange(count) < count // 2
    ids = np.where(good, rows, rng.integers(0, len(points), count))
    return Correspondences(
        pixels[rows], positions[ids], np.ones(count), np.ones(count), ids
    ), good


def test_true_matches_score_higher(look) -> None:
    rng = np.random.default_rng(0)
    points, pose = street(rng), standing(look)
    matches, good = some_matches(points, pose, rng)
    image = label_image(CAMERA, view(points, pose), np.ones(LABELS, bool), CONFIG.stride_px)
    found = GravityConsistency(points, CONFIG, 0.3).scores(
        CAMERA, image, matches, gravity_of(pose)
    )
    known = ~found.refused
    assert np.median(found.counts[known & good]) > 1.5 * np.median(found.counts[known & ~good])
    assert found.scores.max() == 1.0
    ranks = found.scores.argsort()[::-1]
    assert good[ranks[: good.sum() // 2]].mean() > 0.9


def test_every_pose_on_the_circle_sees_the_point_in_its_pixel(look) -> None:
    rng = np.random.default_rng(1)
    points, pose = street(rng), standing(look)
    matches, _ = some_matches(points, pose, rng)
    gravity = gravity_of(pose)
    poses, _, possible = circle_starts(CAMERA, matches, gravity, CONFIG)
    for match in np.flatnonzero(possible)[:10]:
        for height, expected in zip(poses[match], HEIGHT + np.array([-0.1, 0, 0.1]), strict=True):
            there = se3.transform(se3.inverse(height), matches.points_map[match][None])
            assert np.allclose(cameras.project(CAMERA, there)[0], matches.points_image[match])
            assert np.allclose(height[:3, :3].T @ DOWN, gravity.down_camera)
            assert height[2, 3] == pytest.approx(expected, abs=1e-9)


def test_the_true_pose_is_on_the_circle_of_a_true_match(look) -> None:
    rng = np.random.default_rng(2)
    points, pose = street(rng), standing(look)
    matches, good = some_matches(points, pose, rng)
    poses, _, possible = circle_starts(CAMERA, matches, gravity_of(pose), CONFIG)
    for match in np.flatnonzero(possible & good):
        radii = [
            np.linalg.norm(centre[:2, 3] - matches.points_map[match, :2])
            for centre in (poses[match, 1], pose)
        ]
        assert radii[0] == pytest.approx(radii[1], rel=1e-6)


def test_degenerate_matches_are_refused_and_impossible_ones_score_nothing(look) -> None:
    pose = standing(look)
    gravity = gravity_of(pose)
    tilt = np.arcsin(gravity.down_camera[2])
    horizon = CAMERA.cy - CAMERA.fy * np.tan(tilt)
    rows = np.array([horizon, horizon + 30, horizon - 30, horizon + 30, np.nan])
    pixels = np.stack([np.full(5, CAMERA.cx), rows], 1)
    heights = np.array([HEIGHT, HEIGHT + 2, HEIGHT - 2, HEIGHT - 0.5, HEIGHT])
    there = np.stack([np.full(5, 5.0), np.zeros(5), heights], 1)
    ones = np.ones(5)
    matches = Correspondences(pixels, there, ones, ones, np.arange(5))
    _, refused, possible = circle_starts(CAMERA, matches, gravity, CONFIG)
    assert refused.tolist() == [True, False, False, False, True]
    assert possible.tolist() == [False, False, False, True, False]
    rng = np.random.default_rng(3)
    points = street(rng)
    image = label_image(CAMERA, view(points, pose), np.ones(LABELS, bool), CONFIG.stride_px)
    found = GravityConsistency(points, CONFIG, 0.3).scores(CAMERA, image, matches, gravity)
    assert (found.counts[[0, 1, 2, 4]] == 0).all() and found.counts[3] > 0
    assert np.isfinite(found.scores).all()


def test_height_comes_from_the_views_near_by(corner_map) -> None:
    near = se3.inverse(corner_map.camera_from_map[0])[:3, 3]
    height, sigma = height_from_views(corner_map, near, DOWN, CONFIG)
    assert 1.5 <= height <= 1.8
    assert 0.05 <= sigma < 0.4
    alone = dataclasses.replace(CONFIG, neighbours=2)
    assert height_from_views(corner_map, near, -DOWN, alone)[0] < 0


def test_each_point_has_the_height_of_the_views_that_saw_it(corner_map) -> None:
    centres = se3.inverse(corner_map.camera_from_map)[:, :3, 3]
    rows = np.array([0, corner_map.num_points - 1, 5, 5])
    heights, sigmas = heights_from_tracks(corner_map, rows, DOWN, CONFIG)
    for row, height, sigma in zip(rows, heights, sigmas, strict=True):
        seen_from = centres[corner_map.track_views[corner_map.track_of(row)], 2]
        assert height == pytest.approx(seen_from.mean())
        assert sigma == pytest.approx(max(seen_from.std(), CONFIG.least_height_sigma_m))
    assert len(np.unique(heights)) > 1


def test_matches_with_heights_of_their_own_stand_as_high(look) -> None:
    rng = np.random.default_rng(6)
    points, pose = street(rng), standing(look)
    matches, _ = some_matches(points, pose, rng, 20)
    down = gravity_of(pose).down_camera
    heights, sigmas = rng.uniform(1.0, 2.0, 20), rng.uniform(0.05, 0.1, 20)
    poses, _, possible = circle_starts(
        CAMERA, matches, Gravity(down, DOWN, heights, sigmas), CONFIG
    )
    alone, _, _ = circle_starts(
        CAMERA, matches.select([3]), Gravity(down, DOWN, heights[3], sigmas[3]), CONFIG
    )
    assert possible[3] and np.allclose(poses[3], alone[0])
    assert np.allclose(poses[3, :, 2, 3], heights[3] + sigmas[3] * np.array([-1, 0, 1]))


def test_a_map_of_few_points_and_one_match(look) -> None:
    rng = np.random.default_rng(4)
    points, pose = street(rng, 40), standing(look)
    matches, _ = some_matches(points, pose, rng, 2)
    image = label_image(CAMERA, view(points, pose), np.ones(LABELS, bool))
    found = GravityConsistency(points, CONFIG, 0.3).scores(
        CAMERA, image, matches.select(np.array([0])), gravity_of(pose)
    )
    assert found.counts.shape == (1,)
