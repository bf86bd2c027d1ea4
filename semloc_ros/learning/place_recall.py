"""How well descriptors find held-out places again, in other conditions: what training is judged by,
and what the weight of a hybrid is chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.triplets import Geometry

_WITHIN_M = 25.0  # of the benchmarks: Recall@N counts such images as right, whatever they show


@dataclass(frozen=True, slots=True)
class Searches:
    """Queries of one run of a world, and the images of another one, the database: rows of views.

    `right` (Q, N) whether image n shows the place of query q, at least one of each query;
    `within` (Q, N) whether it was taken at most 25 m away.
    """

    name: str
    queries: NDArray[np.int64]
    database: NDArray[np.int64]
    right: NDArray[np.bool_]
    within: NDArray[np.bool_]


def searches_of(geometry: Geometry, most: int) -> list[Searches]:
    """From each run to each other one of its world; about `most` queries, spread evenly.

    Raises DatasetError if no image shows the place of an image of another run.
    """
    positives = geometry.positives()
    pairs = [
        (row, run) for row, found in enumerate(positives)
        for run in np.unique(geometry.runs[found]).tolist()
    ]  # fmt: skip
    if not pairs:
        raise DatasetError(expected("validation", "places that two runs show", "none"))
    pairs.sort(key=lambda pair: (geometry.runs[pair[0]], pair[1], pair[0]))
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(most, len(pairs))).round().astype(int))
    grouped: dict[tuple[int, int], list[int]] = {}
    for number in chosen:
        row, run = pairs[number]
        grouped.setdefault((int(geometry.runs[row]), run), []).append(row)
    return [
        _searches(geometry, positives, np.array(rows, np.int64), runs)
        for runs, rows in grouped.items()
    ]


def _searches(
    geometry: Geometry, positives: Sequence[NDArray[np.int64]], queries: NDArray[np.int64],
    runs: tuple[int, int],
) -> Searches:  # fmt: skip
    database = np.flatnonzero(geometry.runs == runs[1])
    right = np.stack([np.isin(database, positives[row]) for row in queries.tolist()])
    positions = geometry.positions
    apart = np.linalg.norm(positions[queries][:, None] - positions[database][None], axis=2)
    name = " ".join(geometry.run_names[run] for run in runs)
    return Searches(name, queries, database, right, apart <= _WITHIN_M)


def judged(
    searches: Sequence[Searches], scores: Sequence[NDArray[np.floating]]
) -> dict[str, float]:
    """Of all queries: "recall" at 1 and "recall_5" of images that show the place, "recall_25m" at
    1 of images within 25 m, "mrr" the mean of 1 / rank of the first that shows it; and
    "recall_worst", at 1, of the two runs that are worst.

    `scores` (Q, N) of each search, the larger the more alike. Of equal ones the wrong stand first.
    """
    ranks, within, worst = [], [], 1.0
    for one, score in zip(searches, scores, strict=True):
        best = np.where(one.right, score, -np.inf).max(axis=1, keepdims=True)
        before = ((score >= best) & ~one.right).sum(axis=1)
        ranks.append(before + 1)
        near = np.where(one.within, score, -np.inf).max(axis=1)
        within.append(near > np.where(one.within, -np.inf, score).max(axis=1))
        worst = min(worst, float((before == 0).mean()))
    rank = np.concatenate(ranks)
    return {
        "recall": float((rank == 1).mean()), "recall_5": float((rank <= 5).mean()),
        "recall_25m": float(np.concatenate(within).mean()), "mrr": float((1 / rank).mean()),
        "recall_worst": worst,
    }  # fmt: skip
