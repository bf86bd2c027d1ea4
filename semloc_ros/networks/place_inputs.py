"""What place networks see: planes of an image or of its label map, of one size for every camera.

Images are stretched to `width` x `height` of the model. What a mask calls dynamic (255) does not
count where pixels are averaged, and is 0, the mean of what networks are trained on, where it
covers half of a plane's pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, ModelError, expected
from semloc_ros.networks.images import check_image_array
from semloc_ros.networks.place_about import LABELS, PlaceAbout
from semloc_ros.types import LabelMap

_WHITE = 255.0
_DYNAMIC = 255
_SHARE = 0.5  # of a plane's pixel that must be static
_WINDOWS = 8  # along each side of an image, for local contrast
_FLOOR = 0.2  # of the image's own contrast: what is flatter is noise, and stays small
_LEAST = 1.0 / _WHITE

Planes = NDArray[np.float32]


def image_planes(
    image: NDArray[np.uint8], about: PlaceAbout, mask: NDArray[np.uint8] | None = None
) -> Planes:
    """The planes (3, height, width) float32 of an image (H, W, 3) RGB or (H, W) grey, uint8.

    `mask` (H, W) uint8. Raises InputError for others, ModelError for a model that reads labels.
    """
    if about.input == LABELS:
        raise ModelError(expected(about.name, "label maps, which it was trained on", "an image"))
    check_image_array(image)
    coloured = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    values, static = _resized(coloured, mask, (about.width, about.height))
    if about.contrast == "local":
        planes = _locally_normalized(values, static)
    else:
        mean, std = (
            np.asarray(one, np.float32)
            for one in (about.normalization.mean, about.normalization.std)
        )
        planes = (values - mean) / std
    planes[static < _SHARE] = 0.0
    return np.ascontiguousarray(planes.transpose(2, 0, 1), np.float32)


def label_planes(labels: LabelMap | None, about: PlaceAbout) -> Planes:
    """The planes (len(kept), height, width) float32 of a label map (H, W): the share of each
    cell's pixels that have the label. Unknown pixels and labels that are not kept count for none.

    Raises InputError for none, and for numbers that the label set does not have; ModelError for a
    model that reads images.
    """
    if about.input != LABELS:
        raise ModelError(expected(about.name, "images, which it was trained on", "a label map"))
    check_labels(labels, about)
    assert labels is not None
    rows, columns = (
        _cells_of(size, cells)
        for size, cells in zip(labels.shape, (about.height, about.width), strict=True)
    )
    # an image with fewer pixels than there are cells: its pixels are repeated
    fine = labels[rows[0]][:, columns[0]]
    plane = _planes_of_labels(about, labels.dtype)[fine]
    cells = about.height * about.width
    at = rows[1][:, None] * about.width + columns[1]
    counts = np.bincount(
        (plane * cells + at).ravel(), minlength=(len(about.kept) + 1) * cells
    )[: len(about.kept) * cells]
    pixels = np.bincount(at.ravel(), minlength=cells)
    shares = counts.reshape(-1, cells) / pixels
    return shares.reshape(-1, about.height, about.width).astype(np.float32)


def check_labels(labels: LabelMap | None, about: PlaceAbout) -> None:
    """Raises InputError unless `labels` can be a label map of what the model was trained on."""
    if labels is None:
        wanted = f"a label map of {about.labels}, which {about.name} reads"
        raise InputError(expected("labels", wanted, "none"))
    if labels.ndim != 2 or labels.size == 0 or labels.dtype not in (np.uint8, np.uint16):
        got = f"{labels.shape} {labels.dtype}"
        raise InputError(expected("labels", "(H, W) uint8 or uint16", got))
    unknown = np.iinfo(labels.dtype).max
    known = labels[labels != unknown]
    most = int(known.max()) if len(known) else 0
    if most >= about.num_labels:
        wanted = f"numbers below {about.num_labels} (those of {about.labels}) or {unknown}"
        raise InputError(expected("labels", wanted, f"{most}, as of another label set"))


def _cells_of(size: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Along one side of a label map: the pixels that are used, and the cell of each."""
    count = max(size, cells)
    each = np.arange(count)
    return each * size // count, each * cells // count


def _planes_of_labels(about: PlaceAbout, kind: np.dtype[np.unsignedinteger]) -> NDArray[np.int64]:
    """The plane of each number that a label map may have; those that count for none share a last
    one."""
    planes = np.full(np.iinfo(kind).max + 1, len(about.kept), np.int64)
    planes[list(about.kept)] = np.arange(len(about.kept))
    planes[-1] = len(about.kept)
    return planes


def _resized(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The means (h, w, 3), from 0 to 1, of the static pixels, and their share (h, w)."""
    values = np.asarray(image.astype(np.float32) / np.float32(_WHITE))
    if mask is None:
        return _fit(values, size), np.ones(size[::-1], np.float32)
    if mask.shape != image.shape[:2] or mask.dtype != np.uint8:
        wanted = f"{image.shape[:2]} uint8, as the image"
        raise InputError(expected("mask", wanted, f"{mask.shape} {mask.dtype}"))
    counts = (mask != _DYNAMIC).astype(np.float32)
    static = _fit(counts, size)
    sums = _fit(values * counts[..., None], size)
    return np.asarray(sums / np.maximum(static, _LEAST)[..., None], np.float32), static


def _fit(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _locally_normalized(
    values: NDArray[np.float32], static: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Each channel minus its mean, over its standard deviation, in windows of an eighth of the
    image; only what is static counts. Light that falls off, night and haze nearly go."""
    height, width = static.shape
    window = (max(width // _WINDOWS, 1) | 1, max(height // _WINDOWS, 1) | 1)
    mass = np.maximum(_summed(static, window), _LEAST)[..., None]
    weights = static[..., None]
    means = _summed(values * weights, window) / mass
    squares = _summed(values**2 * weights, window) / mass
    variances = np.maximum(squares - means**2, 0.0)
    own = variances[static >= _SHARE].mean(0) if (static >= _SHARE).any() else 0.0
    floor = _FLOOR**2 * own + _LEAST**2
    return np.asarray((values - means) / np.sqrt(variances + floor), np.float32)


def _summed(values: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    """Sums over windows (width, height) around each pixel; beyond the image there is nothing."""
    sums = cv2.boxFilter(values, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums, np.float32)
