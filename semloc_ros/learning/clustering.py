"""Labels from clusters of a network's features (Larsson et al., ICCV 2019, section 3, equation 1).

PCA, whitening, L2 normalization, k-means, as in Caron et al. (ECCV 2018). An empty cluster gets a
slightly moved copy of the centroid of another one, drawn by size: that is what faiss does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected

_LEAST_VARIANCE = 1e-6  # of the largest: axes below would be noise blown up
_LEAST_LENGTH = 1e-12
_AT_ONCE = 65_536  # features


@dataclass(frozen=True, slots=True)
class Clusters:
    """`mean` (D,), `axes` (D, K) scaled to unit variance, `centroids` (C, K); all float32."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    centroids: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centroids)

    def assign(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """The nearest cluster (N,) of features (N, D)."""
        import faiss

        _, nearest = faiss.knn(_normalized(features, self.mean, self.axes), self.centroids, 1)
        return np.asarray(nearest[:, 0], np.int64)


def find_clusters(
    features: NDArray[np.float32], count: int, dimensions: int, rounds: int, seed: int
) -> Clusters:
    """`count` clusters of features (N, D), the same for the same seed.

    Raises InputError if there are fewer features than clusters, or if they are all the same.
    """
    if len(features) < count:
        raise InputError(expected("features to cluster", f"at least {count}", len(features)))
    mean = features.mean(0, dtype=np.float64).astype(np.float32)
    axes = _whitening(features, mean, dimensions)
    if not axes.shape[1]:
        raise InputError(expected("features to cluster", "finite ones that differ", "others"))
    values = _normalized(features, mean, axes)
    return Clusters(mean, axes, _centroids(values, count, rounds, seed))


def _whitening(
    features: NDArray[np.float32], mean: NDArray[np.float32], dimensions: int
) -> NDArray[np.float32]:
    """The axes (D, K) of largest variance, each divided by its standard deviation; none if
    there is no variance, or no finite one."""
    covariance = np.zeros((features.shape[1], features.shape[1]))
    for first in range(0, len(features), _AT_ONCE):  # float64 of all would be twice as large
        centred = (features[first : first + _AT_ONCE] - mean).astype(np.float64)
        covariance += centred.T @ centred / len(features)
    if not np.isfinite(covariance).all():
        return np.empty((len(mean), 0), np.float32)
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = variances[::-1][:dimensions], axes[:, ::-1][:, :dimensions]
    used = variances > _LEAST_VARIANCE * max(variances[0], np.finfo(np.float64).tiny)
    scaled = axes[:, used] / np.sqrt(variances[used])
    return np.ascontiguousarray(scaled, np.float32)


def _normalized(
    features: NDArray[np.float32], mean: NDArray[np.float32], axes: NDArray[np.float32]
) -> NDArray[np.float32]:
    values = (features - mean) @ axes
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.ascontiguousarray(values / np.maximum(lengths, _LEAST_LENGTH), np.float32)


def _centroids(
    values: NDArray[np.float32], count: int, rounds: int, seed: int
) -> NDArray[np.float32]:
    import faiss

    means = faiss.Kmeans(
        values.shape[1], count, niter=rounds, seed=seed % 2**31,
        min_points_per_centroid=1, max_points_per_centroid=2**31 - 1,
    )  # fmt: skip
    means.train(values)
    return np.asarray(means.centroids, np.float32)
