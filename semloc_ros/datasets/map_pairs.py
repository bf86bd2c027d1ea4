"""Where two recordings of one place show the same points of a map: correspondences to learn from.

Both are put into the map: by localizing each image by itself, or with poses that are known. A
point that features were matched with in both images is seen at both keypoints; where one image
shows it and features did not find it, it is at its projection (as all points are in Larsson et
al., "A Cross-Season Correspondence Dataset for Robust Semantic Segmentation", CVPR 2019, where
the points are those of laser scans and dense models). What hides a projected point in one
recording only, a car that parks in front of it, is not known to the map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.correspondences import CorrespondencesConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import cameras
from semloc_ros.geometry.pairing import pair_poses
from semloc_ros.localization.checks import check_map
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.resection import reprojection_errors
from semloc_ros.maps.pair_files import PairFolder
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception.features import RootSift
from semloc_ros.types import (
    Camera,
    CameraImage,
    Correspondences,
    FloatArray,
    Frame,
    PosedImage,
    PoseEstimate,
)

Progress = Callable[[int, int], None]
_GUIDED_PX = 2.0  # width of the search around a given pose, in largest errors of an inlier


@dataclass(frozen=True, slots=True)
class Sighting:
    """An image in the map: `camera_from_map` (4, 4), and the points (N,) of the map, rising, that
    features were matched with at `pixels` (N, 2)."""

    image: CameraImage | PosedImage
    camera_from_map: FloatArray
    points: NDArray[np.int64]
    pixels: FloatArray

    @property
    def camera(self) -> Camera:
        """What took the image."""
        return self.image.camera


class MapPairs:
    """Finds images and their points in one map. Not thread-safe."""

    def __init__(self, semantic_map: SemanticMap, config: CorrespondencesConfig) -> None:
        """Raises MapError if the map has no points, or features of another kind."""
        self._map, self._config = semantic_map, config
        localizer = config.localizer
        self._extractor = RootSift(localizer.features)
        check_map(semantic_map, self._extractor.model)
        self._matcher = PointMatcher(semantic_map, localizer.matching, localizer.seed)

    @cached_property
    def _localizer(self) -> Localizer:
        return Localizer(self._map, self._config.localizer)

    def localized(self, image: CameraImage) -> Sighting | None:
        """The image where features say that it was taken; None if they do not."""
        found = self._localizer.localize(Frame(image.stamp_ns, image.read(), image.camera))
        if not isinstance(found, PoseEstimate):
            return None
        return _sighting(image, found.camera_from_map, found.inliers)

    def posed(self, image: PosedImage) -> Sighting:
        """The image at its own pose, with the features that fit it."""
        most = self._config.localizer.pnp.max_error_px
        pose, camera = image.camera_from_map, image.camera
        features = self._extractor.extract(image.read())
        matches = self._matcher.match_guided(features, camera, pose, _GUIDED_PX * most)
        return _sighting(
            image, pose, matches.select(reprojection_errors(camera, pose, matches) < most)
        )

    def shared(self, a: Sighting, b: Sighting) -> tuple[FloatArray, FloatArray]:
        """Pixels (N, 2) of a and of b that show the same points of the map."""
        if self._config.points == "both":
            points = np.intersect1d(a.points, b.points)
            return _pixels_of(a, points), _pixels_of(b, points)
        seen_a, seen_b = self._seen(a), self._seen(b)
        points = np.intersect1d(seen_a[0], seen_b[0])
        if self._config.points == "either":
            points = points[np.isin(points, a.points) | np.isin(points, b.points)]
        rows_a, rows_b = np.searchsorted(seen_a[0], points), np.searchsorted(seen_b[0], points)
        return seen_a[1][rows_a], seen_b[1][rows_b]

    def _seen(self, one: Sighting) -> tuple[NDArray[np.int64], FloatArray]:
        """Points (M,), rising, that the image should show, and where: matched or projected."""
        points, pixels = self._matcher.visible(one.camera, one.camera_from_map)
        points = np.concatenate([one.points, points.astype(np.int64)])
        found, first = np.unique(points, return_index=True)  # the first of two: the matched one
        return found, np.concatenate([one.pixels, pixels])[first]


def write_map_pairs(
    a: Sequence[Sighting], b: Sequence[Sighting], names: tuple[str, str], pairs: MapPairs,
    config: CorrespondencesConfig, folder: PairFolder, progress: Progress,
) -> list[int]:  # fmt: skip
    """Write each image of a with the nearest of b, if they share enough points; how many points
    each pair that was written has.

    Images are `images/NAME/TOPIC/STAMP.jpg`, NAME one of `names`. DatasetError, in one line, if no
    images are near each other.
    """
    poses_a, poses_b = (
        np.array([one.camera_from_map for one in side]).reshape(-1, 4, 4) for side in (a, b)
    )
    near = pair_poses(poses_a, poses_b, config.distance_m, np.radians(config.angle_deg))
    if not near:
        wanted = f"images within {config.distance_m} m and {config.angle_deg} degrees"
        raise DatasetError(expected(f"{names[0]} and {names[1]}", wanted, "none"))
    written = []
    for number, (row_a, row_b) in enumerate(near):
        here, there = a[row_a], b[row_b]
        points_a, points_b = pairs.shared(here, there)
        if len(points_a) >= config.least_points:
            paths = [_file_name(name, one) for name, one in zip(names, (here, there), strict=True)]
            for path, one in zip(paths, (here, there), strict=True):
                folder.add_image(path, one.image.read(), config.jpeg_quality)
            name = f"{names[0]}_{names[1]}_{Path(here.image.name).parent.name}_{number:06d}"
            folder.add_pair(name, paths[0], paths[1], points_a, points_b)
            written.append(len(points_a))
        progress(number + 1, len(near))
    return written


def _sighting(
    image: CameraImage | PosedImage, pose: FloatArray, matches: Correspondences
) -> Sighting:
    """Keypoints whose centres lie in the image, by point."""
    inside = cameras.inside_image(image.camera, matches.points_image)
    kept = matches.select(inside)
    order = np.argsort(kept.point_ids, kind="stable")
    return Sighting(image, pose, kept.point_ids[order], kept.points_image[order])


def _pixels_of(one: Sighting, points: NDArray[np.int64]) -> FloatArray:
    return one.pixels[np.searchsorted(one.points, points)]


def _file_name(name: str, one: Sighting) -> str:
    """Stamps of 19 digits: images that follow each other have names that do."""
    topic = Path(one.image.name).parent.name
    return f"{name}/{topic}/{one.image.stamp_ns:019d}.jpg"
