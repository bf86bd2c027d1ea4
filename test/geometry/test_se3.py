"""SE(3): exp and log against scipy's matrix functions, and the algebra they must satisfy."""

import numpy as np
import pytest
from scipy.linalg import expm

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3


def random_tangents(number, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(scale=scale, size=(number, 6))


def generator(tangent):
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = se3.hat(tangent[3:])
    matrix[:3, 3] = tangent[:3]
    return matrix


@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1e-3, 0.0099, 0.0101, 0.5, 1.5])
def test_exp_is_the_matrix_exponential(scale):
    for tangent in random_tangents(20, scale):
        np.testing.assert_allclose(se3.exp(tangent), expm(generator(tangent)), atol=1e-13)


@pytest.mark.parametrize("angle", [0.0, 1e-10, 1e-5, 0.01, 1.0, 3.0, np.pi - 1e-6, np.pi - 1e-9])
def test_log_inverts_exp_from_zero_to_pi(angle):
    tangents = random_tangents(50)
    tangents[:, 3:] *= angle / np.linalg.norm(tangents[:, 3:], axis=1, keepdims=True)
    np.testing.assert_allclose(
        se3.log(se3.exp(tangents)), tangents, atol=1e-7 if angle > 3 else 1e-9
    )


def test_log_at_pi_gives_one_of_the_two_tangents():
    pose = se3.exp(np.array([1.0, 2, 3, np.pi, 0, 0]))
    np.testing.assert_allclose(se3.exp(se3.log(pose)), pose, atol=1e-9)


def test_inverse_and_transform_agree():
    pose = se3.exp(random_tangents(1)[0])
    points = np.random.default_rng(1).normal(size=(7, 3))
    there_and_back = se3.transform(se3.inverse(pose), se3.transform(pose, points))
    np.testing.assert_allclose(there_and_back, points, atol=1e-14)
    np.testing.assert_allclose(se3.transform(pose, points)[0], (pose @ [*points[0], 1])[:3])


def test_adjoint_moves_a_tangent_to_the_other_side():
    poses, tangents = se3.exp(random_tangents(30, seed=1)), random_tangents(30, seed=2)
    moved = (se3.adjoint(poses) @ tangents[:, :, None])[:, :, 0]
    np.testing.assert_allclose(poses @ se3.exp(tangents), se3.exp(moved) @ poses, atol=1e-10)


def test_interpolation_has_the_ends_and_constant_twist():
    a, b = se3.exp(random_tangents(2, seed=3))
    np.testing.assert_allclose(se3.interpolate(a, b, 0.0), a, atol=1e-12)
    np.testing.assert_allclose(se3.interpolate(a, b, 1.0), b, atol=1e-12)
    steps = se3.interpolate(a, b, np.array([0.2, 0.5, 0.8]))
    np.testing.assert_allclose(
        se3.log(se3.inverse(steps[0]) @ steps[1]),
        se3.log(se3.inverse(steps[1]) @ steps[2]),
        atol=1e-10,
    )


def test_interpolation_of_a_quarter_circle_stays_on_the_circle():
    # A robot at (1, 0) heading +y drives a quarter circle about the origin to (0, 1).
    a = se3.exp(np.array([0, 0, 0, 0, 0, np.pi / 2])).copy()
    a[:3, 3] = [1, 0, 0]
    b = se3.exp(np.array([0, 0, 0, 0, 0, np.pi])).copy()
    b[:3, 3] = [0, 1, 0]
    half = se3.interpolate(a, b, 0.5)
    np.testing.assert_allclose(half[:3, 3], [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-12)


def test_quaternions_have_ros_order_and_round_trip():
    quarter_about_z = se3.from_quaternion_xyzw([1, 2, 3], [0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    np.testing.assert_allclose(quarter_about_z[:3, 0], [0, 1, 0], atol=1e-15)
    poses = se3.exp(random_tangents(10, seed=4)).reshape(2, 5, 4, 4)
    position, quaternion = se3.to_quaternion_xyzw(poses)
    assert position.shape == (2, 5, 3) and quaternion.shape == (2, 5, 4)
    np.testing.assert_allclose(se3.from_quaternion_xyzw(position, quaternion), poses, atol=1e-12)


def test_pose_error_is_distance_and_angle():
    truth = se3.exp(random_tangents(5, seed=5))
    turn = se3.exp(np.array([0, 0, 0, 0, 0.3, 0]))
    estimate = truth @ turn
    estimate[:, :3, 3] += [3, 0, 4]
    distance, angle = se3.pose_error(estimate, truth)
    np.testing.assert_allclose(distance, 5.0)
    np.testing.assert_allclose(angle, 0.3)


def test_bad_poses_are_one_clear_line():
    with pytest.raises(InputError, match="extrinsics: expected finite"):
        se3.check_pose("extrinsics", np.full((4, 4), np.nan))
    with pytest.raises(InputError, match="rotation matrix"):
        se3.check_pose("extrinsics", np.diag([2.0, 1, 1, 1]))
    with pytest.raises(InputError, match="rotation matrix"):
        se3.check_pose("extrinsics", np.diag([-1.0, 1, 1, 1]))
    with pytest.raises(InputError, match=r"\(4, 4\)"):
        se3.check_pose("extrinsics", np.eye(3))
    with pytest.raises(InputError, match="unit quaternion"):
        se3.from_quaternion_xyzw([0, 0, 0], [0, 0, 0, 0])
    with pytest.raises(InputError, match="finite"):
        se3.from_quaternion_xyzw([0, np.nan, 0], [0, 0, 0, 1])
    np.testing.assert_array_equal(se3.check_pose("extrinsics", np.eye(4)), np.eye(4))
