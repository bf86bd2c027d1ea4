"""Rigid motions as matrices.

Conventions
-----------
- A pose is (..., 4, 4) float64, named by direction: `a_from_b` takes coordinates in b to a.
- A tangent is (..., 6) = (rho x y z, theta x y z): translation part first, radians.
- `exp` and `log` are those of SE(3): the translation is V(theta) rho, not rho
  (Solà et al., "A micro Lie theory", 2018, eqs. 172-176).
- Quaternions are (x, y, z, w), as in ROS.
- Leading dimensions are batch dimensions, and broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from semloc_ros.errors import InputError, expected
from semloc_ros.types import FloatArray

_SMALL_ANGLE = 1e-2  # below, the series with three terms is exact to 1e-16
_ORTHONORMAL_TOLERANCE = 1e-4  # float32 poses of data files pass, wrong matrices do not


def make_pose(rotation: ArrayLike, translation: ArrayLike) -> FloatArray:
    """Pose from rotation (..., 3, 3) and translation (..., 3); batches broadcast."""
    rotation = np.asarray(rotation, dtype=np.float64)
    translation = np.asarray(translation, dtype=np.float64)
    batch = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    pose = np.zeros((*batch, 4, 4))
    pose[..., :3, :3] = rotation
    pose[..., :3, 3] = translation
    pose[..., 3, 3] = 1.0
    return pose


def inverse(pose: FloatArray) -> FloatArray:
    """`b_from_a` of `a_from_b`, (..., 4, 4), by the transposed rotation."""
    rotation = np.swapaxes(pose[..., :3, :3], -1, -2)
    return make_pose(rotation, -_apply(rotation, pose[..., :3, 3]))


def transform(pose: FloatArray, points: FloatArray) -> FloatArray:
    """Points (..., N, 3) of b in a, for one pose or a batch `a_from_b` (..., 4, 4)."""
    moved: FloatArray = points @ np.swapaxes(pose[..., :3, :3], -1, -2)
    return moved + pose[..., None, :3, 3]


def hat(vector: ArrayLike) -> FloatArray:
    """The matrix (..., 3, 3) of the cross product with `vector` (..., 3)."""
    vector = np.asarray(vector, dtype=np.float64)
    matrix = np.zeros((*vector.shape, 3))
    x, y, z = np.moveaxis(vector, -1, 0)
    matrix[..., 0, 1], matrix[..., 0, 2], matrix[..., 1, 2] = -z, y, -x
    matrix[..., 1, 0], matrix[..., 2, 0], matrix[..., 2, 1] = z, -y, x
    return matrix


def exp(tangent: ArrayLike) -> FloatArray:
    """Pose (..., 4, 4) reached along the tangent (..., 6) from the identity."""
    tangent = np.asarray(tangent, dtype=np.float64)
    cross = hat(tangent[..., 3:])
    squared = cross @ cross
    first, second, third = (c[..., None, None] for c in _exp_coefficients(tangent[..., 3:]))
    rotation = np.eye(3) + first * cross + second * squared
    left_jacobian = np.eye(3) + second * cross + third * squared
    return make_pose(rotation, _apply(left_jacobian, tangent[..., :3]))


def log(pose: FloatArray) -> FloatArray:
    """Tangent (..., 6) of a pose: the inverse of `exp` for angles up to pi."""
    theta = rotation_vector(pose[..., :3, :3])
    cross = hat(theta)
    squared = cross @ cross
    inverse_jacobian = np.eye(3) - 0.5 * cross + _log_coefficient(theta)[..., None, None] * squared
    return np.concatenate([_apply(inverse_jacobian, pose[..., :3, 3]), theta], axis=-1)


def rotation_vector(rotation: FloatArray) -> FloatArray:
    """Axis times angle, (..., 3) radians, of rotations (..., 3, 3); exact near 0 and near pi."""
    flat = Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_rotvec()
    return np.asarray(flat, dtype=np.float64).reshape(*rotation.shape[:-2], 3)


def adjoint(pose: FloatArray) -> FloatArray:
    """(..., 6, 6) with `a_from_b exp(tau) = exp(adjoint(a_from_b) tau) a_from_b`."""
    rotation = pose[..., :3, :3]
    matrix = np.zeros((*pose.shape[:-2], 6, 6))
    matrix[..., :3, :3] = rotation
    matrix[..., 3:, 3:] = rotation
    matrix[..., :3, 3:] = hat(pose[..., :3, 3]) @ rotation
    return matrix


def interpolate(a: FloatArray, b: FloatArray, fraction: ArrayLike) -> FloatArray:
    """The pose at `fraction` (...) of the screw motion from `a` (0) to `b` (1), (..., 4, 4)."""
    fraction = np.asarray(fraction, dtype=np.float64)[..., None]
    return a @ exp(fraction * log(inverse(a) @ b))


def from_quaternion_xyzw(position: ArrayLike, quaternion: ArrayLike) -> FloatArray:
    """Pose (..., 4, 4) from position (..., 3) and quaternion (..., 4); it is normalized here.

    Raises InputError if a quaternion is zero or anything is not finite.
    """
    position = np.asarray(position, dtype=np.float64)
    quaternion = np.asarray(quaternion, dtype=np.float64)
    if not (np.isfinite(position).all() and np.isfinite(quaternion).all()):
        raise InputError(expected("pose", "finite numbers", f"{position} {quaternion}"))
    if (np.linalg.norm(quaternion, axis=-1) < 1e-6).any():
        raise InputError(expected("pose", "a unit quaternion", f"{quaternion}"))
    flat = Rotation.from_quat(quaternion.reshape(-1, 4)).as_matrix()
    return make_pose(flat.reshape(*quaternion.shape[:-1], 3, 3), position)


def to_quaternion_xyzw(pose: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Position (..., 3) and unit quaternion (..., 4) with w >= 0."""
    flat = Rotation.from_matrix(pose[..., :3, :3].reshape(-1, 3, 3)).as_quat(canonical=True)
    quaternion = np.asarray(flat, dtype=np.float64).reshape(*pose.shape[:-2], 4)
    return pose[..., :3, 3].copy(), quaternion


def pose_error(estimate: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distance (...) in metres and angle (...) in radians between poses `map_from_x`.

    The translation of the poses must be the position of x in the map: with `x_from_map`
    the distance would mix in the rotation error.
    """
    distance = np.linalg.norm(estimate[..., :3, 3] - truth[..., :3, 3], axis=-1)
    relative = np.swapaxes(estimate[..., :3, :3], -1, -2) @ truth[..., :3, :3]
    return distance, np.linalg.norm(rotation_vector(relative), axis=-1)


def check_pose(name: str, matrix: Any) -> FloatArray:
    """The matrix as a (4, 4) float64 pose; raises InputError if it is not a rigid motion."""
    pose = np.asarray(matrix, dtype=np.float64)
    if pose.shape != (4, 4):
        raise InputError(expected(name, "a (4, 4) pose", f"shape {pose.shape}"))
    if not np.isfinite(pose).all():
        raise InputError(expected(name, "finite numbers", "NaN or infinity"))
    if not np.array_equal(pose[3], [0, 0, 0, 1]):
        raise InputError(expected(name, "a last row 0 0 0 1", pose[3].tolist()))
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > _ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0:
        raise InputError(expected(name, "a rotation matrix", f"{rotation.round(4).tolist()}"))
    return pose


def _apply(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    product: FloatArray = (matrix @ vector[..., None])[..., 0]
    return product


def _exp_coefficients(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """sin(t)/t, (1 - cos t)/t² and (t - sin t)/t³ of the angles (...)."""
    angle = np.linalg.norm(theta, axis=-1)
    small = angle < _SMALL_ANGLE
    safe = np.where(small, 1.0, angle)
    square = angle**2
    first = np.where(small, 1 - square / 6 + square**2 / 120, np.sin(safe) / safe)
    second = np.where(
        small, 0.5 - square / 24 + square**2 / 720, 2 * (np.sin(safe / 2) / safe) ** 2
    )
    third = np.where(
        small, 1 / 6 - square / 120 + square**2 / 5040, (safe - np.sin(safe)) / safe**3
    )
    return first, second, third


def _log_coefficient(theta: FloatArray) -> FloatArray:
    """(1 - (t/2) cot(t/2)) / t² of the angles (...): finite up to and at pi."""
    angle = np.linalg.norm(theta, axis=-1)
    small = angle < _SMALL_ANGLE
    safe = np.where(small, 1.0, angle)
    series = 1 / 12 + angle**2 / 720 + angle**4 / 30240
    coefficient: FloatArray = np.where(small, series, (1 - safe / 2 / np.tan(safe / 2)) / safe**2)
    return coefficient
