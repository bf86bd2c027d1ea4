"""The border check of map arrays: shapes, dtypes, finite numbers, rotations, indices in range.

Every fault is one MapError line that names the array, what it must be and what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.semantic_map import ARRAYS, SemanticMap

Arrays = Mapping[str, NDArray[Any]]


def check_layout(arrays: Arrays) -> dict[str, int]:
    """The counts P, T, V, F, L, D after dtypes and shapes agreed with `ARRAYS`."""
    counts: dict[str, int] = {}
    for name, (dtypes, dimensions) in ARRAYS.items():
        array = arrays[name]
        if array.dtype.name not in dtypes:
            raise MapError(expected(name, " or ".join(dtypes), array.dtype.name))
        if array.ndim != len(dimensions):
            wanted = "(" + ", ".join(map(str, dimensions)) + ")"
            raise MapError(expected(f"{name} shape", wanted, array.shape))
        for wanted_size, size in zip(dimensions, array.shape, strict=True):
            _check_size(name, wanted_size, size, counts)
    return counts


def check_content(semantic_map: SemanticMap) -> None:
    """Finite numbers, rotation matrices, ascending offsets and indices in range."""
    _check_finite(semantic_map)
    _check_poses(semantic_map)
    _check_offsets(semantic_map)
    _check_indices(semantic_map)


def _check_size(name: str, wanted: str | int, size: int, counts: dict[str, int]) -> None:
    if isinstance(wanted, int):
        known = wanted
    else:
        letter, extra = re.fullmatch(r"(\w)(\+1|\?)?", wanted).groups()  # type: ignore[union-attr]
        if extra == "?" and size == 0:
            return
        more = int(extra == "+1")
        known = counts.setdefault(letter, size - more) + more
    if size != known:
        raise MapError(expected(f"{name} shape", f"{wanted} = {known} rows", size))


def _check_finite(semantic_map: SemanticMap) -> None:
    for name in ("points_map", "viewing_range", "viewing_direction", "keypoints", "scales"):
        finite = np.isfinite(getattr(semantic_map, name))
        if not finite.all():
            raise MapError(expected(name, "finite numbers", f"{(~finite).sum()} others"))
    sigma = semantic_map.point_sigma
    if not (np.isfinite(sigma) & (sigma >= 0)).all():
        raise MapError(expected("point_sigma", "finite, not negative", "others"))


def _check_poses(semantic_map: SemanticMap) -> None:
    poses = semantic_map.camera_from_map
    rotations = poses[:, :3, :3]
    with np.errstate(invalid="ignore"):
        gram_error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
        good = (gram_error < 1e-6) & (np.linalg.det(rotations) > 0)
        good &= np.isfinite(poses).all((1, 2)) & (poses[:, 3] == (0, 0, 0, 1)).all(1)
    if not good.all():
        view = int(np.argmin(good))
        name = f"camera_from_map of view {semantic_map.view_names[view]}"
        raise MapError(expected(name, "a rotation and a finite translation", "something else"))


def _check_offsets(semantic_map: SemanticMap) -> None:
    ends = {
        "track_offsets": len(semantic_map.track_views),
        "feature_offsets": semantic_map.num_features,
    }
    for name, end in ends.items():
        offsets = getattr(semantic_map, name)
        if offsets[0] != 0 or offsets[-1] != end or (np.diff(offsets) < 0).any():
            raise MapError(expected(name, f"ascending from 0 to {end}", "something else"))


def _check_indices(semantic_map: SemanticMap) -> None:
    features, views = semantic_map.num_features, semantic_map.num_views
    _check_range("view_cameras", semantic_map.view_cameras, 0, len(semantic_map.cameras))
    _check_range("track_views", semantic_map.track_views, 0, views)
    _check_range("track_features", semantic_map.track_features, 0, features)
    _check_range("feature_points", semantic_map.feature_points, -1, semantic_map.num_points)
    first = semantic_map.feature_offsets[semantic_map.track_views]
    last = semantic_map.feature_offsets[semantic_map.track_views + 1]
    rows = semantic_map.track_features
    if not ((rows >= first) & (rows < last)).all():
        raise MapError(expected("track_features", "features of the observing view", "others"))


def _check_range(name: str, values: NDArray[Any], low: int, end: int) -> None:
    wrong = (values < low) | (values >= end)
    if wrong.any():
        raise MapError(expected(name, f"{low} to {end - 1}", int(values[np.argmax(wrong)])))
