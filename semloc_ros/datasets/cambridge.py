"""A scene of Cambridge Landmarks (Kendall et al., "PoseNet", ICCV 2015).

- Data: www.repository.cam.ac.uk, handles 1810/251342 (KingsCollege), 251340 (OldHospital), 251294
  (StMarysChurch), 251336 (ShopFacade), 251291 (GreatCourt). Licence: stated with each deposit.
- Layout: `dataset_train.txt`, `dataset_test.txt`, `reconstruction.nvm`, `seqN/frameNNNNN.png`
  (1920x1080).
- Rows, after three lines of header: image, camera CENTRE X Y Z, quaternion W P Q R (w first) of
  the rotation world → camera. About metres; the world's axes are those of the reconstruction.
- Intrinsics are only in the NVM file, which names the images `.jpg`: the focal length and radial
  distortion it holds for each image, principal point in the middle. An image that the model
  lacks gets the median focal length, without distortion. `focal_px` stands for all of it.
- There are no times: stamps are 0.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from semloc_ros.datasets.image_sizes import image_size
from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.datasets.tables import checked_camera, floats, pose_from_centre, read_rows
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.maps.nvm import NvmView, read_nvm_views
from semloc_ros.types import Camera, PosedImage

_LISTS = ("dataset_train.txt", "dataset_test.txt")
_HEADER_LINES = 3


class _Lenses:
    """The cameras of a scene, by image."""

    def __init__(self, views: list[NvmView], focal_px: float) -> None:
        self._views = {_stem(view.name): view for view in views}
        self._focal_px = focal_px

    def camera(self, path: Path, name: str) -> Camera:
        size = image_size(path)
        view = self._views.get(_stem(name))
        try:
            if view is not None:
                return view.camera(*size)
        except SemlocError as error:
            raise DatasetError(f"{path}: {error}") from None
        middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        return checked_camera(
            str(path), Camera("pinhole", *size, self._focal_px, self._focal_px, *middle)
        )


def recognize(folder: Path) -> bool:
    """Whether the folder is a scene: one of the two lists, or both, is there."""
    return any((folder / name).is_file() for name in _LISTS)


def read_cambridge(
    folder: Path, focal_px: float | None = None, part: bool = False
) -> LocalizationSet:
    """`dataset_train.txt` as mapping images, `dataset_test.txt` as queries with their poses.

    `focal_px` replaces the intrinsics of `reconstruction.nvm`. DatasetError, in one line, for
    a missing file or image, or a broken row. Of a download in `part`, missing images and a
    missing list are left out and counted.
    """
    lenses = _read_lenses(folder / "reconstruction.nvm", focal_px)
    lists = [folder / name for name in _LISTS]
    missing = [path for path in lists if part and not path.exists()]
    mapping, queries = (
        [] if path in missing else _read_list(folder, path, lenses, missing if part else None)
        for path in lists
    )
    if not mapping + queries:
        raise DatasetError(expected(str(missing[-1]), "an image", "no such file, like the others"))
    return LocalizationSet(mapping, queries, missing=missing)


def _read_lenses(path: Path, focal_px: float | None) -> _Lenses:
    if focal_px is not None:
        return _Lenses([], focal_px)
    try:
        views = read_nvm_views(path)
    except SemlocError as error:
        raise DatasetError(str(error)) from None
    return _Lenses(views, float(np.median([view.calibration.fx for view in views])))


def _read_list(
    folder: Path, path: Path, lenses: _Lenses, missing: list[Path] | None
) -> list[PosedImage]:
    """The images of a list; those without a file go to `missing`, if that is allowed."""
    images, rows = [], 0
    for where, row in read_rows(path, "a list of images and poses", (8,), skip=_HEADER_LINES):
        numbers = floats(where, row[1:])
        pose = pose_from_centre(where, numbers[3:], numbers[:3])
        file = folder / row[0]
        rows += 1
        if missing is not None and not file.is_file():
            missing.append(file)
            continue
        camera = lenses.camera(file, row[0])
        images.append(PosedImage(row[0], 0, camera, pose, partial(read_image, file)))
    if not rows:
        raise DatasetError(expected(str(path), "images after the header", "none"))
    return images


def _stem(name: str) -> str:
    """The image without its ending: the model says .jpg where the files are .png."""
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix()
