"""Matches between two images whose poses are known: descriptors compared along epipolar lines.

Two rays can meet only if they lie in one plane through both camera centres. Turning that plane
about the baseline sweeps the whole pencil of planes, so each feature has one plane angle, and its
candidates in the other image are a short stretch of the features sorted by theirs. This holds
for any lens, and compares a few percent of what comparing all with all would. Within the
stretch: mutual nearest neighbours with a ratio test (Lowe, IJCV 2004, section 7.1) against rivals
from a stretch that is `RIVAL_FACTOR` times wider, so that the test keeps its strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

Pairs = NDArray[np.int32]

RIVAL_FACTOR = 3.0
_NO_BASELINE = 1e-9  # metres


@dataclass(frozen=True, slots=True)
class _Pencil:
    """Features by their epipolar planes: sorted `angles` (N,) in (-pi, pi], `sines` (N,) of the
    angle between ray and baseline, and `order` (N,), their rows as they were."""

    angles: FloatArray
    sines: FloatArray
    order: NDArray[np.int64]


def match_pair(
    descriptors: tuple[NDArray[Any], NDArray[Any]],
    rays: tuple[FloatArray, FloatArray],
    second_from_first: FloatArray,
    ratio: float,
    tolerance: float,
) -> Pairs:
    """Rows (M, 2) of features that match and nearly meet.

    `descriptors` (N, D) uint8 or float32 and unit `rays` (N, 3) in each camera's frame;
    `tolerance` (radians) limits `epipolar_error`. Images from one place have no planes: they
    give no points either, and no matches.
    """
    baseline = second_from_first[:3, 3]
    length = np.linalg.norm(baseline)
    if length < _NO_BASELINE or min(map(len, rays)) == 0:
        return np.empty((0, 2), np.int32)
    axes = _axes(baseline / length)
    turned = rays[0] @ second_from_first[:3, :3].T
    first, second = _pencil(turned, axes), _pencil(rays[1], axes)
    one = np.ascontiguousarray(descriptors[0][first.order])
    two = np.ascontiguousarray(descriptors[1][second.order])
    nearest, back, best, rival, rival_back = _nearest_in_stretch(
        one, two, _lengths(one), _lengths(two), first.angles, second.angles,
        first.sines, second.sines, tolerance, RIVAL_FACTOR * tolerance,
    )
    rows = _mutual_and_distinct(nearest, back, best, rival, rival_back, ratio)
    return np.stack([first.order[rows[0]], second.order[rows[1]]], axis=1).astype(np.int32)


def epipolar_error(
    rays_first: FloatArray, rays_second: FloatArray, second_from_first: FloatArray
) -> FloatArray:
    """Angle (N,) in radians by which unit rays (N, 3) miss meeting, the larger of both images.

    It is the distance of a ray from the epipolar plane that the other ray spans with the
    baseline; times the focal length, about the distance from the epipolar line in pixels. Two
    images from one place have no baseline: then it is the angle between the rays.
    """
    turned = rays_first @ second_from_first[:3, :3].T
    baseline = second_from_first[:3, 3]
    if np.linalg.norm(baseline) < _NO_BASELINE:
        apart: FloatArray = np.linalg.norm(turned - rays_second, axis=1)
        return apart
    from_first, from_second = np.cross(baseline, turned), np.cross(baseline, rays_second)
    triple = np.abs((from_first * rays_second).sum(1))
    lengths = np.minimum(
        np.linalg.norm(from_first, axis=1), np.linalg.norm(from_second, axis=1)
    )
    error: FloatArray = triple / np.maximum(lengths, 1e-12)
    return error


def relative_pose(first_from_map: FloatArray, second_from_map: FloatArray) -> FloatArray:
    """`second_from_first` of two camera poses."""
    return second_from_map @ se3.inverse(first_from_map)


def _axes(direction: FloatArray) -> FloatArray:
    """Two unit vectors (2, 3) that span the plane across a direction."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    one = np.cross(direction, helper)
    one /= np.linalg.norm(one)
    return np.stack([one, np.cross(direction, one)])


def _pencil(rays: FloatArray, axes: FloatArray) -> _Pencil:
    across = rays @ axes.T
    angles = np.arctan2(across[:, 1], across[:, 0])
    angles = np.where(np.isfinite(angles), angles, np.inf)  # rays that the lens does not have
    order = np.argsort(angles, kind="stable")
    order = order[np.isfinite(angles[order])]
    return _Pencil(angles[order], np.linalg.norm(across[order], axis=1), order)


def _lengths(descriptors: NDArray[Any]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(descriptors.astype(np.float32), axis=1)
    return np.asarray(np.maximum(lengths, 1e-6), np.float32)


def _mutual_and_distinct(
    nearest: NDArray[np.int64], back: NDArray[np.int64], best: NDArray[np.float32],
    rival: NDArray[np.float32], rival_back: NDArray[np.float32], ratio: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = np.flatnonzero(nearest >= 0)
    rows = rows[back[nearest[rows]] == rows]
    columns = nearest[rows]
    strongest = np.maximum(rival[rows], rival_back[columns])
    # squared distance of unit vectors is 2 - 2 * similarity
    distinct = (1.0 - best[rows]) < ratio**2 * (1.0 - strongest)
    return rows[distinct], columns[distinct]


@numba.njit(nogil=True, cache=True, fastmath=True)
def _nearest_in_stretch(  # type: ignore[no-untyped-def]
    one, two, lengths_one, lengths_two, angles_one, angles_two, sines_one, sines_two,
    tolerance, rival_tolerance,
):
    """For both sides: the most similar candidate (-1: none), its similarity, and that of the
    strongest rival that is not it. Candidates miss meeting by less than `tolerance`."""
    rows, columns = len(angles_one), len(angles_two)
    nearest, back = np.full(rows, -1), np.full(columns, -1)
    best, best_back = np.full(rows, np.float32(-1)), np.full(columns, np.float32(-1))
    rival, rival_back = np.full(rows, np.float32(-1)), np.full(columns, np.float32(-1))
    for i in range(rows):
        reach = np.pi
        if sines_one[i] > rival_tolerance:
            reach = np.arcsin(rival_tolerance / sines_one[i])
        for turn in (-2 * np.pi, 0.0, 2 * np.pi):  # angles are cyclic
            low = np.searchsorted(angles_two, angles_one[i] + turn - reach)
            high = np.searchsorted(angles_two, angles_one[i] + turn + reach)
            for j in range(low, high):
                sine = max(sines_one[i], sines_two[j])
                miss = sine * abs(np.sin(angles_one[i] - angles_two[j]))
                if miss > rival_tolerance:
                    continue
                total = one[i, 0] * np.float32(0)
                for k in range(one.shape[1]):
                    total += np.float32(one[i, k]) * np.float32(two[j, k])
                similarity = total / (lengths_one[i] * lengths_two[j])
                near = miss <= tolerance
                if near and similarity > best[i]:
                    rival[i] = max(rival[i], best[i])
                    best[i], nearest[i] = similarity, j
                else:
                    rival[i] = max(rival[i], similarity)
                if near and similarity > best_back[j]:
                    rival_back[j] = max(rival_back[j], best_back[j])
                    best_back[j], back[j] = similarity, i
                else:
                    rival_back[j] = max(rival_back[j], similarity)
    return nearest, back, best, rival, rival_back
