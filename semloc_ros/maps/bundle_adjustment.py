"""Least squares over points and poses with the points eliminated (Schur complement).

Triggs et al., "Bundle Adjustment: A Modern Synthesis" (2000), section 6.1. Columns are the pose
errors (6 per view: rho, theta of the error in the camera's frame) and, at the end, shared ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Linearization:
    """One linearized problem of T observations of P points, grouped by point.

    `errors` (T, 2); `weights` (T,); `by_point` (T, 2, 3); `by_columns` (T, 2, K) derivatives by
    the K columns `columns` (T, K) of `num_columns`; `offsets` (P + 1,) groups the rows.
    """

    errors: FloatArray
    weights: FloatArray
    by_point: FloatArray
    by_columns: FloatArray
    columns: NDArray[np.int64]
    num_columns: int
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reduced:
    """The system after the points are gone: `matrix` (Q, Q) and `gradient` (Q,), and what
    gives the points back: `inverses` (P, 3, 3), `coupling` (T, K, 3), `point_gradient` (P, 3)."""

    matrix: FloatArray
    gradient: FloatArray
    inverses: FloatArray
    coupling: FloatArray
    point_gradient: FloatArray


def reduce_points(problem: Linearization, damping: float) -> Reduced:
    """Eliminate the points, whose blocks are damped (Levenberg-Marquardt) by `damping`."""
    weighted = problem.by_point * problem.weights[:, None, None]
    starts = problem.offsets[:-1]
    blocks = np.add.reduceat(weighted.transpose(0, 2, 1) @ problem.by_point, starts)
    gradient = np.add.reduceat((weighted * problem.errors[:, :, None]).sum(1), starts)
    diagonal = np.einsum("pii->pi", blocks)
    diagonal += damping * np.maximum(diagonal, 1e-9)
    inverses = np.linalg.inv(blocks)
    coupling = problem.by_columns.transpose(0, 2, 1) @ weighted
    matrix, right = _normal_equations(
        problem.by_columns, problem.errors, problem.weights, problem.columns, problem.num_columns
    )
    _subtract_points(
        matrix, right, coupling, problem.columns, problem.offsets, inverses, gradient
    )
    return Reduced(matrix, right, inverses, coupling, gradient)


def point_steps(problem: Linearization, reduced: Reduced, step: FloatArray) -> FloatArray:
    """The points' steps (P, 3) that go with the columns' step (Q,)."""
    moved = (reduced.coupling * step[problem.columns][:, :, None]).sum(1)
    pull = reduced.point_gradient + np.add.reduceat(moved, problem.offsets[:-1])
    steps: FloatArray = -(reduced.inverses @ pull[:, :, None])[:, :, 0]
    return steps


@numba.njit(cache=True)
def _normal_equations(by_columns, errors, weights, columns, num_columns):  # type: ignore[no-untyped-def]
    matrix = np.zeros((num_columns, num_columns))
    gradient = np.zeros(num_columns)
    rows, _, width = by_columns.shape
    for t in range(rows):
        for a in range(width):
            first, second = by_columns[t, 0, a] * weights[t], by_columns[t, 1, a] * weights[t]
            gradient[columns[t, a]] += first * errors[t, 0] + second * errors[t, 1]
            for b in range(width):
                matrix[columns[t, a], columns[t, b]] += (
                    first * by_columns[t, 0, b] + second * by_columns[t, 1, b]
                )
    return matrix, gradient


@numba.njit(cache=True)
def _subtract_points(matrix, right, coupling, columns, offsets, inverses, gradient):  # type: ignore[no-untyped-def]
    """matrix -= W C⁻¹ Wᵀ and right -= W C⁻¹ g, point by point, in place."""
    width = coupling.shape[1]
    solved = np.empty((width, 3))
    for p in range(len(offsets) - 1):
        inverse = inverses[p]
        for t in range(offsets[p], offsets[p + 1]):
            for a in range(width):
                for k in range(3):
                    solved[a, k] = (
                        coupling[t, a, 0] * inverse[0, k]
                        + coupling[t, a, 1] * inverse[1, k]
                        + coupling[t, a, 2] * inverse[2, k]
                    )
                right[columns[t, a]] -= (
                    solved[a, 0] * gradient[p, 0]
                    + solved[a, 1] * gradient[p, 1]
                    + solved[a, 2] * gradient[p, 2]
                )
            for s in range(offsets[p], offsets[p + 1]):
                for a in range(width):
                    row = columns[t, a]
                    for b in range(width):
                        matrix[row, columns[s, b]] -= (
                            solved[a, 0] * coupling[s, b, 0]
                            + solved[a, 1] * coupling[s, b, 1]
                            + solved[a, 2] * coupling[s, b, 2]
                        )
