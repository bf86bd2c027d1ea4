"""The weight of a hybrid: how much the semantic of two descriptors counts (learned on validation
places only, none of which the two were trained on)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.places_learning import HybridTrainingConfig
from semloc_ros.learning.place_recall import Searches, judged, searches_of
from semloc_ros.learning.place_views import PlaceView
from semloc_ros.learning.triplets import Geometry
from semloc_ros.perception.places import Describer
from semloc_ros.retrieval.fusion import normalized, weighted
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class LearnedWeight:
    """The weight of the semantic descriptor, and what `place_recall.judged` says of it (hybrid) and
    of each alone; `queries` are how many images were sought."""

    weight: float
    hybrid: dict[str, float]
    semantic: dict[str, float]
    rgb: dict[str, float]
    queries: int


def learn_weight(
    views: Sequence[PlaceView], semantic: Describer, rgb: Describer, config: HybridTrainingConfig,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> LearnedWeight:  # fmt: skip
    """Try weights from 0 to 1 and take the one of the highest recall at 1; of equal ones that of
    the highest mean reciprocal rank, of those the one nearest to one half.

    Raises SemlocError in one line for views without what the models read, or without two runs.
    """
    searches = searches_of(Geometry(views, config.pairing), config.queries)
    kinds: list[list[NDArray[np.float32]]] = [[], []]
    for number, view in enumerate(views):
        for found, describer in zip(kinds, (semantic, rgb), strict=True):
            found.append(described(view, describer))
        tell(number + 1, len(views))
    scores = [_scores(searches, np.stack(found)) for found in kinds]

    def at(weight: float) -> dict[str, float]:
        pairs = zip(scores[0], scores[1], strict=True)
        return judged(searches, [weighted(first, second, weight) for first, second in pairs])

    weights = np.linspace(0.0, 1.0, config.steps + 1).round(4).tolist()
    tried = {weight: at(weight) for weight in weights}
    best = max(weights, key=lambda one: (tried[one]["recall"], tried[one]["mrr"], -abs(one - 0.5)))
    return LearnedWeight(
        best, tried[best], tried[1.0], tried[0.0], sum(len(one.queries) for one in searches)
    )


def described(view: PlaceView, describer: Describer) -> NDArray[np.float32]:
    """What a view is looked up by (K, D), the first of which describes it; InputError if it lacks
    what the model reads."""
    if describer.needs == "labels":
        labels = None if view.read_labels is None else view.read_labels()
        return describer.queries(None, labels)
    return describer.queries(view.read())


def _scores(
    searches: Sequence[Searches], descriptors: NDArray[np.float32]
) -> list[FloatArray]:
    """Per search the normalized scores (Q, N) of its queries with its database, of descriptors
    (V, K, D)."""
    found = []
    for one in searches:
        views = descriptors[one.database, 0].T
        best = [(descriptors[query] @ views).max(0) for query in one.queries]
        found.append(normalized(np.stack(best)))
    return found
