"""Which rows of a database of descriptors are most like a query (faiss).

Small databases are compared whole. Large ones stand in inverted lists of product-quantized codes
(Jégou, Douze, Schmid: Product Quantization for Nearest Neighbor Search, PAMI 2011, section 4), of
which a search visits a few. Codes have 4 bits for two dimensions, since such are compared in
registers (André, Kermarrec, Le Scouarnec: Cache locality is not enough, VLDB 2015), and what they
say best is compared again by the full descriptors, which may be memory-mapped: only those few are
read. So scores are exact cosines in both cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected

Descriptors = NDArray[np.float32]

_BLOCK = 1 << 15  # rows that are read at once
_LEAST_IN_LISTS = 1000  # rows, that codes can be learned from
_CODE_DIMENSIONS = 2  # that share one part of a code
_CODE_BITS = 4
_TRAINING_PER_LIST = 64
_LISTS_VISITED = 32
_COMPARED_AGAIN = 10  # times the rows asked for
_LEAST_COMPARED = 100
_UNIT_ERROR = 1e-3


class DescriptorIndex:
    """N unit descriptors of D dimensions, found by their cosine. Searches may run in threads.

    `descriptors` (N, D) as given; `exact`: every search compares all of them.
    """

    def __init__(self, descriptors: Descriptors, structure: Any, exact: bool) -> None:
        self.descriptors, self._structure, self.exact = descriptors, structure, exact

    @staticmethod
    def build(descriptors: Descriptors, seed: int, exact_below: int) -> DescriptorIndex:
        """The index of descriptors (N, D) float32 of unit length.

        The array is kept, not copied, where N is at least `exact_below`: it may be memory-mapped.
        The same `seed` gives the same lists. InputError for descriptors of another kind.
        """
        check_descriptors("descriptors", descriptors)
        exact = len(descriptors) < max(exact_below, _LEAST_IN_LISTS)
        structure = _flat(descriptors) if exact else _lists(descriptors, seed)
        return DescriptorIndex(descriptors, structure, exact)

    def __len__(self) -> int:
        return len(self.descriptors)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.descriptors.shape[1])

    @property
    def memory_bytes(self) -> int:
        """What the search structure takes; the full descriptors, which may lie on the disk, are
        counted only where it holds a copy of them."""
        if self.exact:
            return int(self.descriptors.nbytes)
        lists = self._structure
        codes = len(self) * (lists.code_size + 8)  # and the number of each row
        centroids = lists.nlist + lists.pq.ksub
        return int(codes + 4 * centroids * self.dimensions)

    def search(
        self, queries: Descriptors, count: int
    ) -> tuple[Descriptors, NDArray[np.int64]]:
        """Cosines (Q, count) and rows (Q, count) of the most alike, the best first.

        `queries` (Q, D) float32 of unit length. Where there are fewer rows: row -1, cosine -inf.
        Which of rows with one and the same cosine come back, and in which order, is not said.
        """
        check_descriptors("queries", queries, self.dimensions)
        queries = np.ascontiguousarray(queries)
        if self.exact:
            scores, rows = self._structure.search(queries, count)
            scores[rows < 0] = -np.inf
            return scores, rows
        return self._search_lists(queries, count)

    def scores_of(self, query: Descriptors, rows: NDArray[np.int64] | None = None) -> Descriptors:
        """Cosines (R,) of one query (D,), or (R, K) of several (K, D), with the rows (R,) of the
        database, or with all (N,)."""
        chosen = self.descriptors if rows is None else self.descriptors[rows]
        return np.asarray(chosen @ query.T)

    def _search_lists(
        self, queries: Descriptors, count: int
    ) -> tuple[Descriptors, NDArray[np.int64]]:
        most = max(_LEAST_COMPARED, _COMPARED_AGAIN * count)
        found = self._structure.search(_in_pairs(queries), min(most, len(self)))[1]
        scores = np.full((len(queries), count), -np.inf, np.float32)
        rows = np.full((len(queries), count), -1, np.int64)
        for number, (query, candidates) in enumerate(zip(queries, found, strict=True)):
            candidates = candidates[candidates >= 0]
            cosines = self.scores_of(query, candidates)
            best = _best(cosines, count)
            scores[number, : len(best)] = cosines[best]
            rows[number, : len(best)] = candidates[best]
        return scores, rows


def check_descriptors(name: str, values: NDArray[Any], dimensions: int = 0) -> None:
    """InputError unless (N, D) float32, all of unit length; D is `dimensions`, if that is given."""
    shape = f"(N, {dimensions or 'D'}) float32"
    good = values.ndim == 2 and values.dtype == np.float32 and values.size > 0
    if not good or (dimensions and values.shape[1] != dimensions):
        raise InputError(expected(name, shape, f"{values.shape} {values.dtype.name}"))
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        lengths = np.einsum("nd,nd->n", block, block)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= 2 * _UNIT_ERROR))
        if len(wrong):
            got = f"the squared length {lengths[wrong[0]]:.4g}"
            raise InputError(expected(f"{name} row {start + wrong[0]}", "a unit vector", got))


def _best(scores: Descriptors, count: int) -> NDArray[np.int64]:
    """Where the largest `count` stand, the best first; of equal ones the first."""
    return np.asarray(np.argsort(-scores, kind="stable")[:count], np.int64)


def _flat(descriptors: Descriptors) -> Any:
    import faiss

    index = faiss.IndexFlatIP(descriptors.shape[1])
    index.add(np.ascontiguousarray(descriptors))
    return index


def _lists(descriptors: Descriptors, seed: int) -> Any:
    """Inverted lists over about 2 sqrt(N) cells."""
    import faiss

    count = len(descriptors)
    dimensions = _in_pairs(descriptors[:1]).shape[1]
    cells, parts = _list_count(count), dimensions // _CODE_DIMENSIONS
    coarse: Any = faiss.IndexFlatIP(dimensions)
    index = faiss.IndexIVFPQFastScan(
        coarse, dimensions, cells, parts, _CODE_BITS, faiss.METRIC_INNER_PRODUCT
    )
    coarse.this.disown()  # not every faiss keeps it as long as the index
    index.own_fields = True
    for means in (index.cp, index.pq.cp):
        means.seed, means.niter = (seed + 1) % 2**31, 10  # faiss takes an int of 32 bits
        means.max_points_per_centroid, means.min_points_per_centroid = _TRAINING_PER_LIST, 1
    index.cp.spherical = True
    rng = np.random.default_rng(seed)
    chosen = rng.choice(count, min(count, _TRAINING_PER_LIST * cells), replace=False)
    index.train(_in_pairs(descriptors[np.sort(chosen)]))
    for start in range(0, count, _BLOCK):
        index.add(_in_pairs(descriptors[start : start + _BLOCK]))
    index.nprobe = min(cells, _LISTS_VISITED)
    return index


def _in_pairs(descriptors: Descriptors) -> Descriptors:
    """With one zero more if dimensions are odd: codes are of whole parts, cosines stay."""
    short = -descriptors.shape[1] % _CODE_DIMENSIONS
    return np.ascontiguousarray(np.pad(descriptors, ((0, 0), (0, short))) if short else descriptors)


def _list_count(count: int) -> int:
    return max(1, round(2 * float(np.sqrt(count))))
