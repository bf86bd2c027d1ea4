"""Files that a manifest seals by sha256: written through to the disk, arrays read memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, expected
from semloc_ros.maps.folders import sync
from semloc_ros.maps.manifest import FileEntry, sha256_of


def write_bytes(path: Path, content: bytes) -> None:
    """A file whose content is on the disk when this returns; OSError if it cannot be written."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        sync(stream.fileno())


def write_array(path: Path, array: NDArray[Any]) -> FileEntry:
    """An array as `.npy`, and its entry in a manifest; OSError if it cannot be written."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
        sync(stream.fileno())
    return FileEntry(sha256_of(path), array.dtype.name, array.shape)


def read_array(path: Path, entry: FileEntry) -> NDArray[Any]:
    """The array of a `.npy` file, read-only and memory-mapped; MapError if it is damaged or not of
    the dtype and shape of its entry. Its seal is not compared."""
    try:
        array = _map_file(path)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise MapError(expected(str(path), "a whole .npy array", reason)) from None
    if array.dtype.name != entry.dtype or array.shape != entry.shape:
        wanted = f"{entry.dtype} {entry.shape}"
        raise MapError(expected(str(path), wanted, f"{array.dtype.name} {array.shape}"))
    return array


def _map_file(path: Path) -> NDArray[Any]:
    """Empty arrays cannot be memory-mapped and are read."""
    array: NDArray[Any]
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        array = np.load(path, allow_pickle=False)
        array.flags.writeable = False
    return array
