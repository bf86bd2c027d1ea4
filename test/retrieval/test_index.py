"""Search in descriptors: what is found, how well, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.retrieval.index import DescriptorIndex


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def database() -> np.ndarray:
    """4000 descriptors of 32 dimensions in 400 clusters."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((400, 32))
    return unit(np.repeat(centres, 10, axis=0) + 0.4 * rng.standard_normal((4000, 32)))


@pytest.fixture(scope="module")
def queries(database: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    chosen = database[rng.integers(0, len(database), 100)]
    return unit(chosen + 0.05 * rng.standard_normal(chosen.shape))


@pytest.fixture(scope="module")
def lists(database: np.ndarray) -> DescriptorIndex:
    return DescriptorIndex.build(database, 0, exact_below=1000)


def test_exact_search_is_the_order_of_all_cosines(database, queries):
    index = DescriptorIndex.build(database, 0, 10_000)
    scores, rows = index.search(queries, 7)
    cosines = queries @ database.T
    assert index.exact
    assert np.array_equal(rows, np.argsort(-cosines, axis=1)[:, :7])
    assert np.allclose(scores, np.take_along_axis(cosines, rows, 1), atol=1e-6)
    assert index.memory_bytes == database.nbytes


def test_lists_find_nearly_the_same_with_exact_cosines(database, queries, lists):
    exact = DescriptorIndex.build(database, 0, 10_000).search(queries, 10)[1]
    scores, rows = lists.search(queries, 10)
    assert not lists.exact
    assert (rows[:, 0] == exact[:, 0]).mean() >= 0.98
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, exact, strict=True)]) > 0.9
    wanted = np.einsum("qkd,qd->qk", database[rows], queries)
    assert np.allclose(scores, wanted, atol=1e-6)
    assert np.all(np.diff(scores, axis=1) <= 0)


def test_any_number_of_dimensions_has_codes(database, queries):
    kept, asked = unit(database[:, :31]), unit(queries[:, :31])
    exact = DescriptorIndex.build(kept, 0, 10_000).search(asked, 10)[1]
    rows = DescriptorIndex.build(kept, 0, exact_below=1000).search(asked, 10)[1]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, exact, strict=True)]) > 0.9


def test_lists_are_smaller_and_the_same_seed_gives_the_same(database, queries, lists):
    assert lists.memory_bytes < database.nbytes / 2
    again = DescriptorIndex.build(database, 0, exact_below=1000)
    for one, other in zip(lists.search(queries, 10), again.search(queries, 10), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(("rows", "count"), [(30, 40), (4000, 2000)])
def test_fewer_rows_than_asked_for(rows, count, database):
    index = DescriptorIndex.build(database[:rows], 0, exact_below=1000)
    scores, found = index.search(database[:2], count)
    assert found.shape == scores.shape == (2, count)
    missing = found < 0
    assert missing[:, -1].all() and not missing[:, 0].any()
    assert np.array_equal(missing, np.isneginf(scores))
    assert found[:, 0].tolist() == [0, 1]


def test_a_memory_mapped_database(database, queries, lists, tmp_path):
    np.save(tmp_path / "d.npy", database)
    mapped = np.load(tmp_path / "d.npy", mmap_mode="r")
    found = DescriptorIndex.build(mapped, 0, exact_below=1000).search(queries, 3)[1]
    assert np.array_equal(found, lists.search(queries, 3)[1])


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (np.zeros((0, 4), np.float32), r"descriptors: expected \(N, D\) float32, got \(0, 4\)"),
        (np.ones((3, 4)), r"descriptors: expected \(N, D\) float32, got \(3, 4\) float64"),
        (np.eye(4, dtype=np.float32)[0], r"got \(4,\) float32"),
        (np.diag([1, 2, 1]).astype(np.float32), "descriptors row 1: expected a unit vector"),
        (np.diag([1, np.nan, 1]).astype(np.float32), "row 1: expected a unit vector"),
    ],
)
def test_what_are_no_descriptors_is_said(values, line):
    with pytest.raises(InputError, match=line):
        DescriptorIndex.build(values, 0, 10_000)


def test_queries_of_another_network_are_refused(database):
    index = DescriptorIndex.build(database, 0, 10_000)
    with pytest.raises(InputError, match=r"queries: expected \(N, 32\) float32, got \(2, 16\)"):
        index.search(unit(np.ones((2, 16))), 1)
