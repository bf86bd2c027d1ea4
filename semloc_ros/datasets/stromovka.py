"""Park places seen over the seasons by a robot's camera, with displacements between the pictures.

Krajník et al., "GRIEF" (2015-2017); from the history of github.com/gestom/GRIEF. No licence is
stated. 1024 x 384 pixels, no calibration, no poses. Two parts:

- `12x5/images/SSPP.jpg`: visit SS (01-12, over a year) of place PP (01-05);
  `12x5/ground_truth/location_P.txt`: 12 x 12 whole numbers G, x_b = x_a + G[a][b] pixels.
- `route/summer/KKK.jpg`, `route/winter/KKK.jpg`: 101 places, and a line `dx dy` for each in
  `route/displacements_winter_minus_summer.txt`: winter = summer + (dx, dy).

A displacement is one for the whole picture: right for what is as far as what was used to find it,
off by parallax for the rest. `12x5` tells columns only, though the camera was tilted otherwise
from visit to visit. Features matched across visits of `12x5`, within 80 x 40 pixels of the truth,
lie 1-8 columns (median of a place; a tenth of them 10-31) and 8-19 rows (a tenth 23-33) beside it;
of some trees and fences in place 5 by eye 50 columns. So the truth is one of regions, not of edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from semloc_ros.datasets.image_sizes import image_size
from semloc_ros.datasets.tables import floats, read_rows
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import FloatArray, ImagePair

PLACES, VISITS = 5, 12
_Side = tuple[str, Path, tuple[int, int]]  # name, file, (width, height)
_VISITS, _IMAGES, _TRUTH, _ROUTE = "12x5", "images", "ground_truth", "route"
_DISPLACEMENTS = "displacements_winter_minus_summer.txt"


def recognize(folder: Path) -> bool:
    """Whether it holds one of the two parts."""
    return _has_visits(folder) or _has_route(folder)


def read_stromovka(folder: Path, step: int = 8) -> list[ImagePair]:
    """The pairs of the parts that are there: those of `read_visits`, then those of `read_route`."""
    pairs = read_visits(folder, step=step) if _has_visits(folder) else []
    return pairs + (read_route(folder, step) if _has_route(folder) or not pairs else [])


def read_visits(
    folder: Path, places: Sequence[int] = range(1, PLACES + 1), step: int = 8
) -> list[ImagePair]:
    """All pairs of visits of the places (1 to 5), by place; the earlier visit is a.

    Points lie on a grid of `step` pixels; those that fall outside of b are left out. Names are
    `visit01/place4`. Raises DatasetError, in one line, for an image or displacement that is
    missing or wrong.
    """
    inside = Path(folder) / _VISITS
    pairs = []
    for place in places:
        shifts = _read_displacements(inside / _TRUTH / f"location_{place}.txt")
        paths = [inside / _IMAGES / f"{visit:02d}{place:02d}.jpg" for visit in _visits()]
        names = [f"visit{visit:02d}/place{place}" for visit in _visits()]
        sizes = [image_size(path) for path in paths]
        for a, b in combinations(range(VISITS), 2):
            shift = np.array([shifts[a, b], 0.0])
            sides = (names[a], paths[a], sizes[a]), (names[b], paths[b], sizes[b])
            pairs.append(_pair(*sides, shift, step))
    return pairs


def read_route(folder: Path, step: int = 8) -> list[ImagePair]:
    """Summer (a) and winter (b) of each place along the route; names are `summer/042`.

    Grid and errors as in `read_visits`.
    """
    inside = Path(folder) / _ROUTE
    pairs = []
    rows = read_rows(inside / _DISPLACEMENTS, "lines dx dy", (2,))
    for number, (where, words) in enumerate(rows):
        summer, winter = (
            (name, path, image_size(path))
            for name in (f"summer/{number:03d}", f"winter/{number:03d}")
            for path in [inside / f"{name}.jpg"]
        )
        pairs.append(_pair(summer, winter, floats(where, words), step))
    if not pairs:
        raise DatasetError(expected(str(inside / _DISPLACEMENTS), "lines dx dy", "none"))
    return pairs


def _has_visits(folder: Path) -> bool:
    return (Path(folder) / _VISITS / _TRUTH).is_dir()


def _has_route(folder: Path) -> bool:
    return (Path(folder) / _ROUTE / _DISPLACEMENTS).is_file()


def _visits() -> range:
    return range(1, VISITS + 1)


def _pair(a: _Side, b: _Side, shift: FloatArray, step: int) -> ImagePair:
    """`shift` (2,) takes pixels of a to b."""
    (name_a, path_a, size_a), (name_b, path_b, size_b) = a, b
    columns, rows = (np.arange(step // 2, length, step, dtype=np.float64) for length in size_a)
    points_a = np.stack(np.meshgrid(columns, rows), axis=2).reshape(-1, 2)
    points_b = points_a + shift
    high = np.array(size_b) - 1.0
    kept = ((points_b >= 0.0) & (points_b <= high)).all(axis=1)
    read_a, read_b = partial(read_image, path_a), partial(read_image, path_b)
    return ImagePair(name_a, name_b, read_a, read_b, points_a[kept], points_b[kept])


def _read_displacements(path: Path) -> FloatArray:
    """G (12, 12) pixels; there and back must be the same way."""
    rows = list(read_rows(path, f"{VISITS} rows of {VISITS} numbers", (VISITS,)))
    if len(rows) != VISITS:
        raise DatasetError(expected(str(path), f"{VISITS} rows", len(rows)))
    shifts = np.stack([floats(where, words) for where, words in rows])
    wrong = np.argwhere(shifts != -shifts.T)
    if len(wrong):
        a, b = wrong[0] + 1
        got = f"{shifts[a - 1, b - 1]:g} and {shifts[b - 1, a - 1]:g}"
        wanted = f"opposite displacements from visit {a} to {b} and back"
        raise DatasetError(expected(str(path), wanted, got))
    return shifts
