"""2D-3D matches: against the whole map, or guided by a pose that predicts the pixels.

Whole map: a subset of the features votes for views (inverted lists, so that time hardly grows
with the map); the points of the views with most votes are matched exactly. Guided: the points that
should be visible are projected, and only features near their predicted pixel and of about
their predicted scale are compared. Both test the best distance against that of the best
DIFFERENT place: two tracks of one physical point are no rivals.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import MatchingConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.point_index import PointIndex
from semloc_ros.localization.resection import pose_jacobian
from semloc_ros.localization.windows import (
    best_of_pairs,
    compare_in_windows,
    compile_kernels,
)
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Camera, Correspondences, Features, FloatArray, Prior

NEIGHBOURS = 6  # nearest points that are looked at for a rival
_VOTES_PER_FEATURE = 3
_SAME_PLACE = 0.01  # of the viewing distance: nearer points are one physical point
_WINDOW_SIGMAS = 3.0  # of the predicted pixel: 99 % of the points lie within
_LEAST_WINDOW_PX = 4.0  # for the error of feature and point themselves
_SAME_PIXEL = 3.0  # predictions nearer than this in the image are one physical point


class PointMatcher:
    """Matches features to the points of one map."""

    def __init__(self, semantic_map: SemanticMap, config: MatchingConfig, seed: int) -> None:
        self._map = semantic_map
        self._config = config
        self._index = PointIndex.of(semantic_map, seed)
        compile_kernels()

    def match_map(self, features: Features, ratio: float | None = None) -> Correspondences:
        """Correspondences with the points of the views that look most like the image.

        `ratio` to the second-best distance, if not that of the configuration.
        """
        return self._match_points(features, self.candidates(features), ratio)

    def match_views(
        self, features: Features, views: Sequence[int], ratio: float | None = None
    ) -> Correspondences:
        """Correspondences with the points that some views of the map saw. Of fewer points fewer
        are rivals."""
        return self._match_points(features, self._points_of(np.array(views, np.int64)), ratio)

    def _match_points(
        self, features: Features, points: NDArray[np.int64], ratio: float | None
    ) -> Correspondences:
        if len(points) < 2 or len(features) == 0:
            return no_correspondences()
        distances, nearest = faiss.knn(
            features.descriptors.astype(np.float32),
            self.descriptors_of(points).astype(np.float32),
            min(NEIGHBOURS, len(points)),
        )
        nearest = points[nearest]
        places = self._map.points_map[nearest]
        apart = np.linalg.norm(places - places[:, :1], axis=2)
        rival = apart > _SAME_PLACE * self._index.distances_m[nearest[:, 0]][:, None]
        # Where no rival is among the neighbours, the farthest of them bounds its distance.
        rival[:, -1] = True
        second = distances[np.arange(len(rival)), rival.argmax(1)]
        ratios = np.sqrt(distances[:, 0] / np.maximum(second, 1.0))
        rows = np.flatnonzero(ratios < (ratio or self._config.ratio))
        return self._collect(features, rows, nearest[rows, 0], ratios[rows])

    def match_prior(
        self, features: Features, camera: Camera, prior: Prior
    ) -> Correspondences:
        """Correspondences within the pixels' uncertainty that follows from the prior's."""
        points, pixels = self.visible(camera, prior.camera_from_map)
        jacobian = pose_jacobian(camera, prior.camera_from_map, self._map.points_map[points])
        variances = np.einsum("nki,ij,nkj->n", jacobian, prior.covariance, jacobian)
        radii = _LEAST_WINDOW_PX + _WINDOW_SIGMAS * np.sqrt(np.maximum(variances, 0.0))
        return self._match_predicted(
            features, camera, prior.camera_from_map, points, pixels, radii
        )

    def match_guided(
        self, features: Features, camera: Camera, camera_from_map: FloatArray, radius_px: float
    ) -> Correspondences:
        """Correspondences within `radius_px` pixels of where the pose puts the points."""
        points, pixels = self.visible(camera, camera_from_map)
        radii = np.full(len(points), radius_px)
        return self._match_predicted(features, camera, camera_from_map, points, pixels, radii)

    def _match_predicted(
        self, features: Features, camera: Camera, camera_from_map: FloatArray,
        points: NDArray[np.int64], pixels: FloatArray, radii_px: FloatArray,
    ) -> Correspondences:
        if len(points) == 0 or len(features) == 0:
            return no_correspondences()
        centre = se3.inverse(camera_from_map)[:3, 3]
        distances_m = np.linalg.norm(self._map.points_map[points] - centre, axis=1)
        scales = self._index.sizes_m[points].astype(np.float64) * camera.fx / distances_m
        radii = np.minimum(radii_px, self._config.max_window_px)
        pairs = compare_in_windows(
            features, pixels, radii, scales, self.descriptors_of(points)
        )
        rows, best, ratios = best_of_pairs(pairs, pixels, len(features), _SAME_PIXEL)
        kept = ratios < self._config.guided_ratio
        return self._collect(features, rows[kept], points[best[kept]], ratios[kept])

    def descriptors_of(self, points: NDArray[np.int64]) -> NDArray[np.uint8]:
        """One descriptor (M, D) per point."""
        return self._index.descriptors[points]

    def visible(
        self, camera: Camera, camera_from_map: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Points (M,) that a camera there should see, and their pixels (M, 2).

        In the image, and from a distance and a direction like those of the mapping views.
        """
        points_map = self._map.points_map
        pixels, seen = cameras.project(camera, se3.transform(camera_from_map, points_map))
        rows = np.flatnonzero(seen & cameras.inside_image(camera, pixels))
        to_camera = se3.inverse(camera_from_map)[:3, 3] - points_map[rows]
        distances = np.linalg.norm(to_camera, axis=1)
        cosines = (to_camera * self._map.viewing_direction[rows]).sum(1) / distances
        nearest, farthest = self._map.viewing_range[rows].T
        factor = self._config.max_range_factor
        fits = (distances * factor > nearest) & (distances < farthest * factor)
        fits &= cosines > np.cos(np.radians(self._config.max_viewing_angle_deg))
        return rows[fits], pixels[rows[fits]]

    def candidates(self, features: Features) -> NDArray[np.int64]:
        """Points (M,) of the views that get most votes."""
        voted = np.argsort(-self.view_scores(features), kind="stable")
        return self._points_of(voted[: self._config.candidate_views])

    def _points_of(self, views: NDArray[np.int64]) -> NDArray[np.int64]:
        """Points (M,) that any of the views sees."""
        counts = np.asarray(self._index.seen_by[:, views].sum(1)).ravel()
        return np.flatnonzero(counts)

    def view_scores(self, features: Features) -> FloatArray:
        """How much each view (V,) looks like the image: votes of some features for the points that
        it sees, over the root of how many those are."""
        seen_by = self._index.seen_by
        step = max(1, len(features) // self._config.voting_features)
        some = features.descriptors[::step].astype(np.float32)
        _, nearest = self._index.search.search(some, _VOTES_PER_FEATURE)
        votes = np.bincount(nearest[nearest >= 0], minlength=seen_by.shape[0])
        points_of_view = np.asarray(seen_by.sum(0)).ravel()
        return np.asarray((votes @ seen_by) / np.sqrt(np.maximum(points_of_view, 1.0)))

    def _collect(
        self, features: Features, rows: NDArray[np.int64], points: NDArray[np.int64],
        ratios: FloatArray,
    ) -> Correspondences:
        """One correspondence per point: that with the clearest descriptor."""
        clearest = np.argsort(ratios, kind="stable")
        _, first = np.unique(points[clearest], return_index=True)
        kept = clearest[np.sort(first)]
        rows, points = rows[kept], points[kept].astype(np.int64)
        return Correspondences(
            features.keypoints[rows].astype(np.float64),
            np.asarray(self._map.points_map[points], np.float64),
            image_sigmas(features.scales[rows]),
            np.clip(1.0 - ratios[kept], 0.0, 1.0).astype(np.float64),
            points,
        )


def image_sigmas(scales: NDArray[np.float32]) -> FloatArray:
    """Standard deviations (N,) in pixels of keypoints by the diameter of their region."""
    return np.hypot(0.5, 0.05 * scales.astype(np.float64))


def no_correspondences() -> Correspondences:
    """Nothing matched."""
    return Correspondences(
        np.empty((0, 2)), np.empty((0, 3)), np.empty(0), np.empty(0), np.empty(0, np.int64)
    )
