"""What is prepared once per map so that its points are found quickly: one descriptor per
point, its size in the world, which views saw it, and a search structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from semloc_ros.geometry import se3
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import FloatArray

_CHUNK = 65_536  # points whose descriptors are averaged at once: bounds the memory
_DESCRIPTOR_LENGTH = 512.0  # of a RootSIFT descriptor in bytes
_TRAINING_PER_CELL = 64


@dataclass(frozen=True, slots=True)
class PointIndex:
    """Per point p: `descriptors` (P, D) uint8, the mean of its track; `sizes_m` (P,) float32,
    diameter in metres of the described patch, facing the camera; `distances_m` (P,), the
    middle of its viewing range. `seen_by` (P, V) sparse 0/1; `search` finds points (faiss)."""

    descriptors: NDArray[np.uint8]
    sizes_m: NDArray[np.float32]
    distances_m: NDArray[np.float32]
    seen_by: csr_matrix
    search: Any

    @staticmethod
    def of(semantic_map: SemanticMap, seed: int) -> PointIndex:
        """The index of a map; `seed` fixes the clustering of the search structure."""
        descriptors = _mean_descriptors(semantic_map)
        tracks = (np.ones(len(semantic_map.track_views), np.float32),
                  np.asarray(semantic_map.track_views), np.asarray(semantic_map.track_offsets))
        shape = (semantic_map.num_points, semantic_map.num_views)
        return PointIndex(
            descriptors, _sizes(semantic_map), np.asarray(semantic_map.viewing_range).mean(1),
            csr_matrix(tracks, shape=shape), _search_structure(descriptors, seed),
        )


def _mean_descriptors(semantic_map: SemanticMap) -> NDArray[np.uint8]:
    offsets = np.asarray(semantic_map.track_offsets)
    means = np.empty((len(offsets) - 1, semantic_map.descriptors.shape[1]), np.uint8)
    for start in range(0, len(means), _CHUNK):
        stop = min(start + _CHUNK, len(means))
        rows = semantic_map.track_features[offsets[start] : offsets[stop]]
        values = semantic_map.descriptors[rows].astype(np.float32)
        total = np.add.reduceat(values, offsets[start:stop] - offsets[start], axis=0)
        length = np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)
        means[start:stop] = np.minimum(np.rint(total * (_DESCRIPTOR_LENGTH / length)), 255)
    return means


def _sizes(semantic_map: SemanticMap) -> NDArray[np.float32]:
    """Mean over the track of the feature's diameter times distance over focal length."""
    offsets = np.asarray(semantic_map.track_offsets)
    views = np.asarray(semantic_map.track_views)
    centres = se3.inverse(np.asarray(semantic_map.camera_from_map))[:, :3, 3]
    focal = np.array([camera.fx for camera in semantic_map.cameras])[semantic_map.view_cameras]
    points = np.repeat(np.asarray(semantic_map.points_map), np.diff(offsets), axis=0)
    distances: FloatArray = np.linalg.norm(points - centres[views], axis=1)
    sizes = semantic_map.scales[semantic_map.track_features] * distances / focal[views]
    means = np.add.reduceat(sizes, offsets[:-1]) / np.diff(offsets)
    return means.astype(np.float32)


def _search_structure(descriptors: NDArray[np.uint8], seed: int) -> Any:
    """Inverted lists of bytes over about sqrt(P) cells, of which a search visits a few."""
    points, dimension = descriptors.shape
    cells = max(1, round(np.sqrt(points)))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatL2(dimension), dimension, cells, faiss.ScalarQuantizer.QT_8bit_direct
    )
    index.own_fields = False
    index.cp.seed, index.cp.niter = (seed + 1) % 2**31, 8  # faiss takes an int of 32 bits
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = _TRAINING_PER_CELL, 1
    values = descriptors.astype(np.float32)
    index.train(values)
    index.add(values)
    index.nprobe = max(1, min(cells, 8))
    return index
