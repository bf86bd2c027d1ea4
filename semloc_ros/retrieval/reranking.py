"""Agreement of coarse label maps: whether two images show the same things in the same corners.

A grid of majority labels is a few hundred bytes per view; comparing the best candidates of a
search with it is the cheap kin of spatial verification (Philbin et al.: Object retrieval with
large vocabularies and fast spatial matching, CVPR 2007, section 4), for labels instead of words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray, LabelMap

GRID = (15, 20)  # rows, columns
_LEAST_KNOWN = 0.5  # share of a cell's pixels
_LEAST_DEVIATION = 1e-6


def label_grid(
    labels: LabelMap, num_labels: int, ignored: NDArray[np.bool_] | None = None,
    shape: tuple[int, int] = GRID,
) -> LabelMap:
    """The majority label of each cell, `shape` (rows, columns), of a label map (H, W).

    Unknown pixels, the largest number of the dtype or not below `num_labels`, and labels that are
    `ignored` (num_labels,), such as those of cars, do not count; where they are more than half of
    a cell, it is unknown: the largest number of the label map's dtype.
    """
    height, width = labels.shape
    rows = np.arange(height) * shape[0] // height
    columns = np.arange(width) * shape[1] // width
    cells = (rows[:, None] * shape[1] + columns).astype(np.int64)
    numbers = np.minimum(labels, num_labels).astype(np.int64)
    size = num_labels + 1
    counts = np.bincount((cells * size + numbers).ravel(), minlength=shape[0] * shape[1] * size)
    counts = counts.reshape(*shape, size)
    pixels = counts.sum(2)
    known = counts[..., :num_labels] * (1 if ignored is None else ~ignored)
    sure = known.sum(2) >= np.maximum(_LEAST_KNOWN * pixels, 1)
    unknown = np.iinfo(labels.dtype).max
    grid = labels[:1, :1].repeat(shape[0], 0).repeat(shape[1], 1)  # of the same dtype
    grid[...] = np.where(sure, known.argmax(2), unknown)
    return grid


def label_weights(grids: LabelMap, num_labels: int) -> FloatArray:
    """How much it says (num_labels,) that two cells have a label: -log of its share among the
    known cells of all grids (N, rows, columns). Sky agrees with sky anywhere."""
    counts = np.bincount(np.minimum(grids, num_labels).ravel(), minlength=num_labels + 1)
    shares = (counts[:num_labels] + 1.0) / (counts[:num_labels].sum() + num_labels)
    return np.asarray(-np.log(shares))


def grid_agreement(
    query: LabelMap, grids: LabelMap, weights: FloatArray, shift: int = 1
) -> FloatArray:
    """Agreement (K,), from 0 to 1, of a query's grid (rows, columns) with grids (K, rows, columns).

    The weight of the cells with the same label over that of all cells of the query that both
    know, the best of shifts of up to `shift` cells each way; 0 where they share no known cell.
    """
    best = np.zeros(len(grids))
    for down in range(-shift, shift + 1):
        for right in range(-shift, shift + 1):
            own = query[_overlap(down)][:, _overlap(right)]
            theirs = grids[:, _overlap(-down)][:, :, _overlap(-right)]
            best = np.maximum(best, _share(own, theirs, weights))
    return best


def reranked(scores: FloatArray, agreement: FloatArray, weight: float) -> FloatArray:
    """Scores (K,) plus `weight` times the agreement (K,) in standard deviations of scores above
    its mean over the candidates."""
    deviation = max(float(agreement.std()), _LEAST_DEVIATION)
    above = (agreement - agreement.mean()) / deviation
    return np.asarray(scores + weight * float(scores.std()) * above)


def _overlap(shift: int) -> slice:
    """What is left of an axis that is moved by `shift` cells."""
    return slice(max(shift, 0), shift if shift < 0 else None)


def _share(own: LabelMap, theirs: LabelMap, weights: FloatArray) -> FloatArray:
    count = len(weights)
    values = np.append(weights, 0.0)[np.minimum(own, count)]
    worth = np.where(theirs < count, values, 0.0)
    same = np.where(theirs == own, worth, 0.0).sum((1, 2))
    total = worth.sum((1, 2))
    return np.asarray(same / np.where(total > 0, total, 1.0))
