"""Image pairs for training: read from folders, split by place, cut to one size.

Pairs lie in the layout of the cross-season data sets (`datasets.cross_season`); worlds and bags
write it (`semloc world pairs`, `semloc learn correspondences`). The visits of Stromovka are read
as they are. Image a is the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets import stromovka
from semloc_ros.datasets.cross_season import IMAGES, read_cross_season
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray, ImagePair


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to learn from and pairs of other places to validate with."""

    training: list[ImagePair]
    validation: list[ImagePair]


def read_pairs(folders: Sequence[Path], only: str = "*") -> list[ImagePair]:
    """The pairs of all folders whose reference image has a name like `only` (a glob pattern).

    Where the folders have different `images`, a number goes before the names: two worlds have
    other images of the same names. DatasetError if there are no pairs.
    """
    homes = [_images_of(Path(folder)) for folder in folders]
    numbers = {home: number for number, home in enumerate(dict.fromkeys(homes))}
    found = [
        pair if len(numbers) == 1 else replace(pair, name_a=f"{numbers[home]}/{pair.name_a}")
        for folder, home in zip(folders, homes, strict=True)
        for pair in _read_folder(Path(folder))
    ]
    pairs = [pair for pair in found if fnmatch(pair.name_a, only)]
    if not pairs:
        wanted = f"pairs with a reference image like {only}"
        raise DatasetError(expected("pairs", wanted, f"none of {len(found)}"))
    return pairs


def _read_folder(folder: Path) -> Iterable[ImagePair]:
    if stromovka.recognize(folder):
        return stromovka.read_visits(folder)
    return read_cross_season(folder)


def _images_of(folder: Path) -> Path:
    """Where the images lie; pairs of one world share a folder by links."""
    images = folder / IMAGES
    return (images if images.exists() else folder).resolve()


def split_by_place(
    pairs: Sequence[ImagePair], share: float, blocks: int, rng: np.random.Generator
) -> Split:
    """`share` of the places are for validation, in whole stretches of neighbouring places.

    A place is what the reference images of one name show, whatever their folder (the cameras of a
    rig have folders of their own): images that follow each other by name are neighbours. Raises
    DatasetError if there are too few places for both parts.
    """
    places = sorted({_place(pair) for pair in pairs})
    count = min(blocks, len(places))
    kept_back = max(1, round(share * count))
    if kept_back >= count:
        raise DatasetError(expected("places", "enough to train and to validate", len(places)))
    chosen = set(rng.permutation(count)[:kept_back].tolist())
    block_of = {place: number * count // len(places) for number, place in enumerate(places)}
    validation = [pair for pair in pairs if block_of[_place(pair)] in chosen]
    training = [pair for pair in pairs if block_of[_place(pair)] not in chosen]
    return Split(training, validation)


def _place(pair: ImagePair) -> str:
    return PurePosixPath(pair.name_a).stem


@dataclass(frozen=True, slots=True)
class Cut:
    """A pair cut to squares of one size, and its reference labels.

    `reference`, `target` (S, S, 3) uint8; `labels` (s, s) int64, s = ceil(S / stride); `points_a`,
    `points_b` (N, 2) float32 pixels of the squares; `point_labels` (N,) int64. Labels of what
    lies outside of the image, and of points that there are not, are `absent`.
    """

    reference: NDArray[np.uint8]
    target: NDArray[np.uint8]
    labels: NDArray[np.int64]
    points_a: NDArray[np.float32]
    points_b: NDArray[np.float32]
    point_labels: NDArray[np.int64]


def cut_pair(
    pair: ImagePair, labels: NDArray[np.int64], size: int, stride: int, count: int, absent: int,
    rng: np.random.Generator,
) -> Cut:  # fmt: skip
    """A random square of each image that shows at least one point of both.

    `labels` (h, w) are those of the reference image in cells of `stride` pixels; squares start at
    whole cells of it. `count` points are drawn, all if there are no more.
    """
    reference, target = colored(pair.read_a()), colored(pair.read_b())
    seen = np.flatnonzero(_inside(pair.points_a, reference) & _inside(pair.points_b, target))
    points_a, points_b = pair.points_a[seen], pair.points_b[seen]
    if len(seen):
        shown = rng.integers(len(seen))
        corners = [
            _corner(image, size, stride, points[shown], rng)
            for image, points in ((reference, points_a), (target, points_b))
        ]
    else:
        corners = [_corner(image, size, stride, None, rng) for image in (reference, target)]
    points_a, points_b = points_a - corners[0], points_b - corners[1]
    square = np.broadcast_to(np.uint8(0), (size, size))
    both = np.flatnonzero(_inside(points_a, square) & _inside(points_b, square))
    if len(both) > count:
        both = rng.choice(both, count, replace=False)
    cells = -(-size // stride)  # as many as the network gives, whole or not
    corner = corners[0] // stride
    cut_labels = np.full((cells, cells), absent, np.int64)
    found = labels[corner[1] : corner[1] + cells, corner[0] : corner[0] + cells]
    cut_labels[: found.shape[0], : found.shape[1]] = found
    point_labels = np.full(count, absent, np.int64)
    point_labels[: len(both)] = labels_at(cut_labels, points_a[both], stride)
    return Cut(
        _square(reference, corners[0], size), _square(target, corners[1], size), cut_labels,
        _padded(points_a[both], count), _padded(points_b[both], count), point_labels,
    )  # fmt: skip


def labels_at(labels: NDArray[np.int64], points: FloatArray, stride: int) -> NDArray[np.int64]:
    """The labels (N,) of the cells (h, w) in which pixels (N, 2) lie."""
    cells = np.floor((points + 0.5) / stride).astype(np.int64)
    columns, rows = (
        np.clip(cells[:, axis], 0, labels.shape[1 - axis] - 1) for axis in (0, 1)
    )
    return labels[rows, columns]


def colored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (H, W, 3); a grey one three times."""
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _inside(points: FloatArray, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    high = np.array([image.shape[1], image.shape[0]]) - 0.5
    return np.asarray(((points >= -0.5) & (points < high)).all(axis=1))


def _corner(
    image: NDArray[np.uint8], size: int, stride: int, point: FloatArray | None,
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Upper left pixel (2,) of a square, at a cell's corner, that shows the point."""
    corner = []
    for axis, length in enumerate((image.shape[1], image.shape[0])):
        highest = max(0, -(-(length - size) // stride))  # in cells
        low, high = 0, highest
        if point is not None:
            low = max(0, int(np.ceil((point[axis] + 0.5 - size) / stride)))
            high = int(np.floor((point[axis] + 0.5) / stride))
        low = min(low, highest)
        corner.append(stride * int(rng.integers(low, max(low, min(high, highest)) + 1)))
    return np.array(corner, np.int64)


def _square(image: NDArray[np.uint8], corner: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    found = image[corner[1] : corner[1] + size, corner[0] : corner[0] + size]
    square = np.zeros((size, size, 3), np.uint8)
    square[: found.shape[0], : found.shape[1]] = found
    return square


def _padded(points: FloatArray, count: int) -> NDArray[np.float32]:
    padded = np.zeros((count, 2), np.float32)
    padded[: len(points)] = points
    return padded
