"""Places of PointCloud2 messages, of a bag or of a node: one point per hypothesis, the best first.

The fields are `x y z qx qy qz qw score` (float32), the camera's pose in the map with optical axes,
and `view` (uint32), the row of the map's view, 2^32 - 1 where it is none. Places that know how far
they may be off have `spread_m` and `spread_rad` (float32) too: one sigma along both horizontal axes
of the map, and of the heading. The frame is the map's, the stamp that of the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.localization.point_clouds import (
    FLOAT32,
    UINT32,
    check_frame,
    floats_of,
    rows_from,
    stamp_in,
)
from semloc_ros.types import FloatArray, Places

FLOATS = ("x", "y", "z", "qx", "qy", "qz", "qw", "score")
KINDS = {**dict.fromkeys(FLOATS, FLOAT32), "view": UINT32}
SPREADS = dict.fromkeys(("spread_m", "spread_rad"), FLOAT32)
NO_VIEW = 2**32 - 1
_UNIT_TOLERANCE = 1e-3  # float32 rounds at 1e-7; what is off by more was never a rotation


def places_from(message: Any, map_frame: str) -> Places:
    """The places of a message; their fields may lie in any order, and others beside them.

    None are known where it has no points. InputError, one line, for another frame, fields that
    are missing or of another type, torn data, NaN, quaternions that are not of unit length, scores
    that are not in order, and spreads that are not above 0.
    """
    check_frame(message, "places", map_frame)
    rows = rows_from(message, KINDS, "places", SPREADS)
    floats = floats_of(rows, FLOATS, "places")
    poses, scores = _poses(floats[:, :7]), floats[:, 7]
    if (np.diff(scores) > 0).any():
        raise InputError(expected("places.score", "the best first", scores[:4].tolist()))
    views = rows["view"].astype(np.int64)
    views = np.where(views == NO_VIEW, -1, views)
    return Places(stamp_in(message), poses, scores, views, _spreads(rows))


def _spreads(rows: NDArray[np.void]) -> FloatArray | None:
    if not set(SPREADS) <= set(rows.dtype.names or ()):
        return None
    spreads = np.stack([rows[name] for name in SPREADS], axis=1).astype(np.float64)
    if not (np.isfinite(spreads) & (spreads > 0)).all():
        raise InputError(expected("places.spread_m, spread_rad", "numbers above 0", "others"))
    return spreads


def _poses(columns: FloatArray) -> FloatArray:
    """(N, 4, 4) of positions and quaternions, (N, 7)."""
    if not len(columns):
        return np.zeros((0, 4, 4))
    lengths = np.linalg.norm(columns[:, 3:], axis=1)
    worst = lengths[np.argmax(np.abs(lengths - 1.0))]
    if abs(worst - 1.0) > _UNIT_TOLERANCE:
        raise InputError(expected("places", "unit quaternions", f"one of length {worst:g}"))
    return se3.from_quaternion_xyzw(columns[:, :3], columns[:, 3:])
