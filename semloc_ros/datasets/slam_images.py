"""Images of a mapping session whose poses a SLAM has found: a folder and its trajectory.

- Lens: the settings file that ORB-SLAM3 was run with (`Camera.type` PinHole, Rectified or
  KannalaBrandt8, `Camera1.fx` or `Camera.fx` …), with the size of the images in it; `IMU.T_b_c1` or
  `Tbc`, where the trajectory is that of the body. Pixel (0, 0) is a CENTRE, as in OpenCV.
- Stamps: those in a list beside the images (`rgb.txt` of TUM, `data.csv` of EuRoC, `times.txt` of
  KITTI: a stamp, then perhaps the file), else the files' names.
- World: ORB-SLAM3 without an IMU begins at the first camera, whose axes are optical; with an IMU z
  is up. Its unit is the metre, but for a single camera without an IMU.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.datasets.slam_trajectories import read_trajectory, stamp_from_text
from semloc_ros.datasets.tables import checked_camera, pose_from_matrix, text_lines
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.image_files import image_reader
from semloc_ros.types import Camera, CameraModel, FloatArray, PosedImage

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
_TYPES: dict[str, CameraModel] = {
    "PinHole": "radtan", "Rectified": "pinhole", "KannalaBrandt8": "fisheye"
}
_FLAT_FROM_OPTICAL = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True, slots=True)
class SlamSettings:
    """The lens, and where the camera sits on the body (4, 4), None where the file is silent."""

    camera: Camera
    body_from_camera: FloatArray | None


def read_slam_settings(path: Path) -> SlamSettings:
    """ORB-SLAM3's settings; DatasetError, in one line, for what is missing or no number."""
    import cv2

    text_lines(path, "ORB-SLAM3's settings")
    try:
        file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    except (cv2.error, SystemError):  # OpenCV raises the one inside the other
        file = None
    if file is None or not file.isOpened():
        raise DatasetError(expected(str(path), "ORB-SLAM3's settings", "no YAML of OpenCV"))
    kind = file.getNode("Camera.type").string()
    if kind not in _TYPES:
        raise DatasetError(expected(f"{path} Camera.type", " or ".join(_TYPES), repr(kind)))
    width, height = (_number(path, file, f"Camera.{name}") for name in ("width", "height"))
    fx, fy, cx, cy = (_number(path, file, one, "Camera1.") for one in ("fx", "fy", "cx", "cy"))
    distortion = _distortion(path, file, _TYPES[kind])
    model = _TYPES[kind] if any(distortion) or kind == "KannalaBrandt8" else "pinhole"
    used = () if model == "pinhole" else distortion
    camera = Camera(model, int(width), int(height), fx, fy, cx, cy, used)
    mount = next((m for name in ("IMU.T_b_c1", "Tbc") for m in [file.getNode(name).mat()]
                  if m is not None), None)
    body = None if mount is None else pose_from_matrix(str(path), np.asarray(mount, np.float64))
    return SlamSettings(checked_camera(str(path), camera), body)


def slam_images(
    images: Path, trajectory: Path, settings: Path, stamps: Path | None = None,
    poses_of_body: bool = False, optical_world: bool = False,
    scale: float = 1.0, within_s: float = 0.001,
) -> list[PosedImage]:
    """The images that have a pose in the trajectory, by stamp (KITTI: by number), in its order.

    `optical_world`: turn the world so that x is where the first camera looks and z up. `scale`
    metres per unit of the trajectory. DatasetError, in one line, for a fault of a file, or if no
    image lies within `within_s` of a pose.
    """
    lens = read_slam_settings(settings)
    poses = read_trajectory(trajectory)
    body_from_camera = np.eye(4)
    if poses_of_body:
        if lens.body_from_camera is None:
            raise DatasetError(expected(str(settings), "IMU.T_b_c1, the camera's mount", "none"))
        body_from_camera = lens.body_from_camera
    files = _stamped_files(images, stamps)
    rows = _joined(images, trajectory, list(files), poses.stamps_ns, len(poses.world_from_body),
                   round(within_s * 1e9))
    world = _FLAT_FROM_OPTICAL if optical_world else np.eye(4)
    found = []
    for (stamp, path), row in zip(files.items(), rows, strict=True):
        if row is None:
            continue
        pose = poses.world_from_body[row].copy()
        pose[:3, 3] *= scale
        camera_from_map = se3.inverse(world @ pose @ body_from_camera)
        name = path.relative_to(images).as_posix()
        found.append(PosedImage(name, stamp, lens.camera, camera_from_map, image_reader(path)))
    return found


def _number(path: Path, file: Any, name: str, prefix: str = "") -> float:
    """A number of the settings; `Camera.` is the older prefix of `Camera1.`."""
    for key in (prefix + name, f"Camera.{name}" if prefix else name):
        node = file.getNode(key)
        if node.isReal() or node.isInt():
            return float(node.real())
    raise DatasetError(expected(str(path), f"a number {prefix}{name}", "none"))


def _distortion(path: Path, file: Any, model: CameraModel) -> tuple[float, ...]:
    if model == "pinhole":
        return ()
    names = ("k1", "k2", "k3", "k4") if model == "fisheye" else ("k1", "k2", "p1", "p2", "k3")
    there = [
        any(not file.getNode(prefix + name).empty() for prefix in ("Camera1.", "Camera."))
        for name in names
    ]
    values = [
        _number(path, file, name, "Camera1.") if known else 0.0
        for name, known in zip(names, there, strict=True)
    ]
    if model == "fisheye" and not all(there):
        raise DatasetError(expected(str(path), "k1 to k4 of the fisheye", f"{sum(there)} of them"))
    return tuple(values)


def _stamped_files(images: Path, stamps: Path | None) -> dict[int, Path]:
    """The image files by their stamps (ns), in order of time."""
    files = sorted(
        path for path in images.glob("*") if path.suffix.lower() in _ENDINGS and path.is_file()
    )
    if not files:
        raise DatasetError(expected(str(images), "images", "none"))
    pairs = _listed(images, stamps, files) if stamps else [
        (stamp_from_text(f"{path} (its name)", path.stem), path) for path in files
    ]
    found = dict(sorted(pairs, key=lambda one: one[0]))
    if len(found) < len(pairs):
        raise DatasetError(expected(str(stamps or images), "a stamp of its own for each image",
                                    f"{len(pairs) - len(found)} of another's"))
    return found


def _listed(images: Path, stamps: Path, files: list[Path]) -> list[tuple[int, Path]]:
    """Stamps of a list, with the file's name, or one a line in the order of the names."""
    rows = [
        (f"{stamps} line {number}", line.replace(",", " ").split())
        for number, line in enumerate(text_lines(stamps, "a list of stamps"), 1)
        if line.strip() and not line.startswith("#")
    ]
    by_name = {path.name: path for path in files}
    if any(len(row) > 1 for _, row in rows):
        pairs = []
        for where, row in rows:
            name = Path(row[-1]).name
            if name not in by_name:
                raise DatasetError(expected(where, f"an image of {images}", row[-1]))
            pairs.append((stamp_from_text(where, row[0]), by_name[name]))
        return pairs
    if len(rows) != len(files):
        wanted = f"a stamp for each of {len(files)} images"
        raise DatasetError(expected(str(stamps), wanted, len(rows)))
    return [
        (stamp_from_text(where, row[0]), path)
        for (where, row), path in zip(rows, files, strict=True)
    ]


def _joined(
    images: Path, trajectory: Path, image_ns: list[int], pose_ns: Any, poses: int, within_ns: int
) -> list[int | None]:
    """The row of the pose of each image, None where it has none."""
    if pose_ns is None:
        if poses != len(image_ns):
            raise DatasetError(
                expected(str(trajectory), f"a pose for each of {len(image_ns)} images", poses)
            )
        return list(range(poses))
    after = np.clip(np.searchsorted(pose_ns, image_ns), 1, max(len(pose_ns) - 1, 1))
    beside = np.stack([after - 1, np.minimum(after, len(pose_ns) - 1)])
    off = np.abs(pose_ns[beside] - np.array(image_ns))
    nearest = beside[off.argmin(axis=0), np.arange(len(image_ns))]
    joined = [
        int(row) if far <= within_ns else None
        for row, far in zip(nearest, off.min(axis=0), strict=True)
    ]
    if all(row is None for row in joined):
        wanted = f"images of {images} within {within_ns / 1e9:g} s of its poses"
        got = f"{off.min() / 1e9:g} s at best"
        raise DatasetError(expected(str(trajectory), wanted, got))
    return joined
