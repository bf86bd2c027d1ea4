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

from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.maps.kapture import read_kapture_records
from semloc_ros.types import CameraImage, PosedImage

_MAPPING = ("mapping", "training")
_QUERY = ("query", "testing")


def recognize(folder: Path) -> bool:
    """Whether the folder, or its mapping or query folder, is a kapture folder."""
    return bool(_parts(folder))


def read_kapture_set(folder: Path, corner_pixels: bool = False) -> LocalizationSet:
    """The images of a kapture folder, or of its mapping and query folders.

    `corner_pixels` as for `maps.kapture.read_kapture`. DatasetError in one line, with file and
    row, for what is missing or broken, and if there is no image at all.
    """
    parts = _parts(folder)
    if not parts:
        wanted = "sensors/sensors.txt, or folders mapping and query that have it"
        raise DatasetError(expected(str(folder), wanted, "none"))
    mapping: list[PosedImage] = []
    queries: list[PosedImage] = []
    hidden: list[CameraImage] = []
    for part in parts:
        try:
            posed, others = read_kapture_records(part, corner_pixels)
        except SemlocError as error:
            raise DatasetError(str(error)) from None
        (queries if part.name in _QUERY and part != folder else mapping).extend(posed)
        hidden.extend(others)
    if not mapping + queries and not hidden:
        where = parts[0] / "sensors" / "records_camera.txt"
        raise DatasetError(expected(str(where), "images", "none"))
    return LocalizationSet(mapping, queries, hidden)


def _parts(folder: Path) -> list[Path]:
    found = [folder, *(folder / name for name in (*_MAPPING, *_QUERY))]
    return [part for part in found if (part / "sensors" / "sensors.txt").is_file()]
