"""How often the right place is found among stored images: recalls of image retrieval.

Q queries are compared with N references; a reference is right if it lies within a radius of the
query (and looks the same way). As in Cinaroglu and Bastanlar, "Training Semantic Descriptors for
Image-Based Localization" (2020), section 4: Recall@N is the share of queries of which a right
reference is among the first N, Top-1 Recall@D of those whose first reference is at most D away.

A query without any right reference can tell nothing of a descriptor: it is not counted, and how
many there are is told. Equal similarities count against the query, so that a descriptor that calls
everything alike finds nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.evaluation.intervals import share_intervals
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class PlaceTruth:
    """How far each reference is from each query, `distances` (Q, N), infinite where it can not be
    right however near; right are those within `radius`. Metres, or numbers of images."""

    distances: FloatArray
    radius: float

    @property
    def matches(self) -> NDArray[np.bool_]:
        """Which references are right, (Q, N)."""
        return np.asarray(self.distances <= self.radius)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which queries have a right reference at all, (Q,)."""
        return np.asarray(self.matches.any(axis=1))


@dataclass(frozen=True, slots=True)
class Answers:
    """What came first: `ranks` (Q,) how many references stand before the first right one,
    infinite if none was retrieved; `distances` (Q,) of the first reference, infinite likewise.
    NaN in both for queries that are not counted."""

    ranks: FloatArray
    distances: FloatArray


@dataclass(frozen=True, slots=True)
class Recall:
    """A share of queries with its confidence interval; NaN if `counted` is 0 of `queries`."""

    share: float
    low: float
    high: float
    counted: int
    queries: int


@dataclass(frozen=True, slots=True)
class RecallCurves:
    """Recall@N over `counts` (K,) and Top-1 Recall@D over `distances` (J,), shares."""

    counts: NDArray[np.int64]
    at_count: FloatArray
    distances: FloatArray
    at_distance: FloatArray


def pose_truth(
    queries: FloatArray, references: FloatArray, radius_m: float, turn_rad: float
) -> PlaceTruth:
    """Truth by poses `map_from_camera` (Q, 4, 4) and (N, 4, 4): the same place is within
    `radius_m`, and turned by at most `turn_rad` against it, about any axis."""
    apart = queries[:, None, :3, 3] - references[None, :, :3, 3]
    distances = np.linalg.norm(apart, axis=2)
    traces = np.einsum("qij,nij->qn", queries[:, :3, :3], references[:, :3, :3])
    turns = np.arccos(np.clip((traces - 1.0) / 2.0, -1.0, 1.0))
    distances[turns > turn_rad] = np.inf
    return PlaceTruth(distances, radius_m)


def index_truth(num_queries: int, num_references: int, neighbours: int) -> PlaceTruth:
    """Truth of two drives along one way: query i is reference i, give or take `neighbours`."""
    apart = np.arange(num_queries)[:, None] - np.arange(num_references)[None]
    return PlaceTruth(np.abs(apart).astype(np.float64), float(neighbours))


def answers_of(similarity: NDArray[Any], truth: PlaceTruth) -> Answers:
    """What the similarities (Q, N) find; larger is more alike, -inf is not retrieved.

    InputError for another shape, or numbers that are not.
    """
    if similarity.shape != truth.distances.shape or np.isnan(similarity).any():
        wanted = f"numbers {truth.distances.shape}"
        raise InputError(expected("similarity", wanted, f"{similarity.shape} or NaN"))
    matches, counted = truth.matches, truth.counted
    best_right = np.where(matches, similarity, -np.inf).max(axis=1)
    before = ((similarity >= best_right[:, None]) & ~matches).sum(axis=1).astype(np.float64)
    before[np.isneginf(best_right)] = np.inf
    best = similarity.max(axis=1, keepdims=True)
    first = np.where(similarity == best, truth.distances, -np.inf).max(axis=1)
    first[np.isneginf(best[:, 0])] = np.inf
    return Answers(np.where(counted, before, np.nan), np.where(counted, first, np.nan))


def hits_at_count(answers: Answers, count: int) -> FloatArray:
    """1 for each query (Q,) of which a right reference is among the first `count`, else 0; NaN
    for those that are not counted."""
    return _hits(answers.ranks, answers.ranks < count)


def hits_at_distance(answers: Answers, distance: float) -> FloatArray:
    """1 for each query (Q,) whose first reference is at most `distance` away, else 0, or NaN."""
    return _hits(answers.distances, answers.distances <= distance)


def chance_at_count(truth: PlaceTruth, count: int) -> FloatArray:
    """Probability (Q,) that references in random order put a right one among the first `count`:
    one minus that of drawing only wrong ones; NaN for queries that are not counted."""
    total = truth.matches.shape[1]
    wrong = total - truth.matches.sum(axis=1)
    missed = np.ones(len(wrong))
    for drawn in range(min(count, total)):
        missed *= np.maximum(wrong - drawn, 0) / (total - drawn)
    return np.where(truth.counted, 1.0 - missed, np.nan)


def chance_at_distance(truth: PlaceTruth, distance: float) -> FloatArray:
    """Probability (Q,) that a reference drawn at random is at most `distance` away, or NaN."""
    return np.where(truth.counted, (truth.distances <= distance).mean(axis=1), np.nan)


def over_databases(hits: Sequence[FloatArray]) -> FloatArray:
    """Mean hits (Q,) of the same queries in several databases, of those in which they count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a query that counts in none stays NaN
        return np.asarray(np.nanmean(np.stack(hits), axis=0), np.float64)


def recall_of(hits: Sequence[FloatArray], config: EvaluationConfig) -> Recall:
    """The mean of hits, by drive (Q_d,), with its interval; neighbours of a drive err alike."""
    known = [one[~np.isnan(one)] for one in hits]
    joined, queries = np.concatenate(known), sum(map(len, hits))
    if not len(joined):
        return Recall(np.nan, np.nan, np.nan, 0, queries)
    counts = [len(one) for one in known if len(one)]
    low, high = share_intervals({"recall": joined}, counts, config)["recall"]
    return Recall(float(joined.mean()), low, high, len(joined), queries)


def curves_of(
    answers: Sequence[Answers], counts: NDArray[np.int64], distances: FloatArray
) -> RecallCurves:
    """Both curves over all queries of all answers that count."""
    ranks = _known([one.ranks for one in answers])
    first = _known([one.distances for one in answers])
    return RecallCurves(
        counts, (ranks[None] < counts[:, None]).mean(axis=1),
        distances, (first[None] <= distances[:, None]).mean(axis=1),
    )  # fmt: skip


def chance_curves(
    truths: Sequence[PlaceTruth], counts: NDArray[np.int64], distances: FloatArray
) -> RecallCurves:
    """What references in random order would give."""
    by_count = [_known([chance_at_count(one, int(n)) for one in truths]) for n in counts]
    by_distance = [_known([chance_at_distance(one, d) for one in truths]) for d in distances]
    return RecallCurves(
        counts, np.array([one.mean() for one in by_count]),
        distances, np.array([one.mean() for one in by_distance]),
    )  # fmt: skip


def perfect_answers(truth: PlaceTruth) -> Answers:
    """What the nearest reference of each query would give: no retrieval finds a nearer one."""
    return answers_of(-truth.distances, truth)


def _hits(known: FloatArray, hit: NDArray[np.bool_]) -> FloatArray:
    return np.where(np.isnan(known), np.nan, hit.astype(np.float64))


def _known(values: Sequence[FloatArray]) -> FloatArray:
    joined = np.concatenate(values)
    return np.asarray(joined[~np.isnan(joined)])
