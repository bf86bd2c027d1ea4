"""Labels of the map's points: the label maps of its views, projected through the tracks.

A point is asked only in the views that observed it as a feature, so what hides it there is not
taken for it: occlusion is settled by the matching, and no depth is needed.
(Larsson et al., "Fine-Grained Segmentation Networks", 2019, section 4; Stenborg et al.,
"Long-Term Visual Localization Using Semantically Segmented Images", 2018, section III.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import MapError, expected
from semloc_ros.maps.semantic_map import NO_CONFUSION, NO_STATIONARY, SemanticMap
from semloc_ros.types import FloatArray, LabelMap

ReadLabels = Callable[[str], LabelMap]  # by the name of a view
# Which labels (L,) stay, by how often each stands at matches (L,) and in all pixels (L,).
ChooseStationary = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]

NO_LABEL = -1
STATIC_CLASSES = tuple(sorted(set(range(len(classes.NAMES))) - set(classes.MOVABLE)))
_MOST_VOTES = np.iinfo(np.uint16).max
_PIECE = 1 << 16  # points whose votes are looked at together


def label_map(
    semantic_map: SemanticMap, read_labels: ReadLabels, num_labels: int, source: str = "",
    tell: Callable[[int, int], None] = lambda done, total: None,
    choose_stationary: ChooseStationary | None = None,
) -> SemanticMap:
    """The map with a histogram (P, num_labels) of the labels that its views gave each point.

    `read_labels(name)` is the label map (H, W) of a view, the largest number of its type for
    unknown. `choose_stationary` says which labels stay; without it the map does not know. Counts
    of a confusion made of older labels are dropped. `source` is noted in the manifest;
    `tell(done, total)` hears of each view.
    Raises MapError for a label map of another size or a label beyond `num_labels`.
    """
    histogram = np.zeros((semantic_map.num_points, num_labels), np.uint16)
    in_matches, in_pixels = np.zeros((2, num_labels), np.int64)
    for view, name in enumerate(semantic_map.view_names):
        image = read_labels(name)
        points, labels = votes_of(semantic_map, view, image, num_labels)
        rows, votes = np.unique(points.astype(np.int64) * num_labels + labels, return_counts=True)
        flat = histogram.reshape(-1)
        flat[rows] = np.minimum(flat[rows] + votes, _MOST_VOTES)
        in_matches += np.bincount(labels, minlength=num_labels)
        in_pixels += np.bincount(image.ravel(), minlength=num_labels)[:num_labels]
        tell(view + 1, semantic_map.num_views)
    report = {**semantic_map.manifest.build, "labels": {"count": num_labels, "source": source}}
    return dataclasses.replace(
        semantic_map,
        manifest=dataclasses.replace(semantic_map.manifest, build=report),
        label_histogram=histogram,
        label_confusion=NO_CONFUSION,
        label_stationary=choose_stationary(in_matches, in_pixels) if choose_stationary
        else NO_STATIONARY,
    )


def mode(histogram: NDArray[Any]) -> NDArray[np.int64]:
    """The label (P,) with most votes of a histogram (P, L), `NO_LABEL` where there is none."""
    if histogram.shape[1] == 0:
        return np.full(len(histogram), NO_LABEL, np.int64)
    found = np.asarray(histogram.argmax(1), np.int64)
    return np.where(histogram.max(1) > 0, found, NO_LABEL)


def entropy(histogram: NDArray[Any]) -> FloatArray:
    """Entropy (P,) in bits of the votes (P, L): 0 where all views agree, infinite without one."""
    votes = np.asarray(histogram, np.float64)
    total = votes.sum(1)
    shares = votes / np.maximum(total, 1.0)[:, None]
    logs = np.log2(np.where(shares > 0, shares, 1.0))
    bits: FloatArray = np.where(total > 0, -(shares * logs).sum(1), np.inf)
    return bits


def sure_labels(
    histogram: NDArray[Any], least_votes: int, max_entropy_bits: float
) -> NDArray[np.int64]:
    """The label (P,) of a histogram (P, L), `NO_LABEL` where votes are too few or disagree.

    It is read piece by piece: it may be larger than the memory.
    """
    found = np.full(len(histogram), NO_LABEL, np.int64)
    for first in range(0, len(histogram) if histogram.shape[1] else 0, _PIECE):
        votes = np.asarray(histogram[first : first + _PIECE])
        total, most = votes.sum(1, dtype=np.int64), votes.max(1)
        sure = (total >= max(least_votes, 1)) & (total == most)
        split = np.flatnonzero((total >= least_votes) & (total > most))
        sure[split] = entropy(votes[split]) <= max_entropy_bits
        found[first : first + _PIECE] = np.where(sure, votes.argmax(1), NO_LABEL)
    return found


def stationary_classes(num_labels: int) -> NDArray[np.bool_]:
    """(num_labels,): which of the Cityscapes classes stay where they are: 11 of the 19."""
    stationary = np.zeros(num_labels, np.bool_)
    stationary[[one for one in STATIC_CLASSES if one < num_labels]] = True
    return stationary


def stationary_clusters(
    in_matches: NDArray[Any], in_pixels: NDArray[Any], least_ratio: float
) -> NDArray[np.bool_]:
    """Which learned clusters are found again in other seasons (L,).

    Cluster c is stationary if p_c(c) / p_p(c) > `least_ratio`: its share of the pixels that
    have a match in another season against its share of all pixels. `in_matches` and `in_pixels`
    (L,) are the counts (Larsson et al., 2019, supplement C.2).
    """
    matched = np.asarray(in_matches, np.float64) / max(float(np.sum(in_matches)), 1.0)
    everywhere = np.asarray(in_pixels, np.float64) / max(float(np.sum(in_pixels)), 1.0)
    return np.asarray(matched > least_ratio * everywhere)


def labels_at(labels: LabelMap, pixels: NDArray[Any]) -> NDArray[np.int64]:
    """The label (N,) under each pixel (N, 2), `NO_LABEL` outside the image and where unknown."""
    height, width = labels.shape
    with np.errstate(invalid="ignore"):
        u, v = np.floor(np.asarray(pixels, np.float64) + 0.5).T
        inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)  # False for NaN
    found = np.full(len(pixels), NO_LABEL, np.int64)
    found[inside] = labels[v[inside].astype(np.int64), u[inside].astype(np.int64)]
    found[found == np.iinfo(labels.dtype).max] = NO_LABEL
    return found


def votes_of(
    semantic_map: SemanticMap, view: int, labels: LabelMap, num_labels: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Point and label (N,) of each labelled observation of one view; MapError as `label_map`."""
    name, camera = semantic_map.view_names[view], semantic_map.camera_of(view)
    if labels.shape != (camera.height, camera.width):
        wanted = f"{camera.width}x{camera.height} as its view"
        got = "x".join(map(str, labels.shape[::-1]))
        raise MapError(expected(f"labels of {name}", wanted, got))
    points = semantic_map.points_of(view)
    rows = np.flatnonzero(points >= 0)
    found = labels_at(labels, semantic_map.features_of(view).keypoints[rows])
    if len(found) and found.max() >= num_labels:
        raise MapError(expected(f"labels of {name}", f"less than {num_labels}", found.max()))
    known = found != NO_LABEL
    return points[rows[known]], found[known]
