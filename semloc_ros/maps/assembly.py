"""From views, features and tracks to the arrays of a SemanticMap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.maps import points
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.semantic_map import NO_CONFUSION, NO_STATIONARY, SemanticMap
from semloc_ros.maps.tracks import Tracks
from semloc_ros.types import Features, PosedImage


def assemble(
    manifest: Manifest,
    images: Sequence[PosedImage],
    features: Sequence[Features],
    colors_rgb: NDArray[np.uint8],
    tracks: Tracks,
    sigma_px: float,
    keep_unmatched: bool = True,
) -> SemanticMap:
    """The map of these views; `colors_rgb` (P, 3) are those of the points.

    Points whose uncertainty is infinite are left out. Features without a point are left out
    unless `keep_unmatched`.
    """
    sigmas = points.point_sigmas(tracks, images, sigma_px)
    sure = np.isfinite(sigmas)
    tracks, sigmas, colors_rgb = tracks.select(sure), sigmas[sure], colors_rgb[sure]
    ranges, directions = points.viewing_cones(tracks, images)
    kinds, numbers = points.number_cameras(images)
    owners = _owners(tracks, [len(one) for one in features])
    kept = [np.ones(len(one), bool) if keep_unmatched else one >= 0 for one in owners]
    offsets = np.cumsum([0] + [int(one.sum()) for one in kept]).astype(np.int64)
    return SemanticMap(
        manifest=manifest,
        view_names=tuple(image.name for image in images),
        cameras=tuple(kinds),
        points_map=tracks.points_map,
        colors_rgb=colors_rgb,
        viewing_range=ranges,
        viewing_direction=directions,
        point_sigma=sigmas,
        label_histogram=np.zeros((len(tracks), 0), np.uint16),
        label_confusion=NO_CONFUSION,
        label_stationary=NO_STATIONARY,
        track_offsets=tracks.offsets,
        track_views=tracks.views,
        track_features=_feature_rows(tracks, kept, offsets),
        view_stamps_ns=np.array([image.stamp_ns for image in images], np.int64),
        view_cameras=numbers.astype(np.int32),
        camera_from_map=np.stack([image.camera_from_map for image in images]).astype(np.float64),
        feature_offsets=offsets,
        keypoints=_stacked([one.keypoints for one in features], kept),
        scales=_stacked([one.scales for one in features], kept),
        descriptors=_stacked([one.descriptors for one in features], kept),
        feature_points=_stacked(owners, kept),
    )


def _owners(tracks: Tracks, counts: Sequence[int]) -> list[NDArray[np.int32]]:
    """The point of every feature of every view, -1 where none."""
    starts = np.cumsum([0, *counts])
    owner = np.full(starts[-1], -1, np.int32)
    owner[starts[tracks.views] + tracks.features] = tracks.point_of
    return np.split(owner, starts[1:-1])


def _feature_rows(
    tracks: Tracks, kept: Sequence[NDArray[np.bool_]], offsets: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The row within the map's features of each observation."""
    starts = np.cumsum([0] + [len(one) for one in kept])
    every = np.concatenate(kept)
    row = np.cumsum(every) - 1
    return np.asarray(row[starts[tracks.views] + tracks.features], np.int32)


def _stacked(parts: Sequence[NDArray[Any]], kept: Sequence[NDArray[np.bool_]]) -> NDArray[Any]:
    return np.concatenate([part[rows] for part, rows in zip(parts, kept, strict=True)])
