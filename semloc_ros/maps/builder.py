"""From posed images to a map: features, pairs, matches, triangulation, filtering, storage.

The poses are given (a robot's SLAM or the ground truth of a data set decides them), so every step
uses them: for choosing pairs, for throwing out matches, for triangulating. They stay as they
are unless the configuration says that they may be mended (`refine.poses`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.config import MapBuilderConfig
from semloc_ros.errors import MapError, SemlocError, expected
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps import points, workspace
from semloc_ros.maps.assembly import assemble
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.masks import Masks
from semloc_ros.maps.point_refinement import refine_points
from semloc_ros.maps.refinement import Refiner, State
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import check_replaceable, load_map, save_map
from semloc_ros.maps.tracks import Tracks, longest
from semloc_ros.maps.triangulation import triangulate
from semloc_ros.maps.view_matching import Matches, match_views, near_epipolar
from semloc_ros.maps.views import Extract, Progress, Views, extract_views
from semloc_ros.maps.workspace import Workspace
from semloc_ros.types import FloatArray, PosedImage

_LOOSE = (3.0, 1.5)  # factors on the pixel limits while the poses are still being mended


def build_map(
    images: Sequence[PosedImage],
    extract: Extract,
    config: MapBuilderConfig,
    out: Path,
    progress: Progress | None = None,
    source: str = "",
    map_frame: str = "map",
    masks: Masks | None = None,
) -> SemanticMap:
    """Build the map of `images`, write it to the folder `out` and return it as loaded.

    Features under `masks` are not used.

    Finished pieces are kept in `<out>.work` until the map is written, so that a killed build
    goes on where it was. `progress(stage, done, total)` is called along the way. Raises
    MapError if there are fewer than two images, names repeat, a pose, camera or mask is none,
    or nothing could be triangulated.
    """
    _check_images(images)
    check_replaceable(out)
    tell = progress or (lambda stage, done, total: None)
    work = Workspace(workspace.work_folder(out))
    views = extract_views(images, extract, config, work, tell, masks)
    slack = _LOOSE[0] if config.refine.poses else 1.0
    matches = match_views(views, config, config.epipolar_px * slack, work, tell)
    refined: dict[str, Any] = {}
    if config.refine.poses:
        views, matches, refined = _mend_poses(views, matches, config, tell)
    tracks = _triangulate(views, matches, config, 1.0, tell)
    report = _report(tracks, views, config) | refined | _about(masks, views)
    manifest = Manifest(views.features[0].model, map_frame, source, build=report)
    semantic_map = assemble(
        manifest, views.images, views.features, points.mean_colors(tracks, views.colors), tracks,
        config.keypoint_sigma_px, config.keep_unmatched,
    )
    save_map(semantic_map, out)
    work.remove()
    return load_map(out, verify=False)


def _check_images(images: Sequence[PosedImage]) -> None:
    if len(images) < 2:
        raise MapError(expected("images", "at least 2 with a pose", len(images)))
    names = [image.name for image in images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MapError(expected("images", "different names", f"{twice} twice"))
    for image in images:
        try:
            se3.check_pose(f"pose of {image.name}", image.camera_from_map)
            cameras.check_camera(f"camera of {image.name}", image.camera)
        except SemlocError as error:
            raise MapError(str(error)) from None


def _triangulate(
    views: Views, matches: Matches, config: MapBuilderConfig, slack: float, tell: Progress
) -> Tracks:
    """Tracks within `slack` times the limits of the configuration; MapError if there are none."""
    limits = dataclasses.replace(config, max_error_px=config.max_error_px * slack)
    tracks = triangulate(
        views.images, views.features, matches, limits,
        partial(tell, "triangulation"),
    )
    for _ in range(2):  # what was filtered out no longer pulls
        tracks = refine_points(tracks, views.images, views.keypoints)
        tracks = _filtered(tracks, views, limits)
    if not len(tracks):
        raise MapError(expected("images", "points seen from two places", "none triangulated"))
    return tracks


def _filtered(tracks: Tracks, views: Views, config: MapBuilderConfig) -> Tracks:
    """Without observations of large error, and points seen too seldom or too narrowly."""
    error = _reprojection_errors(tracks, views)
    tracks = tracks.select_observations(error <= config.max_error_px)
    tracks = tracks.select(np.diff(tracks.offsets) >= config.min_views)
    wide = points.widest_angles(tracks, views.images) >= np.radians(config.min_angle_deg)
    return tracks.select(wide)


def _mend_poses(
    views: Views, matches: Matches, config: MapBuilderConfig, tell: Progress
) -> tuple[Views, Matches, dict[str, Any]]:
    """Rounds of triangulation and bundle adjustment, with ever tighter limits.

    Returns views with mended poses and cameras, the matches that fit them, and the report.
    """
    refiner = Refiner(views.images, views.features, config.refine)
    state = State.initial(len(views.images), np.empty((0, 3)))
    mended, fitting = views, matches
    for number, slack in enumerate(_LOOSE):
        tracks = _triangulate(mended, fitting, config, slack, tell)
        some = longest(tracks, config.refine.max_points, len(views.images))
        stage = f"refinement {number + 1}"
        state = refiner.refine(some, state, partial(tell, stage))
        mended = views.with_images(refiner.images_of(state))
        limit = config.epipolar_px * (*_LOOSE[1:], 1.0)[number]
        fitting = near_epipolar(matches, mended, limit)
    return mended, fitting, {"refinement": refiner.report(state)}


def _reprojection_errors(tracks: Tracks, views: Views) -> FloatArray:
    residuals = points.reprojection_residuals(tracks, views.images, views.keypoints)
    errors: FloatArray = np.linalg.norm(residuals, axis=1)
    return errors


def _report(tracks: Tracks, views: Views, config: MapBuilderConfig) -> dict[str, Any]:
    """Options and figures for people, stored in the manifest."""
    return {
        "options": asdict(config),
        "median_error_px": round(float(np.median(_reprojection_errors(tracks, views))), 4),
        "mean_track_length": round(float(np.diff(tracks.offsets).mean()), 3),
    }


def _about(masks: Masks | None, views: Views) -> dict[str, Any]:
    """Where masks came from, and their mean share of the pixels."""
    if masks is None:
        return {}
    return {"masks": {"source": masks.source, "share": round(float(np.mean(views.masked)), 4)}}
