"""A sequence of 7-Scenes (Shotton et al., CVPR 2013; the layout of RGB-D fusion demos as well).

`frame-000000.color.jpg` or `.color.png`, `frame-000000.pose.txt`: 4x4, camera to world, metres.
The poses are those of the DEPTH camera, tracked by fusion; the intrinsics file beside them (585) is
the depth camera's too. The colour camera is another one, a few centimetres beside it.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from semloc_ros.errors import DatasetError, InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import Camera, FloatArray, PosedImage

FRAMES_PER_SECOND = 30
# Kinect's colour camera as it is usually taken for these sequences: no calibration was published.
COLOR_CAMERA = Camera("pinhole", 640, 480, 525.0, 525.0, 320.0, 240.0)

_MOST_SHEAR = 0.02  # of a rotation's singular values from 1
_COLOR_FILE = re.compile(r"frame-(\d+)\.color\.(?:jpg|png)")


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
        raise DatasetError(expected(str(folder), wanted, f"{len(numbered)} others"))
    return [_posed(numbered[number], number, camera) for number in chosen]


def _posed(path: Path, number: int, camera: Camera) -> PosedImage:
    pose = _read_pose(path.with_name(f"{path.name.split('.')[0]}.pose.txt"))
    stamp_ns = number * 1_000_000_000 // FRAMES_PER_SECOND
    return PosedImage(path.name, stamp_ns, camera, se3.inverse(pose), partial(read_image, path))


def _read_pose(path: Path) -> FloatArray:
    try:
        matrix = np.array([line.split() for line in path.read_text().splitlines() if line.strip()])
        return se3.check_pose(str(path), _nearest_pose(matrix.astype(np.float64)))
    except OSError as error:
        raise DatasetError(expected(str(path), "a pose", error.strerror)) from None
    except ValueError:
        raise DatasetError(expected(str(path), "4 rows of 4 numbers", "others")) from None
    except InputError as error:
        raise DatasetError(str(error)) from None


def _nearest_pose(matrix: FloatArray) -> FloatArray:
    """With the nearest rotation, if it is near: fusion leaves rotations slightly sheared."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        return matrix
    left, stretch, right = np.linalg.svd(matrix[:3, :3])
    if np.abs(stretch - 1.0).max() > _MOST_SHEAR:
        return matrix
    nearest: FloatArray = matrix.copy()
    nearest[:3, :3] = left @ right
    return nearest
