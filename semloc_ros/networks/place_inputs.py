"""What place networks see: planes of an image or of its label map, of one size for every camera.

Images are stretched to `width` x `height` of the model. What a mask calls dynamic (255) does not
count where pixels are averaged, and is 0, the mean of what networks are trained on, where it
covers more than half of a plane's pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, ModelError, expected
from semloc_ros.networks.gradient_planes import gradient_planes
from semloc_ros.networks.images import check_image_array
from semloc_ros.networks.place_about import LABELS, PlaceAbout
from semloc_ros.types import LabelMap

_WHITE = 255.0
_DYNAMIC = 255
_SHARE = 0.5  # of a plane's pixel that must be static
_WINDOWS = 8  # along each side of an image, for local contrast
_FLOOR = 0.2  # of the image's own contrast: what is flatter is noise, and stays small
_LEAST = 1.0 / _WHITE
_CELL = 12  # pixels: gradients are taken in an image of so many times the planes' size
_GREY = np.array((0.299, 0.587, 0.114), np.float32)  # of red, green and blue

Planes = NDArray[np.float32]


def image_planes(
    image: NDArray[np.uint8], about: PlaceAbout, mask: NDArray[np.uint8] | None = None
) -> Planes:
    """The planes (3 or 8, height, width) float32 of an image (H, W, 3) RGB or (H, W) grey, uint8.

    `mask` (H, W) uint8. Raises InputError for others, ModelError for a model that reads labels.
    """
    if about.input == LABELS:
        raise ModelError(expected(about.name, "label maps, which it was trained on", "an image"))
    check_image_array(image)
    coloured = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    values, static = _resized(coloured, mask, image_size(about))
    if about.contrast == "gradients":
        grey = np.asarray(values @ _GREY, np.float32)
        return gradient_planes(grey, np.asarray(static >= _SHARE, np.float32), _CELL)
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


def image_size(about: PlaceAbout) -> tuple[int, int]:
    """The (width, height) in pixels from which `image_planes` makes its planes: whoever keeps
    images smaller than they were keeps them at this size."""
    fine = _CELL if about.contrast == "gradients" else 1
    return fine * about.width, fine * about.height


def label_planes(
    labels: LabelMap | None, about: PlaceAbout, mask: NDArray[np.uint8] | None = None
) -> Planes:
    """The planes (len(kept), height, width) float32 of a label map (H, W): the share of each
    cell's pixels that have the label. Pixels that are unknown or dynamic and labels that are not
    kept count for none.

    Raises InputError for none, for numbers that the label set does not have and for a mask of
    another shape; ModelError for a model that reads images.
    """
    if about.input != LABELS:
        raise ModelError(expected(about.name, "images, which it was trained on", "a label map"))
    known = check_labels(labels, about)
    plane = _planes_of_labels(about, known.dtype)[known]
    if mask is not None:
        check_mask(mask, known.shape)
        plane[mask == _DYNAMIC] = len(about.kept)
    return _shares(plane, len(about.kept), (about.height, about.width))


def _shares(plane: NDArray[np.int64], count: int, size: tuple[int, int]) -> Planes:
    """The shares (count, h, w) of the pixels of each cell that belong to each plane."""
    (rows, row_cells), (columns, column_cells) = (
        _cells_of(pixels, cells) for pixels, cells in zip(plane.shape, size, strict=True)
    )
    # an image with fewer pixels than there are cells: its pixels are repeated
    fine = plane if plane.shape == (len(rows), len(columns)) else plane[rows][:, columns]
    cells = size[0] * size[1]
    at = row_cells[:, None] * size[1] + column_cells
    counts = np.bincount((fine * cells + at).ravel(), minlength=(count + 1) * cells)
    shares = counts[: count * cells].reshape(count, *size) / np.bincount(at.ravel()).reshape(size)
    return np.asarray(shares, np.float32)


def check_labels(labels: LabelMap | None, about: PlaceAbout) -> LabelMap:
    """The labels; InputError unless they can be a label map of what the model was trained on."""
    if labels is None:
        wanted = f"a label map of {about.labels}, which {about.name} reads"
        raise InputError(expected("labels", wanted, "none"))
    if labels.ndim != 2 or labels.size == 0 or labels.dtype not in (np.uint8, np.uint16):
        got = f"{labels.shape} {labels.dtype}"
        raise InputError(expected("labels", "(H, W) uint8 or uint16", got))
    unknown = np.iinfo(labels.dtype).max
    most = int(np.max(labels, where=labels != unknown, initial=0))
    if most >= about.num_labels:
        wanted = f"numbers below {about.num_labels} (those of {about.labels}) or {unknown}"
        raise InputError(expected("labels", wanted, f"{most}, as of another label set"))
    return labels


def check_mask(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    """Raises InputError unless the mask is uint8 of the shape (H, W) of what it belongs to."""
    if mask.shape != shape or mask.dtype != np.uint8:
        got = f"{mask.shape} {mask.dtype}"
        raise InputError(expected("mask", f"{shape} uint8, as the image", got))


def _cells_of(size: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Along one side of a label map: the pixels that are used, and the cell of each."""
    count = max(size, cells)
    each = np.arange(count)
    return each * size // count, each * cells // count


def _planes_of_labels(about: PlaceAbout, kind: np.dtype[np.unsignedinteger]) -> NDArray[np.int64]:
    """The plane of each number that a label map may have; those that count for none share a last
    one."""
    unknown = np.iinfo(kind).max  # whatever number a larger label set has there
    planes = np.full(unknown + 1, len(about.kept), np.int64)
    held = [number for number in about.kept if number < unknown]
    planes[held] = np.arange(len(held))
    return planes


def _resized(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The means (h, w, 3), from 0 to 1, of the static pixels, and their share (h, w)."""
    values = np.asarray(image.astype(np.float32) / np.float32(_WHITE))
    if mask is None:
        return _fit(values, size), np.ones(size[::-1], np.float32)
    check_mask(mask, image.shape[:2])
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
