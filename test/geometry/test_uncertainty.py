"""Covariances: every transport is compared with the spread of samples."""

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3, uncertainty


@pytest.fixture
def covariance():
    root = np.random.default_rng(0).normal(size=(6, 6)) * np.array([[0.02] * 3 + [0.004] * 3]).T
    return root @ root.T


def samples(covariance, number=200_000, seed=1):
    return np.random.default_rng(seed).multivariate_normal(np.zeros(6), covariance, size=number)


def test_error_vector_inverts_perturb():
    pose = se3.exp(np.array([1.0, 2, 3, 0.4, 0.5, 0.6]))
    error = np.array([0.1, -0.2, 0.3, 0.03, 0.02, -0.01])
    np.testing.assert_allclose(
        uncertainty.error_vector(pose, uncertainty.perturb(pose, error)), error, atol=1e-12
    )


def test_rotation_error_is_about_the_fixed_axes():
    facing_y = se3.exp(np.array([0, 0, 0, 0, 0, np.pi / 2]))
    truth = se3.exp(np.array([0, 0, 0, 0.1, 0, 0])) @ facing_y
    np.testing.assert_allclose(
        uncertainty.error_vector(facing_y, truth), [0, 0, 0, 0.1, 0, 0], atol=1e-12
    )


def test_transport_agrees_with_monte_carlo(covariance):
    map_from_base = se3.exp(np.array([1.0, 2, 0, 0, 0, 0.7]))
    base_from_camera = se3.exp(np.array([0.5, 0.3, 0.8, -1.2, 1.2, -1.2]))
    map_from_camera = map_from_base @ base_from_camera
    truths = uncertainty.perturb(map_from_base[None], samples(covariance))
    errors = uncertainty.error_vector(map_from_camera, truths @ base_from_camera)
    lever = map_from_camera[:3, 3] - map_from_base[:3, 3]
    predicted = uncertainty.transport(covariance, lever)
    np.testing.assert_allclose(predicted, np.cov(errors.T), atol=0.02 * predicted.max())


def test_rotate_agrees_with_monte_carlo(covariance):
    odom_from_map = se3.exp(np.array([0, 0, 0, 0.3, -0.2, 1.1]))
    turned = np.concatenate(
        [part @ odom_from_map[:3, :3].T for part in np.split(samples(covariance), 2, axis=1)],
        axis=1,
    )
    predicted = uncertainty.rotate(covariance, odom_from_map[:3, :3])
    np.testing.assert_allclose(predicted, np.cov(turned.T), atol=0.02 * predicted.max())


def test_nees_of_honest_samples_averages_to_six(covariance):
    values = [uncertainty.nees(error, covariance) for error in samples(covariance, 4000)]
    assert np.mean(values) == pytest.approx(6.0, abs=0.2)
    assert uncertainty.nees(np.arange(6.0), np.eye(6)) == pytest.approx(55.0)


def test_singular_covariance_is_one_clear_line():
    with pytest.raises(InputError, match="covariance: expected a positive definite"):
        uncertainty.nees(np.ones(6), np.zeros((6, 6)))
