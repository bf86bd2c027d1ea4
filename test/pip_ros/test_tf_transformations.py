"""tf_transformations: conventions and round trips, against scipy and plain matrices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tf_transformations as tf
from scipy.spatial.transform import Rotation, Slerp

LETTERS = [
    "".join(letters)
    for letters in itertools.product("xyz", repeat=3)
    if letters[0] != letters[1] and letters[1] != letters[2]
]
AXES = [frame + letters for frame in "sr" for letters in LETTERS]


def random_quaternions(count: int) -> np.ndarray:
    return Rotation.random(count, random_state=11).as_quat()


def about(axis: str, angle: float) -> np.ndarray:
    """Written out by hand: the rotation about one axis."""
    c, s = math.cos(angle), math.sin(angle)
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def by_hand(axes: str, angles) -> np.ndarray:
    """Static axes: later rotations multiply from the left; rotating axes: from the right."""
    first, second, third = (
        about(axis, angle) for axis, angle in zip(axes[1:], angles, strict=True)
    )
    return third @ second @ first if axes[0] == "s" else first @ second @ third


def same_rotation(first, second) -> bool:
    return math.isclose(abs(float(np.dot(first, second))), 1.0, abs_tol=1e-9)


def test_there_are_24_conventions():
    assert len(AXES) == 24


@pytest.mark.parametrize("axes", AXES)
def test_euler_angles_go_both_ways(axes):
    for angles in [(0.3, -0.7, 1.1), (-2.5, 0.4, 3.0), (0.0, 0.2, 0.0), (1.0, 1.2, -1.4)]:
        expected = by_hand(axes, angles)
        matrix = tf.euler_matrix(*angles, axes)
        assert matrix.shape == (4, 4)
        np.testing.assert_allclose(matrix[:3, :3], expected, atol=1e-12)
        quaternion = tf.quaternion_from_euler(*angles, axes)
        np.testing.assert_allclose(Rotation.from_quat(quaternion).as_matrix(), expected, atol=1e-12)
        for found in (
            tf.euler_from_matrix(matrix, axes),
            tf.euler_from_quaternion(quaternion, axes),
        ):
            np.testing.assert_allclose(by_hand(axes, found), expected, atol=1e-9)


def test_static_xyz_is_the_default_and_gives_roll_pitch_yaw_back():
    angles = (0.1, -0.4, 2.2)
    quaternion = tf.quaternion_from_euler(*angles)
    np.testing.assert_allclose(tf.euler_from_quaternion(quaternion), angles, atol=1e-12)
    np.testing.assert_allclose(tf.euler_from_matrix(tf.euler_matrix(*angles)), angles, atol=1e-12)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(
        tf.quaternion_from_euler(0, 0, math.pi / 2), (0, 0, half, half), atol=1e-12
    )


@pytest.mark.parametrize("axes", AXES)
def test_gimbal_lock_loses_an_angle_but_not_the_rotation(axes):
    middle = 0.0 if axes[1] == axes[3] else math.pi / 2
    expected = by_hand(axes, (0.3, middle, 0.5))
    matrix = np.identity(4)
    matrix[:3, :3] = expected
    found = tf.euler_from_matrix(matrix, axes)
    np.testing.assert_allclose(by_hand(axes, found), expected, atol=1e-7)
    assert found[0 if axes[0] == "r" else 2] == pytest.approx(0.0, abs=1e-7)


def test_an_unknown_convention_is_refused():
    for axes in ("xyz", "sxxy", "qxyz"):
        with pytest.raises((ValueError, KeyError)):
            tf.euler_matrix(0, 0, 0, axes)


def test_quaternions_and_matrices_go_both_ways():
    for quaternion in random_quaternions(50):
        matrix = tf.quaternion_matrix(quaternion)
        expected = Rotation.from_quat(quaternion).as_matrix()
        np.testing.assert_allclose(matrix[:3, :3], expected, atol=1e-12)
        np.testing.assert_array_equal(matrix[3], (0, 0, 0, 1))
        found = tf.quaternion_from_matrix(matrix)
        assert same_rotation(found, quaternion) and found[3] >= 0.0


def test_quaternion_matrix_takes_any_length_and_zero():
    np.testing.assert_allclose(
        tf.quaternion_matrix((0, 0, 3, 4)), tf.quaternion_matrix((0, 0, 0.6, 0.8)), atol=1e-12
    )
    np.testing.assert_array_equal(tf.quaternion_matrix((0, 0, 0, 0)), np.identity(4))


def test_quaternion_parts_are_plain_numbers_for_messages():
    for quaternion in (
        tf.quaternion_from_euler(0.1, 0.2, 0.3),
        tf.quaternion_from_matrix(np.identity(4)),
        tf.quaternion_multiply((0, 0, 0, 1), (0, 0, 0, 1.0)),
        tf.quaternion_about_axis(0.3, (0, 0, 1)),
    ):
        assert len(quaternion) == 4
        assert all(isinstance(value, float) for value in quaternion)


def test_the_right_quaternion_of_a_product_rotates_first():
    first, second = random_quaternions(2)
    product = tf.quaternion_multiply(first, second)
    expected = (Rotation.from_quat(first) * Rotation.from_quat(second)).as_quat()
    np.testing.assert_allclose(np.array(product) * np.sign(product[3] * expected[3]), expected)
    np.testing.assert_allclose(
        tf.quaternion_multiply((1, -2, 3, 4), (-5, 6, 7, 8)), (-44, -14, 48, 28)
    )


def test_conjugate_and_inverse():
    np.testing.assert_array_equal(tf.quaternion_conjugate((1, 2, 3, 4)), (-1, -2, -3, 4))
    quaternion = np.array((1.0, 2.0, 3.0, 4.0))
    product = tf.quaternion_multiply(quaternion, tf.quaternion_inverse(quaternion))
    np.testing.assert_allclose(product, (0, 0, 0, 1), atol=1e-12)


def test_about_an_axis_of_any_length():
    expected = Rotation.from_rotvec([0, 0, 0.5]).as_quat()
    np.testing.assert_allclose(tf.quaternion_about_axis(0.5, (0, 0, 3)), expected, atol=1e-12)


def test_slerp_goes_the_short_way_at_constant_speed():
    first, second = random_quaternions(2)
    slerp = Slerp([0, 1], Rotation.from_quat([first, second]))
    for fraction in (0.0, 0.2, 0.5, 0.9, 1.0):
        expected = slerp(fraction).as_quat()
        assert same_rotation(tf.quaternion_slerp(first, second, fraction), expected)
        assert same_rotation(tf.quaternion_slerp(first, -second, fraction), expected)
    assert same_rotation(tf.quaternion_slerp(first, first, 0.3), first)


def about_z(angle: float) -> tuple[float, float, float, float]:
    return 0.0, 0.0, math.sin(angle / 2), math.cos(angle / 2)


def test_slerp_may_go_the_long_way_and_spin():
    """3.2 rad is more than half a turn; two spins are one turn more on the way."""
    long = tf.quaternion_slerp(about_z(0.0), about_z(3.2), 0.5, shortestpath=False)
    assert same_rotation(long, about_z(1.6))
    short = tf.quaternion_slerp(about_z(0.0), about_z(3.2), 0.5)
    assert same_rotation(short, about_z((3.2 - 2 * math.pi) / 2))
    spun = tf.quaternion_slerp(about_z(0.0), about_z(1.0), 0.25, spin=2)
    assert same_rotation(spun, about_z(0.25 * (1.0 + 4 * math.pi)))


def test_random_rotations_are_rotations_and_repeatable():
    quaternion = tf.random_quaternion((0.1, 0.6, 0.3))
    assert np.linalg.norm(quaternion) == pytest.approx(1.0)
    assert same_rotation(quaternion, tf.random_quaternion((0.1, 0.6, 0.3)))
    matrix = tf.random_rotation_matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.identity(4), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_translations():
    matrix = tf.translation_matrix((1, 2, 3))
    np.testing.assert_array_equal(matrix @ (4, 5, 6, 1), (5, 7, 9, 1))
    np.testing.assert_array_equal(tf.translation_from_matrix(matrix), (1, 2, 3))
    np.testing.assert_array_equal(tf.identity_matrix(), np.identity(4))


def test_the_last_of_concatenated_matrices_applies_first():
    turn, shift = tf.euler_matrix(0, 0, math.pi / 2), tf.translation_matrix((1, 0, 0))
    point = tf.concatenate_matrices(turn, shift) @ (0, 0, 0, 1)
    np.testing.assert_allclose(point, (0, 1, 0, 1), atol=1e-12)
    np.testing.assert_array_equal(tf.concatenate_matrices(), np.identity(4))


def test_inverse_matrix():
    matrix = tf.concatenate_matrices(
        tf.translation_matrix((1, 2, 3)), tf.euler_matrix(0.1, 0.2, 0.3), np.diag((2, 1, 1, 1))
    )
    np.testing.assert_allclose(matrix @ tf.inverse_matrix(matrix), np.identity(4), atol=1e-12)


def test_rotation_about_an_axis_through_a_point():
    matrix = tf.rotation_matrix(math.pi / 2, (0, 0, 2), (1, 0, 0))
    np.testing.assert_allclose(matrix @ (1, 0, 5, 1), (1, 0, 5, 1), atol=1e-12)
    np.testing.assert_allclose(matrix @ (2, 0, 0, 1), (1, 1, 0, 1), atol=1e-12)
    expected = Rotation.from_rotvec(0.7 * np.array([2, 1, 2]) / 3).as_matrix()
    np.testing.assert_allclose(tf.rotation_matrix(0.7, (2, 1, 2))[:3, :3], expected, atol=1e-12)


def test_a_rotation_matrix_gives_its_axis_back():
    for angle, point in ((0.7, (1.0, -2.0, 0.5)), (-2.0, (0.0, 0.0, 0.0)), (3.0, (9.0, 1.0, 4.0))):
        matrix = tf.rotation_matrix(angle, (0.2, -0.5, 0.9), point)
        again = tf.rotation_matrix(*tf.rotation_from_matrix(matrix))
        np.testing.assert_allclose(again, matrix, atol=1e-8)


def test_matrices_are_composed_and_taken_apart():
    scale, shear, angles, shift = (2.0, 0.5, 1.5), (0.1, -0.2, 0.3), (0.3, -0.4, 0.5), (1, 2, 3)
    matrix = tf.compose_matrix(scale, shear, angles, shift)
    triangle = np.array([[1, 0.1, -0.2], [0, 1, 0.3], [0, 0, 1]])
    expected = by_hand("sxyz", angles) @ np.diag(scale) @ triangle
    np.testing.assert_allclose(matrix[:3, :3], expected, atol=1e-12)
    found = tf.decompose_matrix(matrix)
    for value, wanted in zip(found[:4], (scale, shear, angles, shift), strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-9)
    np.testing.assert_allclose(tf.compose_matrix(), np.identity(4), atol=1e-12)


def test_a_mirroring_matrix_has_a_negative_scale():
    matrix = tf.concatenate_matrices(tf.euler_matrix(0.1, 0.2, 0.3), np.diag((1, -2, 3, 1.0)))
    scale, shear, angles, shift, _ = tf.decompose_matrix(matrix)
    assert np.prod(scale) == pytest.approx(-6.0)
    np.testing.assert_allclose(tf.compose_matrix(scale, shear, angles, shift), matrix, atol=1e-9)


def test_scaling_and_mirroring():
    about_point = tf.scale_matrix(2.0, (1, 1, 1))
    np.testing.assert_allclose(about_point @ (2, 1, 0, 1), (3, 1, -1, 1), atol=1e-12)
    along = tf.scale_matrix(3.0, direction=(0, 1, 0))
    np.testing.assert_allclose(along @ (1, 2, 3, 1), (1, 6, 3, 1), atol=1e-12)
    mirror = tf.reflection_matrix((0, 0, 1), (0, 0, 1))
    np.testing.assert_allclose(mirror @ (5, 6, 4, 1), (5, 6, -2, 1), atol=1e-12)


def test_same_transform_ignores_the_homogeneous_scale():
    matrix = tf.euler_matrix(0.1, 0.2, 0.3)
    assert tf.is_same_transform(matrix, 3.0 * matrix)
    assert not tf.is_same_transform(matrix, tf.identity_matrix())


@pytest.mark.parametrize("scaling", [False, True])
def test_superimposed_points_match(scaling):
    points = np.random.default_rng(5).normal(size=(3, 20))
    matrix = tf.compose_matrix((2.5,) * 3 if scaling else None, None, (0.4, 1.0, -2.0), (1, 2, 3))
    moved = matrix[:3, :3] @ points + matrix[:3, 3:]
    found = tf.superimposition_matrix(points, moved, scaling=scaling)
    np.testing.assert_allclose(found, matrix, atol=1e-9)


def test_lengths_of_vectors():
    assert tf.vector_norm((3, 4, 12)) == pytest.approx(13.0)
    rows = np.array([[3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_allclose(tf.vector_norm(rows, axis=1), (5, 10))
    out = np.empty(2)
    tf.vector_norm(rows, axis=1, out=out)
    np.testing.assert_allclose(out, (5, 10))
    np.testing.assert_allclose(tf.unit_vector((3, 4)), (0.6, 0.8))
    np.testing.assert_allclose(tf.unit_vector(rows, axis=1), [[0.6, 0.8], [0.6, 0.8]])
    assert tf.random_vector(7).shape == (7,)
