"""Descriptor comparison restricted to windows around predicted pixels, compiled (numba):
a dense comparison would look at a hundred times as many pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import Features, FloatArray

_CELL_PX = 24.0
_SCALE_FACTOR = 1.6  # SIFT's scale of a true match is predicted this well
_TYPICAL_STEP = 16  # so many of the distances suffice for their median


@dataclass(frozen=True, slots=True)
class Pairs:
    """Feature and prediction (row each) with their squared descriptor distance, (K,) each."""

    features: NDArray[np.int32]
    predictions: NDArray[np.int32]
    distances: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FeatureGrid:
    """Features sorted by cell of the image: rows of cell c are order[starts[c]:starts[c+1]]."""

    columns: int
    rows: int
    order: NDArray[np.int32]
    starts: NDArray[np.int32]

    @staticmethod
    def of(features: Features) -> FeatureGrid:
        """Keypoints left of or above the image are counted to its first cells."""
        cells = np.maximum(features.keypoints / _CELL_PX, 0.0).astype(np.int32)
        columns, rows = (cells.max(0) + 1).tolist() if len(cells) else (1, 1)
        number = cells[:, 1] * columns + cells[:, 0]
        order = np.argsort(number, kind="stable").astype(np.int32)
        starts = np.searchsorted(number[order], np.arange(columns * rows + 1)).astype(np.int32)
        return FeatureGrid(columns, rows, order, starts)


def compare_in_windows(
    features: Features,
    pixels: FloatArray,
    radii_px: FloatArray,
    scales: FloatArray,
    descriptors: NDArray[np.uint8],
) -> Pairs:
    """All pairs of a feature and a prediction within whose window and scale it lies.

    Predictions are `pixels` (M, 2), `radii_px` (M,), `scales` (M,) as `Features.scales`, and
    `descriptors` (M, D) uint8.
    """
    grid = FeatureGrid.of(features)
    found, wanted = _pairs(
        pixels.astype(np.float32), radii_px.astype(np.float32), scales.astype(np.float32),
        features.keypoints, features.scales, grid.order, grid.starts, grid.columns, grid.rows,
    )
    return Pairs(found, wanted, _distances(features.descriptors, descriptors, found, wanted))


def best_of_pairs(
    pairs: Pairs, pixels: FloatArray, num_features: int, same_pixel: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Features (N,), their best prediction (N,), and the ratio (N,) of its distance to that of
    the best rival, a prediction more than `same_pixel` pixels away from it.

    Without any rival in the window the ratio is that to a typical wrong descriptor.
    """
    best, nearest, second = _two_best(
        pairs.features, pairs.predictions, pairs.distances, pixels, num_features, same_pixel**2
    )
    rows = np.flatnonzero(best >= 0)
    typical = np.median(pairs.distances[::_TYPICAL_STEP]) if len(rows) else 1.0
    ratios = np.sqrt(nearest[rows] / np.maximum(np.minimum(second[rows], typical), 1.0))
    return rows, best[rows].astype(np.int64), ratios


def compile_kernels() -> None:
    """Compile now what would else delay the first frame by a second."""
    one = np.ones(1, np.float32)
    descriptor = np.zeros((1, 128), np.uint8)
    features = Features("", np.zeros((1, 2), np.float32), one, descriptor)
    pixels = np.zeros((1, 2))
    pairs = compare_in_windows(features, pixels, np.ones(1), np.ones(1), descriptor)
    best_of_pairs(pairs, pixels, 1, 1.0)


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _pairs(
    pixels: Any, radii: Any, sizes: Any, keypoints: Any, scales: Any,
    order: Any, starts: Any, columns: int, rows: int,
) -> Any:
    found, wanted = [np.int32(0)], [np.int32(0)]  # typed by their first, dropped below
    for one in range(len(pixels)):
        u, v, radius = pixels[one, 0], pixels[one, 1], radii[one]
        left, right = int((u - radius) // _CELL_PX), int((u + radius) // _CELL_PX)
        above, below = int((v - radius) // _CELL_PX), int((v + radius) // _CELL_PX)
        for row in range(max(above, 0), min(below, rows - 1) + 1):
            first = row * columns + max(left, 0)
            last = row * columns + min(right, columns - 1)
            if last < first:
                continue
            for place in range(starts[first], starts[last + 1]):
                feature = order[place]
                ratio = scales[feature] / sizes[one]
                if ratio > _SCALE_FACTOR or ratio * _SCALE_FACTOR < 1.0:
                    continue
                du, dv = keypoints[feature, 0] - u, keypoints[feature, 1] - v
                if du * du + dv * dv <= radius * radius:
                    found.append(np.int32(feature))
                    wanted.append(np.int32(one))
    return np.array(found[1:], np.int32), np.array(wanted[1:], np.int32)


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _distances(first: Any, second: Any, rows_first: Any, rows_second: Any) -> Any:
    distances = np.empty(len(rows_first), np.int32)
    for one in range(len(distances)):
        total = np.int32(0)
        for column in range(first.shape[1]):
            difference = np.int32(first[rows_first[one], column]) - np.int32(
                second[rows_second[one], column]
            )
            total += difference * difference
        distances[one] = total
    return distances


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _two_best(
    features: Any, predictions: Any, distances: Any, pixels: Any, count: int, same: float
) -> Any:
    """Per feature: its nearest prediction (-1: none), that distance, and the least of a rival."""
    best = np.full(count, -1, np.int32)
    nearest, second = np.full(count, np.inf), np.full(count, np.inf)
    for pair in range(len(features)):
        feature = features[pair]
        if distances[pair] < nearest[feature]:
            nearest[feature], best[feature] = distances[pair], predictions[pair]
    for pair in range(len(features)):
        feature, one = features[pair], predictions[pair]
        du = pixels[one, 0] - pixels[best[feature], 0]
        dv = pixels[one, 1] - pixels[best[feature], 1]
        if distances[pair] < second[feature] and du * du + dv * dv > same:
            second[feature] = distances[pair]
    return best, nearest, second
