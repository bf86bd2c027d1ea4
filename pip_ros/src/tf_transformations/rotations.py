"""Quaternions (x, y, z, w) and the 24 Euler conventions, by way of scipy's rotations."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from tf_transformations.vectors import unit_vector

TINY = np.finfo(float).eps * 4.0
Quaternion = tuple[float, float, float, float]
Angles = tuple[float, float, float]


def quaternion_from_euler(ai: float, aj: float, ak: float, axes: str = "sxyz") -> Quaternion:
    """The rotation by three angles."""
    return _tuple(_from_euler(ai, aj, ak, axes).as_quat())


def euler_from_quaternion(quaternion: ArrayLike, axes: str = "sxyz") -> Angles:
    """The three angles of a rotation; in gimbal lock the last one is zero."""
    return euler_from_matrix(_rotation(quaternion).as_matrix(), axes)


def euler_matrix(ai: float, aj: float, ak: float, axes: str = "sxyz") -> np.ndarray:
    """The matrix of the rotation by three angles."""
    return _homogeneous(_from_euler(ai, aj, ak, axes).as_matrix())


def euler_from_matrix(matrix: ArrayLike, axes: str = "sxyz") -> Angles:
    """The three angles of a matrix's rotation; in gimbal lock the last one is zero.

    Shoemake, "Euler Angle Conversion", Graphics Gems IV: every convention is one of static axes
    i, j, k, with i again in place of k where the first axis repeats.
    """
    rotating, letters = _convention(axes)
    order = letters[::-1] if rotating else letters
    first, second = ("xyz".index(letter) for letter in order[:2])
    third = 3 - first - second
    sign = 1.0 if (second - first) % 3 == 1 else -1.0
    m = np.asarray(matrix, np.float64)[:3, :3]
    if order[0] == order[2]:
        angles = _repeated(m, first, second, third, sign)
    else:
        angles = _distinct(m, first, second, third, sign)
    return angles[::-1] if rotating else angles


def quaternion_about_axis(angle: float, axis: ArrayLike) -> Quaternion:
    """The rotation by an angle about an axis of any length."""
    return _tuple(Rotation.from_rotvec(angle * unit_vector(axis)).as_quat())


def quaternion_matrix(quaternion: ArrayLike) -> np.ndarray:
    """The matrix of a quaternion of any length; that of a zero quaternion is the identity."""
    return _homogeneous(_rotation(quaternion).as_matrix())


def quaternion_from_matrix(matrix: ArrayLike) -> Quaternion:
    """The rotation of a matrix, with w >= 0."""
    rotation = np.asarray(matrix, np.float64)[:3, :3]
    return _tuple(Rotation.from_matrix(rotation).as_quat(canonical=True))


def quaternion_multiply(quaternion1: ArrayLike, quaternion0: ArrayLike) -> Quaternion:
    """The product: quaternion0 rotates first."""
    ax, ay, az, aw = map(float, quaternion1)
    bx, by, bz, bw = map(float, quaternion0)
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def quaternion_conjugate(quaternion: ArrayLike) -> np.ndarray:
    """The quaternion with its vector part reversed."""
    return np.asarray(quaternion, np.float64) * (-1.0, -1.0, -1.0, 1.0)


def quaternion_inverse(quaternion: ArrayLike) -> np.ndarray:
    """The quaternion whose product with the given one is the identity."""
    values = np.asarray(quaternion, np.float64)
    return quaternion_conjugate(values) / np.dot(values, values)


def quaternion_slerp(
    quat0: ArrayLike, quat1: ArrayLike, fraction: float, spin: int = 0, shortestpath: bool = True
) -> np.ndarray:
    """Between two rotations at constant speed, with `spin` half turns more of the quaternion."""
    first, second = unit_vector(np.asarray(quat0)[:4]), unit_vector(np.asarray(quat1)[:4])
    cosine = float(np.dot(first, second))
    if fraction == 1.0:
        return second
    if fraction == 0.0 or abs(abs(cosine) - 1.0) < TINY:
        return first
    if shortestpath and cosine < 0.0:
        cosine, second = -cosine, -second
    angle = math.acos(cosine) + spin * math.pi
    if abs(angle) < TINY:
        return first
    keep, move = math.sin((1.0 - fraction) * angle), math.sin(fraction * angle)
    return (keep * first + move * second) / math.sin(angle)


def random_quaternion(rand: ArrayLike | None = None) -> np.ndarray:
    """A rotation, even over all of them, from three numbers even in [0, 1).

    Shoemake, "Uniform random rotations", Graphics Gems III.
    """
    share, second, third = np.random.random(3) if rand is None else np.asarray(rand, np.float64)
    a, b = 2.0 * math.pi * second, 2.0 * math.pi * third
    outer, inner = math.sqrt(1.0 - share), math.sqrt(share)
    return np.array(
        [outer * math.sin(a), outer * math.cos(a), inner * math.sin(b), inner * math.cos(b)]
    )


def random_rotation_matrix(rand: ArrayLike | None = None) -> np.ndarray:
    """The matrix of a random rotation, from three numbers even in [0, 1)."""
    return quaternion_matrix(random_quaternion(rand))


def _convention(axes: str) -> tuple[bool, str]:
    """(rotating, letters) of a name such as sxyz; raises ValueError where it is none."""
    letters = axes[1:]
    known = len(axes) == 4 and axes[0] in "sr" and set(letters) <= set("xyz")
    if not known or letters[0] == letters[1] or letters[1] == letters[2]:
        raise ValueError(f"axes: expected s or r and three of x, y, z such as sxyz, got {axes!r}")
    return axes[0] == "r", letters


def _from_euler(ai: float, aj: float, ak: float, axes: str) -> Rotation:
    # scipy writes rotating axes in capitals.
    rotating, letters = _convention(axes)
    return Rotation.from_euler(letters.upper() if rotating else letters, (ai, aj, ak))


def _distinct(m: np.ndarray, i: int, j: int, k: int, sign: float) -> Angles:
    cosine = math.hypot(m[i, i], m[j, i])
    middle = math.atan2(-sign * m[k, i], cosine)
    if cosine > TINY:
        return math.atan2(sign * m[k, j], m[k, k]), middle, math.atan2(sign * m[j, i], m[i, i])
    return math.atan2(-sign * m[j, k], m[j, j]), middle, 0.0


def _repeated(m: np.ndarray, i: int, j: int, k: int, sign: float) -> Angles:
    sine = math.hypot(m[i, j], m[i, k])
    middle = math.atan2(sine, m[i, i])
    if sine > TINY:
        return math.atan2(m[i, j], sign * m[i, k]), middle, math.atan2(m[j, i], -sign * m[k, i])
    return math.atan2(-sign * m[j, k], m[j, j]), middle, 0.0


def _rotation(quaternion: ArrayLike) -> Rotation:
    values = np.asarray(quaternion, np.float64)
    if np.dot(values, values) < TINY:
        return Rotation.identity()
    return Rotation.from_quat(values)


def _homogeneous(rotation: np.ndarray) -> np.ndarray:
    matrix = np.identity(4)
    matrix[:3, :3] = rotation
    return matrix


def _tuple(quaternion: np.ndarray) -> Quaternion:
    x, y, z, w = quaternion.tolist()
    return x, y, z, w
