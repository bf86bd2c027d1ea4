"""From posed images to a map: features, pairs, matches, triangulation, filtering, storage.

The poses are given and stay (a robot's SLAM or the ground truth of a data set decides them),
so every step may use them: for choosing pairs, for throwing out matches, for triangulating.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import MapBuilderConfig
from semloc_ros.errors import MapError, expected
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps import matching, points, workspace
from semloc_ros.maps.assembly import assemble
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.pairs import choose_pairs
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map, save_map
from semloc_ros.maps.tracks import Tracks
from semloc_ros.maps.triangulation import triangulate
from semloc_ros.maps.workspace import Workspace
from semloc_ros.types import Features, FloatArray, PosedImage

Extract = Callable[[NDArray[np.uint8]], Features]
Progress = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True, slots=True)
class _Views:
    """The images of a build with what was extracted from them."""

    images: list[PosedImage]
    features: list[Features]
    colors: list[NDArray[np.uint8]]
    keys: list[str]


def build_map(
    images: Sequence[PosedImage],
    extract: Extract,
    config: MapBuilderConfig,
    out: Path,
    progress: Progress | None = None,
    source: str = "",
    map_frame: str = "map",
) -> SemanticMap:
    """Build the map of `images`, write it to the folder `out` and return it as loaded.

    Finished pieces are kept in `<out>.work` until the map is written, so that a killed build
    goes on where it was. `progress(stage, done, total)` is called along the way. Raises
    MapError if there are fewer than two images, names repeat, a pose is not rigid, or
    nothing could be triangulated.
    """
    _check_images(images)
    tell = progress or (lambda stage, done, total: None)
    work = Workspace(workspace.work_folder(out))
    views = _extract_all(images, extract, config, work, tell)
    matches = _match_all(views, config, work, tell)
    tracks = triangulate(
        views.images, views.features, matches, config,
        lambda done, total: tell("triangulate", done, total),
    )
    tracks = _filtered(tracks, views, config)
    if not len(tracks):
        raise MapError(expected("map", "points seen from two places", "none triangulated"))
    model = views.features[0].model
    manifest = Manifest(model, map_frame, source, build=_report(tracks, views, config))
    semantic_map = assemble(
        manifest, views.images, views.features, views.colors, tracks,
        config.keypoint_sigma_px, config.keep_unmatched,
    )
    save_map(semantic_map, out)
    shutil.rmtree(work.folder, ignore_errors=True)
    return load_map(out, verify=False)


def _check_images(images: Sequence[PosedImage]) -> None:
    if len(images) < 2:
        raise MapError(expected("images", "at least 2 with a pose", len(images)))
    names = [image.name for image in images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MapError(expected("images", "different names", f"{twice} twice"))
    for image in images:
        se3.check_pose(f"pose of {image.name}", image.camera_from_map)
        cameras.check_camera(f"camera of {image.name}", image.camera)


def _extract_all(
    images: Sequence[PosedImage], extract: Extract, config: MapBuilderConfig,
    work: Workspace, tell: Progress,
) -> _Views:
    model = str(getattr(getattr(extract, "__self__", extract), "model", ""))
    views = _Views(list(images), [], [], [])
    for index, image in enumerate(images):
        key = workspace.features_key(image, model, config.features)
        arrays = work.remembered(key, lambda image=image: _extract_one(image, extract))
        one, colors = workspace.unpack_features(arrays)
        views.features.append(one)
        views.colors.append(colors)
        views.keys.append(key)
        tell("features", index + 1, len(images))
    return views


def _extract_one(image: PosedImage, extract: Extract) -> dict[str, NDArray[Any]]:
    pixels = image.read()
    size = (image.camera.height, image.camera.width)
    if pixels.shape[:2] != size:
        wanted = f"{size[1]}x{size[0]} as its camera"
        raise MapError(expected(image.name, wanted, f"{pixels.shape[1]}x{pixels.shape[0]}"))
    features = extract(pixels)
    u, v = np.rint(features.keypoints).astype(int).T.reshape(2, -1)
    colors = pixels[np.clip(v, 0, size[0] - 1), np.clip(u, 0, size[1] - 1)]
    if colors.ndim == 1:
        colors = np.repeat(colors[:, None], 3, axis=1)
    return workspace.pack_features(features, colors)


def _match_all(
    views: _Views, config: MapBuilderConfig, work: Workspace, tell: Progress
) -> dict[tuple[int, int], matching.Pairs]:
    """Matches of all pairs, computed (and remembered) image by image on all cores."""
    pairs = choose_pairs(views.images, config.pairs)
    groups = np.split(pairs, np.flatnonzero(np.diff(pairs[:, 0])) + 1)
    rays = [
        cameras.unproject(image.camera, one.keypoints)
        for image, one in zip(views.images, views.features, strict=True)
    ]

    def match_group(group: matching.Pairs) -> dict[str, NDArray[Any]]:
        key = workspace.matches_key(group, views.keys, views.images, config)
        return work.remembered(key, lambda: _match_group(group, views, rays, config))

    matches = {}
    with ThreadPoolExecutor() as pool:
        for done, (group, found) in enumerate(zip(groups, pool.map(match_group, groups)), 1):
            ends = np.split(found["rows"], found["ends"][:-1])
            matches.update({(int(a), int(b)): rows for (a, b), rows in zip(group, ends)})
            tell("matches", done, len(groups))
    return matches


def _match_group(
    group: matching.Pairs, views: _Views, rays: list[FloatArray], config: MapBuilderConfig
) -> dict[str, NDArray[Any]]:
    first = int(group[0, 0])
    own = matching.unit_descriptors(views.features[first].descriptors)
    found = []
    for second in group[:, 1]:
        other = matching.unit_descriptors(views.features[second].descriptors)
        rows = matching.mutual_matches(own, other, config.ratio)
        found.append(rows[_near_epipolar(first, int(second), rows, views, rays, config)])
    ends = np.cumsum([len(rows) for rows in found])
    return {"rows": np.concatenate(found), "ends": ends}


def _near_epipolar(
    first: int, second: int, rows: matching.Pairs, views: _Views, rays: list[FloatArray],
    config: MapBuilderConfig,
) -> NDArray[np.bool_]:
    one, other = views.images[first], views.images[second]
    pose = matching.relative_pose(one.camera_from_map, other.camera_from_map)
    error = matching.epipolar_error(rays[first][rows[:, 0]], rays[second][rows[:, 1]], pose)
    focal = min(one.camera.fx, other.camera.fx)
    near: NDArray[np.bool_] = error < config.epipolar_px / focal
    return near


def _filtered(tracks: Tracks, views: _Views, config: MapBuilderConfig) -> Tracks:
    """Without observations of large error, and points seen too seldom or too narrowly."""
    keypoints = [one.keypoints for one in views.features]
    error = np.linalg.norm(points.reprojection_residuals(tracks, views.images, keypoints), axis=1)
    tracks = tracks.select_observations(error <= config.max_error_px)
    tracks = tracks.select(np.diff(tracks.offsets) >= config.min_views)
    wide = points.widest_angles(tracks, views.images) >= np.radians(config.min_angle_deg)
    return tracks.select(wide)


def _report(tracks: Tracks, views: _Views, config: MapBuilderConfig) -> dict[str, Any]:
    """Options and figures for people, stored in the manifest."""
    keypoints = [one.keypoints for one in views.features]
    error = np.linalg.norm(points.reprojection_residuals(tracks, views.images, keypoints), axis=1)
    return {
        "options": asdict(config),
        "median_error_px": round(float(np.median(error)), 4),
        "mean_track_length": round(float(np.diff(tracks.offsets).mean()), 3),
    }
