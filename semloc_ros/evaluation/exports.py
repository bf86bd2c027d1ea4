"""Poses in the formats of others: TUM, KITTI, and submissions to visuallocalization.net.

A submission has one line an image: `name qw qx qy qz tx ty tz` of camera_from_map (the rotation
from map to camera, and not the camera's position). An image without a pose has no line.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path, PurePosixPath

import numpy as np

from semloc_ros.datasets.kitti import write_kitti
from semloc_ros.datasets.tum import seconds_text, write_tum
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.conditions import Condition
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray


class NameStyle(str, Enum):
    """How a submission names an image: "a/rear/1.jpg" is "1.jpg" in those for Aachen and CMU,
    "rear/1.jpg" in those for RobotCar, and as it is where the whole path is wanted."""

    FILE = "file"
    CAMERA = "camera"
    PATH = "path"


class Format(str, Enum):
    """What can be exported. `aachen`, `cmu` and `robotcar` are submissions."""

    TUM = "tum"
    KITTI = "kitti"
    AACHEN = "aachen"
    CMU = "cmu"
    ROBOTCAR = "robotcar"


_STYLES = {
    Format.AACHEN: NameStyle.FILE,
    Format.CMU: NameStyle.FILE,
    Format.ROBOTCAR: NameStyle.CAMERA,
}


def submission_name(name: str, style: NameStyle) -> str:
    """The name of an image as the style wants it; DatasetError where it has no folder to name
    its camera, or blanks."""
    parts = PurePosixPath(name).parts
    if len(name.split()) != 1 or not parts:
        raise DatasetError(expected("image name", "one word", repr(name)))
    if style is NameStyle.PATH:
        return name
    if style is NameStyle.FILE:
        return parts[-1]
    if len(parts) < 2:
        raise DatasetError(expected("image name", "camera/file", repr(name)))
    return f"{parts[-2]}/{parts[-1]}"


def write_submission(
    path: Path, poses: Iterable[tuple[str, FloatArray]], style: NameStyle
) -> None:
    """Write names with `camera_from_map` (4, 4); DatasetError if two images get one name."""
    lines: dict[str, str] = {}
    for name, camera_from_map in poses:
        shown = submission_name(name, style)
        if shown in lines:
            wanted = "names that differ without their folders"
            raise DatasetError(expected(str(path), wanted, repr(shown)))
        position, (x, y, z, w) = se3.to_quaternion_xyzw(camera_from_map)
        numbers = " ".join(f"{value:.12g}" for value in (w, x, y, z, *position))
        lines[shown] = f"{shown} {numbers}\n"
    path.write_text("".join(lines.values()))


def export(condition: Condition, form: Format, folder: Path) -> list[Path]:
    """Write the fixes of a run, and for TUM and KITTI beside them the truth row by row.

    In submissions the images are named by the run and their stamps, `night/1700….jpg`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if form in _STYLES:
        path = folder / f"{condition.name}_{form.value}.txt"
        write_submission(path, _named(condition), _STYLES[form])
        return [path]
    rows = _fixes(condition)
    rows = rows[np.isfinite(condition.judged.position_m[rows])]
    stamps = condition.run.poses.stamps_ns[rows]
    estimates, truth = condition.run.poses.map_from_base[rows], condition.judged.truth[rows]
    sides = {"fixes": estimates, "truth": truth}
    written = [folder / f"{condition.name}_{side}.{form.value}" for side in sides]
    for path, poses in zip(written, sides.values(), strict=True):
        if form is Format.TUM:
            write_tum(path, stamps, poses)
        else:
            write_kitti(path, poses)
    if form is Format.KITTI:  # which has no stamps
        written.append(folder / f"{condition.name}_times.txt")
        written[-1].write_text("".join(f"{seconds_text(int(stamp))}\n" for stamp in stamps))
    return written


def _fixes(condition: Condition) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    rows = condition.judged.fix_of_frame
    return rows[rows >= 0]


def _named(condition: Condition) -> list[tuple[str, FloatArray]]:
    mounts = list(condition.about.get("mounts", {}).values())
    if len(mounts) != 1:
        wanted = "the place of one camera on the base (mounts)"
        raise DatasetError(expected(str(condition.folder / "run.json"), wanted, len(mounts)))
    base_from_camera = np.array(mounts[0], dtype=np.float64).reshape(4, 4)
    poses = condition.run.poses
    return [
        (
            f"{condition.name}/{poses.stamps_ns[row]}.jpg",
            se3.inverse(poses.map_from_base[row] @ base_from_camera),
        )
        for row in _fixes(condition)
    ]
