"""Small vectors as tuples, for the kernels: compiled into each of them."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(inline="always")
def dot(a: Any, b: Any) -> float:
    """Dot product of two vectors (3,)."""
    product: float = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


@njit(inline="always")
def three(rows: Any, row: int, column: int) -> Any:
    """Three values of a row of a table, from `column` on."""
    return rows[row, column], rows[row, column + 1], rows[row, column + 2]


@njit(inline="always")
def turned(turn: Any, v: Any) -> Any:
    """The vector `v` (3,) turned by `turn` (3, 3)."""
    return (
        turn[0, 0] * v[0] + turn[0, 1] * v[1] + turn[0, 2] * v[2],
        turn[1, 0] * v[0] + turn[1, 1] * v[1] + turn[1, 2] * v[2],
        turn[2, 0] * v[0] + turn[2, 1] * v[1] + turn[2, 2] * v[2],
    )


@njit(inline="always")
def reach(origin: Any, normal: Any, eye: Any, facing: float) -> float:
    """Distance from `eye` to a plane along a ray."""
    away = (origin[0] - eye[0], origin[1] - eye[1], origin[2] - eye[2])
    distance: float = dot(away, normal) / facing
    return distance


@njit(inline="always")
def along(origin: Any, direction: Any, distance: float) -> Any:
    """The point (3,) at a distance along a ray."""
    return (
        origin[0] + distance * direction[0],
        origin[1] + distance * direction[1],
        origin[2] + distance * direction[2],
    )
