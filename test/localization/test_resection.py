"""Refinement and covariance against Monte Carlo truth."""

import numpy as np
import pytest

from semloc_ros.config import CovarianceConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb
from semloc_ros.localization.covariance import (
    assumed_effect,
    image_cells,
    mapping_covariance,
    measured_effect,
    pose_covariance,
)
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.localization.resection import pose_jacobian, refine_pose
from semloc_ros.types import Correspondences

# Only what the image itself shows: nothing assumed.
MEASURED = CovarianceConfig(
    error_correlation=0.0, least_position_sigma_m=1e-6, least_rotation_sigma_deg=1e-6
)
QUANTILE_95 = 12.592  # chi-square, 6 degrees of freedom


@pytest.fixture(params=["pinhole", "radtan", "fisheye"])
def camera(lenses, request):
    return lenses[request.param]


@pytest.fixture
def pose(look):
    return look((2.7, 2.3, 1.7), (0.7, 0.5, 0.8))


def scene(camera, pose, rng, count=300, corners=None):
    """Points (N, 3) seen by the camera at depths of 1 to 5 m, and their exact pixels: anywhere,
    or in the cells (of 8 by 8) at the given columns and rows."""
    pixels = rng.uniform((5, 5), (camera.width - 5, camera.height - 5), (count, 2))
    if corners is not None:
        chosen = np.array(corners)[rng.integers(len(corners), size=count)]
        inside = chosen + rng.uniform(0, 1, (count, 2))
        pixels = inside / 8 * (camera.width, camera.height) - 0.5
    in_camera = cameras.unproject(camera, pixels) * rng.uniform(1, 5, (count, 1))
    return se3.transform(se3.inverse(pose), in_camera), pixels


def correspondences(points, pixels, sigmas=None):
    count = len(points)
    sigmas = np.ones(count) if sigmas is None else sigmas
    return Correspondences(pixels, points, sigmas, np.ones(count), np.arange(count))


def test_the_jacobian_is_that_of_the_pose_error(camera, pose):
    points, pixels = scene(camera, pose, np.random.default_rng(0), 20)
    analytic = pose_jacobian(camera, pose, points)
    for axis in range(6):
        step = np.eye(6)[axis] * 1e-6
        moved = se3.inverse(perturb(se3.inverse(pose), step))
        there, _ = cameras.project(camera, se3.transform(moved, points))
        assert np.allclose((there - pixels) / 1e-6, analytic[:, :, axis], atol=0.02)


def test_refinement_finds_the_pose_of_exact_points(camera, pose):
    points, pixels = scene(camera, pose, np.random.default_rng(1))
    start = se3.inverse(perturb(se3.inverse(pose), np.full(6, 0.02)))
    found = refine_pose(camera, start, correspondences(points, pixels))
    assert np.abs(found - pose).max() < 1e-8


def test_refinement_listens_to_precise_points(lenses, pose):
    camera, rng = lenses["pinhole"], np.random.default_rng(2)
    sigmas = np.where(np.arange(300) % 2, 0.2, 3.0)
    errors = {"told": [], "not told": []}
    for _ in range(30):
        points, pixels = scene(camera, pose, rng)
        pixels = pixels + rng.normal(size=(300, 2)) * sigmas[:, None]
        for name, used in (("told", sigmas), ("not told", np.ones(300))):
            found = refine_pose(camera, pose, correspondences(points, pixels, used))
            errors[name].append(error_vector(se3.inverse(found), se3.inverse(pose))[:3])
    assert np.linalg.norm(errors["told"]) < 0.8 * np.linalg.norm(errors["not told"])


def test_poselib_agrees_with_every_camera_model(camera, pose):
    from semloc_ros.config import PnpConfig

    rng = np.random.default_rng(3)
    points, pixels = scene(camera, pose, rng)
    pixels[::2] = rng.uniform((0, 0), (camera.width, camera.height), (150, 2))  # half wrong
    found = estimate_pose(camera, correspondences(points, pixels), PnpConfig(), seed=0)
    assert np.abs(found - pose).max() < 1e-4


def coverage(camera, pose, config, noise, trials=150, **where):
    """Share of trials whose error lies within the 95 % ellipsoid."""
    rng, inside = np.random.default_rng(4), 0
    for _ in range(trials):
        points, pixels = scene(camera, pose, rng, **where)
        matches = correspondences(points, pixels + noise(rng, pixels))
        found = refine_pose(camera, pose, matches)
        covariance = pose_covariance(camera, found, matches, config)
        error = error_vector(se3.inverse(found), se3.inverse(pose))
        inside += nees(error, covariance) < QUANTILE_95
    return inside / trials


def test_independent_errors_are_covered(camera, pose):
    def noise(rng, pixels):
        return rng.normal(0, 0.7, pixels.shape)

    assert 0.90 <= coverage(camera, pose, MEASURED, noise) <= 0.995


def test_errors_shared_within_a_cell_are_covered_too(lenses, pose):
    camera = lenses["pinhole"]

    def noise(rng, pixels):
        shared = rng.normal(0, 0.7, (64, 2))
        return rng.normal(0, 0.4, pixels.shape) + shared[image_cells(camera, pixels, 8)]

    # Counting every inlier as independent would cover about a third of the trials.
    assert coverage(camera, pose, MEASURED, noise) >= 0.80
    assumed = CovarianceConfig(error_correlation=0.75)
    assert coverage(camera, pose, assumed, noise) >= 0.90


def test_inliers_in_four_cells_count_as_four_observations(lenses, pose):
    camera = lenses["pinhole"]

    def noise(rng, pixels):
        shared = rng.normal(0, 0.7, (64, 2))
        return rng.normal(0, 0.7, pixels.shape) + shared[image_cells(camera, pixels, 8)]

    corners = [(0, 0), (7, 0), (0, 7), (7, 7)]
    # Four times the variance of independent inliers would cover about a fifth of the trials.
    assert coverage(camera, pose, MEASURED, noise, count=150, corners=corners) >= 0.90
    cells = np.repeat([9, 14, 50, 45], [60, 40, 30, 20])
    assert measured_effect(np.ones((150, 6)), cells) == 150 / 4


def test_assumed_effect_by_hand():
    assert assumed_effect(np.array([0, 0, 0, 1]), 0.5) == 1 + 0.5 * (10 / 4 - 1)
    assert assumed_effect(np.array([3]), 0.5) == 1.0


def test_points_on_a_line_of_sight_leave_the_pose_open(lenses, pose):
    ray = cameras.unproject(lenses["pinhole"], np.array([[200.0, 150.0]]))
    points = se3.transform(se3.inverse(pose), ray * np.linspace(1, 5, 50)[:, None])
    matches = correspondences(points, np.tile([200.0, 150.0], (50, 1)))
    covariance = pose_covariance(lenses["pinhole"], pose, matches, MEASURED)
    assert covariance is None or np.sqrt(np.linalg.eigvalsh(covariance)[-1]) > 1.0


def test_mended_mapping_poses_say_how_far_they_err():
    build = {
        "refinement": {"position_rms_m": [0.01, 0.02, 0.03], "rotation_rms_deg": [2, 0, 0]},
        "options": {"refine": {"position_sigma_m": 0.015, "rotation_sigma_deg": 0.5}},
    }
    sigmas = np.sqrt(np.diag(mapping_covariance(build)))
    assert np.allclose(sigmas, [0.015, 0.02, 0.03, *np.radians([2, 0.5, 0.5])])
    assert not mapping_covariance({}).any()
