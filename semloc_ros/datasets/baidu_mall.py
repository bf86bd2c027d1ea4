"""Baidu mall, the IDL data set (Sun et al., "A Dataset for Benchmarking Image-Based Localization",
CVPR 2017): a shopping mall, mapped with SLR cameras and a lidar, queried with telephones.

- Data: `IDL_dataset_cvpr17_3852.zip` from the authors (sites.google.com/site/xunsunhomepage).
  Licence: none is stated in the files; published for research.
- Layout: `training_images_undistort/NAME.jpg` with `training_gt/NAME.camera` (689 images), and
  `query_images_undistort`, `query_gt` (2292).
- A `.camera` file has nine lines: K (3x3), `0 0 0`, R (3x3), the camera's CENTRE, width and
  height. R turns camera to world: its columns are the camera's axes in the world, which is
  metric and z up. Images are undistorted. The pixel origin is not stated: taken as OpenCV's.
- There are no times: stamps are 0.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.datasets.tables import checked_camera, floats, pose_from_matrix, text_lines
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import Camera, FloatArray, PosedImage

_TRAINING = ("training_images_undistort", "training_gt")
_QUERIES = ("query_images_undistort", "query_gt")
_ENDINGS = (".jpg", ".jpeg", ".png")
_FIELDS = (3, 3, 3, 3, 3, 3, 3, 3, 2)  # of the lines of a .camera file


def recognize(folder: Path) -> bool:
    """Whether the folder has the data set's image folders."""
    return any((folder / images).is_dir() for images, _ in (_TRAINING, _QUERIES))


def read_baidu_mall(folder: Path, part: bool = False) -> LocalizationSet:
    """Training images as mapping, query images with their published poses as queries.

    One of the two may be missing. DatasetError, in one line, for a missing or broken file. Of a
    download in `part`, images without a `.camera` file are left out and those files counted.
    """
    missing: list[Path] | None = [] if part else None
    mapping, queries = (_read_part(folder, *names, missing) for names in (_TRAINING, _QUERIES))
    if not mapping + queries:
        wanted = f"images in {_TRAINING[0]} or {_QUERIES[0]}"
        raise DatasetError(expected(str(folder), wanted, "none"))
    return LocalizationSet(mapping, queries, missing=missing or [])


def _read_part(
    folder: Path, images: str, truth: str, missing: list[Path] | None
) -> list[PosedImage]:
    found = sorted(path for path in (folder / images).rglob("*") if path.suffix.lower() in _ENDINGS)
    posed = []
    for path in found:
        inside = path.relative_to(folder / images)
        pose_file = folder / truth / inside.with_suffix(".camera")
        if missing is not None and not pose_file.is_file():
            missing.append(pose_file)
            continue
        camera, pose = _read_camera(pose_file)
        name = f"{images}/{inside.as_posix()}"
        posed.append(PosedImage(name, 0, camera, pose, partial(read_image, path)))
    return posed


def _read_camera(path: Path) -> tuple[Camera, FloatArray]:
    """The camera and `camera_from_map` of one file."""
    lines = text_lines(path, "camera and pose of the image")
    rows = [(f"{path} line {n}", line.split()) for n, line in enumerate(lines, 1) if line.strip()]
    if [len(row) for _, row in rows] != list(_FIELDS):
        wanted = "nine lines: K, 0 0 0, R, centre, width height"
        raise DatasetError(expected(str(path), wanted, f"{len(rows)} lines or other counts"))
    numbers = [floats(where, row) for where, row in rows]
    matrix, rotation = np.stack(numbers[:3]), np.stack(numbers[4:7])
    map_from_camera = np.eye(4)
    map_from_camera[:3, :3], map_from_camera[:3, 3] = rotation, numbers[7]
    pose = se3.inverse(pose_from_matrix(str(path), map_from_camera))
    return _camera(str(path), matrix, numbers[8]), pose


def _camera(where: str, matrix: FloatArray, size: FloatArray) -> Camera:
    if not np.array_equal(size, size.astype(int)):
        raise DatasetError(expected(where, "a whole width and height", size.tolist()))
    (fx, _, cx), (_, fy, cy) = matrix[:2].tolist()
    return checked_camera(where, Camera("pinhole", int(size[0]), int(size[1]), fx, fy, cx, cy))
