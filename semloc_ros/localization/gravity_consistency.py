"""GSMC: scores of 2D-3D matches by what the camera poses that they allow would see.

Geometric-semantic match consistency (Toft et al., "Semantic Match Consistency for Long-Term
Visual Localization", ECCV 2018, section 4.2; Larsson et al., 2019, section 4). With the direction
of gravity and the height of the camera known, a match leaves one freedom: the camera stands on a
circle around the vertical line through the point, and its heading follows. From each place on
the circle the labelled points of the map are projected; the score of the match is the largest
number of them that fall on their own label.

All places are tried with a part of the points, the best few with all points near, and there
also one standard deviation higher and lower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import GravityConsistencyConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.label_images import LabelImage, kernel_poses
from semloc_ros.localization.label_kernels import BLOCK, count_on_own_label
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Camera, Correspondences, FloatArray


@dataclass(frozen=True, slots=True)
class Gravity:
    """Which way is down, and how high the camera is.

    `down_camera`, `down_map` (3,) unit vectors; `height_m` of the camera along -down_map in map
    coordinates, `height_sigma_m` its standard deviation: one for all matches, or each its own (N,).
    """

    down_camera: FloatArray
    down_map: FloatArray
    height_m: float | FloatArray
    height_sigma_m: float | FloatArray


@dataclass(frozen=True, slots=True)
class MatchScores:
    """`counts` (N,) of points on their own label, 0 for a match that no pose allows; `refused`
    (N,) marks matches whose ray is too near to the horizon to say how far the point is."""

    counts: NDArray[np.int32]
    refused: NDArray[np.bool_]

    @property
    def scores(self) -> FloatArray:
        """In [0, 1], 1 for the best; a refused match gets the median of the others."""
        scores = self.counts / max(int(self.counts.max(initial=0)), 1)
        known = ~self.refused
        scores[self.refused] = np.median(scores[known]) if known.any() else 1.0
        return np.asarray(scores)


class GravityConsistency:
    """Scores matches against the labelled points of one map."""

    def __init__(
        self, points: LabelPoints, config: GravityConsistencyConfig, least_cosine: float
    ) -> None:
        self._config = config
        self._least_cosine2 = np.float32(least_cosine**2)
        self._origin = points.origin
        self._all = _Blocks.of(points, np.arange(len(points)))
        step = max(1, len(points) // config.coarse_points)
        self._some = _Blocks.of(points, np.arange(0, len(points), step))

    def scores(
        self, camera: Camera, image: LabelImage, matches: Correspondences, gravity: Gravity
    ) -> MatchScores:
        """The score of each match; `image` is made of the label map of `camera`."""
        config = self._config
        poses, refused, possible = circle_starts(camera, matches, gravity, config)
        rows = np.flatnonzero(possible)
        counts = np.zeros(len(matches), np.int32)
        if len(rows):
            every = np.linspace(0.0, 2.0 * np.pi, config.angles, endpoint=False)
            angles = np.broadcast_to(every, (len(rows), config.angles))
            pivots = matches.points_map[rows]
            first = self._count(self._some, image, poses[rows, 1], pivots, gravity, angles)
            finalists = min(config.finalists, config.angles)
            best = np.argpartition(-first, finalists - 1, axis=1)[:, :finalists]
            chosen = every[best]
            final = [
                self._count(self._all, image, poses[rows, height], pivots, gravity, chosen)
                for height in range(3)
            ]
            counts[rows] = np.max(final, axis=(0, 2))
        return MatchScores(counts, refused)

    def _count(
        self, blocks: _Blocks, image: LabelImage, poses: FloatArray, pivots: FloatArray,
        gravity: Gravity, angles: FloatArray,
    ) -> NDArray[np.int32]:
        """(N, A) points on their own label from `map_from_camera` (N, 4, 4) turned by `angles`."""
        counts: NDArray[np.int32] = count_on_own_label(
            kernel_poses(image, poses, self._origin), pivots - self._origin, gravity.down_map,
            np.ascontiguousarray(angles), blocks.points, blocks.balls, blocks.labels,
            image.labels.astype(np.int32), self._least_cosine2, _view_limits(image),
            image.width, image.height,
        )
        return counts


def circle_starts(
    camera: Camera, matches: Correspondences, gravity: Gravity, config: GravityConsistencyConfig
) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """One `map_from_camera` (N, 3, 4, 4) on the circle of each match, for the camera one sigma
    lower, as high as expected, and higher; which matches are refused (N,), and which possible (N,).

    A ray that points down sees points below the camera: a match that says otherwise, or puts
    the point beyond `max_distance_m`, allows no pose.
    """
    rays = cameras.unproject(camera, matches.points_image)
    sink = rays @ gravity.down_camera  # sine of the ray's angle below the horizon
    horizontal = np.abs(sink) < np.sin(np.radians(config.least_elevation_deg))
    refused = horizontal | ~np.isfinite(sink)
    safe = np.where(refused, 1.0, sink)
    spread = np.multiply.outer(gravity.height_sigma_m, [-1.0, 0.0, 1.0])
    heights = np.asarray(gravity.height_m)[..., None] + spread
    point_heights = -(matches.points_map @ gravity.down_map)
    distances = (heights - point_heights[:, None]) / safe[:, None]
    fits = (distances > 0) & (distances < config.max_distance_m)
    possible = ~refused & fits.any(1)
    # where a height allows none, the one expected stands in, or the nearest that does
    middle = np.where(fits[:, 1], distances[:, 1], np.where(fits, distances, 0.0).max(1))
    distances = np.where(fits, distances, middle[:, None])
    upright = _turn_onto(gravity.down_camera, gravity.down_map)
    directions = np.nan_to_num(rays) @ upright.T
    centres = matches.points_map[:, None] - distances[..., None] * directions[:, None]
    return se3.make_pose(upright, centres), refused, possible


def height_from_views(
    semantic_map: SemanticMap, near: FloatArray, down_map: FloatArray,
    config: GravityConsistencyConfig,
) -> tuple[float, float]:
    """Height (m) along -down_map of a camera about `near` (3,), and its standard deviation: the
    median and the spread (1.48 MAD) of the nearest views of the map, which drove there too."""
    centres = se3.inverse(np.asarray(semantic_map.camera_from_map))[:, :3, 3]
    order = np.argsort(np.linalg.norm(centres - near, axis=1), kind="stable")
    heights = -(centres[order[: config.neighbours]] @ down_map)
    middle = float(np.median(heights))
    spread = 1.4826 * float(np.median(np.abs(heights - middle)))
    return middle, max(spread, config.least_height_sigma_m)


def heights_from_tracks(
    semantic_map: SemanticMap, point_ids: NDArray[np.int64], down_map: FloatArray,
    config: GravityConsistencyConfig,
) -> tuple[FloatArray, FloatArray]:
    """Height (N,) m along -down_map of a camera that sees a point again, and its standard
    deviation (N,): mean and spread of the views that saw each point, wherever on the map it is."""
    centres = se3.inverse(np.asarray(semantic_map.camera_from_map))[:, :3, 3]
    heights = -(centres @ down_map)
    tracks = [semantic_map.track_views[semantic_map.track_of(int(one))] for one in point_ids]
    middle = np.array([heights[views].mean() for views in tracks])
    spread = np.array([heights[views].std() for views in tracks])
    return middle, np.maximum(spread, config.least_height_sigma_m)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Points in blocks of neighbours: see `label_kernels.count_on_own_label`."""

    points: NDArray[np.float32]
    labels: NDArray[np.int32]
    balls: NDArray[np.float32]

    @staticmethod
    def of(points: LabelPoints, rows: NDArray[np.int64]) -> _Blocks:
        order = rows[_by_neighbourhood(np.asarray(points.values[rows, :3], np.float64))]
        packed, labels = points.packed(order, points.origin)
        balls = np.zeros((len(packed), 5), np.float32)
        for ball, block in zip(balls, packed, strict=True):
            real = block[:, block[7] > 0]
            ball[:3] = real[:3].mean(1)
            ball[3] = np.linalg.norm(real[:3] - ball[:3, None], axis=0).max()
            ball[4] = np.sqrt(real[7].max())
        return _Blocks(packed, labels, balls)


def _by_neighbourhood(positions: FloatArray) -> NDArray[np.int64]:
    """An order (N,) whose runs of BLOCK are neighbours: halved along the longest side until small
    enough, always at a multiple of BLOCK."""
    done, waiting = [np.empty(0, np.int64)], [np.arange(len(positions))]
    while waiting:
        rows = waiting.pop()
        if len(rows) <= BLOCK:
            done.append(rows)
            continue
        there = positions[rows]
        axis = int(np.argmax(np.ptp(there, axis=0)))
        half = max(1, len(rows) // BLOCK // 2) * BLOCK
        split = np.argpartition(there[:, axis], half)
        waiting += [rows[split[half:]], rows[split[:half]]]
    return np.concatenate(done)


def _view_limits(image: LabelImage) -> NDArray[np.float32]:
    across, down, depth = image.rows
    sides = (across, image.width * depth - across, down, image.height * depth - down)
    normals = [np.linalg.norm(side) for side in sides]
    return np.array([*normals, image.width, image.height], np.float32)


def _turn_onto(source: FloatArray, target: FloatArray) -> FloatArray:
    """A rotation (3, 3) that takes unit vector `source` to `target`; any, of the many there are."""
    first, second = _axes_of(source), _axes_of(target)
    return np.asarray(second @ first.T)


def _axes_of(direction: FloatArray) -> FloatArray:
    """Right-handed axes (3, 3), in columns, of which the last is the unit `direction`."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    side = np.cross(helper, direction)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(direction, side), direction], axis=1)
