"""Files of several arrays (.npz) that may be torn, altered, or something else."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# a torn archive, a torn array (and the size it claims), kinds of archives that Python does not read
_FAULTS = (EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_archive(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a file by name.

    Raises OSError or ValueError, with one line, if it cannot be read or is no such file.
    """
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("one array alone")
        with stored:
            return {name: stored[name] for name in stored.files}
    except _FAULTS as error:
        raise ValueError(" ".join(str(error).split()) or "it ends too soon") from None
