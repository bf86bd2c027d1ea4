"""Places as PointCloud2 and back: one point per hypothesis, the best first.

The fields are `x y z qx qy qz qw score` (float32), the camera's pose in the map with optical axes,
and `view` (uint32), the row of the map's view, 2^32 - 1 where it is none. Places that know how far
they may be off have `spread_m` and `spread_rad` (float32) too: one sigma along both horizontal axes
of the map, and of the heading. The frame is the map's, the stamp that of the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.nodes.messages import frame_of, header, stamp_ns
from semloc_ros.types import FloatArray, Places

_FLOATS = ("x", "y", "z", "qx", "qy", "qz", "qw", "score")
_KINDS = {**dict.fromkeys(_FLOATS, PointField.FLOAT32), "view": PointField.UINT32}
_SPREADS = dict.fromkeys(("spread_m", "spread_rad"), PointField.FLOAT32)
_CODES = {PointField.FLOAT32: "f4", PointField.UINT32: "u4"}
_TYPE_NAMES = {PointField.FLOAT32: "float32", PointField.UINT32: "uint32"}
_BYTES = 4  # of each of them
_NO_VIEW = 2**32 - 1
_UNIT_TOLERANCE = 1e-3  # float32 rounds at 1e-7; what is off by more was never a rotation


def to_places(places: Places, map_frame: str) -> PointCloud2:
    """The message of the places of an image."""
    kinds = _KINDS if places.spreads is None else _KINDS | _SPREADS
    layout = np.dtype([(name, f"<{_CODES[kind]}") for name, kind in kinds.items()])
    rows = np.zeros(len(places), layout)
    if len(places):
        position, quaternion = se3.to_quaternion_xyzw(places.map_from_camera)
        columns = [*position.T, *quaternion.T, places.scores]
        for name, column in zip(_FLOATS, columns, strict=True):
            rows[name] = column
    rows["view"] = np.where(places.views < 0, _NO_VIEW, places.views)
    if places.spreads is not None:
        for name, column in zip(_SPREADS, places.spreads.T, strict=True):
            rows[name] = column
    fields = [
        PointField(name=name, offset=_BYTES * place, datatype=kind, count=1)
        for place, (name, kind) in enumerate(kinds.items())
    ]
    return PointCloud2(
        header=header(map_frame, places.stamp_ns), height=1, width=len(rows), fields=fields,
        point_step=layout.itemsize, row_step=rows.nbytes, data=rows.tobytes(), is_dense=True,
    )  # fmt: skip


def places_from(message: PointCloud2, map_frame: str) -> Places:
    """The places of a message; their fields may lie in any order, and others beside them.

    None are known where it has no points. InputError, one line, for another frame, fields that
    are missing or of another type, torn data, NaN, quaternions that are not of unit length, scores
    that are not in order, and spreads that are not above 0.
    """
    if frame_of(message.header.frame_id) != map_frame:
        raise InputError(
            expected("places.header.frame_id", map_frame, repr(message.header.frame_id))
        )
    rows = _rows(message)
    floats = np.stack([rows[name] for name in _FLOATS], axis=1).astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError(expected("places", "finite numbers", "NaN or infinity"))
    poses, scores = _poses(floats[:, :7]), floats[:, 7]
    if (np.diff(scores) > 0).any():
        raise InputError(expected("places.score", "the best first", scores[:4].tolist()))
    views = rows["view"].astype(np.int64)
    views = np.where(views == _NO_VIEW, -1, views)
    return Places(stamp_ns(message.header.stamp), poses, scores, views, _spreads(rows))


def _spreads(rows: NDArray[np.void]) -> FloatArray | None:
    if not set(_SPREADS) <= set(rows.dtype.names or ()):
        return None
    spreads = np.stack([rows[name] for name in _SPREADS], axis=1).astype(np.float64)
    if not (np.isfinite(spreads) & (spreads > 0)).all():
        raise InputError(expected("places.spread_m, spread_rad", "numbers above 0", "others"))
    return spreads


def _rows(message: PointCloud2) -> NDArray[np.void]:
    layout, count = _layout_of(message), int(message.width)
    if count and message.height != 1:
        got = f"{message.width}x{message.height}"
        raise InputError(expected("places", "points in one row", got))
    size = count * layout.itemsize
    if len(message.data) < size:
        raise InputError(expected("places.data", f"{size} bytes", f"{len(message.data)} bytes"))
    rows: NDArray[np.void] = np.frombuffer(message.data, layout, count)
    return rows


def _layout_of(message: PointCloud2) -> np.dtype[np.void]:
    """How a message's points lie; InputError if they are not places."""
    order = ">" if message.is_bigendian else "<"
    given = {one.name for one in message.fields}
    kinds = _KINDS | _SPREADS if set(_SPREADS) <= given else _KINDS
    return np.dtype(
        {
            "names": list(kinds),
            "formats": [f"{order}{_CODES[kind]}" for kind in kinds.values()],
            "offsets": [_checked_offset(message, name, kinds[name]) for name in kinds],
            "itemsize": message.point_step,
        }
    )


def _checked_offset(message: PointCloud2, name: str, kind: int) -> int:
    field = next((one for one in message.fields if one.name == name), None)
    if field is None:
        got = " ".join(one.name for one in message.fields) or "none"
        raise InputError(expected("places.fields", f"a field {name}", got))
    if (field.datatype, field.count) != (kind, 1):
        got = f"{field.count} of datatype {field.datatype}"
        raise InputError(expected(f"places.fields.{name}", f"one {_TYPE_NAMES[kind]}", got))
    if field.offset + _BYTES > message.point_step:
        wanted = f"an offset within {message.point_step} bytes"
        raise InputError(expected(f"places.fields.{name}", wanted, field.offset))
    return int(field.offset)


def _poses(columns: FloatArray) -> FloatArray:
    """(N, 4, 4) of positions and quaternions, (N, 7)."""
    if not len(columns):
        return np.zeros((0, 4, 4))
    lengths = np.linalg.norm(columns[:, 3:], axis=1)
    worst = lengths[np.argmax(np.abs(lengths - 1.0))]
    if abs(worst - 1.0) > _UNIT_TOLERANCE:
        raise InputError(expected("places", "unit quaternions", f"one of length {worst:g}"))
    return se3.from_quaternion_xyzw(columns[:, :3], columns[:, 3:])
