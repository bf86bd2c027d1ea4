"""One order out of two: descriptors of different kinds that look at the same places.

Distances of two networks are not on one scale: each is counted in standard deviations over the
whole database, query by query, before they are added (z-scores: Jain, Nandakumar, Ross: Score
normalization in multimodal biometric systems, Pattern Recognition 2005, section 3). For unit
vectors the squared distance is 2 - 2 cosine, so that z-scores of cosines are those of squared
distances with the sign turned. Mean and deviation over the database follow from the mean and
the covariance of its descriptors: they cost the same for any number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.types import FloatArray

Descriptors = NDArray[np.float32]

RANK_CONSTANT = 60.0  # of reciprocal ranks, as in the paper
_BLOCK = 1 << 15
_MOST_ROWS = 200_000  # that mean and spread are learned from
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Mean and spread of the cosines of a query with a whole database.

    `mean` (D,) of the descriptors, `covariance` (D, D), float64.
    """

    mean: FloatArray
    covariance: FloatArray

    @staticmethod
    def of(descriptors: Descriptors) -> ScoreScale:
        """Of a database (N, D), read block by block; beyond 200,000 rows of every n-th of them."""
        rows = descriptors[:: -(-len(descriptors) // _MOST_ROWS)]
        total = np.zeros(rows.shape[1])
        products = np.zeros((rows.shape[1],) * 2)
        for start in range(0, len(rows), _BLOCK):
            block = np.asarray(rows[start : start + _BLOCK], np.float64)
            total += block.sum(0)
            products += block.T @ block
        mean = total / len(rows)
        return ScoreScale(mean, products / len(rows) - np.outer(mean, mean))

    def normalized(self, scores: NDArray[np.floating], queries: Descriptors) -> FloatArray:
        """Cosines (Q, K) of queries (Q, D) in standard deviations above the database's mean."""
        values = np.asarray(queries, np.float64)
        variances = (values @ self.covariance * values).sum(1)
        deviations = np.sqrt(np.maximum(variances, _LEAST_DEVIATION**2))
        means = values @ self.mean
        return np.asarray((scores - means[:, None]) / deviations[:, None], np.float64)


def normalized(
    scores: NDArray[np.floating], among: NDArray[np.floating] | None = None
) -> FloatArray:
    """Scores (Q, K) of queries as z-scores, query by query, by mean and deviation of the scores
    `among` (Q, N) with a whole database, or a sample of it; without, of the scores themselves."""
    values = np.asarray(scores, np.float64)
    every = values if among is None else np.asarray(among, np.float64)
    deviations = np.maximum(every.std(1, keepdims=True), _LEAST_DEVIATION)
    return np.asarray((values - every.mean(1, keepdims=True)) / deviations)


def weighted(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """`weight` times the first plus the rest times the second, both normalized scores (Q, K).

    `weight` in [0, 1] belongs to the first (by convention the semantic one).
    """
    _check_weight(weight)
    return np.asarray(weight * first + (1 - weight) * second)


def concatenated(first: Descriptors, second: Descriptors, weight: float) -> Descriptors:
    """Unit descriptors (N, D1 + D2) whose cosine is `weight` times that of the first plus the
    rest times that of the second: [√w d₁, √(1-w) d₂]."""
    _check_weight(weight)
    if len(first) != len(second):
        raise InputError(expected("descriptors", f"{len(first)} of each kind", len(second)))
    parts = (np.sqrt(weight) * first, np.sqrt(1 - weight) * second)
    return np.concatenate(parts, axis=1).astype(np.float32)


def reciprocal_ranks(
    lists: Sequence[NDArray[np.int64]], weights: Sequence[float] | None = None
) -> tuple[NDArray[np.int64], FloatArray]:
    """The rows that stand in any of some ranked lists, and their scores, the best first.

    A row gets 1 / (60 + rank) of each list (K,) that has it, rank 1 for the first; -1 stands for
    no row (Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, SIGIR 2009). `weights` of the
    lists; equal if not given. Of equal scores the lower row stands first.
    """
    shares = [1.0] * len(lists) if weights is None else list(weights)
    points = [
        share / (RANK_CONSTANT + np.arange(1, len(one) + 1))
        for one, share in zip(lists, shares, strict=True)
    ]
    rows, where = np.unique(np.concatenate(lists), return_inverse=True)
    scores: FloatArray = np.zeros(len(rows))
    np.add.at(scores, where.ravel(), np.concatenate(points))
    rows, scores = rows[rows >= 0], scores[rows >= 0]
    order = np.argsort(-scores, kind="stable")
    return rows[order], scores[order]


def _check_weight(weight: float) -> None:
    if not 0 <= weight <= 1:
        raise InputError(expected("weight", "0 to 1", weight))
