"""Planes: fitted among points that lie elsewhere, and seen by cameras."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.geometry import planes, se3
from semloc_ros.types import Camera

CAMERA = Camera("pinhole", 640, 480, 500.0, 510.0, 320.3, 238.6)
POSE = se3.exp([0.2, -0.4, 0.3, 0.1, 0.7, -0.2])
PLANE = np.array([0.48, -0.6, 0.64, -3.0])


def on_plane(rng, count):
    points = rng.uniform(-2, 2, (count, 3))
    return points - planes.distances(PLANE, points)[:, None] * PLANE[:3]


def same_up_to_sign(a, b):
    return min(np.abs(a - b).max(), np.abs(a + b).max())


@pytest.mark.parametrize("wrong", [0, 40])
def test_a_plane_is_found_among_other_points(wrong):
    rng = np.random.default_rng(0)
    points = np.concatenate([on_plane(rng, 60), rng.uniform(-2, 2, (wrong, 3))])
    plane, near = planes.fit_plane(points, np.tile(1e-6 * np.eye(3), (len(points), 1, 1)))
    assert same_up_to_sign(plane, PLANE) < 1e-9
    assert near[:60].all() and near[60:].mean() < 0.1 if wrong else near.all()


def test_sure_points_count_for_more():
    rng = np.random.default_rng(1)
    sigmas = np.where(np.arange(400) % 2, 0.001, 0.05)
    points = on_plane(rng, 400) + sigmas[:, None] * rng.normal(size=(400, 3))
    weighted = planes.fit_plane(points, sigmas[:, None, None] ** 2 * np.eye(3))
    blind = planes.fit_plane(points, np.tile(np.eye(3), (400, 1, 1)))
    assert same_up_to_sign(weighted[0], PLANE) < 4e-4
    assert same_up_to_sign(weighted[0], PLANE) < 0.5 * same_up_to_sign(blind[0], PLANE)


def test_what_is_sure_only_across_the_view_does_not_tilt_the_plane():
    """Errors along a ray are large; those across it say where the plane is."""
    rng = np.random.default_rng(2)
    ray = np.array([0.0, 0.0, 1.0])
    points = on_plane(rng, 300) + rng.normal(0, 0.05, (300, 1)) * ray
    covariances = np.tile(1e-6 * np.eye(3) + 0.05**2 * np.outer(ray, ray), (300, 1, 1))
    plane, near = planes.fit_plane(points, covariances)
    assert same_up_to_sign(plane, PLANE) < 0.03 and near.mean() > 0.95


@pytest.mark.parametrize("points", [
    np.zeros((2, 3)), np.zeros((9, 3)), np.linspace(0, 1, 9)[:, None] * [1.0, 2.0, 3.0],
])  # fmt: skip
def test_points_on_a_line_have_none(points):
    assert planes.fit_plane(points, np.tile(np.eye(3), (len(points), 1, 1))) is None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pixels_and_places_go_there_and_back(sign):
    there = planes.map_from_image(sign * PLANE, CAMERA, POSE)
    pixels = np.array([[10.0, 20.0], [600.0, 300.0], [320.3, 238.6]])
    found = np.c_[pixels, np.ones(3)] @ there.T
    points = found[:, :3] / found[:, 3:]
    assert np.abs(planes.distances(PLANE, points)).max() < 1e-9
    ahead = se3.transform(POSE, points)[:, 2] > 0
    assert np.array_equal(found[:, 3] > 0, ahead)
    back = planes.image_from_plane(there, CAMERA, POSE)
    again = np.c_[pixels, np.ones(3)] @ back.T
    assert np.abs(again[:, :2] / again[:, 2:] - pixels).max() < 1e-6
