"""RobotCar Seasons (Sattler et al., CVPR 2018; images: Maddern et al., Oxford RobotCar, IJRR 2017):
three cameras on a car, one reference condition and nine others, 49 places of Oxford.

- Data: visuallocalization.net (data.ciirc.cvut.cz, RobotCar-Seasons). Licence: CC BY-NC-SA 4.0.
- Layout: `images/CONDITION/{left,rear,right}/MICROSECONDS.jpg` (1024x1024, undistorted),
  `intrinsics/{left,rear,right}_intrinsics.txt` (lines `fx 400.0`, then fy, cx, cy),
  `3D-models/all-merged/all.nvm`, and of version 2 `robotcar_v2_train.txt`, `robotcar_v2_test.txt`.
- Poses of the reference images are in the NVM file: quaternion w x y z of the rotation world →
  camera, and camera CENTRE. It names the files `.png`; they are `.jpg`.
- Poses of the queries of `robotcar_v2_train.txt`: name and 16 numbers, the matrix CAMERA → WORLD
  row by row. Only rear images have them, and only those are judged: the default here. Results
  are submitted as `rear/NAME.jpg`, quaternion and TRANSLATION.
- Pixels: (0, 0) is the corner of the image; half a pixel is taken off. Metres, computer-vision
  axes (the Bundler and .info files of the data set, which are not read, have others).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from semloc_ros.datasets.localization_set import LocalizationSet, with_files
from semloc_ros.datasets.tables import (
    checked_camera,
    floats,
    integer,
    pose_from_matrix,
    read_rows,
)
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.colmap_cameras import HALF_PIXEL
from semloc_ros.maps.image_files import read_image
from semloc_ros.maps.nvm import read_nvm_views
from semloc_ros.types import Camera, CameraImage, FloatArray, PosedImage

REFERENCE = "overcast-reference"
CAMERAS = ("left", "rear", "right")
_SIZE = (1024, 1024)
_MODEL = Path("3D-models") / "all-merged" / "all.nvm"
_TRAIN, _TEST = "robotcar_v2_train.txt", "robotcar_v2_test.txt"
_INTRINSICS = ("fx", "fy", "cx", "cy")

Cameras = dict[str, Camera]


def recognize(folder: Path) -> bool:
    """Whether the folder has the data set's lists, reference images or intrinsics."""
    clues = (_TRAIN, f"images/{REFERENCE}", "intrinsics/rear_intrinsics.txt")
    return any((folder / clue).exists() for clue in clues)


def read_robotcar_seasons(
    folder: Path,
    cameras: Collection[str] = ("rear",),
    conditions: Collection[str] | None = None,
    part: bool = False,
) -> LocalizationSet:
    """Reference images as mapping, the queries of version 2 with poses, and the hidden ones.

    Hidden are the images named in `robotcar_v2_test.txt`; without that file, all others of the
    `conditions` (by default, those whose folders are there). Names are below `images/`.
    DatasetError, in one line, for a missing file or image, or a broken row. Of a download in
    `part`, what is missing (images, or the model) is left out and counted.
    """
    lenses = {name: _read_camera(folder / "intrinsics", name) for name in cameras}
    images = folder / "images"
    chosen = conditions if conditions is not None else _conditions(images)
    model = folder / _MODEL
    missing = [model] if part and not model.exists() else []
    poses = () if missing else _reference_poses(model, lenses)
    mapping = [_posed(images, *one, lenses) for one in poses]
    queries = [
        _posed(images, where, name, pose, lenses)
        for where, name, pose in _query_poses(folder / _TRAIN)
        if _parts(where, name)[0] in chosen and _parts(where, name)[1] in lenses
    ]
    known = {image.name for image in queries}
    names = _test_names(folder / _TEST, images, lenses, chosen)
    hidden = [_image(images, where, name, lenses) for where, name in names if name not in known]
    return with_files(LocalizationSet(mapping, queries, hidden, missing), images, part)


def _read_camera(folder: Path, name: str) -> Camera:
    path = folder / f"{name}_intrinsics.txt"
    values = {
        row[0]: floats(where, row[1:])[0] for where, row in read_rows(path, "intrinsics", (2,))
    }
    missing = [one for one in _INTRINSICS if one not in values]
    if missing:
        raise DatasetError(expected(str(path), "lines fx, fy, cx and cy", f"no {missing[0]}"))
    fx, fy, cx, cy = (float(values[one]) for one in _INTRINSICS)
    camera = Camera("pinhole", *_SIZE, fx, fy, cx - HALF_PIXEL, cy - HALF_PIXEL)
    return checked_camera(str(path), camera)


def _reference_poses(path: Path, lenses: Cameras) -> Iterator[tuple[str, str, FloatArray]]:
    """(file, image, camera_from_map) of the chosen cameras' images in the model."""
    try:
        views = read_nvm_views(path)
    except SemlocError as error:
        raise DatasetError(str(error)) from None
    for view in views:
        name = _file_name(view.name)
        if _parts(str(path), name)[1] in lenses:
            yield str(path), name, view.camera_from_map


def _query_poses(path: Path) -> Iterator[tuple[str, str, FloatArray]]:
    """(file and line, image, camera_from_map) of version 2; of version 1, none."""
    if path.exists():
        for where, row in read_rows(path, "poses of queries", (17,)):
            matrix = pose_from_matrix(where, floats(where, row[1:]).reshape(4, 4))
            yield where, _file_name(row[0]), se3.inverse(matrix)


def _test_names(
    path: Path, images: Path, lenses: Cameras, conditions: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(where it is said, image) of the queries without a pose."""
    found = {
        file.relative_to(images).as_posix()
        for condition in conditions
        for camera in lenses
        for file in (images / condition / camera).glob("*.jpg")
    }
    if not path.exists():
        yield from ((str(images), name) for name in sorted(found))
        return
    by_shot = {name.partition("/")[2]: name for name in found}
    for where, row in read_rows(path, "the names of the queries", (1,)):
        shot = "/".join(_file_name(row[0]).split("/")[-2:])
        if "/" not in shot:
            shot = f"rear/{shot}"
        if shot in by_shot:  # other cameras and conditions are not asked for
            yield where, by_shot[shot]


def _posed(
    images: Path, where: str, name: str, camera_from_map: FloatArray, lenses: Cameras
) -> PosedImage:
    one = _image(images, where, name, lenses)
    return PosedImage(one.name, one.stamp_ns, one.camera, camera_from_map, one.read)


def _image(images: Path, where: str, name: str, lenses: Cameras) -> CameraImage:
    _, camera, shot = _parts(where, name)
    stamp_ns = integer(where, PurePosixPath(shot).stem) * 1000
    return CameraImage(name, stamp_ns, lenses[camera], partial(read_image, images / name))


def _parts(where: str, name: str) -> list[str]:
    """Condition, camera and file of a name."""
    parts = name.split("/")
    if len(parts) != 3 or parts[1] not in CAMERAS:
        raise DatasetError(expected(where, "a name condition/camera/time.jpg", name))
    return parts


def _file_name(name: str) -> str:
    """The name of the file: models and lists say `./…png`."""
    return PurePosixPath(name).with_suffix(".jpg").as_posix()


def _conditions(images: Path) -> list[str]:
    """The query conditions whose images are there."""
    found = sorted(path.name for path in images.glob("*") if path.is_dir())
    return [name for name in found if name != REFERENCE]
