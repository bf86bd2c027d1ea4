"""Width and height of an image file from its header: thousands of files in a second.

PNG: the IHDR chunk is the first one (PNG specification, 11.2.2). JPEG: the frame header SOFn
(ITU-T T.81, B.2.2), found by stepping over the segments before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from semloc_ros.errors import DatasetError, expected

_PNG = b"\x89PNG\r\n\x1a\n"
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # tables among the markers SOF0 to SOF15
_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a length


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of a PNG or JPEG file; DatasetError if it is absent or neither."""
    try:
        with path.open("rb") as file:
            start = file.read(24)
            if start.startswith(_PNG):
                return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
            file.seek(2)
            size = _jpeg_size(file) if start.startswith(b"\xff\xd8") else None
    except FileNotFoundError:
        raise DatasetError(expected(str(path), "an image", "no such file")) from None
    except OSError as error:
        raise DatasetError(expected(str(path), "an image", error.strerror)) from None
    if size is None:
        raise DatasetError(expected(str(path), "a PNG or JPEG image", "another file"))
    return size


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    while True:
        byte = file.read(1)
        while byte == b"\xff":  # the mark of a segment, and bytes that fill up to it
            byte = file.read(1)
        if not byte:
            return None
        marker = byte[0]
        if marker in _BARE:
            continue
        length = int.from_bytes(file.read(2), "big")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            head = file.read(5)
            return int.from_bytes(head[3:5], "big"), int.from_bytes(head[1:3], "big")
        if length < 2:
            return None
        file.seek(length - 2, 1)
