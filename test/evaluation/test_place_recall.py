"""Recalls of places, counted by hand, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import InputError
from semloc_ros.evaluation.place_recall import (
    Answers,
    PlaceTruth,
    answers_of,
    chance_at_count,
    chance_at_distance,
    chance_curves,
    curves_of,
    hits_at_count,
    hits_at_distance,
    index_truth,
    over_databases,
    perfect_answers,
    pose_truth,
    recall_of,
)
from semloc_ros.types import FloatArray

FAR, NEVER = 90.0, np.inf
#                      references: 0      1     2      3
TRUTH = PlaceTruth(np.array([[3.0, 20.0, FAR, FAR],
                             [FAR, 24.0, FAR, 2.0],
                             [FAR, 26.0, FAR, NEVER],
                             [FAR, FAR, 25.0, FAR]]), 25.0)  # fmt: skip
SIMILARITY = np.array([[0.1, 0.9, 0.3, 0.2],
                       [0.9, 0.3, 0.8, 0.5],
                       [0.9, 0.3, 0.8, 0.5],
                       [0.9, 0.3, 0.1, 0.5]])  # fmt: skip
CONFIG = EvaluationConfig(resamples=300)


def poses(positions: list[list[float]], degrees: list[float]) -> FloatArray:
    """Cameras turned about a vertical axis."""
    found = np.tile(np.eye(4), (len(positions), 1, 1))
    found[:, :3, 3] = positions
    turns = Rotation.from_euler("z", np.reshape(degrees, (-1, 1)), degrees=True)
    found[:, :3, :3] = turns.as_matrix()
    return found


def test_ranks_and_distances_of_four_queries() -> None:
    """The first finds the farther of two right ones at once; the second its second-best right one
    after two wrong ones; the third has no right one; the fourth finds its own last."""
    answers = answers_of(SIMILARITY, TRUTH)
    assert answers.ranks == pytest.approx([0, 2, np.nan, 3], nan_ok=True)
    assert answers.distances == pytest.approx([20, FAR, np.nan, FAR], nan_ok=True)
    assert hits_at_count(answers, 1) == pytest.approx([1, 0, np.nan, 0], nan_ok=True)
    assert hits_at_count(answers, 3) == pytest.approx([1, 1, np.nan, 0], nan_ok=True)
    assert hits_at_distance(answers, 19.9) == pytest.approx([0, 0, np.nan, 0], nan_ok=True)
    assert hits_at_distance(answers, 20.0) == pytest.approx([1, 0, np.nan, 0], nan_ok=True)
    best = perfect_answers(TRUTH)
    assert best.ranks == pytest.approx([0, 0, np.nan, 0], nan_ok=True)
    assert best.distances == pytest.approx([3, 2, np.nan, 25], nan_ok=True)


def test_chance_of_four_queries() -> None:
    """Two of four references are right, then two, none, one."""
    assert chance_at_count(TRUTH, 1) == pytest.approx([0.5, 0.5, np.nan, 0.25], nan_ok=True)
    two = [1 - 2 / 4 * 1 / 3, 1 - 2 / 4 * 1 / 3, np.nan, 0.5]
    assert chance_at_count(TRUTH, 2) == pytest.approx(two, nan_ok=True)
    assert chance_at_count(TRUTH, 9) == pytest.approx([1, 1, np.nan, 1], nan_ok=True)
    assert chance_at_distance(TRUTH, 24) == pytest.approx([0.5, 0.5, np.nan, 0], nan_ok=True)


def test_the_same_place_is_near_and_looks_the_same_way() -> None:
    queries = poses([[0, 0, 0]], [10])
    references = poses([[3, 4, 0], [3, 4, 0.1], [0, 0, 1], [0, 0, 1]], [40, 10, 41, -20])
    truth = pose_truth(queries, references, 5.0, np.radians(30.5))
    assert truth.distances[0] == pytest.approx([5, np.hypot(5, 0.1), NEVER, 1], abs=1e-9)
    assert truth.matches.tolist() == [[True, False, False, True]]
    tilted = references.copy()
    tilted[0, :3, :3] = Rotation.from_euler("x", 31, degrees=True).as_matrix()
    assert not pose_truth(queries, tilted, 5.0, np.radians(30.5)).matches[0, 0], "about any axis"


def test_neighbours_along_a_way_are_right() -> None:
    truth = index_truth(4, 5, 1)
    assert truth.matches.sum(axis=1).tolist() == [2, 3, 3, 3]
    assert truth.distances[3].tolist() == [3, 2, 1, 0, 1]


def test_what_calls_everything_alike_finds_nothing() -> None:
    answers = answers_of(np.zeros((4, 4)), TRUTH)
    assert answers.ranks == pytest.approx([2, 2, np.nan, 3], nan_ok=True)
    assert answers.distances == pytest.approx([FAR, FAR, np.nan, FAR], nan_ok=True)


def test_what_was_not_retrieved_is_not_found() -> None:
    similarity = np.full((4, 4), -np.inf)
    similarity[0, 3] = 1.0
    answers = answers_of(similarity, TRUTH)
    assert answers.ranks == pytest.approx([np.inf, np.inf, np.nan, np.inf], nan_ok=True)
    assert answers.distances == pytest.approx([FAR, np.inf, np.nan, np.inf], nan_ok=True)
    assert np.nansum(hits_at_count(answers, 1000)) == 0


def test_other_shapes_and_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match=r"similarity: expected numbers \(4, 4\), got \(4, 3\)"):
        answers_of(SIMILARITY[:, :3], TRUTH)
    with pytest.raises(InputError, match="or NaN"):
        answers_of(np.where(SIMILARITY == 0.9, np.nan, SIMILARITY), TRUTH)


def test_ranks_agree_with_sorting_and_only_the_order_counts(rng: np.random.Generator) -> None:
    distances = rng.uniform(0, 60, (40, 70))
    similarity = rng.permutation(40 * 70).reshape(40, 70).astype(float)
    truth = PlaceTruth(distances, 6.0)
    answers = answers_of(similarity, truth)
    order = np.argsort(-similarity, axis=1)
    sorted_matches = np.take_along_axis(truth.matches, order, axis=1)
    counted = sorted_matches.any(axis=1)
    assert np.array_equal(np.isnan(answers.ranks), ~counted)
    assert np.array_equal(answers.ranks[counted], sorted_matches.argmax(axis=1)[counted])
    first = distances[np.arange(40), order[:, 0]]
    assert np.array_equal(answers.distances[counted], first[counted])
    again = answers_of(np.log1p(similarity) * 7 - 100, truth)
    assert np.array_equal(again.ranks, answers.ranks, equal_nan=True)


def test_at_the_radius_both_recalls_at_one_are_the_same(rng: np.random.Generator) -> None:
    truth = PlaceTruth(rng.uniform(0, 60, (50, 30)), 10.0)
    answers = answers_of(rng.random((50, 30)), truth)
    at_one, at_radius = hits_at_count(answers, 1), hits_at_distance(answers, 10.0)
    assert np.array_equal(at_one, at_radius, equal_nan=True)
    assert 0 < np.nanmean(at_one) < 1


def test_random_orders_come_to_the_chance_told(rng: np.random.Generator) -> None:
    truth = PlaceTruth(rng.uniform(0, 60, (20, 25)), 5.0)
    several = [answers_of(rng.random((20, 25)), truth) for _ in range(400)]
    for count in (1, 5):
        found = np.nanmean([hits_at_count(one, count) for one in several])
        assert found == pytest.approx(np.nanmean(chance_at_count(truth, count)), abs=0.02)
    found = np.nanmean([hits_at_distance(one, 15) for one in several])
    assert found == pytest.approx(np.nanmean(chance_at_distance(truth, 15)), abs=0.02)
    curves = chance_curves([truth], np.array([1, 5]), np.array([15.0]))
    assert curves.at_count[1] == pytest.approx(np.nanmean(chance_at_count(truth, 5)))
    assert curves.at_distance[0] == pytest.approx(np.nanmean(chance_at_distance(truth, 15)))


def test_curves_rise_and_share_the_queries_that_count() -> None:
    answers = [answers_of(SIMILARITY, TRUTH), Answers(np.array([1.0]), np.array([FAR]))]
    curves = curves_of(answers, np.array([1, 2, 3, 4]), np.array([0.0, 20.0, 100.0]))
    assert curves.at_count == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1])
    assert curves.at_distance == pytest.approx([0, 1 / 4, 1])


def test_a_query_of_several_databases_counts_by_its_mean_where_it_counts() -> None:
    hits = [np.array([1, 0, np.nan, np.nan]), np.array([0, 0, 1, np.nan])]
    assert over_databases(hits) == pytest.approx([0.5, 0, 1, np.nan], nan_ok=True)


def test_a_recall_tells_who_counted_and_holds_its_interval() -> None:
    drives = [np.array([1.0, 0.0, np.nan, 0.5] * 20), np.array([np.nan, 0.0] * 30)]
    found = recall_of(drives, CONFIG)
    assert (found.counted, found.queries) == (60 + 30, 80 + 60)
    assert found.share == pytest.approx(20 * 1.5 / 90)
    assert 0 < found.low < found.share < found.high < 1
    nothing = recall_of([np.full(5, np.nan)], CONFIG)
    assert np.isnan(nothing.share) and (nothing.counted, nothing.queries) == (0, 5)
    halves = recall_of([np.full(100, 0.5)], CONFIG)
    assert (halves.low, halves.high) == pytest.approx((0.5, 0.5)), "not all: no query is certain"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
