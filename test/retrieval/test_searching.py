"""Search by one network or by two, whatever the size of the database."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import RetrieverConfig
from semloc_ros.errors import InputError
from semloc_ros.retrieval.fusion import normalized
from semloc_ros.retrieval.searching import open_search


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def databases() -> list[np.ndarray]:
    """1500 rows of two kinds, in clusters."""
    rng = np.random.default_rng(0)
    return [
        unit(np.repeat(rng.standard_normal((150, size)), 10, 0) + rng.normal(0, 0.4, (1500, size)))
        for size in (32, 16)
    ]


def noisy(database: np.ndarray, row: int, sigma: float) -> np.ndarray:
    rng = np.random.default_rng(row)
    return unit(database[row] + sigma * rng.standard_normal((1, database.shape[1])))


@pytest.fixture(params=[100_000, 1000], ids=["exact", "lists"])
def exact_below(request) -> int:
    return request.param


def test_one_network_scores_in_deviations(databases, exact_below):
    search = open_search(databases[:1], RetrieverConfig(exact_below=exact_below))
    query = noisy(databases[0], 77, 0.05)
    rows, scores = search.search([query], 8)
    wanted = normalized(query @ databases[0].T)[0]
    assert rows[0] == 77
    assert np.allclose(scores, wanted[rows], atol=1e-3)
    assert np.all(np.diff(scores) <= 0)


def test_weighted_scores_are_those_of_all_rows(databases):
    search = open_search(databases, RetrieverConfig(weight=0.3))
    queries = [noisy(databases[0], 77, 0.3), noisy(databases[1], 77, 0.3)]
    rows, scores = search.search(queries, 5)
    both = [normalized(q @ d.T)[0] for q, d in zip(queries, databases, strict=True)]
    wanted = 0.3 * both[0] + 0.7 * both[1]
    assert rows.tolist() == np.argsort(-wanted)[:5].tolist()
    assert np.allclose(scores, wanted[rows], atol=1e-3)


@pytest.mark.parametrize("fusion", ["weighted", "concatenated", "ranks"])
def test_two_networks_find_more_than_either(databases, exact_below, fusion):
    kinds = {
        "first": RetrieverConfig(exact_below=exact_below),
        "both": RetrieverConfig(exact_below=exact_below, fusion=fusion),
    }
    alone = [open_search([one], kinds["first"]) for one in databases]
    hybrid = open_search(databases, kinds["both"])
    right = np.zeros(3)
    for row in range(0, 1500, 25):
        queries = [noisy(one, row, 0.14) for one in databases]
        found = [one.search([query], 50)[0] for one, query in zip(alone, queries, strict=True)]
        found.append(hybrid.search(queries, 50)[0])
        right += [one[0] == row for one in found]
    assert right[2] > right[:2].max()


@pytest.mark.parametrize("fusion", ["weighted", "concatenated", "ranks"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_all_weight_on_one_network_is_that_network(databases, fusion, weight):
    hybrid = open_search(databases, RetrieverConfig(fusion=fusion, weight=weight))
    chosen = 0 if weight == 1 else 1
    alone = open_search([databases[chosen]], RetrieverConfig())
    queries = [noisy(one, 3, 0.5) for one in databases]
    assert hybrid.search(queries, 4)[0].tolist() == alone.search([queries[chosen]], 4)[0].tolist()


def test_more_rows_than_there_are(databases, exact_below):
    few = [one[:7] for one in databases]
    for fusion in ("weighted", "concatenated", "ranks"):
        search = open_search(few, RetrieverConfig(exact_below=exact_below, fusion=fusion))
        rows, scores = search.search([one[2:3] for one in few], 50)
        assert sorted(rows.tolist()) == list(range(7)) and np.isfinite(scores).all()
        assert rows[0] == 2


@pytest.mark.parametrize("fusion", ["weighted", "concatenated", "ranks"])
def test_the_best_part_of_an_image_counts(databases, exact_below, fusion):
    config = RetrieverConfig(exact_below=exact_below, fusion=fusion)
    noise = unit(np.random.default_rng(5).standard_normal((6, 32)))
    parts = np.concatenate([noise[:3], noisy(databases[0], 77, 0.05), noise[3:]])
    rows, scores = open_search(databases[:1], config).search([parts], 5)
    assert rows[0] == 77 and len(set(rows.tolist())) == 5 and np.all(np.diff(scores) <= 0)
    hybrid = open_search(databases, config)
    assert hybrid.search([parts, noisy(databases[1], 77, 0.05)], 5)[0][0] == 77


def test_a_weight_counts_as_it_was_learned(databases):
    """Of several parts and all rows, as `learning.hybrid` has them."""
    parts = [np.concatenate([noisy(one, row, 0.3) for row in (77, 400, 9)]) for one in databases]
    parts[1] = parts[1][:1]
    best = [(d @ q.T).max(1)[None] for d, q in zip(databases, parts, strict=True)]
    wanted = 0.4 * normalized(best[0])[0] + 0.6 * normalized(best[1])[0]
    rows, scores = open_search(databases, RetrieverConfig(weight=0.4)).search(parts, 20)
    assert rows.tolist() == np.argsort(-wanted, kind="stable")[:20].tolist()
    assert np.allclose(scores, wanted[rows], atol=1e-5)
    lists = open_search(databases, RetrieverConfig(weight=0.4, exact_below=1000))
    rows, scores = lists.search(parts, 20)
    assert np.allclose(scores, wanted[rows], atol=1e-5)
    assert rows[:5].tolist() == np.argsort(-wanted)[:5].tolist()


def test_databases_must_be_of_the_same_rows(databases):
    for wrong in ([], [databases[0], databases[1][1:]], databases + databases[:1]):
        with pytest.raises(InputError, match="databases: expected one, or two of the same rows"):
            open_search(wrong, RetrieverConfig())
