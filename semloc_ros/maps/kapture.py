"""Posed images from a kapture 1.0 or 1.1 folder (github.com/naver/kapture, kapture_format.adoc).

- `sensors/trajectories.txt` holds `sensor_from_world` (quaternion w x y z), of sensors or rigs;
  `sensors/rigs.txt` holds `sensor_from_rig`; rigs may be nested.
- Pixels: kapture leaves the origin open. Its camera models are COLMAP's by name, but the
  data sets write centres as OpenCV does (Virtual Gallery: cx = 959.5 for 1920 columns, the
  middle when pixel 0 is a CENTRE), so parameters are taken as they are: `corner_pixels=True`
  reads folders that were converted from COLMAP, whose origin is the corner, half a pixel away.
- Timestamps are integers without a unit; they are kept as `stamp_ns`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from semloc_ros.errors import MapError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.colmap_cameras import HALF_PIXEL, from_colmap
from semloc_ros.maps.image_files import image_reader
from semloc_ros.types import Camera, CameraImage, FloatArray, PosedImage

_VERSIONS = ("1.0", "1.1")  # what is read here is the same in both

Rigs = dict[str, list[tuple[str, FloatArray]]]  # rig → (sensor, sensor_from_rig)


def read_kapture(folder: Path, corner_pixels: bool = False) -> list[PosedImage]:
    """The images of a kapture folder that have a pose, in the order of their records.

    Poses are `camera_from_map`, the kapture world being the map. Raises MapError, in one line
    with file and row, for a missing file, a row that cannot be read, a camera model that is
    not supported, or if no image has a pose.
    """
    folder = Path(folder)
    images, _ = _read_records(folder, _read_poses(folder), corner_pixels)
    if not images:
        records = folder / "sensors" / "records_camera.txt"
        raise MapError(expected(str(records), "images with a pose in trajectories.txt", "none"))
    return images


def read_kapture_records(
    folder: Path, corner_pixels: bool = False
) -> tuple[list[PosedImage], list[CameraImage]]:
    """The images with and those without a pose, as `read_kapture` reads them.

    Without `trajectories.txt`, as in query folders of benchmarks, no image has a pose.
    """
    folder = Path(folder)
    known = (folder / "sensors" / "trajectories.txt").exists()
    return _read_records(folder, _read_poses(folder) if known else {}, corner_pixels)


def _read_records(
    folder: Path, poses: dict[tuple[int, str], FloatArray], corner_pixels: bool
) -> tuple[list[PosedImage], list[CameraImage]]:
    cameras = _read_cameras(folder, corner_pixels)
    posed, others = [], []
    for where, row in _rows(folder / "sensors" / "records_camera.txt", 3):
        stamp, sensor, name = _integer(where, row[0]), row[1], row[2]
        if sensor not in cameras:
            raise MapError(expected(where, "a camera of sensors.txt", sensor))
        read = image_reader(folder / "sensors" / "records_data" / name)
        pose = poses.get((stamp, sensor))
        if pose is None:
            others.append(CameraImage(name, stamp, cameras[sensor], read))
        else:
            posed.append(PosedImage(name, stamp, cameras[sensor], pose, read))
    return posed, others


def _read_cameras(folder: Path, corner_pixels: bool) -> dict[str, Camera]:
    path = folder / "sensors" / "sensors.txt"
    shift = HALF_PIXEL if corner_pixels else 0.0
    cameras = {}
    for where, row in _rows(path, 3):
        if row[2].lower() != "camera":
            continue
        if len(row) < 6:
            raise MapError(expected(where, "model, width, height and parameters", row[3:]))
        numbers = _floats(where, row[4:])
        if not (numbers[0].is_integer() and numbers[1].is_integer()):
            raise MapError(expected(where, "whole width and height", row[4:6]))
        width, height = int(numbers[0]), int(numbers[1])
        cameras[row[0]] = from_colmap(where, row[3], width, height, numbers[2:], shift)
    return cameras


def _read_poses(folder: Path) -> dict[tuple[int, str], FloatArray]:
    """`sensor_from_world` by time and sensor, rigs resolved."""
    rigs = _read_rigs(folder)
    poses: dict[tuple[int, str], FloatArray] = {}
    for where, row in _rows(folder / "sensors" / "trajectories.txt", 9):
        if "" in row[2:9]:
            continue  # kapture leaves unknown rotations or translations empty
        stamp = _integer(where, row[0])
        for sensor, pose in _resolve(row[1], _pose(where, row[2:9]), rigs):
            poses[stamp, sensor] = pose
    return poses


def _read_rigs(folder: Path) -> Rigs:
    path = folder / "sensors" / "rigs.txt"
    rigs: Rigs = {}
    if path.exists():
        for where, row in _rows(path, 9):
            members = rigs.setdefault(row[0], [])
            if "" not in row[2:9]:  # an uncalibrated member has no pose
                members.append((row[1], _pose(where, row[2:9])))
    return rigs


def _resolve(
    device: str, device_from_world: FloatArray, rigs: Rigs
) -> Iterator[tuple[str, FloatArray]]:
    if device not in rigs:
        yield device, device_from_world
        return
    inner = {name: members for name, members in rigs.items() if name != device}
    for sensor, sensor_from_device in rigs[device]:
        yield from _resolve(sensor, sensor_from_device @ device_from_world, inner)


def _pose(where: str, fields: list[str]) -> FloatArray:
    w, x, y, z, *translation = _floats(where, fields)
    try:
        return se3.from_quaternion_xyzw(np.array(translation), np.array([x, y, z, w]))
    except SemlocError as error:
        raise MapError(f"{where}: {error}") from None


def _rows(path: Path, fields: int) -> Iterator[tuple[str, list[str]]]:
    """(file and line, fields) of a kapture table, without comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "no such file" if missing else " ".join(str(error).split())
        raise MapError(expected(str(path), "a kapture table", reason)) from None
    _check_version(path, lines)
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            row = [field.strip() for field in next(csv.reader([line]))]
            if len(row) < fields:
                where = f"{path} line {number}"
                raise MapError(expected(where, f"at least {fields} fields", len(row)))
            yield f"{path} line {number}", row


def _check_version(path: Path, lines: list[str]) -> None:
    """MapError for a header of another version; files without one are taken as they are."""
    header = re.match(r"#\s*kapture format\s*:\s*(\S*)", lines[0]) if lines else None
    if header and header[1] not in _VERSIONS:
        wanted = f"kapture format {' or '.join(_VERSIONS)}"
        raise MapError(expected(f"{path} line 1", wanted, header[1] or "none"))


def _floats(where: str, fields: list[str]) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise MapError(expected(where, "numbers", str(error))) from None


def _integer(where: str, field: str) -> int:
    try:
        return int(field)
    except ValueError:
        raise MapError(expected(where, "an integer timestamp", repr(field))) from None
