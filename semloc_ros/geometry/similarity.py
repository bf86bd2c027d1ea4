"""Similarities: rigid motions with one scale, as between a monocular SLAM's frame and a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Similarity:
    """`a_from_b`: a point x of b lies at scale · R x + t in a.

    `scale` (...) lengths of a per length of b; `rigid` (..., 4, 4) holds R and t. Leading
    dimensions are batch dimensions.
    """

    scale: FloatArray
    rigid: FloatArray

    def points(self, points: FloatArray) -> FloatArray:
        """Points (..., N, 3) of b in a."""
        return se3.transform(self.rigid, self.scale[..., None, None] * points)

    def poses(self, poses: FloatArray) -> FloatArray:
        """`a_from_body` (..., N, 4, 4) of rigid poses `b_from_body`: the body keeps its size."""
        turned = self.rigid[..., None, :3, :3] @ poses[..., :3, :3]
        return se3.make_pose(turned, self.points(poses[..., :3, 3]))

    def after(self, b_from_c: FloatArray) -> Similarity:
        """`a_from_c` for a rigid motion (4, 4) between two frames of b's unit."""
        return Similarity(self.scale, self.poses(b_from_c[None])[..., 0, :, :])


def fit_similarity(
    source: FloatArray, target: FloatArray, with_scale: bool = True,
    turns: FloatArray | None = None, turn_weight: float = 0.0,
) -> Similarity:
    """`target_from_source` by least squares from points (..., N, 3), row by row the same.

    Umeyama, TPAMI 1991, equations 34 to 43. `turns` (..., N, 3, 3), if given, are measurements
    of the rotation; `turn_weight` is their weight against that of a point, the point's variance
    over the turn's (m²/rad²). Then the rotation is that nearest to the sum of both. Points on one
    line leave the turn about it open, and one place the scale: the caller looks to that.
    """
    centre, there = source.mean(axis=-2), target.mean(axis=-2)
    a, b = source - centre[..., None, :], target - there[..., None, :]
    size = np.maximum((a**2).sum(axis=(-1, -2)), np.finfo(float).tiny)
    product = np.swapaxes(b, -1, -2) @ a
    if turns is not None:
        rough = np.sqrt((b**2).sum(axis=(-1, -2)) / size) if with_scale else np.ones_like(size)
        # |turn - R|² is twice the squared angle: half its weight is that of the angle
        product = rough[..., None, None] * product + turn_weight / 2 * turns.sum(axis=-3)
    left, _, right = np.linalg.svd(product)
    signs = np.ones(left.shape[:-1])
    signs[..., 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = (left * signs[..., None, :]) @ right
    turned = a @ np.swapaxes(rotation, -1, -2)
    scale = (turned * b).sum(axis=(-1, -2)) / size if with_scale else np.ones_like(size)
    shift = there - scale[..., None] * (rotation @ centre[..., None])[..., 0]
    return Similarity(np.asarray(scale), se3.make_pose(rotation, shift))
