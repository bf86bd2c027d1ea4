"""SSMC: matches whose pixel and point have the same, stationary label.

Simple semantic match consistency (Toft et al., "Semantic Match Consistency for Long-Term Visual
Localization", ECCV 2018; Larsson et al., 2019, section 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.maps.labelling import NO_LABEL, labels_at
from semloc_ros.types import Correspondences, LabelMap


def consistent_matches(
    matches: Correspondences, labels: LabelMap, point_labels: NDArray[np.int64],
    stationary: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which matches (N,) to keep.

    `labels` (H, W) is the image's label map, `point_labels` (P,) the label of each point of the
    map (`NO_LABEL`: none), `stationary` (L,). A match without a label on one side can neither
    agree nor disagree, and is kept; one with a label that is not stationary on either is not.
    """
    of_pixel = labels_at(labels, matches.points_image)
    of_point = np.full(len(matches), NO_LABEL, np.int64)
    in_map = matches.point_ids >= 0
    of_point[in_map] = point_labels[matches.point_ids[in_map]]
    kept = _may_stay(of_pixel, stationary) & _may_stay(of_point, stationary)
    unsure = (of_pixel == NO_LABEL) | (of_point == NO_LABEL)
    return np.asarray(kept & (unsure | (of_pixel == of_point)))


def _may_stay(labels: NDArray[np.int64], stationary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """False for labels known to move; labels beyond the known ones are none of ours."""
    kept: NDArray[np.bool_] = labels == NO_LABEL
    known = (labels >= 0) & (labels < len(stationary))
    kept[known] = stationary[labels[known]]
    return kept
