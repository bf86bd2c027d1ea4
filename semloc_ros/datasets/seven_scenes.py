"""RGB-D sequences in the form of 7-Scenes (Shotton et al., CVPR 2013; and of RGB-D fusion demos).

- Data: "RGB-D Dataset 7-Scenes", microsoft.com/research. Licence: Microsoft's, non-commercial
  research. Layout: `SCENE/seq-NN/frame-NNNNNN.color.png` (or .jpg), `.pose.txt`, `.depth.png`,
  640x480, and `TrainSplit.txt`, `TestSplit.txt` with lines like `sequence1`.
- Poses: 4x4, CAMERA → WORLD, metres; they are those of the DEPTH camera, tracked by fusion; the
  intrinsics file beside demos (585) is the depth camera's too. The colour camera is another one,
  a few centimetres beside it. Pixels as in OpenCV.
- Depth: 16-bit millimetres along the optical axis; 0 and 65535 mean that there is none.
"""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.datasets.tables import floats, pose_from_matrix, read_rows
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import Camera, FloatArray, PosedImage

FRAMES_PER_SECOND = 30
# Kinect's colour camera as it is usually taken for these sequences: no calibration was published.
COLOR_CAMERA = Camera("pinhole", 640, 480, 525.0, 525.0, 320.0, 240.0)
DEPTH_CAMERA = Camera("pinhole", 640, 480, 585.0, 585.0, 320.0, 240.0)

_MOST_SHEAR = 0.02  # of a rotation's singular values from 1
_NO_DEPTH = (0, 65535)
_SPLITS = ("TrainSplit.txt", "TestSplit.txt")
_SEQUENCE = re.compile(r"(?:sequence|seq-)?0*(\d+)")
_COLOR_FILE = re.compile(r"frame-(\d+)\.color\.(?:jpe?g|png)", re.IGNORECASE)


def read_seven_scenes(
    folder: Path, camera: Camera = COLOR_CAMERA, start: int = 0, stop: int | None = None
) -> list[PosedImage]:
    """The colour images of frames `start` to `stop` (excluded) with the given poses, by number.

    `camera_from_map` is the inverse of the file's pose; stamps are frame numbers at 30 Hz. Raises
    DatasetError, in one line, if there are no frames, or a pose is missing or no rigid motion.
    """
    numbered = {}
    for path in sorted(Path(folder).glob("frame-*.color.*")):
        match = _COLOR_FILE.fullmatch(path.name)
        if match:
            numbered[int(match[1])] = path
    chosen = [n for n in sorted(numbered) if n >= start and (stop is None or n < stop)]
    if not chosen:
        wanted = f"frame-NNNNNN.color.jpg from {start} to {'the last' if stop is None else stop}"
        raise DatasetError(expected(str(folder), wanted, f"{len(numbered)} frames"))
    return [_posed(numbered[number], number, camera) for number in chosen]


def recognize(folder: Path) -> bool:
    """Whether the folder is a sequence, or a scene of sequences."""
    places = (folder, *sorted(folder.glob("seq-*"))[:1])
    return any(next(place.glob("frame-*.color.*"), None) for place in places)


def read_scene(folder: Path, camera: Camera = COLOR_CAMERA, part: bool = False) -> LocalizationSet:
    """The sequences of `TrainSplit.txt` as mapping images and those of `TestSplit.txt` as queries.

    Names begin with the sequence. A folder that is itself a sequence is all mapping. DatasetError
    as for `read_seven_scenes`, and for a missing split or sequence. Of a download in `part`,
    missing sequences (each is an archive of its own) are left out and counted.
    """
    if next(folder.glob("frame-*.color.*"), None):
        return LocalizationSet(read_seven_scenes(folder, camera))
    missing: list[Path] = []
    mapping, queries = (
        [
            image
            for sequence in _sequences(folder / name, missing if part else None)
            for image in _named(sequence, camera)
        ]
        for name in _SPLITS
    )
    if not mapping + queries:
        raise DatasetError(expected(str(folder), f"sequences of {' and '.join(_SPLITS)}", "none"))
    return LocalizationSet(mapping, queries, missing=missing)


def depth_paths(folder: Path) -> list[Path]:
    """The depth images of a sequence, or of a scene's sequences, by number."""
    return sorted([*folder.glob("frame-*.depth.png"), *folder.glob("seq-*/frame-*.depth.png")])


def read_depth(path: Path) -> NDArray[np.float32]:
    """Metres along the optical axis, (H, W) float32; NaN where the sensor saw nothing."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if image is None or image.dtype != np.uint16 or image.ndim != 2:
        got = "no such file" if not path.exists() else "another file"
        raise DatasetError(expected(str(path), "a grey image of 16 bits", got))
    metres: NDArray[np.float32] = image.astype(np.float32) / np.float32(1000.0)
    metres[np.isin(image, _NO_DEPTH)] = np.nan
    return metres


def _sequences(path: Path, missing: list[Path] | None) -> list[Path]:
    """The folders that a split names; those that are not there go to `missing`, if allowed."""
    folders = []
    for where, row in read_rows(path, "the sequences of a split", (1,)):
        match = _SEQUENCE.fullmatch(row[0])
        sequence = path.parent / f"seq-{int(match[1]):02d}" if match else None
        if sequence is not None and sequence.is_dir():
            folders.append(sequence)
        elif sequence is not None and missing is not None:
            missing.append(sequence)
        else:
            raise DatasetError(expected(where, "a sequence that is there", row[0]))
    return folders


def _named(sequence: Path, camera: Camera) -> list[PosedImage]:
    return [
        dataclasses.replace(image, name=f"{sequence.name}/{image.name}")
        for image in read_seven_scenes(sequence, camera)
    ]


def _posed(path: Path, number: int, camera: Camera) -> PosedImage:
    pose = _read_pose(path.with_name(f"{path.name.split('.')[0]}.pose.txt"))
    stamp_ns = number * 1_000_000_000 // FRAMES_PER_SECOND
    return PosedImage(path.name, stamp_ns, camera, se3.inverse(pose), partial(read_image, path))


def _read_pose(path: Path) -> FloatArray:
    rows = [row for _, row in read_rows(path, "a pose", (4,))]
    if len(rows) != 4:
        raise DatasetError(expected(str(path), "4 rows of 4 numbers", f"{len(rows)} rows"))
    matrix = np.stack([floats(str(path), row) for row in rows])
    return pose_from_matrix(str(path), _nearest_pose(matrix))


def _nearest_pose(matrix: FloatArray) -> FloatArray:
    """With the nearest rotation, if it is near: fusion leaves rotations slightly sheared."""
    left, stretch, right = np.linalg.svd(matrix[:3, :3])
    if np.abs(stretch - 1.0).max() > _MOST_SHEAR:
        return matrix
    nearest: FloatArray = matrix.copy()
    nearest[:3, :3] = left @ right
    return nearest
