"""Rows of numbers out of PointCloud2 messages, for every kind that is such a table.

Messages may be those of ROS or those that a bag's reader makes: no ROS is needed here.
`nodes.point_clouds` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.types import FloatArray

UINT16, UINT32, FLOAT32 = 4, 6, 7  # datatypes of sensor_msgs/msg/PointField
_CODES = {FLOAT32: "f4", UINT16: "u2", UINT32: "u4"}
_TYPE_NAMES = {FLOAT32: "float32", UINT16: "uint16", UINT32: "uint32"}

Kinds = Mapping[str, int]  # by the name of the field its type


def layout_of(kinds: Kinds) -> np.dtype[np.void]:
    """How rows of these fields lie in messages of ours: little-endian, each at its own width."""
    fields = [(name, f"<{_CODES[kind]}") for name, kind in kinds.items()]
    return np.dtype(fields, align=True)


def rows_from(
    message: Any, kinds: Kinds, name: str, optional: Kinds | None = None
) -> NDArray[np.void]:
    """The rows (N,) of a message; its fields may lie in any order, and others beside them. Those of
    `optional` are read if the message has them all.

    InputError, calling the message `name`, for fields that are missing or of another type, and
    for torn data.
    """
    given = {one.name for one in message.fields}
    if optional and set(optional) <= given:
        kinds = {**kinds, **optional}
    layout, count = _layout_in(message, kinds, name), int(message.width)
    if count and message.height != 1:
        got = f"{message.width}x{message.height}"
        raise InputError(expected(name, "points in one row", got))
    size = count * layout.itemsize
    if len(message.data) < size:
        raise InputError(expected(f"{name}.data", f"{size} bytes", f"{len(message.data)} bytes"))
    rows: NDArray[np.void] = np.frombuffer(message.data, layout, count)
    return rows


def check_frame(message: Any, name: str, map_frame: str) -> None:
    """InputError if the message, called `name`, is of another frame than the map's; ROS 1 wrote a
    slash in front."""
    if message.header.frame_id.lstrip("/") != map_frame:
        got = repr(message.header.frame_id)
        raise InputError(expected(f"{name}.header.frame_id", map_frame, got))


def floats_of(rows: NDArray[np.void], fields: Sequence[str], name: str) -> FloatArray:
    """(N, len(fields)) of rows; InputError, calling them `name`, for NaN and infinity."""
    floats = np.stack([rows[field] for field in fields], axis=1).astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError(expected(name, "finite numbers", "NaN or infinity"))
    return floats


def stamp_in(message: Any) -> int:
    """Integer nanoseconds of a message's header."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _layout_in(message: Any, kinds: Kinds, name: str) -> np.dtype[np.void]:
    order = ">" if message.is_bigendian else "<"
    return np.dtype(
        {
            "names": list(kinds),
            "formats": [f"{order}{_CODES[kind]}" for kind in kinds.values()],
            "offsets": [_checked_offset(message, one, kinds[one], name) for one in kinds],
            "itemsize": message.point_step,
        }
    )


def _checked_offset(message: Any, wanted: str, kind: int, name: str) -> int:
    field = next((one for one in message.fields if one.name == wanted), None)
    if field is None:
        got = " ".join(one.name for one in message.fields) or "none"
        raise InputError(expected(f"{name}.fields", f"a field {wanted}", got))
    if (field.datatype, field.count) != (kind, 1):
        got = f"{field.count} of datatype {field.datatype}"
        raise InputError(expected(f"{name}.fields.{wanted}", f"one {_TYPE_NAMES[kind]}", got))
    if field.offset + np.dtype(_CODES[kind]).itemsize > message.point_step:
        within = f"an offset within {message.point_step} bytes"
        raise InputError(expected(f"{name}.fields.{wanted}", within, field.offset))
    return int(field.offset)
