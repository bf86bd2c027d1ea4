"""The points of a map as its objects need them: where views saw them, and how sure they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import FloatArray


class ViewPoints:
    """What the views of a map saw of its points, in ideal pixels (see `maps.objects`)."""

    def __init__(self, semantic_map: SemanticMap) -> None:
        self._map = semantic_map
        self._known: dict[int, tuple[NDArray[np.int64], FloatArray]] = {}

    def of_view(self, view: int) -> tuple[NDArray[np.int64], FloatArray]:
        """The points (N,) that a view saw, rising, each once, and where (N, 2)."""
        if view not in self._known:
            self._known[view] = self._read(view)
        return self._known[view]

    def of_view_among(
        self, view: int, points: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """The rows (M,) of some points (N,), rising, that a view saw, and where (M, 2)."""
        seen, pixels = self.of_view(view)
        _, rows, at = np.intersect1d(points, seen, assume_unique=True, return_indices=True)
        return rows, pixels[at]

    def covariances(self, points: NDArray[np.int64]) -> FloatArray:
        """(N, 3, 3) of some points (N,), rising: m² for an error of one pixel in each of their
        observations and exact poses."""
        information = np.zeros((len(points), 3, 3))
        for view in range(self._map.num_views):
            rows, _ = self.of_view_among(view, points)
            pose = self._map.camera_from_map[view]
            in_camera = se3.transform(pose, self._map.points_map[points[rows]])
            jacobians = cameras.project_jacobian(self._map.camera_of(view), in_camera)
            turned = np.nan_to_num(jacobians @ pose[:3, :3])
            information[rows] += turned.transpose(0, 2, 1) @ turned
        # a point that its observations do not fix lies somewhere within a kilometre
        return np.asarray(np.linalg.inv(information + 1e-6 * np.eye(3)))

    def _read(self, view: int) -> tuple[NDArray[np.int64], FloatArray]:
        owners = np.asarray(self._map.points_of(view), np.int64)
        rows = np.flatnonzero(owners >= 0)
        points, first = np.unique(owners[rows], return_index=True)
        keypoints = self._map.features_of(view).keypoints[rows[first]].astype(np.float64)
        pixels = cameras.undistort_points(self._map.camera_of(view), keypoints)
        known = np.isfinite(pixels).all(axis=1)
        return points[known], pixels[known]
