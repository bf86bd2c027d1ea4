"""Pose covariances in the convention of ROS messages.

A covariance is (6, 6), order (x, y, z, rot x, rot y, rot z), of a pose `map_from_x`. The
error is (delta, theta), both in the FIXED map axes: truth t = t̂ + delta, R = Exp(theta) R̂.
This is not the SE(3) tangent of `se3`: there a rotation also swings the position.
"""

from __future__ import annotations

import numpy as np

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry.se3 import exp, hat, make_pose, rotation_vector
from semloc_ros.types import FloatArray


def error_vector(estimate: FloatArray, truth: FloatArray) -> FloatArray:
    """(..., 6) error (delta m, theta rad) of poses `map_from_x` (..., 4, 4) from the truth."""
    delta = truth[..., :3, 3] - estimate[..., :3, 3]
    turn = truth[..., :3, :3] @ np.swapaxes(estimate[..., :3, :3], -1, -2)
    return np.concatenate([delta, rotation_vector(turn)], axis=-1)


def perturb(pose: FloatArray, error: FloatArray) -> FloatArray:
    """The pose (..., 4, 4) that differs from `pose` by `error` (..., 6): the inverse of
    `error_vector`, so `error_vector(pose, perturb(pose, e)) == e`."""
    turn = exp(np.concatenate([np.zeros_like(error[..., :3]), error[..., 3:]], axis=-1))
    return make_pose(turn[..., :3, :3] @ pose[..., :3, :3], pose[..., :3, 3] + error[..., :3])


def transport(covariance: FloatArray, lever_map: FloatArray) -> FloatArray:
    """Covariance (6, 6) of a body b fixed rigidly to a, from that of a.

    `lever_map` (3,) is t_b - t_a in map axes (metres): the error of b's position is that
    of a plus theta x lever, to first order.
    """
    jacobian = np.eye(6)
    jacobian[:3, 3:] = -hat(lever_map)
    moved: FloatArray = jacobian @ covariance @ jacobian.T
    return moved


def rotate(covariance: FloatArray, rotation: FloatArray) -> FloatArray:
    """Covariance (6, 6) with its axes changed by `rotation` (3, 3) = new_from_old."""
    jacobian = np.zeros((6, 6))
    jacobian[:3, :3] = jacobian[3:, 3:] = rotation
    turned: FloatArray = jacobian @ covariance @ jacobian.T
    return turned


def nees(error: FloatArray, covariance: FloatArray) -> float:
    """Normalized estimation error squared, eᵀ C⁻¹ e: chi-square with 6 degrees of freedom
    if the covariance is honest. Raises InputError if the covariance is singular."""
    try:
        whitened = np.linalg.solve(np.linalg.cholesky(covariance), error)
    except np.linalg.LinAlgError:
        wanted = "a positive definite matrix"
        raise InputError(expected("covariance", wanted, np.diag(covariance).tolist())) from None
    return float(whitened @ whitened)
