"""What a labelled map says to the localizer: its points, the trust in their labels, what stays.

The sorted points are kept beside the map (`MAP/label_points/`) and memory-mapped. They bear the
hash of the map's content and of all options that they were made with, and the sha256 of each file:
what does not fit is made anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FilterConfig
from semloc_ros.errors import MapError
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_statistics import assumed_table, label_shares, learned_table
from semloc_ros.maps.folders import replaced
from semloc_ros.maps.labelling import stationary_classes, sure_labels
from semloc_ros.maps.manifest import sha256_of
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import CACHE_FOLDER

_SEAL = "seal.json"
_FORMAT = 1  # grows when the same map and options give other points
_USED = ("points_map", "viewing_range", "viewing_direction", "label_histogram", "label_stationary")


@dataclass(frozen=True, slots=True)
class Semantics:
    """Labels of a map with L labels and P points.

    `points` are those whose label is sure and stays; `table` (L, L + 1) float32 log ratios of
    point labels (row) and pixel labels (column, the last for unknown); `stationary` (L,);
    `point_labels` (P,) int64 for matches by row of the map, `NO_LABEL` where it is not sure.
    """

    points: LabelPoints
    table: NDArray[np.float32]
    stationary: NDArray[np.bool_]
    point_labels: NDArray[np.int64]


def load_semantics(
    semantic_map: SemanticMap, config: FilterConfig, seed: int
) -> Semantics | None:
    """The labels of a map, None if it has none (`semloc map label`).

    A map that does not know which of its labels stay is taken to have Cityscapes classes. The
    same `seed` orders the points in the same way, with and without what is kept beside the map.
    """
    count = semantic_map.label_histogram.shape[1]
    if not count:
        return None
    stationary = np.array(semantic_map.label_stationary)
    if not stationary.size:
        stationary = stationary_classes(count)
    labels = config.labels
    points = label_points(semantic_map, stationary, config, seed)
    counts = semantic_map.label_confusion
    table = (
        learned_table(counts, labels.error_rate) if counts.size
        else assumed_table(label_shares(points), labels)
    )  # fmt: skip
    sure = sure_labels(semantic_map.label_histogram, labels.least_votes, labels.max_entropy_bits)
    return Semantics(points, table, stationary, sure)


def label_points(
    semantic_map: SemanticMap, stationary: NDArray[np.bool_], config: FilterConfig, seed: int
) -> LabelPoints:
    """The sure and stationary points of a map, from beside it if they fit; else they are made,
    and kept there if the map came from a folder that can be written."""
    folder = _folder_of(semantic_map)
    key = _key(semantic_map, stationary, config, seed)
    if folder is not None and _fits(folder / CACHE_FOLDER, key):
        return LabelPoints.load(folder / CACHE_FOLDER)
    rng = np.random.default_rng(seed)
    points = LabelPoints.of(semantic_map, config.labels, stationary, config.cell_m, rng)
    if folder is not None:
        _keep(points, folder / CACHE_FOLDER, key)
    return points


def _keep(points: LabelPoints, folder: Path, key: str) -> None:
    try:
        with replaced(folder) as fresh:
            points.save(fresh)
            files = {path.name: sha256_of(path) for path in sorted(fresh.iterdir())}
            (fresh / _SEAL).write_text(json.dumps({"key": key, "files": files}, indent=1) + "\n")
    except MapError:  # a folder that cannot be written: they are made at each start
        return


def _fits(folder: Path, key: str) -> bool:
    """Whether a folder holds whole points of this key."""
    try:
        seal = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        files = seal["files"].items()
        return bool(seal["key"] == key and files) and all(
            sha256_of(folder / name) == found for name, found in files
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _folder_of(semantic_map: SemanticMap) -> Path | None:
    """The folder in which the arrays in use lie as the manifest lists them; None for others."""
    folders = set()
    for name in _USED:
        array = getattr(semantic_map, name)
        entry = semantic_map.manifest.files.get(f"{name}.npy")
        if array.size == 0 and (entry is None or 0 in entry.shape):
            continue  # there is nothing to map of an empty file
        if entry is None or not isinstance(array, np.memmap) or array.shape != entry.shape:
            return None
        folders.add(Path(str(array.filename)).parent)
    return folders.pop() if len(folders) == 1 else None


def _key(
    semantic_map: SemanticMap, stationary: NDArray[np.bool_], config: FilterConfig, seed: int
) -> str:
    files = semantic_map.manifest.files
    seals = {name: files[f"{name}.npy"].sha256 for name in _USED if f"{name}.npy" in files}
    labels = config.labels
    content = {
        "format": _FORMAT, "files": seals, "stationary": stationary.tolist(), "seed": seed,
        "options": [labels.least_votes, labels.max_entropy_bits, labels.max_range_factor,
                    config.cell_m],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
