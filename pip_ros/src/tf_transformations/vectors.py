"""Lengths of vectors."""

import numpy as np
from numpy.typing import ArrayLike


def vector_norm(
    data: ArrayLike, axis: int | None = None, out: np.ndarray | None = None
) -> float | np.ndarray | None:
    """The length of a vector, or of the vectors along `axis`; written to `out` where given."""
    norm = np.sqrt(np.sum(np.square(np.asarray(data, np.float64)), axis=axis))
    if out is not None:
        out[...] = norm
        return None
    return float(norm) if np.ndim(data) == 1 else np.atleast_1d(norm)


def unit_vector(
    data: ArrayLike, axis: int | None = None, out: np.ndarray | None = None
) -> np.ndarray | None:
    """The vector, or the vectors along `axis`, scaled to length 1; written to `out` where given."""
    values = np.asarray(data, np.float64)
    unit = values / np.sqrt(np.sum(np.square(values), axis=axis, keepdims=True))
    if out is not None:
        out[...] = unit
        return None
    return unit


def random_vector(size: int) -> np.ndarray:
    """`size` numbers, even in [0, 1)."""
    return np.random.random(size)
