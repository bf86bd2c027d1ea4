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
from semloc_ros.types import Camera, FloatArray

Matches = dict[tuple[int, int], matching.Pairs]  # (first, second) → rows (M, 2)


def match_views(
    views: Views, config: MapBuilderConfig, epipolar_px: float, work: Workspace, tell: Progress
) -> Matches:
    """Matches of the pairs that the poses suggest, within `epipolar_px` of their lines."""
    pairs = choose_pairs(views.images, config.pairs)
    rays = _rays(views)
    groups = np.split(pairs, np.flatnonzero(np.diff(pairs[:, 0])) + 1) if len(pairs) else []

    def match_group(group: matching.Pairs) -> dict[str, NDArray[Any]]:
        options = (config.ratio, epipolar_px)
        key = workspace.matches_key(group, views.keys, views.images, options)
        return work.remembered(key, lambda: _match_group(group, views, rays, *options))

    matches: Matches = {}
    pool = ThreadPoolExecutor()
    try:
        for group, found in zip(groups, pool.map(match_group, groups), strict=True):
            parts = np.split(found["rows"], found["ends"][:-1])
            for (first, second), rows in zip(group, parts, strict=True):
                matches[int(first), int(second)] = rows
            tell("matches", len(matches), len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the rest
    return matches


def near_epipolar(matches: Matches, views: Views, epipolar_px: float) -> Matches:
    """The matches that lie within `epipolar_px` of the lines that the views' poses draw."""
    kept = {}
    rays = _rays(views)
    for (first, second), rows in matches.items():
        one, other = views.images[first], views.images[second]
        error = matching.epipolar_error(
            rays[first][rows[:, 0]], rays[second][rows[:, 1]],
            matching.relative_pose(one.camera_from_map, other.camera_from_map),
        )
        kept[first, second] = rows[error < _tolerance(one.camera, other.camera, epipolar_px)]
    return kept


def _match_group(
    group: matching.Pairs, views: Views, rays: list[FloatArray], ratio: float, epipolar_px: float
) -> dict[str, NDArray[Any]]:
    """Matches of pairs with the same first view, one after the other, and where each ends."""
    found = []
    for first, second in group.tolist():
        one, other = views.images[first], views.images[second]
        found.append(
            matching.match_pair(
                (views.features[first].descriptors, views.features[second].descriptors),
                (rays[first], rays[second]),
                matching.relative_pose(one.camera_from_map, other.camera_from_map),
                ratio,
                _tolerance(one.camera, other.camera, epipolar_px),
            )
        )
    return {"rows": np.concatenate(found), "ends": np.cumsum([len(rows) for rows in found])}


def _rays(views: Views) -> list[FloatArray]:
    return [
        cameras.unproject(image.camera, one.keypoints.astype(np.float64))
        for image, one in zip(views.images, views.features, strict=True)
    ]


def _tolerance(one: Camera, other: Camera, epipolar_px: float) -> float:
    """The angle of so many pixels, of the camera with the larger ones."""
    return epipolar_px / min(one.fx, other.fx)
