"""Two descriptors of a place put together."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.retrieval import fusion


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture()
def database() -> np.ndarray:
    return unit(np.random.default_rng(0).standard_normal((500, 16)) + 0.5)


@pytest.fixture()
def queries() -> np.ndarray:
    return unit(np.random.default_rng(1).standard_normal((20, 16)))


def test_the_scale_is_that_of_all_cosines(database, queries):
    cosines = queries @ database.T
    scale = fusion.ScoreScale.of(database)
    wanted = (cosines - cosines.mean(1, keepdims=True)) / cosines.std(1, keepdims=True)
    assert np.allclose(scale.normalized(cosines, queries), wanted, atol=1e-4)
    assert np.allclose(fusion.normalized(cosines), wanted, atol=1e-4)


def test_z_scores_of_distances_are_those_of_cosines_turned(database, queries):
    squared = ((queries[:, None] - database[None]) ** 2).sum(2)
    turned = -fusion.normalized(squared)
    assert np.allclose(turned, fusion.normalized(queries @ database.T), atol=1e-4)


def test_a_database_of_equals_has_a_finite_scale():
    same = np.repeat(unit(np.ones((1, 4))), 3, axis=0)
    scores = fusion.ScoreScale.of(same).normalized(same[:1] @ same.T, same[:1])
    assert np.all(np.abs(scores) < 1)


def test_concatenation_adds_weighted_cosines(database, queries):
    other, asked = database[:, ::-1].copy(), queries[:, ::-1].copy()
    joined = fusion.concatenated(database, other, 0.3)
    cosines = fusion.concatenated(queries, asked, 0.3) @ joined.T
    wanted = 0.3 * queries @ database.T + 0.7 * asked @ other.T
    assert np.allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-5)
    assert np.allclose(cosines, wanted, atol=1e-5)
    assert np.allclose(fusion.concatenated(database, other, 1.0)[:, 16:], 0)


def test_weights_choose_between_two_scores():
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 4.0]])
    assert fusion.weighted(first, second, 1.0).tolist() == [[1.0, 0.0]]
    assert fusion.weighted(first, second, 0.5).tolist() == [[0.5, 2.0]]


def test_reciprocal_ranks():
    rows, scores = fusion.reciprocal_ranks([np.array([7, 3, -1]), np.array([3, 9, 7])])
    assert rows.tolist() == [3, 7, 9]
    assert scores == pytest.approx([1 / 62 + 1 / 61, 1 / 61 + 1 / 63, 1 / 62])
    rows, _ = fusion.reciprocal_ranks([np.array([7, 3]), np.array([3, 7])], [1.0, 0.5])
    assert rows.tolist() == [7, 3]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_are_shares(weight, database):
    with pytest.raises(InputError, match="weight: expected 0 to 1"):
        fusion.concatenated(database, database, weight)


def test_both_kinds_must_be_of_the_same_views(database):
    with pytest.raises(InputError, match="descriptors: expected 500 of each kind, got 499"):
        fusion.concatenated(database, database[1:], 0.5)
