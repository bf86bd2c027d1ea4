"""Masks of what moves, for a build: features under them do not come into the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.workspace import Workspace, masks_key
from semloc_ros.types import PosedImage

Mask = NDArray[np.uint8]
ReadMask = Callable[[PosedImage, NDArray[np.uint8]], Mask]


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of a build's images.

    `read(image, pixels)` is that of one, (H, W) uint8, 255 = dynamic; `source` names them in the
    manifest. `seal` says all that decides them beside the pixels: with one they are kept with the
    other pieces of an unfinished build, as they cost more than reading a file.
    """

    read: ReadMask
    source: str
    seal: str = ""

    def of(self, image: PosedImage, pixels: NDArray[np.uint8], work: Workspace) -> Mask:
        """The mask of an image, read or remembered; MapError if it is none of its size."""
        if self.seal:
            key = masks_key(pixels, self.seal)
            mask: Mask = work.remembered(key, lambda: {"mask": self.read(image, pixels)})["mask"]
        else:
            mask = self.read(image, pixels)
        if mask.dtype != np.uint8 or mask.shape != pixels.shape[:2]:
            wanted = f"uint8 of {pixels.shape[1]}x{pixels.shape[0]} as its image"
            got = f"{mask.dtype} of {'x'.join(map(str, mask.shape[::-1]))}"
            raise MapError(expected(f"mask of {image.name}", wanted, got))
        return mask


def masks_of_folder(folder: Path) -> Masks:
    """Masks that are files, PNG of one channel, 0 = static, all else dynamic: that of an image
    a/b.jpg is FOLDER/a/b.png, or FOLDER/STAMP.png with its nanoseconds. MapError, when one is
    read, for a file that is absent or no such PNG, and for a STAMP.png that two images would share,
    as those of two cameras."""
    shared: dict[Path, str] = {}  # files of stamps, and the image that each is of
    return Masks(lambda image, pixels: _read(folder, image, shared), f"folder {folder.name}")


def _read(folder: Path, image: PosedImage, shared: dict[Path, str]) -> Mask:
    path = folder / f"{PurePath(image.name).with_suffix('')}.png"
    by_stamp = folder / f"{image.stamp_ns}.png"
    if by_stamp.is_file() and not path.is_file():
        path, first = by_stamp, shared.setdefault(by_stamp, image.name)
        if first != image.name:
            raise MapError(expected(str(path), f"the mask of {image.name}", f"that of {first}"))
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if mask is None:
        reason = "not readable" if path.exists() else "no such file"
        raise MapError(expected(str(path), f"the mask of {image.name}", reason))
    if mask.ndim != 2 or mask.dtype != np.uint8:
        got = f"{mask.shape} {mask.dtype}"
        raise MapError(expected(str(path), "one number of 8 bits per pixel", got))
    return np.where(mask > 0, 255, 0).astype(np.uint8)
