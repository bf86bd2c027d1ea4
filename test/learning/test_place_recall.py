"""Recalls of held-out places, and the weight of a hybrid that is learned from them."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch")

from place_street import street

from semloc_ros.config.places_learning import HybridTrainingConfig, PairingConfig
from semloc_ros.errors import DatasetError
from semloc_ros.learning.hybrid import learn_weight
from semloc_ros.learning.place_recall import judged, searches_of
from semloc_ros.learning.triplets import Geometry

VIEWS = street(0, 20)
GEOMETRY = Geometry(VIEWS, PairingConfig(positive_m=3.0))


def test_each_run_is_sought_in_each_other_one() -> None:
    three = Geometry(street(0, 20, ("day", "night", "rain")), PairingConfig(positive_m=3.0))
    searches = searches_of(three, 1000)
    assert len(searches) == 6 and all(len(one.queries) == 20 for one in searches)
    for one in searches:
        runs = {three.run_names[int(run)] for run in three.runs[one.database]}
        assert len(runs) == 1 and one.name.endswith(runs.pop())
        assert (one.right.sum(1) == 1).all() and (one.within.sum(1) >= 3).all()
    few = searches_of(three, 12)
    assert sum(len(one.queries) for one in few) == 12 and len(few) == 6


def test_recalls_are_those_of_the_ranks() -> None:
    searches = searches_of(GEOMETRY, 1000)
    perfect = [one.right.astype(float) for one in searches]
    assert judged(searches, perfect) == {
        "recall": 1.0, "recall_5": 1.0, "recall_25m": 1.0, "mrr": 1.0, "recall_worst": 1.0
    }  # fmt: skip
    shifted = [np.roll(one.right, 1, axis=1).astype(float) + 0.5 * one.right for one in searches]
    found = judged(searches, shifted)  # the next place first, 10 m on; then the right one
    assert found["recall"] == 0.0 and found["recall_5"] == 1.0 and found["mrr"] == 0.5
    assert found["recall_25m"] == pytest.approx(19 / 20)  # the last place's next is the first


def test_equal_scores_find_nothing() -> None:
    searches = searches_of(GEOMETRY, 1000)
    found = judged(searches, [np.ones(one.right.shape) for one in searches])
    assert found["recall"] == found["recall_5"] == found["recall_25m"] == 0.0


def test_places_of_one_run_alone_cannot_be_sought() -> None:
    alone = Geometry(street(0, 5, ("day",)), PairingConfig())
    with pytest.raises(DatasetError, match="places that two runs show, got none"):
        searches_of(alone, 10)


class Fake:
    """Describes a view by the noisy number of its place; of some places it knows nothing."""

    def __init__(self, needs: str, knows: range) -> None:
        self.needs, self._knows = needs, knows
        self._rng = np.random.default_rng(len(knows))

    def queries(self, image: np.ndarray | None, labels: np.ndarray | None = None) -> np.ndarray:
        given = image if self.needs == "image" else labels
        assert given is not None
        place = int(given[0, 0])
        vector = np.zeros(21, np.float32)
        vector[place if place in self._knows else 20] = 1.0
        vector += 0.02 * self._rng.standard_normal(21).astype(np.float32)
        return vector[None] / np.float32(np.linalg.norm(vector))


def test_the_weight_is_the_one_that_finds_most() -> None:
    views = []
    for number, view in enumerate(VIEWS):
        read = partial(np.full, (2, 2), number % 20)
        views.append(dataclasses.replace(view, read=read, read_labels=read))
    config = HybridTrainingConfig(steps=10, pairing=PairingConfig(positive_m=3.0))
    semantic, rgb = Fake("labels", range(0, 14)), Fake("image", range(8, 20))
    found = learn_weight(views, semantic, rgb, config)  # type: ignore[arg-type]
    assert found.queries == 40
    assert 0.0 < found.weight < 1.0 and found.hybrid["recall"] > 0.9
    assert found.semantic["recall"] < 0.8 and found.rgb["recall"] < 0.8
    blind = learn_weight(views, Fake("labels", range(0)), rgb, config)  # type: ignore[arg-type]
    assert blind.weight < 0.5 and blind.hybrid["recall"] >= blind.rgb["recall"]
