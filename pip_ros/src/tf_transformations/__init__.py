"""Homogeneous matrices, quaternions and Euler angles: a subset of tf_transformations.

Matrices are (4, 4), quaternions (x, y, z, w), angles radians. Euler conventions are named by four
letters: `s`tatic or `r`otating axes, then the axes in the order in which the angles apply.
"""

from tf_transformations.affine import (
    compose_matrix,
    concatenate_matrices,
    decompose_matrix,
    identity_matrix,
    inverse_matrix,
    is_same_transform,
    reflection_matrix,
    rotation_from_matrix,
    rotation_matrix,
    scale_matrix,
    superimposition_matrix,
    translation_from_matrix,
    translation_matrix,
)
from tf_transformations.rotations import (
    euler_from_matrix,
    euler_from_quaternion,
    euler_matrix,
    quaternion_about_axis,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_from_matrix,
    quaternion_inverse,
    quaternion_matrix,
    quaternion_multiply,
    quaternion_slerp,
    random_quaternion,
    random_rotation_matrix,
)
from tf_transformations.vectors import random_vector, unit_vector, vector_norm

__all__ = [
    "compose_matrix",
    "concatenate_matrices",
    "decompose_matrix",
    "euler_from_matrix",
    "euler_from_quaternion",
    "euler_matrix",
    "identity_matrix",
    "inverse_matrix",
    "is_same_transform",
    "quaternion_about_axis",
    "quaternion_conjugate",
    "quaternion_from_euler",
    "quaternion_from_matrix",
    "quaternion_inverse",
    "quaternion_matrix",
    "quaternion_multiply",
    "quaternion_slerp",
    "random_quaternion",
    "random_rotation_matrix",
    "random_vector",
    "reflection_matrix",
    "rotation_from_matrix",
    "rotation_matrix",
    "scale_matrix",
    "superimposition_matrix",
    "translation_from_matrix",
    "translation_matrix",
    "unit_vector",
    "vector_norm",
]
