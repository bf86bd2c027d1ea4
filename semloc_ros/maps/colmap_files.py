"""Is a COLMAP `points3D.bin` whole? To be asked before pycolmap reads it.

pycolmap believes the lengths in the file: one that was cut or damaged makes it allocate until
the machine has no memory left. Format: colmap.github.io/format.html#points3d-bin.
"""

from __future__ import annotations

import struct
from pathlib import Path

from semloc_ros.errors import MapError, expected

_COUNT = struct.Struct("<Q")
_HEAD = struct.Struct("<Q3d3BdQ")  # number, position, colour, error, observations
_OBSERVATION_BYTES = 8  # image and feature number


def check_points_file(path: Path) -> None:
    """MapError unless the file's records end exactly where the file ends."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MapError(expected(str(path), "a readable file", error)) from None
    try:
        (count,) = _COUNT.unpack_from(content)
        end = _COUNT.size
        for _ in range(count):
            end += _HEAD.size + _OBSERVATION_BYTES * _HEAD.unpack_from(content, end)[-1]
    except (struct.error, OverflowError):
        end = -1
    if end != len(content):
        wanted = "a whole file of COLMAP points"
        raise MapError(expected(str(path), wanted, f"{len(content)} bytes (truncated or damaged)"))
