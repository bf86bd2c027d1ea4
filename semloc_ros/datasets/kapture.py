"""Data sets in kapture form: Virtual Gallery, Baidu mall and others that Naver Labs converted.

- Data: `kapture_download_dataset.py` of github.com/naver/kapture lists and fetches them. Each
  keeps its own licence: Virtual Gallery CC BY-NC-ND 4.0, Baidu mall for research.
- Layout: one kapture folder, or `mapping/` and `query/` (also `training`, `testing`), each a
  kapture folder with `sensors/sensors.txt`.
- Poses: sensor from world, quaternion w x y z and translation (not the centre); query folders may
  have none. Pixels: as `maps.kapture` says, which reads the files.
"""

from __future__ import annotations

from pathlib import Path

from semloc_ros.datasets.localization_set import LocalizationSet, merged, without_missing
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.maps.kapture import read_kapture_records

_MAPPING = ("mapping", "training")
_QUERY = ("query", "testing")


def recognize(folder: Path) -> bool:
    """Whether the folder, or its mapping or query folder, is a kapture folder."""
    return bool(_parts(folder))


def read_kapture_set(
    folder: Path, corner_pixels: bool = False, part: bool = False
) -> LocalizationSet:
    """The images of a kapture folder, or of its mapping and query folders.

    `corner_pixels` as for `maps.kapture.read_kapture`. DatasetError in one line, with file and
    row, for what is missing or broken, and if there is no image at all. Image files are not
    looked for, unless it is a download in `part`: then the missing ones are left out and counted.
    """
    parts = _parts(folder)
    if not parts:
        wanted = "sensors/sensors.txt, or folders mapping and query that have it"
        raise DatasetError(expected(str(folder), wanted, "none"))
    found = merged(
        _read_one(one, one.name in _QUERY and one != folder, corner_pixels, part) for one in parts
    )
    if not found.images:
        where = parts[0] / "sensors" / "records_camera.txt"
        lost = found.missing
        got = f"none: {len(lost)} missing, such as {lost[0]}" if lost else "none"
        raise DatasetError(expected(str(where), "images", got))
    return found


def _read_one(folder: Path, query: bool, corner_pixels: bool, part: bool) -> LocalizationSet:
    try:
        posed, others = read_kapture_records(folder, corner_pixels)
    except SemlocError as error:
        raise DatasetError(str(error)) from None
    found = LocalizationSet([] if query else posed, posed if query else [], others)
    return without_missing(found, folder / "sensors" / "records_data") if part else found


def _parts(folder: Path) -> list[Path]:
    """The kapture folders: those with a folder `sensors`, as long as one is whole."""
    found = [folder, *(folder / name for name in (*_MAPPING, *_QUERY))]
    parts = [one for one in found if (one / "sensors").is_dir()]
    whole = any((one / "sensors" / "sensors.txt").is_file() for one in parts)
    return parts if whole else []
