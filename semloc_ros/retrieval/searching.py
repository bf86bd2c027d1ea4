"""From the descriptors of one image to rows of the database, by one network or by two.

Scores are in standard deviations of a query's cosines above their mean over the whole database,
but for `RankSearch`, which adds reciprocal ranks. So they mean the same for databases of any size,
and scores of different images can be compared.

An image may have several descriptors of one kind, of its parts: a row's cosine is the largest of
theirs. Mean and deviation are those of the first, but for `WeightedSearch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import RetrieverConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.retrieval.fusion import (
    Descriptors,
    ScoreScale,
    concatenated,
    normalized,
    reciprocal_ranks,
    weighted,
)
from semloc_ros.retrieval.index import DescriptorIndex
from semloc_ros.types import FloatArray

_SAMPLE = 5000  # rows of a large database: a deviation is then known to a hundredth

Found = tuple[NDArray[np.int64], FloatArray]  # rows (k,), scores (k,), the best first


class Search(Protocol):
    """A search in the rows of one or two databases of the same places."""

    def search(self, queries: Sequence[Descriptors], count: int) -> Found:
        """Up to `count` rows and scores, the best first, for the descriptors (K, D) of an image,
        those of each database; the row's best counts."""
        ...


def open_search(databases: Sequence[Descriptors], config: RetrieverConfig) -> Search:
    """The search in one database (N, D), or in two (N, D1) and (N, D2) of the same rows, fused as
    `config` says. Raises InputError for other numbers of databases or rows."""
    if len(databases) not in (1, 2) or len({len(one) for one in databases}) != 1:
        got = ", ".join(str(one.shape) for one in databases) or "none"
        raise InputError(expected("databases", "one, or two of the same rows", got))
    if len(databases) == 1:
        return SingleSearch(_index(databases[0], config))
    if config.fusion == "concatenated":
        joined = concatenated(databases[0], databases[1], config.weight)
        return ConcatenatedSearch(_index(joined, config), config.weight)
    first, second = (_index(one, config) for one in databases)
    kind = WeightedSearch if config.fusion == "weighted" else RankSearch
    return kind(first, second, config.weight)


class SingleSearch:
    """One network."""

    def __init__(self, index: DescriptorIndex) -> None:
        self._index = index
        self._scale = ScoreScale.of(index.descriptors)

    def search(self, queries: Sequence[Descriptors], count: int) -> Found:
        """See `Search`."""
        rows, cosines = _best_rows(self._index, queries[0], count)
        return rows, _deviations(self._scale, cosines, queries[0])


class ConcatenatedSearch:
    """Two networks, whose weighted cosines are added by one search."""

    def __init__(self, index: DescriptorIndex, weight: float) -> None:
        self._search, self._weight = SingleSearch(index), weight

    def search(self, queries: Sequence[Descriptors], count: int) -> Found:
        """See `Search`; each part of the one with each of the other."""
        first, second = queries
        pairs = np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1))
        return self._search.search([concatenated(*pairs, self._weight)], count)


class WeightedSearch:
    """Two networks, whose normalized scores are added: of all rows where the indexes are exact,
    else of those that either finds. Normalized is what is added, the largest of the cosines of the
    parts, as when the weight of a hybrid is learned; of large databases by a sample of rows."""

    def __init__(self, first: DescriptorIndex, second: DescriptorIndex, weight: float) -> None:
        self._indexes, self._weight = (first, second), weight
        self._samples = tuple(
            None if one.exact else np.ascontiguousarray(one.descriptors[:: -(-len(one) // _SAMPLE)])
            for one in self._indexes
        )

    def search(self, queries: Sequence[Descriptors], count: int) -> Found:
        """See `Search`."""
        rows = None if self._indexes[0].exact else self._found_rows(queries, count)
        kinds = []
        for index, sample, parts in zip(self._indexes, self._samples, queries, strict=True):
            cosines = index.scores_of(parts, rows).max(1)
            among = None if sample is None else (sample @ parts.T).max(1)[None]
            kinds.append(normalized(cosines[None], among)[0])
        scores = weighted(kinds[0], kinds[1], self._weight)
        best = np.asarray(np.argsort(-scores, kind="stable")[:count], np.int64)
        return best if rows is None else rows[best], scores[best]

    def _found_rows(self, queries: Sequence[Descriptors], count: int) -> NDArray[np.int64]:
        pairs = zip(self._indexes, queries, strict=True)
        found = [_best_rows(index, query, count)[0] for index, query in pairs]
        return np.unique(np.concatenate(found))


class RankSearch:
    """Two networks, whose reciprocal ranks are added."""

    def __init__(self, first: DescriptorIndex, second: DescriptorIndex, weight: float) -> None:
        self._indexes, self._weight = (first, second), weight

    def search(self, queries: Sequence[Descriptors], count: int) -> Found:
        """See `Search`."""
        pairs = zip(self._indexes, queries, strict=True)
        lists = [_best_rows(index, query, count)[0] for index, query in pairs]
        rows, scores = reciprocal_ranks(lists, (self._weight, 1 - self._weight))
        return rows[:count], scores[:count]


def _best_rows(
    index: DescriptorIndex, parts: Descriptors, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Up to `count` rows and their cosines with the best of the parts (K, D), best first."""
    found = index.search(parts, min(count, len(index)))
    cosines, rows = found[0].ravel(), found[1].ravel()
    order = np.argsort(-cosines, kind="stable")
    order = order[rows[order] >= 0]
    firsts = np.sort(np.unique(rows[order], return_index=True)[1])[:count]
    return rows[order[firsts]], cosines[order[firsts]]


def _deviations(
    scale: ScoreScale, cosines: NDArray[np.float32], parts: Descriptors
) -> FloatArray:
    """Cosines (R,) in standard deviations above the mean, both of the first part (K, D)."""
    return np.asarray(scale.normalized(cosines[None], parts[:1])[0])


def _index(descriptors: Descriptors, config: RetrieverConfig) -> DescriptorIndex:
    return DescriptorIndex.build(descriptors, config.seed, config.exact_below)
