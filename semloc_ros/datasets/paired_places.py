"""Two drives along one way, image by image: folders `query/` and `ref/` of VPR-Bench.

Zaffar et al., "VPR-Bench" (IJCV 2021), github.com/MubarizZaffar/VPR-Bench, `datasets/`; each set
(corridor, Nordland, …) has its own licence. The k-th image of one folder, by name, shows what the
k-th of the other shows; neighbours may count as right too (two, for corridor). Nothing else is
known: no poses, no cameras.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import ImagePair

QUERIES, REFERENCES = "query", "ref"
_ENDINGS = (".jpg", ".jpeg", ".png")


def recognize(folder: Path) -> bool:
    """Whether both folders are there with images."""
    return all(_images(folder / part) for part in (QUERIES, REFERENCES))


def read_paired_places(folder: Path) -> list[ImagePair]:
    """Query (a) and reference (b) of each place along the way, without points.

    Names are `query/0000042`. Raises DatasetError, in one line, for a folder without images, or
    if one holds more than the other.
    """
    queries, references = (_images(Path(folder) / part) for part in (QUERIES, REFERENCES))
    if not queries or len(queries) != len(references):
        wanted = f"as many images in {QUERIES} as in {REFERENCES}"
        got = f"{len(queries)} and {len(references)}"
        raise DatasetError(expected(str(folder), wanted, got))
    return [_pair(a, b) for a, b in zip(queries, references, strict=True)]


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in _ENDINGS)


def _pair(a: Path, b: Path) -> ImagePair:
    none = np.empty((0, 2))
    name_a, name_b = (f"{path.parent.name}/{path.stem}" for path in (a, b))
    return ImagePair(name_a, name_b, partial(read_image, a), partial(read_image, b), none, none)
