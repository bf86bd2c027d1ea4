"""Extended CMU Seasons (Sattler et al., CVPR 2018; images: Badino et al., CMU Visual Localization
Data Set, 2011): two cameras on a car, streets and parks over a year.

- Data: visuallocalization.net (data.ciirc.cvut.cz, Extended-CMU-Seasons). Licence: CC BY-NC-SA 3.0.
- Layout: `intrinsics.txt` and `sliceX/` with `database/`, `query/`,
  `ground-truth-database-images-sliceX.txt`, `test-images-sliceX.txt` (names only) and
  `camera-poses/*.txt` (the queries whose poses are published, about half of them).
- Rows: name, quaternion w x y z of the rotation world → camera, camera CENTRE; metres. Results are
  submitted as quaternion and TRANSLATION, by the bare name.
- Names: `img_NNNNN_cK_TTTTus.jpg`, camera K, microseconds TTTT; `_rect.jpg` in the older CMU
  Seasons, whose images are undistorted already.
- Pixels: (0, 0) is the corner of the image, as COLMAP counts; half a pixel is taken off. The
  images have strong barrel distortion. Without `intrinsics.txt` the published numbers stand in.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from semloc_ros.datasets.localization_set import LocalizationSet, merged, with_files
from semloc_ros.datasets.tables import Row, floats, pose_from_centre, read_rows
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.maps.colmap_cameras import from_colmap
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import Camera, CameraImage, PosedImage

_IMAGE = re.compile(r"img_\d+_(c\d+)_(\d+)us(_rect)?\.jpg")
_DATABASE = "ground-truth-database-images-slice*.txt"
_PUBLISHED = {
    "c0": "868.993378 866.063001 525.942323 420.042529 -0.399431 0.188924 0.000153 0.000571",
    "c1": "873.382641 876.489513 529.324138 397.272397 -0.397066 0.181925 0.000176 -0.000579",
}


def recognize(folder: Path) -> bool:
    """Whether the folder is a slice or has slices."""
    return bool(_slices(folder))


def read_extended_cmu(
    folder: Path, slices: Collection[int] | None = None, part: bool = False
) -> LocalizationSet:
    """Database images as mapping, queries with published poses, and the hidden ones.

    `folder` has slices, or is one; `slices` chooses some of them by number. Names are those of
    the files below `folder`. DatasetError, in one line, for a missing file or image, or a
    broken row. Of a download in `part`, what is missing is left out and counted.
    """
    chosen = [one for one in _slices(folder) if slices is None or _number(one) in slices]
    if not chosen:
        raise DatasetError(expected(str(folder), f"sliceX/{_DATABASE}", "none"))
    reader = _Reader(folder, _read_cameras(folder), part)
    return with_files(merged(map(reader.read, chosen)), folder, part)


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    """Reads slices below `folder`, with the cameras by name; lists may lack in a `part`."""

    folder: Path
    cameras: dict[str, Camera]
    part: bool

    def read(self, slice_: Path) -> LocalizationSet:
        (database,) = sorted(slice_.glob(_DATABASE))[:1]
        mapping = [
            self._posed(where, row, slice_ / "database")
            for where, row in read_rows(database, "database images", (8,))
        ]
        known = {
            row[0]: self._posed(where, row, slice_ / "query")
            for where, row in _published_poses(slice_ / "camera-poses")
        }
        tests = slice_ / f"test-images-slice{_number(slice_)}.txt"
        needed = not known and not self.part
        hidden = [
            self._image(where, row[0], slice_ / "query")
            for where, row in _query_rows(tests, required=needed)
            if row[0] not in known
        ]
        missing = [] if tests.exists() else [tests]
        return LocalizationSet(mapping, [*known.values()], hidden, missing)

    def _posed(self, where: str, row: list[str], images: Path) -> PosedImage:
        numbers = floats(where, row[1:])
        pose = pose_from_centre(where, numbers[:4], numbers[4:])
        one = self._image(where, row[0], images)
        return PosedImage(one.name, one.stamp_ns, one.camera, pose, one.read)

    def _image(self, where: str, name: str, images: Path) -> CameraImage:
        match = _IMAGE.fullmatch(name)
        if match is None:
            raise DatasetError(
                expected(where, "a name like img_00122_c0_1303398475046031us.jpg", name)
            )
        if match[1] not in self.cameras:
            raise DatasetError(expected(where, f"a camera of {', '.join(self.cameras)}", match[1]))
        camera = self.cameras[match[1]]
        if match[3]:
            camera = dataclasses.replace(camera, model="pinhole", distortion=())
        path = images / name
        full_name = path.relative_to(self.folder).as_posix()
        return CameraImage(full_name, int(match[2]) * 1000, camera, partial(read_image, path))


def _published_poses(folder: Path) -> Iterator[Row]:
    for path in sorted(folder.glob("*.txt")):
        yield from read_rows(path, "poses of queries", (8,))


def _query_rows(path: Path, required: bool) -> Iterator[Row]:
    if required or path.exists():
        yield from read_rows(path, "the names of the queries", (1,))


def _slices(folder: Path) -> list[Path]:
    found = {path.parent for path in [*folder.glob(_DATABASE), *folder.glob(f"slice*/{_DATABASE}")]}
    return sorted(found, key=_number)


def _number(slice_: Path) -> int:
    (database,) = sorted(slice_.glob(_DATABASE))[:1]
    digits = re.search(r"(\d+)\.txt$", database.name)
    return int(digits[1]) if digits else 0


def _read_cameras(folder: Path) -> dict[str, Camera]:
    for path in (folder / "intrinsics.txt", folder.resolve().parent / "intrinsics.txt"):
        if path.is_file():
            rows = read_rows(path, "intrinsics", (12,))
            return {row[0]: _camera(where, row) for where, row in rows}
    return {
        name: _camera("published intrinsics", [name, "OPENCV", "1024", "768", *text.split()])
        for name, text in _PUBLISHED.items()
    }


def _camera(where: str, row: list[str]) -> Camera:
    """Of a row: name, COLMAP's model, width, height, parameters."""
    numbers = floats(where, row[2:]).tolist()
    try:
        return from_colmap(where, row[1], int(numbers[0]), int(numbers[1]), numbers[2:])
    except SemlocError as error:
        raise DatasetError(str(error)) from None
