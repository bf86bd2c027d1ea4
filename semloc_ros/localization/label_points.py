"""The labelled points of a map, sorted by place, so that only what is near is ever touched.

Points stand by cells of a grid, in random order within a cell: the first few of a cell are a fair
sample of it, and reading them reads one piece of a file. So a step costs the same in a map of a
hundred thousand points and in one of ten million, which is memory-mapped and never read whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import LabelsConfig
from semloc_ros.errors import MapError, expected
from semloc_ros.localization.label_kernels import BLOCK
from semloc_ros.maps import labelling
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import FloatArray

_KEY_BITS = 21
_MOST_CELLS = 1 << (_KEY_BITS - 1)  # to each side of the origin
_FILES = ("origin", "values", "labels", "ids", "keys", "starts", "about")


@dataclass(frozen=True, slots=True)
class LabelPoints:
    """P points in C cells; rows of cell c are `starts[c]` to `starts[c + 1]`.

    `origin` (3,) metres; `values` (P, 8) float32: position minus origin, unit viewing direction,
    least and largest distance (m); `labels` (P,) uint16 below `num_labels`; `ids` (P,) int64 rows
    in the map; `keys` (C,) int64 rising numbers of the cells, `cell_m` metres wide.
    """

    origin: FloatArray
    values: NDArray[np.float32]
    labels: NDArray[np.uint16]
    ids: NDArray[np.int64]
    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    cell_m: float
    num_labels: int

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def of(
        semantic_map: SemanticMap, config: LabelsConfig, stationary: NDArray[np.bool_],
        cell_m: float, rng: np.random.Generator,
    ) -> LabelPoints:
        """The points of a labelled map whose label is sure and stationary, (L,)."""
        histogram = semantic_map.label_histogram
        if histogram.shape[1] != len(stationary):
            wanted = f"points labelled with {len(stationary)} labels (semloc map label)"
            raise MapError(expected("map", wanted, f"{histogram.shape[1]} labels"))
        label = labelling.sure_labels(histogram, config.least_votes, config.max_entropy_bits)
        rows = np.flatnonzero((label != labelling.NO_LABEL) & stationary[label])
        nearest, farthest = semantic_map.viewing_range[rows].T
        factor = config.max_range_factor
        return from_arrays(
            semantic_map.points_map[rows], semantic_map.viewing_direction[rows],
            np.stack([nearest / factor, farthest * factor], 1), label[rows], len(stationary),
            cell_m, rng, rows,
        )

    def near(self, centre: FloatArray, radius_m: float, most: int) -> NDArray[np.int64]:
        """Rows (N,) in the cells within `radius_m` of `centre` (3,); about `most` of them, in
        the same share from each cell, where there are more."""
        if not len(self):
            return np.empty(0, np.int64)
        keys = _cells_around(centre - self.origin, radius_m, self.cell_m)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = found[self.keys[found] == keys]
        firsts = self.starts[found]
        counts = self.starts[found + 1] - firsts
        share = min(1.0, most / max(int(counts.sum()), 1))
        counts = np.ceil(counts * share).astype(np.int64)
        ends = np.cumsum(counts)
        rows = np.arange(ends[-1] if len(ends) else 0, dtype=np.int64)
        return rows + np.asarray(np.repeat(firsts - ends + counts, counts), np.int64)

    def packed(
        self, rows: NDArray[np.int64], origin: FloatArray
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Points (B, 8, BLOCK) of the kernels about `origin` (3,), and labels (B, BLOCK); the last
        block is filled with points that nothing sees, label 0."""
        values = np.zeros((-(-len(rows) // BLOCK) * BLOCK, 8), np.float32)
        values[len(rows):, 7] = -1.0
        values[: len(rows)] = self.values[rows]
        values[: len(rows), :3] += (self.origin - origin).astype(np.float32)
        values[: len(rows), 6:] **= 2
        labels = np.zeros(len(values), np.int32)
        labels[: len(rows)] = self.labels[rows]
        blocks = values.reshape(-1, BLOCK, 8).transpose(0, 2, 1)
        return np.ascontiguousarray(blocks), labels.reshape(-1, BLOCK)

    def save(self, folder: Path) -> None:
        """Write the arrays to a folder, from which `load` memory-maps them."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES[:-1]:
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / "about.npy", np.array([self.cell_m, self.num_labels]))

    @staticmethod
    def load(folder: Path) -> LabelPoints:
        """The points that `save` wrote, memory-mapped; MapError names a file that is broken."""
        arrays = {}
        for name in _FILES:
            path = folder / f"{name}.npy"
            try:
                arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise MapError(expected(str(path), "an array", str(error))) from None
        cell_m, num_labels = arrays.pop("about")
        return LabelPoints(**arrays, cell_m=float(cell_m), num_labels=int(num_labels))


def from_arrays(
    positions: FloatArray, directions: NDArray[np.float32] | FloatArray,
    ranges: NDArray[np.float32] | FloatArray, labels: NDArray[np.int64], num_labels: int,
    cell_m: float, rng: np.random.Generator, ids: NDArray[np.int64] | None = None,
) -> LabelPoints:
    """Points from positions (P, 3), viewing directions (P, 3), ranges (P, 2) and labels (P,)."""
    count = len(positions)
    origin = np.rint(positions.mean(0)) if count else np.zeros(3)
    local = positions - origin
    keys = _keys(np.floor(local / cell_m).astype(np.int64))
    order = rng.permutation(count)
    order = order[np.argsort(keys[order], kind="stable")]
    cells, starts = np.unique(keys[order], return_index=True)
    values = np.concatenate([local, directions, ranges], axis=1)[order].astype(np.float32)
    numbers = order if ids is None else np.asarray(ids, np.int64)[order]
    return LabelPoints(
        origin, values, labels[order].astype(np.uint16), numbers, cells,
        np.append(starts, count).astype(np.int64), cell_m, num_labels,
    )


def _cells_around(centre: FloatArray, radius_m: float, cell_m: float) -> NDArray[np.int64]:
    """Keys of the cells that a ball touches."""
    low = np.floor((centre - radius_m) / cell_m).astype(np.int64)
    high = np.floor((centre + radius_m) / cell_m).astype(np.int64)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    nearest = np.clip(centre, cells * cell_m, (cells + 1) * cell_m)
    return _keys(cells[np.linalg.norm(nearest - centre, axis=1) <= radius_m])


def _keys(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number per cell (N, 3)."""
    if len(cells) and np.abs(cells).max() >= _MOST_CELLS:
        wanted = f"less than {_MOST_CELLS} cells to each side"
        raise MapError(expected("points", wanted, int(np.abs(cells).max())))
    shifted = cells + _MOST_CELLS
    keys: NDArray[np.int64] = (shifted[:, 0] << 2 * _KEY_BITS) + (shifted[:, 1] << _KEY_BITS)
    return keys + shifted[:, 2]
