"""Virtual Gallery in its own layout (Weinzaepfel et al., CVPR 2019), a rendered museum.

- Data: europe.naverlabs.com, "Virtual Gallery Dataset". Licence: CC BY-NC-ND 4.0.
- Layout: `training/gallery_light{1-6}_loop{1-6}/` (a rig of six cameras) and
  `testing/gallery_light{1-6}_occlusion{1-4}/` (single photographs, each with its own focal
  length), each with `extrinsic.txt`, `intrinsic.txt` and
  `frames/rgb/camera_K/rgb_NNNNN.jpg`, 1920x1080.
- Rows: `frame cameraID` and the 4x4 matrix camera from world, row by row, so the fourth numbers
  are the TRANSLATION, not the centre; metres, world y down. Intrinsics: fx fy cx cy, without
  distortion. cx = 959.5 is the middle if pixel 0 is a CENTRE, as here: taken as it is.
- There are no times: the stamp is the frame's number.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from semloc_ros.datasets.localization_set import LocalizationSet, with_files
from semloc_ros.datasets.tables import (
    checked_camera,
    floats,
    integer,
    pose_from_matrix,
    read_rows,
)
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import Camera, PosedImage

_SIZE = (1920, 1080)
_RUNS = ("training/gallery_light*_loop*", "testing/gallery_light*_occlusion*")
_HEADER = "frame"

Key = tuple[int, int]  # frame, camera


def recognize(folder: Path) -> bool:
    """Whether the folder has runs of the Virtual Gallery in their own layout."""
    return any(next(folder.glob(f"{runs}/extrinsic.txt"), None) for runs in _RUNS)


def read_virtual_gallery(
    folder: Path, cameras: Collection[int] = range(6), names: str = "*", part: bool = False
) -> LocalizationSet:
    """Training runs as mapping images, testing runs as queries (their poses are published).

    `cameras` of the rig, for training; `names`, a pattern such as "gallery_light1_*", chooses
    runs. DatasetError, in one line, for what is missing or broken. Of a download in `part`,
    missing images are left out and counted.
    """
    training, testing = (_runs(folder, runs, names) for runs in _RUNS)
    if not training + testing:
        wanted = f"{_RUNS[0]} or {_RUNS[1]} named {names}"
        raise DatasetError(expected(str(folder), wanted, "none"))
    mapping = [image for run in training for image in _read_run(folder, run, cameras)]
    queries = [image for run in testing for image in _read_run(folder, run, range(1))]
    return with_files(LocalizationSet(mapping, queries), folder, part)


def _runs(folder: Path, runs: str, names: str) -> list[Path]:
    return sorted(run for run in folder.glob(runs) if run.is_dir() and run.match(names))


def _read_run(folder: Path, run: Path, cameras: Collection[int]) -> list[PosedImage]:
    intrinsics = _read_intrinsics(run / "intrinsic.txt")
    images = []
    for where, row in read_rows(run / "extrinsic.txt", "poses", (18,), comment=_HEADER):
        key = _key(where, row)
        if key[1] not in cameras:
            continue
        if key not in intrinsics:
            raise DatasetError(expected(where, "intrinsics of that frame and camera", "none"))
        pose = pose_from_matrix(where, floats(where, row[2:]).reshape(4, 4))
        path = run / "frames" / "rgb" / f"camera_{key[1]}" / f"rgb_{key[0]:05d}.jpg"
        name = path.relative_to(folder).as_posix()
        images.append(PosedImage(name, key[0], intrinsics[key], pose, partial(read_image, path)))
    return images


def _read_intrinsics(path: Path) -> dict[Key, Camera]:
    cameras = {}
    for where, row in read_rows(path, "intrinsics", (6,), comment=_HEADER):
        fx, fy, cx, cy = floats(where, row[2:]).tolist()
        camera = Camera("pinhole", *_SIZE, fx, fy, cx, cy)
        cameras[_key(where, row)] = checked_camera(where, camera)
    return cameras


def _key(where: str, row: list[str]) -> Key:
    return integer(where, row[0]), integer(where, row[1])
