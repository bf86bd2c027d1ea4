"""Image pairs with the points they share, as files: the layout of the cross-season data sets.

    FOLDER/correspondence_data/correspondence_<name>.mat    HDF5 (MATLAB v7.3), one file per pair
    FOLDER/images/…                                         the images, or a link to where they lie

`datasets.cross_season` reads them back and says what a file holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray

_DATA, _IMAGES = "correspondence_data", "images"


class PairFolder:
    """A new folder of pairs.

    Raises DatasetError, in one line, if the folder holds anything already; so does every method
    that cannot write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        if self._folder.is_file() or (self._folder.exists() and any(self._folder.iterdir())):
            raise DatasetError(expected(str(folder), "a new folder", "other files"))

    def link_images(self, images: Path) -> None:
        """Make `images/` a link to a folder of images that lie there."""
        self._make(self._folder)
        try:
            (self._folder / _IMAGES).symlink_to(os.path.relpath(images, self._folder))
        except OSError as error:
            raise self._unwritable(error) from None

    def add_image(self, name: str, image: NDArray[np.uint8], jpeg_quality: int) -> None:
        """Write an image (H, W, 3) RGB or (H, W) as `images/name` (.jpg or .png), unless it is
        there."""
        path = self._folder / _IMAGES / name
        if path.exists():
            return
        stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        quality = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._make(path.parent)
        if not cv2.imwrite(str(path), stored, quality):
            raise DatasetError(expected(str(path), "an image that can be written", "none"))

    def add_pair(
        self, name: str, image_a: str, image_b: str, points_a: FloatArray, points_b: FloatArray
    ) -> None:
        """Write `correspondence_<name>.mat`: images by their names below `images/`, and where
        their pixels (N, 2) show the same, row by row."""
        import h5py

        path = self._folder / _DATA / f"correspondence_{name}.mat"
        self._make(path.parent)
        with h5py.File(path, "w") as file:
            file["im_i_path"], file["im_j_path"] = _codes(image_a), _codes(image_b)
            file["pt_i"], file["pt_j"] = points_a, points_b

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> DatasetError:
        wanted = "a folder that can be written"
        return DatasetError(expected(str(self._folder), wanted, error.strerror or error))


def _codes(text: str) -> Any:
    """A char array as MATLAB keeps it."""
    return np.array([[ord(letter)] for letter in text], dtype=np.uint16)
