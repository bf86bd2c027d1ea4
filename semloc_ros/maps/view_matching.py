"""Matches between all chosen pairs of views, remembered image by image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import MapBuilderConfig
from semloc_ros.geometry import cameras
from semloc_ros.maps import matching, workspace
from semloc_ros.maps.pairs import choose_pairs
from semloc_ros.maps.views import Progress, Views
from semloc_ros.maps.workspace import Workspace

Matches = dict[tuple[int, int], matching.Pairs]  # (first, second) → rows (M, 2)


def match_views(
    views: Views, config: MapBuilderConfig, epipolar_px: float, work: Workspace, tell: Progress
) -> Matches:
    """Matches of the pairs that the poses suggest, within `epipolar_px` of their lines."""
    pairs = choose_pairs(views.images, config.pairs)
    groups = np.split(pairs, np.flatnonzero(np.diff(pairs[:, 0])) + 1) if len(pairs) else []

    def match_group(group: matching.Pairs) -> dict[str, NDArray[Any]]:
        options = (config.ratio, epipolar_px)
        key = workspace.matches_key(group, views.keys, views.images, options)
        return work.remembered(key, lambda: _match_group(group, views, *options))

    matches: Matches = {}
    with ThreadPoolExecutor() as pool:
        for group, found in zip(groups, pool.map(match_group, groups), strict=True):
            parts = np.split(found["rows"], found["ends"][:-1])
            for (first, second), rows in zip(group, parts, strict=True):
                matches[int(first), int(second)] = rows
            tell("matches", len(matches), len(pairs))
    return matches


def near_epipolar(matches: Matches, views: Views, epipolar_px: float) -> Matches:
    """The matches that lie within `epipolar_px` of the lines that the views' poses draw."""
    kept = {}
    rays: dict[int, NDArray[np.float64]] = {}
    for (first, second), rows in matches.items():
        for view in (first, second):
            if view not in rays:
                image = views.images[view]
                rays[view] = cameras.unproject(image.camera, views.pixels(view))
        one, other = views.images[first], views.images[second]
        error = matching.epipolar_error(
            rays[first][rows[:, 0]], rays[second][rows[:, 1]],
            matching.relative_pose(one.camera_from_map, other.camera_from_map),
        )
        kept[first, second] = rows[error < epipolar_px / min(one.camera.fx, other.camera.fx)]
    return kept


def _match_group(
    group: matching.Pairs, views: Views, ratio: float, epipolar_px: float
) -> dict[str, NDArray[Any]]:
    """Matches of pairs with the same first view, one after the other, and where each ends."""
    first = int(group[0, 0])
    own = matching.unit_descriptors(views.features[first].descriptors)
    found: Matches = {}
    for second in map(int, group[:, 1]):
        other = matching.unit_descriptors(views.features[second].descriptors)
        found[first, second] = matching.mutual_matches(own, other, ratio)
    near = list(near_epipolar(found, views, epipolar_px).values())
    return {"rows": np.concatenate(near), "ends": np.cumsum([len(rows) for rows in near])}
