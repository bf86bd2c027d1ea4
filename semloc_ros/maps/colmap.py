"""COLMAP models, text and binary: in as a full map, out as what COLMAP's tools read.

- Poses are `cam_from_world`, the COLMAP world being the map; units are taken for metres.
- COLMAP's pixel (0, 0) is a corner: pixels lose half a pixel on the way in and gain it out.
- A model has no descriptors: an imported map can be looked at, exported and measured, but not
  localized in. `read_colmap_images` gives its posed images to the builder instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.assembly import assemble
from semloc_ros.maps.colmap_cameras import HALF_PIXEL, from_colmap
from semloc_ros.maps.colmap_files import check_points_file
from semloc_ros.maps.folders import check_named, replaced
from semloc_ros.maps.image_files import image_reader
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.tracks import Tracks
from semloc_ros.maps.triangulation import to_reconstruction
from semloc_ros.types import Camera, Features, PosedImage

NO_FEATURES = "none"  # feature model of a map without descriptors
_FILES = ("cameras", "images", "points3D")
_WRITTEN = (*_FILES, "rigs", "frames")
_ENDINGS = (".bin", ".txt")


def read_colmap(folder: Path, images: Path | None = None, sigma_px: float = 1.0) -> SemanticMap:
    """The map of a COLMAP model, without descriptors; scales are 0 (unknown), stamps too.

    Raises MapError if the folder is no COLMAP model or has a camera that we do not have.
    """
    reconstruction = _read(folder)
    registered = _registered(reconstruction)
    posed = list(_posed_images(reconstruction, registered, images or folder))
    features = [_features(image) for image in registered]
    tracks, colors = _tracks(reconstruction, registered)
    manifest = Manifest(NO_FEATURES, source=f"colmap {folder}")
    return assemble(manifest, posed, features, colors, tracks, sigma_px, keep_unmatched=True)


def read_colmap_images(folder: Path, images: Path) -> list[PosedImage]:
    """The posed images of a COLMAP model, whose files lie under `images`."""
    reconstruction = _read(folder)
    return list(_posed_images(reconstruction, _registered(reconstruction), images))


def write_colmap(semantic_map: SemanticMap, folder: Path, text: bool = False) -> None:
    """Write cameras, images, points3D, rigs and frames, as .bin files or (`text`) as .txt.

    An older model there is replaced in one rename. Raises MapError if `folder` holds anything
    else, which is not touched: a COLMAP project keeps its images and database beside its model.
    """
    _check_replaceable(folder)
    reconstruction = _as_reconstruction(semantic_map)
    with replaced(folder) as fresh:
        (reconstruction.write_text if text else reconstruction.write_binary)(fresh)


def _check_replaceable(folder: Path) -> None:
    check_named(folder)
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    foreign = sorted(found - {name + ending for name in _WRITTEN for ending in _ENDINGS})
    if foreign or (found and not _is_model(folder)):
        got = foreign[0] if foreign else "parts of one"
        raise MapError(expected(str(folder), "an empty folder or a COLMAP model alone", got))


def _is_model(folder: Path) -> bool:
    return any(all((folder / f"{name}{end}").is_file() for name in _FILES) for end in _ENDINGS)


def _read(folder: Path) -> pycolmap.Reconstruction:
    if not _is_model(folder):
        wanted = "cameras, images and points3D (.bin or .txt)"
        raise MapError(expected(str(folder), wanted, "not all of them"))
    if all((folder / f"{name}.bin").is_file() for name in _FILES):
        check_points_file(folder / "points3D.bin")
    try:
        return pycolmap.Reconstruction(folder)
    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise MapError(expected(str(folder), "a whole COLMAP model", reason)) from None


def _registered(reconstruction: pycolmap.Reconstruction) -> list[pycolmap.Image]:
    numbers = sorted(reconstruction.reg_image_ids())
    if not numbers:
        raise MapError(expected("COLMAP model", "images with a pose", "none"))
    return [reconstruction.image(number) for number in numbers]


def _posed_images(
    reconstruction: pycolmap.Reconstruction, registered: list[pycolmap.Image], images: Path
) -> Iterator[PosedImage]:
    cameras = {number: _camera(camera) for number, camera in reconstruction.cameras.items()}
    for image in registered:
        pose = np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])
        reader = image_reader(images / image.name)
        yield PosedImage(image.name, 0, cameras[image.camera_id], pose, reader)


def _camera(camera: pycolmap.Camera) -> Camera:
    name = f"COLMAP camera {camera.camera_id}"
    return from_colmap(name, camera.model.name, camera.width, camera.height, list(camera.params))


def _features(image: pycolmap.Image) -> Features:
    pixels = np.array([point.xy for point in image.points2D], np.float64).reshape(-1, 2)
    keypoints = (pixels - HALF_PIXEL).astype(np.float32)
    scales = np.zeros(len(keypoints), np.float32)
    return Features(NO_FEATURES, keypoints, scales, np.empty((len(keypoints), 0), np.uint8))


def _tracks(
    reconstruction: pycolmap.Reconstruction, registered: list[pycolmap.Image]
) -> tuple[Tracks, NDArray[np.uint8]]:
    view_of = {image.image_id: view for view, image in enumerate(registered)}
    points = [reconstruction.point3D(number) for number in sorted(reconstruction.point3D_ids())]
    lists = [
        [(view_of[one.image_id], one.point2D_idx) for one in point.track.elements
         if one.image_id in view_of]
        for point in points
    ]
    rows = np.array([row for one in lists for row in one], np.int32).reshape(-1, 2)
    offsets = np.cumsum([0] + [len(one) for one in lists]).astype(np.int64)
    xyz = np.array([point.xyz for point in points], np.float64).reshape(-1, 3)
    colors = np.array([point.color for point in points], np.uint8).reshape(-1, 3)
    return Tracks(xyz, offsets, rows[:, 0].copy(), rows[:, 1].copy()), colors


def _as_reconstruction(semantic_map: SemanticMap) -> pycolmap.Reconstruction:
    views = range(semantic_map.num_views)
    images = [
        PosedImage(
            semantic_map.view_names[view], 0, semantic_map.camera_of(view),
            np.asarray(semantic_map.camera_from_map[view]), image_reader(Path("unread")),
        )
        for view in views
    ]
    keypoints = [semantic_map.features_of(view).keypoints for view in views]
    reconstruction = to_reconstruction(images, keypoints)
    starts = np.asarray(semantic_map.feature_offsets)
    for point in range(semantic_map.num_points):
        rows = semantic_map.track_of(point)
        seen_by = semantic_map.track_views[rows]
        local = semantic_map.track_features[rows] - starts[seen_by]
        elements = [
            pycolmap.TrackElement(int(view) + 1, int(row))
            for view, row in zip(seen_by, local, strict=True)
        ]
        reconstruction.add_point3D(
            semantic_map.points_map[point], pycolmap.Track(elements), semantic_map.colors_rgb[point]
        )
    reconstruction.update_point_3d_errors()
    return reconstruction
