"""Place-recognition folders whose file names hold the positions, `@ east @ north @ …`.

The form that github.com/gmberton/VPR-datasets-downloader writes for Pitts30k, Tokyo 24/7,
MSLS, St Lucia, Nordland, SVOX and more, each with its own licence: `images/<split>/database/` and
`queries/`, subfolders allowed. Fields between `@`: UTM east, UTM north (metres), zone number, zone
letter, latitude, longitude, panorama, tile, heading (degrees from north, clockwise), pitch, roll,
height, time, note, extension; all but the first two may be empty. Sets without GPS (Nordland)
carry frame numbers times a step as if they were metres. The zone is not looked at: sets across
zones hold cities far apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import PlaceImage

DATABASE, QUERIES = "database", "queries"
SAME_PLACE_M = 25.0  # the radius of the benchmark (Berton et al., CVPR 2022) and of MSLS

_SUFFIXES = (".jpg", ".jpeg", ".png")
_HEADING_FIELD = 9
_NUM_FIELDS = 16  # with the empty one before the first @


def recognize(folder: Path) -> bool:
    """Whether there is a folder `database` with a file name that starts with @."""
    return any(
        next((path for path in (inside / DATABASE).rglob("@*@*@*")), None) is not None
        for inside in _split_folders(Path(folder)).values()
    )


def splits(folder: Path) -> list[str]:
    """The splits (test, train, val) that lie in the folder; "" if it has none but the images."""
    return sorted(_split_folders(Path(folder)))


def parts(folder: Path, split: str) -> list[str]:
    """Which of database and queries lie in the split."""
    inside = _split_folders(Path(folder))[split]
    return [part for part in (DATABASE, QUERIES) if (inside / part).is_dir()]


def read_utm_places(folder: Path, split: str, part: str = DATABASE) -> list[PlaceImage]:
    """The images of `images/<split>/<part>` by path; split "" reads `<part>` itself.

    Raises DatasetError, in one line, if there are none or a name holds no position.
    """
    known = _split_folders(Path(folder))
    if split not in known:
        have = ", ".join(sorted(known)) or "none"
        raise DatasetError(expected(str(folder), f"images/{split}/{part} (or {part})", have))
    inside = known[split] / part
    paths = sorted(path for path in inside.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DatasetError(expected(str(inside), "images named @east@north@…", "none"))
    return [_place(path, str(path.relative_to(inside))) for path in paths]


def same_places(
    queries: Sequence[PlaceImage], database: Sequence[PlaceImage], radius_m: float = SAME_PLACE_M
) -> list[NDArray[np.int64]]:
    """Per query the rows of `database` at most `radius_m` away, ascending; empty: no such image."""
    from scipy.spatial import cKDTree

    if not queries or not database:
        return [np.empty(0, np.int64) for _ in queries]
    tree = cKDTree(np.stack([image.position_xy for image in database]))
    rows = tree.query_ball_point(np.stack([image.position_xy for image in queries]), radius_m)
    return [np.sort(np.array(near, np.int64)) for near in rows]


def _split_folders(folder: Path) -> dict[str, Path]:
    """Folder of each split; one that holds `database` itself is the split ""."""
    if (folder / DATABASE).is_dir():
        return {"": folder}
    inside = folder / "images" if (folder / "images").is_dir() else folder
    return {path.parent.name: path.parent for path in inside.glob(f"*/{DATABASE}")}


def _place(path: Path, name: str) -> PlaceImage:
    fields = path.name.split("@")
    try:
        position = np.array([float(fields[1]), float(fields[2])])
        heading = _heading(fields)
    except (IndexError, ValueError):
        position, heading = np.full(2, np.nan), None
    if not np.isfinite(position).all():
        wanted = "a file name @east@north@… of numbers"
        raise DatasetError(expected(str(path.parent), wanted, path.name))
    return PlaceImage(name, position, heading, partial(read_image, path))


def _heading(fields: list[str]) -> float | None:
    """Radians, or None where the name has none."""
    if len(fields) != _NUM_FIELDS or not fields[_HEADING_FIELD]:
        return None
    degrees = float(fields[_HEADING_FIELD])
    return math.radians(degrees) if math.isfinite(degrees) else None
