"""The cross-season correspondences of CMU Seasons and Oxford RobotCar (Larsson et al., CVPR 2019).

From visuallocalization.net ("Correspondence" under each data set); the images come with the script
inside the archive and keep their own licences (Oxford RobotCar: CC BY-NC-SA 4.0). The licence of
the correspondences is in the archive.

One folder per data set (CMU, ROBOTCAR): `correspondence_data/*.mat`, one file per pair (in
subfolders or not), and `images/`. A file is MATLAB v7.3, that is HDF5: `im_i_path` and `im_j_path`
are char arrays (uint16 codes, here a column), relative to `images/`; `pt_i` and `pt_j` are 2 x N
in MATLAB and so (N, 2) here, pixels (x, y) of the images as they are on disk. The authors' training
rounds them to the nearest pixel counted from 0, that is, takes them in OpenCV's convention: so does
this reader. i is the reference traversal. `dist_from_center` (a weight) is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from semloc_ros.datasets.tables import read_rows
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import FloatArray, ImagePair

CORRESPONDENCES = "correspondence_data"
IMAGES = "images"


class CrossSeasonPairs(Sequence[ImagePair]):
    """The pairs of one data set; a file is read when its pair is asked for.

    There are tens of thousands with thousands of points each: they do not fit in memory.
    """

    def __init__(self, files: Sequence[Path], images: Path) -> None:
        self._files, self._images = list(files), images

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> ImagePair: ...

    @overload
    def __getitem__(self, index: slice) -> CrossSeasonPairs: ...

    def __getitem__(self, index: int | slice) -> ImagePair | CrossSeasonPairs:
        """Raises DatasetError, in one line, if the pair's file is broken."""
        if isinstance(index, slice):
            return CrossSeasonPairs(self._files[index], self._images)
        return _read_pair(self._files[index], self._images)


def recognize(folder: Path) -> bool:
    """Whether there are correspondence files."""
    return _first_file(Path(folder)) is not None


def read_cross_season(
    folder: Path, images: Path | None = None, names: Path | None = None
) -> CrossSeasonPairs:
    """All pairs by file name; or those listed in the file `names`, a line each, in that order.

    `images` is where the images lie, if not in `folder / "images"`. Raises DatasetError if there
    are no files, or a listed one is missing; a pair's own faults come when it is read.
    """
    folder = Path(folder)
    inside = _correspondence_folder(folder)
    files = sorted(inside.rglob("*.mat")) if names is None else _listed(inside, Path(names))
    if not files:
        wanted = f"{CORRESPONDENCES}/*.mat"
        raise DatasetError(expected(str(folder), wanted, "none"))
    return CrossSeasonPairs(files, Path(images) if images else _image_folder(folder))


def _correspondence_folder(folder: Path) -> Path:
    inside = folder / CORRESPONDENCES
    return inside if inside.is_dir() else folder


def _image_folder(folder: Path) -> Path:
    return (folder.parent if folder.name == CORRESPONDENCES else folder) / IMAGES


def _first_file(folder: Path) -> Path | None:
    inside = _correspondence_folder(folder)
    patterns = ("correspondence_*.mat", "*/correspondence_*.mat")
    return next((path for pattern in patterns for path in inside.glob(pattern)), None)


def _listed(folder: Path, names: Path) -> list[Path]:
    paths = []
    for where, words in read_rows(names, "names of .mat files", (1,)):
        paths.append(folder / words[0])
        if not paths[-1].is_file():
            raise DatasetError(expected(where, f"a file in {folder}", words[0]))
    return paths


def _read_pair(path: Path, images: Path) -> ImagePair:
    try:
        import h5py

        with h5py.File(path, "r") as file:
            content = {name: _values(path, file, name) for name in _FIELDS}
    except (OSError, RuntimeError):
        reason = "another format" if path.is_file() else "no such file"
        raise DatasetError(expected(str(path), "a MATLAB v7.3 (HDF5) file", reason)) from None
    name_a, name_b = (_text(path, name, content[name]) for name in ("im_i_path", "im_j_path"))
    points_a, points_b = (_points(path, name, content[name]) for name in ("pt_i", "pt_j"))
    if len(points_a) != len(points_b):
        counts = f"{len(points_a)} and {len(points_b)}"
        raise DatasetError(expected(str(path), "pt_i and pt_j of one length", counts))
    read_a, read_b = (partial(read_image, images / name) for name in (name_a, name_b))
    return ImagePair(name_a, name_b, read_a, read_b, points_a, points_b)


_FIELDS = ("im_i_path", "im_j_path", "pt_i", "pt_j")


def _values(path: Path, file: Any, name: str) -> Any:
    """The array of one variable, as it is stored: the transposed of MATLAB's."""
    import h5py

    if name not in file or not isinstance(file[name], h5py.Dataset):
        wanted = f"the array {name}"
        raise DatasetError(expected(str(path), wanted, ", ".join(sorted(file)) or "an empty file"))
    if file[name].attrs.get("MATLAB_empty", 0):  # holds MATLAB's shape in place of values
        return np.empty((0, 2))
    return file[name][()]


def _text(path: Path, name: str, codes: Any) -> str:
    codes = np.asarray(codes)
    if codes.dtype.kind != "u" or not codes.size:
        raise DatasetError(expected(f"{path}: {name}", "a char array", f"{codes.dtype} array"))
    return "".join(map(chr, codes.ravel())).replace("\\", "/").lstrip("/")


def _points(path: Path, name: str, values: Any) -> FloatArray:
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "fiu":
        got = f"{values.dtype} {values.shape}"
        raise DatasetError(expected(f"{path}: {name}", "numbers (N, 2)", got))
    points: FloatArray = values.astype(np.float64)
    if not np.isfinite(points).all():
        raise DatasetError(expected(f"{path}: {name}", "finite pixels", "NaN or infinity"))
    return points
