"""Labels without a network: clusters of what the mapping images look like, cell by cell.

For each cell of a grid: directions of edges around it in the manner of DAISY (Tola, Lepetit and
Fua, PAMI 2010) with the square root of RootSIFT (Arandjelović and Zisserman, CVPR 2012), and Lab
colour, at several widths; principal components; k-means. Clusters are no classes, but as in
Larsson et al. ("Fine-Grained Segmentation Networks", ICCV 2019) it is enough that a place keeps
its label, and many labels tell more of a place than few.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ClusterLabelsConfig
from semloc_ros.errors import InputError, MapError, SemlocError, expected
from semloc_ros.maps.archives import read_archive
from semloc_ros.options import from_mapping
from semloc_ros.perception.features import check_image
from semloc_ros.perception.tiles import full_size
from semloc_ros.types import LabelMap

_DIRECTIONS = 8
_AROUND = tuple((row, column) for row in (-2, 0, 2) for column in (-2, 0, 2))  # times the blur
_FLAT = 0.2  # mean slope of lightness (per cent per pixel): as weak edges are noise, and fade
_ARRAYS = ("mean", "axes", "centroids")


@dataclass(frozen=True, slots=True)
class ClusterLabels:
    """A label model: features minus `mean` (D,) times `axes` (D, K), nearest of `centroids`
    (L, K), all float32."""

    config: ClusterLabelsConfig
    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    centroids: NDArray[np.float32]

    @property
    def count(self) -> int:
        """L, the number of labels."""
        return len(self.centroids)

    def label(self, image: NDArray[np.uint8]) -> LabelMap:
        """The label map (H, W) of an image (H, W, 3) RGB or (H, W): uint8 up to 255 labels,
        uint16 beyond. Raises InputError for any other shape or type."""
        import faiss

        check_image(image)
        stride = self.config.stride_px
        cells = _features(image, self.config)
        centred = cells.reshape(-1, cells.shape[2]) - self.mean
        values = np.asarray(centred @ self.axes, np.float32)
        _, nearest = faiss.knn(values, self.centroids, 1)
        found = nearest.reshape(cells.shape[:2])
        return full_size(found, stride, image.shape[:2], self.count)

    def save(self, path: Path) -> None:
        """Write the model to one .npz file, at this very name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        about = json.dumps(dataclasses.asdict(self.config))
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with path.open("wb") as stream:
            np.savez(stream, config=np.array(about), **arrays)

    @staticmethod
    def load(path: Path) -> ClusterLabels:
        """The model that `save` wrote; MapError names a file that is none."""
        try:
            stored = read_archive(path)
            config = from_mapping(ClusterLabelsConfig, json.loads(str(stored["config"])))
            arrays = {name: stored[name] for name in _ARRAYS}
        except (OSError, ValueError, KeyError, SemlocError) as error:
            reason = " ".join(str(error).split())
            raise MapError(expected(str(path), "a label model (.npz)", reason)) from None
        mean, axes, centroids = (arrays[name] for name in _ARRAYS)
        fits = mean.ndim == 1 and axes.ndim == centroids.ndim == 2
        if not fits or axes.shape != (len(mean), centroids.shape[1]):
            shapes = ", ".join(f"{name} {arrays[name].shape}" for name in _ARRAYS)
            raise MapError(expected(str(path), "arrays of one label model", shapes))
        return ClusterLabels(config, **arrays)


def fit(
    images: Iterable[NDArray[np.uint8]], count: int, seed: int,
    config: ClusterLabelsConfig | None = None,
) -> ClusterLabels:
    """The model of `count` labels of images as of `ClusterLabels.label`; the same for the same
    seed. Raises InputError if the images have fewer cells than labels are wanted."""
    config = config or ClusterLabelsConfig()
    rng = np.random.default_rng(seed)
    chosen = []
    for image in images:
        check_image(image)
        cells = _features(image, config)
        cells = cells.reshape(-1, cells.shape[2])
        most = min(config.cells_per_image, len(cells))
        chosen.append(cells[np.sort(rng.choice(len(cells), most, replace=False))])
    found = sum(map(len, chosen))
    if found < count or not 1 <= count < np.iinfo(np.uint16).max:
        raise InputError(expected("labels", f"1 to {min(found, 65534)} for these images", count))
    samples = np.concatenate(chosen)
    mean = samples.mean(0)
    axes = _principal_axes(samples - mean, config.dimensions)
    centroids = _centroids((samples - mean) @ axes, count, seed, config.rounds)
    return ClusterLabels(config, mean, axes, centroids)


def _principal_axes(samples: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The axes (D, K) of largest variance of centred samples (N, D)."""
    wide = samples.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)
    return np.ascontiguousarray(axes[:, ::-1][:, :dimensions].astype(np.float32))


def _centroids(
    values: NDArray[np.float32], count: int, seed: int, rounds: int
) -> NDArray[np.float32]:
    import faiss

    means = faiss.Kmeans(
        values.shape[1], count, niter=rounds, seed=(seed + 1) % 2**31,
        min_points_per_centroid=1, max_points_per_centroid=2**31 - 1,
    )
    means.train(np.ascontiguousarray(values))
    return np.asarray(means.centroids, np.float32)


def _features(image: NDArray[np.uint8], config: ClusterLabelsConfig) -> NDArray[np.float32]:
    """Features (rows, columns, D) of the cells of an image; cells at the edge may be cut."""
    lab = _lab(image, config.stride_px)
    edges = _cells(_directions(lab[..., 0]), config.stride_px)
    colors = _cells(lab, config.stride_px)
    squares = _cells(lab[..., :1] ** 2, config.stride_px)
    parts: list[NDArray[Any]] = []
    for scale in range(config.scales):
        sigma = config.smallest_px * 2.0**scale / config.stride_px
        parts.append(_root(_around(_blurred(edges, sigma), sigma)))
        mean = _blurred(colors, sigma)
        spread = np.sqrt(np.maximum(_blurred(squares, sigma) - mean[..., :1] ** 2, 0.0))
        parts.append(config.color_weight / 100.0 * np.concatenate([mean, spread], axis=2))
    return np.asarray(np.concatenate(parts, axis=2), np.float32)


def _lab(image: NDArray[np.uint8], stride: int) -> NDArray[np.float32]:
    """Lab (H, W, 3), lightness 0 to 100, the last row and column repeated to whole cells."""
    below, right = -image.shape[0] % stride, -image.shape[1] % stride
    whole = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    rgb = whole if whole.ndim == 3 else cv2.cvtColor(whole, cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB))


def _directions(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slope per pixel in each of eight directions, where it rises (H, W, 8)."""
    right = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, scale=1 / 8)
    angles = np.arange(_DIRECTIONS) * (2.0 * np.pi / _DIRECTIONS)
    slopes = [right * np.float32(np.cos(a)) + down * np.float32(np.sin(a)) for a in angles]
    return np.asarray(np.maximum(np.stack(slopes, axis=2), 0.0))


def _cells(values: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Means of cells (rows, columns, C)."""
    height, width, channels = values.shape
    blocks = values.reshape(height // stride, stride, width // stride, stride, channels)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    found = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(values.shape))


def _around(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The values of a cell and of eight at twice the blur from it, side by side."""
    rows, columns = np.arange(values.shape[0]), np.arange(values.shape[1])
    parts = []
    for down, right in _AROUND:
        row = np.clip(rows + round(down * sigma), 0, len(rows) - 1)
        column = np.clip(columns + round(right * sigma), 0, len(columns) - 1)
        parts.append(values[row[:, None], column])
    return np.concatenate(parts, axis=2)


def _root(values: NDArray[Any]) -> NDArray[np.float32]:
    """Square roots of shares; where edges are weak, their squares sum to less than 1."""
    total = values.sum(axis=2, keepdims=True) + _FLAT * values.shape[2]
    return np.asarray(np.sqrt(values / total), np.float32)
