"""SemanticMap: the triangulated points, the views that saw them, and their features.

A map is a set of arrays of four kinds of rows, named by the letter of their count:

- P points: position, colour, from where they were seen, how sure, which labels they got;
- T observations, grouped by point (`track_offsets`): which view saw it, as which feature;
- V views: pose, camera, name, stamp;
- F features, grouped by view (`feature_offsets`): keypoint, scale, descriptor, point or -1.

Loaded maps are memory-mapped and read-only; nothing here copies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.maps.manifest import Manifest
from semloc_ros.types import Camera, Features, FloatArray

# name → (allowed dtypes, dimensions); a letter is a count that must agree in all arrays,
# with "?" behind it 0 will do as well.
ARRAYS: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "points_map": (("float64",), ("P", 3)),
    "colors_rgb": (("uint8",), ("P", 3)),
    "viewing_range": (("float32",), ("P", 2)),
    "viewing_direction": (("float32",), ("P", 3)),
    "point_sigma": (("float32",), ("P",)),
    "label_histogram": (("uint16",), ("P", "L")),
    "label_confusion": (("uint32",), ("L?", "L?")),
    "label_stationary": (("bool",), ("L?",)),
    "track_offsets": (("int64",), ("P+1",)),
    "track_views": (("int32",), ("T",)),
    "track_features": (("int32",), ("T",)),
    "view_stamps_ns": (("int64",), ("V",)),
    "view_cameras": (("int32",), ("V",)),
    "camera_from_map": (("float64",), ("V", 4, 4)),
    "feature_offsets": (("int64",), ("V+1",)),
    "keypoints": (("float32",), ("F", 2)),
    "scales": (("float32",), ("F",)),
    "descriptors": (("uint8", "float32"), ("F", "D")),
    "feature_points": (("int32",), ("F",)),
}
NO_CONFUSION = np.zeros((0, 0), np.uint32)  # what a map is given that was never labelled
NO_STATIONARY = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True)
class SemanticMap:
    """A map in memory. Shapes and dtypes: `ARRAYS`; poses and pixels: see `types.py`.

    `viewing_range` is the smallest and largest distance (m) from which a point was seen,
    `viewing_direction` the mean unit vector from the point to its cameras, `point_sigma` the
    1-sigma position uncertainty (m) along its least certain axis, `label_histogram` the votes
    per label (L = 0 until the map is labelled), `label_confusion` how often pixels of a label
    (column) were seen where points of a label (row) are, (0, 0) if that was not counted,
    `label_stationary` which labels stay where they are over the seasons, (0,) if not known.
    `track_features` are rows of the map's features.
    """

    manifest: Manifest
    view_names: tuple[str, ...]
    cameras: tuple[Camera, ...]
    points_map: FloatArray
    colors_rgb: NDArray[np.uint8]
    viewing_range: NDArray[np.float32]
    viewing_direction: NDArray[np.float32]
    point_sigma: NDArray[np.float32]
    label_histogram: NDArray[np.uint16]
    label_confusion: NDArray[np.uint32]
    label_stationary: NDArray[np.bool_]
    track_offsets: NDArray[np.int64]
    track_views: NDArray[np.int32]
    track_features: NDArray[np.int32]
    view_stamps_ns: NDArray[np.int64]
    view_cameras: NDArray[np.int32]
    camera_from_map: FloatArray
    feature_offsets: NDArray[np.int64]
    keypoints: NDArray[np.float32]
    scales: NDArray[np.float32]
    descriptors: NDArray[Any]
    feature_points: NDArray[np.int32]

    @property
    def num_points(self) -> int:
        """P, the number of points."""
        return len(self.points_map)

    @property
    def num_views(self) -> int:
        """V, the number of views."""
        return len(self.view_names)

    @property
    def num_features(self) -> int:
        """F, the number of features of all views together."""
        return len(self.keypoints)

    def features_of(self, view: int) -> Features:
        """The features of one view, in the order of its rows."""
        rows = self._rows(view)
        return Features(
            self.manifest.feature_model,
            self.keypoints[rows],
            self.scales[rows],
            self.descriptors[rows],
        )

    def points_of(self, view: int) -> NDArray[np.int32]:
        """The point of each feature of one view (N,), -1 where it has none."""
        return self.feature_points[self._rows(view)]

    def camera_of(self, view: int) -> Camera:
        """The camera that took one view."""
        return self.cameras[int(self.view_cameras[view])]

    def track_of(self, point: int) -> slice:
        """The rows of `track_views` and `track_features` that belong to one point."""
        return slice(int(self.track_offsets[point]), int(self.track_offsets[point + 1]))

    def _rows(self, view: int) -> slice:
        return slice(int(self.feature_offsets[view]), int(self.feature_offsets[view + 1]))
