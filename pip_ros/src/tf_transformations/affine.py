"""Homogeneous (4, 4) matrices: rotations about points, scaling, composing and taking apart."""

import math
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from tf_transformations.rotations import euler_from_matrix, euler_matrix
from tf_transformations.vectors import unit_vector


def identity_matrix() -> np.ndarray:
    """The identity."""
    return np.identity(4)


def translation_matrix(direction: ArrayLike) -> np.ndarray:
    """The shift by a vector (3,)."""
    matrix = np.identity(4)
    matrix[:3, 3] = np.asarray(direction)[:3]
    return matrix


def translation_from_matrix(matrix: ArrayLike) -> np.ndarray:
    """The shift (3,) of a matrix."""
    return np.array(matrix, np.float64)[:3, 3].copy()


def inverse_matrix(matrix: ArrayLike) -> np.ndarray:
    """The inverse of any regular matrix."""
    return np.linalg.inv(matrix)


def concatenate_matrices(*matrices: ArrayLike) -> np.ndarray:
    """The product, the last one applying first."""
    return reduce(np.dot, matrices, np.identity(4))


def is_same_transform(matrix0: ArrayLike, matrix1: ArrayLike) -> bool:
    """Whether two matrices are equal but for their homogeneous scale."""
    first, second = np.asarray(matrix0, np.float64), np.asarray(matrix1, np.float64)
    return bool(np.allclose(first / first[3, 3], second / second[3, 3]))


def rotation_matrix(
    angle: float, direction: ArrayLike, point: ArrayLike | None = None
) -> np.ndarray:
    """The rotation about an axis of any length, through the origin or through `point`."""
    axis = unit_vector(np.asarray(direction)[:3])
    return _about(Rotation.from_rotvec(angle * axis).as_matrix(), point)


def rotation_from_matrix(matrix: ArrayLike) -> tuple[float, np.ndarray, np.ndarray]:
    """(angle, unit axis (3,), point on the axis (4,)) of a rotation about an axis in space."""
    whole = np.asarray(matrix, np.float64)
    rotation = Rotation.from_matrix(whole[:3, :3])
    angle = rotation.magnitude()
    # Any axis will do for no rotation; z keeps it of length 1.
    axis = rotation.as_rotvec() / angle if angle > 0.0 else np.array([0.0, 0.0, 1.0])
    # The points that stay where they are form a line: the least-squares solution is its point
    # nearest to the origin.
    fixed = np.linalg.lstsq(np.identity(3) - whole[:3, :3], whole[:3, 3], rcond=1e-9)[0]
    return float(angle), axis, np.append(fixed, 1.0)


def reflection_matrix(point: ArrayLike, normal: ArrayLike) -> np.ndarray:
    """The mirror image in the plane through a point."""
    axis = unit_vector(np.asarray(normal)[:3])
    return _about(np.identity(3) - 2.0 * np.outer(axis, axis), point)


def scale_matrix(
    factor: float, origin: ArrayLike | None = None, direction: ArrayLike | None = None
) -> np.ndarray:
    """The scaling about an origin, in all directions or along one."""
    if direction is None:
        return _about(factor * np.identity(3), origin)
    axis = unit_vector(np.asarray(direction)[:3])
    return _about(np.identity(3) + (factor - 1.0) * np.outer(axis, axis), origin)


def compose_matrix(
    scale: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    angles: tuple[float, float, float] | None = None,
    translate: ArrayLike | None = None,
    perspective: ArrayLike | None = None,
) -> np.ndarray:
    """Translation * rotation * scale * shear; `perspective` is taken and left out, as upstream.

    `shear` are the entries xy, xz, yz of a unit upper triangle, `angles` Euler's of sxyz.
    """
    matrix = np.identity(4) if angles is None else euler_matrix(*angles)
    triangle = np.identity(3)
    if shear is not None:
        triangle[np.triu_indices(3, 1)] = shear
    if scale is not None:
        triangle = np.asarray(scale, np.float64)[:, None] * triangle
    matrix[:3, :3] = matrix[:3, :3] @ triangle
    if translate is not None:
        matrix[:3, 3] = np.asarray(translate)[:3]
    return matrix


def decompose_matrix(
    matrix: ArrayLike,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float], np.ndarray, None]:
    """(scale, shear, Euler angles of sxyz, translation, None), such that compose_matrix undoes it.

    A mirroring matrix has its first scale negative.
    """
    whole = np.asarray(matrix, np.float64)
    rotation, triangle = np.linalg.qr(whole[:3, :3])
    signs = np.where(np.diag(triangle) < 0.0, -1.0, 1.0)
    rotation, triangle = rotation * signs, signs[:, None] * triangle
    if np.linalg.det(rotation) < 0.0:
        rotation[:, 0] *= -1.0
        triangle[0] *= -1.0
    scale = np.diag(triangle).copy()
    shear = (triangle / scale[:, None])[np.triu_indices(3, 1)]
    return scale, shear, euler_from_matrix(rotation), whole[:3, 3].copy(), None


def superimposition_matrix(
    v0: ArrayLike, v1: ArrayLike, scaling: bool = False, usesvd: bool = True
) -> np.ndarray:
    """The rigid (or similarity) transform that takes points v0 (3 or 4, N) nearest to v1.

    Arun et al. 1987, by singular values whatever `usesvd` says: the other way has the same result.
    """
    first, second = np.asarray(v0, np.float64)[:3], np.asarray(v1, np.float64)[:3]
    if first.shape != second.shape or first.shape[1] < 3:
        raise ValueError(f"v0, v1: expected equal shapes (3, N >= 3), got {first.shape}")
    center0, center1 = first.mean(axis=1), second.mean(axis=1)
    spread0, spread1 = first - center0[:, None], second - center1[:, None]
    u, _, vt = np.linalg.svd(spread1 @ spread0.T)
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    linear = u @ vt
    if scaling:
        linear *= math.sqrt(np.sum(spread1**2) / np.sum(spread0**2))
    matrix = np.identity(4)
    matrix[:3, :3], matrix[:3, 3] = linear, center1 - linear @ center0
    return matrix


def _about(linear: np.ndarray, point: ArrayLike | None) -> np.ndarray:
    """The (3, 3) map applied about a point."""
    matrix = np.identity(4)
    matrix[:3, :3] = linear
    if point is not None:
        center = np.asarray(point, np.float64)[:3]
        matrix[:3, 3] = center - linear @ center
    return matrix
