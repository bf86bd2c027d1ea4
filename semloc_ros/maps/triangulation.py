"""Points from matches and given poses, by COLMAP's triangulator; the poses stay as they are.

Schönberger and Frahm, "Structure-from-Motion Revisited" (CVPR 2016), section 4.3: tracks are
grown observation by observation, each with RANSAC over the pairs of its views, then completed
and merged. Pixels go to COLMAP half a pixel larger (see `colmap_cameras`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pycolmap
from numpy.typing import NDArray

from semloc_ros.config import MapBuilderConfig
from semloc_ros.maps.colmap_cameras import HALF_PIXEL, to_colmap
from semloc_ros.maps.matching import Pairs
from semloc_ros.maps.points import number_cameras
from semloc_ros.maps.tracks import Tracks
from semloc_ros.types import Camera, Features, PosedImage

Progress = Callable[[int, int], None]


def triangulate(
    images: Sequence[PosedImage],
    features: Sequence[Features],
    matches: Mapping[tuple[int, int], Pairs],
    config: MapBuilderConfig,
    progress: Progress | None = None,
) -> Tracks:
    """Tracks of the matches {(first, second): rows (M, 2)} that agree with the poses."""
    reconstruction = to_reconstruction(images, [one.keypoints for one in features])
    graph = _correspondence_graph(features, matches)
    observations = pycolmap.ObservationManager(reconstruction, graph)
    triangulator = pycolmap.IncrementalTriangulator(graph, reconstruction, observations)
    options = _options(config)
    for index in range(len(images)):
        triangulator.triangulate_image(options, index + 1)
        if progress:
            progress(index + 1, len(images))
    for _ in range(2):
        triangulator.complete_all_tracks(options)
        triangulator.merge_all_tracks(options)
    observations.filter_all_points3D(config.max_error_px, config.min_angle_deg)
    return to_tracks(reconstruction)


def to_reconstruction(
    images: Sequence[PosedImage], keypoints: Sequence[NDArray[np.float32]]
) -> pycolmap.Reconstruction:
    """COLMAP's object of the views, without points. Image ids are 1 + index."""
    reconstruction = pycolmap.Reconstruction()
    cameras, numbers = number_cameras(images)
    for number, camera in enumerate(cameras, 1):
        reconstruction.add_camera_with_trivial_rig(colmap_camera(camera, number))
    for index, (image, points) in enumerate(zip(images, keypoints, strict=True)):
        pixels = np.asarray(points, np.float64).reshape(-1, 2) + HALF_PIXEL
        added = pycolmap.Image(image.name, pixels, int(numbers[index]) + 1, index + 1)
        pose = pycolmap.Rigid3d(image.camera_from_map[:3])
        reconstruction.add_image_with_trivial_frame(added, pose)
    return reconstruction


def colmap_camera(camera: Camera, number: int) -> pycolmap.Camera:
    """COLMAP's object of our camera, with id `number`."""
    model, params = to_colmap(camera)
    return pycolmap.Camera(
        camera_id=number, model=model, width=camera.width, height=camera.height, params=params
    )


def to_tracks(reconstruction: pycolmap.Reconstruction) -> Tracks:
    """The points of COLMAP's object whose image ids are 1 + index."""
    points = [reconstruction.point3D(number) for number in sorted(reconstruction.point3D_ids())]
    lists = [point.track.elements for point in points]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    elements = [(one.image_id - 1, one.point2D_idx) for track in lists for one in track]
    rows = np.array(elements, np.int32).reshape(-1, 2)
    xyz = np.array([point.xyz for point in points], np.float64).reshape(-1, 3)
    return Tracks(xyz, offsets, rows[:, 0].copy(), rows[:, 1].copy())


def _correspondence_graph(
    features: Sequence[Features], matches: Mapping[tuple[int, int], Pairs]
) -> pycolmap.CorrespondenceGraph:
    graph = pycolmap.CorrespondenceGraph()
    for index, one in enumerate(features):
        graph.add_image(index + 1, len(one))
    for (first, second), rows in matches.items():
        if len(rows):
            geometry = pycolmap.TwoViewGeometry()
            geometry.inlier_matches = rows.astype(np.uint32)
            graph.add_two_view_geometry(first + 1, second + 1, geometry)
    graph.finalize()
    return graph


def _options(config: MapBuilderConfig) -> pycolmap.IncrementalTriangulatorOptions:
    return pycolmap.IncrementalTriangulatorOptions(
        complete_max_reproj_error=config.max_error_px,
        merge_max_reproj_error=config.max_error_px,
        min_angle=config.min_angle_deg,
        ignore_two_view_tracks=config.min_views > 2,
        random_seed=0,
    )
