"""How sure pixels are of the labels of points: counted in the images that labelled the points.

A view that takes part in a point's label agrees with it for that reason alone. So each view is
compared with what the other views say: its own votes are taken back before the point's label is
read, and a point of which the others are not sure is left out. All points near by are looked up,
not only those that the view observed as features: what hides a point, and how far labels reach
over edges, is counted as it will be met in use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FilterConfig, LabelsConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.label_images import kernel_poses, label_image
from semloc_ros.localization.label_kernels import pixels_of
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import least_cosine2
from semloc_ros.maps.labelling import NO_LABEL, ReadLabels, sure_labels, votes_of
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import LabelMap

_STRIDE = 2  # pixels: neighbours have the same label


def count_left_out(
    semantic_map: SemanticMap, points: LabelPoints, read_labels: ReadLabels,
    config: FilterConfig, tell: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.uint32]:
    """Counts (L, L) of point labels (row) by the other views and the pixel labels found under
    them (column), over all views of a labelled map that knows its stationary labels.

    `points` are those of the map; `read_labels(name)` the label map (H, W) of a view.
    """
    count = points.num_labels
    counts = np.zeros((count, count + 1), np.int64)
    for view, name in enumerate(semantic_map.view_names):
        own, pixel = _looked_up(semantic_map, view, points, read_labels(name), config)
        known = own != NO_LABEL
        pairs = own[known] * (count + 1) + pixel[known]
        counts += np.bincount(pairs, minlength=counts.size).reshape(counts.shape)
        tell(view + 1, semantic_map.num_views)
    return np.minimum(counts[:, :-1], np.iinfo(np.uint32).max).astype(np.uint32)


def _looked_up(
    semantic_map: SemanticMap, view: int, points: LabelPoints, labels: LabelMap,
    config: FilterConfig,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Label by the other views, and that of the pixel (N,), of the points that a view may see."""
    image = label_image(
        semantic_map.camera_of(view), labels, semantic_map.label_stationary, _STRIDE
    )
    map_from_camera = se3.inverse(semantic_map.camera_from_map[view])
    centre = map_from_camera[:3, 3]
    rows = points.near(centre, config.range_m, config.near_points)
    pixels = pixels_of(
        kernel_poses(image, map_from_camera[None], centre), points.packed(rows, centre)[0],
        least_cosine2(config), image.width, image.height,
    ).ravel()[: len(rows)]
    seen = pixels < image.width * image.height
    other = _labels_of_others(semantic_map, view, labels, points.ids[rows[seen]], config.labels)
    return other, image.labels[pixels[seen]].astype(np.int64)


def _labels_of_others(
    semantic_map: SemanticMap, view: int, labels: LabelMap, ids: NDArray[np.int64],
    config: LabelsConfig,
) -> NDArray[np.int64]:
    """Labels (N,) of points of the map without the votes of one view, `NO_LABEL` if unsure."""
    count = semantic_map.label_histogram.shape[1]
    voted, votes = votes_of(semantic_map, view, labels, count)
    histogram: NDArray[Any] = np.asarray(semantic_map.label_histogram[ids], np.int64)
    order = np.argsort(ids)
    at = np.minimum(np.searchsorted(ids, voted, sorter=order), max(len(ids) - 1, 0))
    hit = (ids[order[at]] == voted) if len(ids) else np.zeros(len(voted), bool)
    np.subtract.at(histogram, (order[at[hit]], votes[hit]), 1)
    found = sure_labels(histogram, config.least_votes, config.max_entropy_bits)
    stays = semantic_map.label_stationary[found] & (found != NO_LABEL)
    return np.where(stays, found, NO_LABEL)
