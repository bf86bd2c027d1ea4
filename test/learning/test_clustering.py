"""Clusters of features: found, the same for the same seed, none of them empty."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.learning.clustering import find_clusters

FAR = 20.0


def bunches(count: int, each: int, dimensions: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features (count * each, D) around `count` middles, and which."""
    rng = np.random.default_rng(0)
    middles = FAR * rng.normal(size=(count, dimensions))
    which = np.repeat(np.arange(count), each)
    return (middles[which] + rng.normal(size=(len(which), dimensions))).astype(np.float32), which


def test_bunches_are_told_apart() -> None:
    features, which = bunches(6, 50)
    clusters = find_clusters(features, 6, 8, 30, seed=1)
    labels = clusters.assign(features)
    together = [np.bincount(labels[which == one], minlength=6).max() for one in range(6)]
    assert len(clusters) == 6
    assert sum(together) >= 0.9 * len(which)


def test_what_is_clustered_is_whitened() -> None:
    features, _ = bunches(6, 50)
    found = find_clusters(features, 4, 5, 5, seed=1)
    values = (features - found.mean) @ found.axes
    assert values.shape[1] == 5
    assert np.allclose(np.cov(values.T), np.eye(5), atol=0.02)
    assert np.linalg.norm(found.centroids, axis=1).max() <= 1.0 + 1e-5  # means of unit vectors


def test_same_seed_same_clusters() -> None:
    features, _ = bunches(5, 40)
    one, same, other = (find_clusters(features, 7, 8, 10, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.centroids, same.centroids)
    assert not np.array_equal(one.centroids, other.centroids)


def test_no_cluster_stays_empty_though_many_features_are_the_same() -> None:
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(3, 4)), [400, 5, 5], axis=0).astype(np.float32)
    features += 1e-3 * rng.normal(size=features.shape).astype(np.float32)
    labels = find_clusters(features, 12, 4, 20, seed=0).assign(features)
    assert (np.bincount(labels, minlength=12) > 0).all()


def test_axes_without_variance_are_left_out() -> None:
    features, _ = bunches(4, 30, dimensions=3)
    flat = np.concatenate([features, np.ones((len(features), 2), np.float32)], axis=1)
    found = find_clusters(flat, 4, 5, 5, seed=0)
    assert found.axes.shape == (5, 3)
    assert np.isfinite(found.centroids).all()


def test_fewer_features_than_clusters_is_one_line() -> None:
    with pytest.raises(InputError, match="features to cluster: expected at least 9, got 8"):
        find_clusters(np.zeros((8, 3), np.float32), 9, 3, 5, seed=0)


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_features_that_do_not_differ_have_no_clusters(value: float) -> None:
    with pytest.raises(InputError, match="finite ones that differ"):
        find_clusters(np.full((50, 8), value, np.float32), 4, 8, 5, seed=1)
