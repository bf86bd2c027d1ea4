"""The dataset folder of a traversal: kapture 1.1, and the truth of every pixel beside it.

    sensors/sensors.txt, rigs.txt, trajectories.txt, records_camera.txt
    sensors/records_data/<camera>/000000.jpg
    odometry.txt, imu.txt                     (tables; their first line names the columns)
    truth/<camera>/000000.<kind>.png          (if asked for)

Kinds of truth, all of the ray through the pixel's centre: `depth` uint16, round(65535 * NEAR_M /
depth along the optical axis), 0 = nothing within 131 km; `labels` uint8 Cityscapes train ids, 255 =
unknown; `instances` uint16; `motions` uint8, values of `scene.Motion`; `objects` uint16 RGB: object
id, and u, v of its reference image times 65535 ((0, 0) is its top-left corner).

The rig is `base_link`; its world is the map. Pixel (0, 0) is the centre of the top-left pixel.
A frame's files are written one by one under another name and renamed, the picture last: a frame
whose picture is there is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.recording.sensors import InertialSamples, WheelOdometry
from semloc_ros.worlds.recording.traversal import MountedCamera, Traversal
from semloc_ros.worlds.rendering.renderer import Rendering

NEAR_M = 0.25  # metres: what is nearer has the depth value of this
RIG = "base_link"
_SCALE = 65535
DEPTH_STEP = 1 / (_SCALE * NEAR_M)  # 1/m: what one step of a depth image stands for
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]
# Trying all filters on each row takes longer than the packing; where OpenCV can (4.11), one is set.
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _FAST += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
_FLAT = [*_FAST, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]  # for even areas
_HEAD = "# kapture format: 1.1\n"


def picture_path(folder: Path, camera: str, index: int) -> Path:
    """The JPEG of a frame."""
    return folder / "sensors" / "records_data" / camera / f"{index:06d}.jpg"


def truth_path(folder: Path, camera: str, index: int, kind: str) -> Path:
    """The PNG of a frame's truth of a kind: see above."""
    return folder / "truth" / camera / f"{index:06d}.{kind}.png"


def truth_images(rendering: Rendering) -> dict[str, NDArray[np.uint8] | NDArray[np.uint16]]:
    """The images that are written, by kind; channels as OpenCV orders them (B, G, R)."""
    with np.errstate(divide="ignore"):
        inverse = np.divide(_SCALE * NEAR_M, rendering.depth)
    np.rint(inverse, out=inverse)
    objects = np.zeros((*rendering.objects.shape, 3), dtype=np.uint16)
    some = np.nonzero(rendering.objects)
    uv = np.rint(_SCALE * np.clip(rendering.object_uv[some], 0, 1)).astype(np.uint16)
    objects[some] = np.column_stack([uv[:, ::-1], rendering.objects[some]])
    return {
        "depth": np.minimum(inverse, _SCALE, out=inverse).astype(np.uint16),
        "labels": rendering.labels,
        "instances": rendering.instances,
        "motions": rendering.motions,
        "objects": objects,
    }


def depth_of(image: NDArray[np.uint16]) -> FloatArray:
    """Metres (H, W) of a depth image, inf where there is nothing; its inverse is half a
    `DEPTH_STEP` off at most."""
    with np.errstate(divide="ignore"):
        return np.asarray(_SCALE * NEAR_M / image.astype(np.float64))


def objects_of(image: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Object ids (H, W) and (u, v) (H, W, 2) in [0, 1] of an object image in OpenCV's order."""
    uv = image[:, :, 1::-1].astype(np.float32) / np.float32(_SCALE)
    return np.ascontiguousarray(image[:, :, 2]), uv


def write_truth(folder: Path, camera: str, index: int, rendering: Rendering) -> None:
    """The truth of a frame."""
    for kind, image in truth_images(rendering).items():
        how = _FAST if kind == "depth" else _FLAT
        _, data = cv2.imencode(".png", image, how)
        write_whole(truth_path(folder, camera, index, kind), data.tobytes())


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """JPEG of an RGB image."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data.tobytes())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def write_tables(
    folder: Path,
    cameras: Sequence[MountedCamera],
    traversal: Traversal,
    odometry: WheelOdometry,
    inertial: InertialSamples,
) -> None:
    """All tables of a traversal, once its pictures are there."""
    sensors = folder / "sensors"
    stamps = traversal.stamps_ns(traversal.image_times)
    base_from_map = se3.inverse(traversal.trajectory.map_from_base(traversal.image_times))
    rows = [_camera_row(one.name, one.camera) for one in cameras]
    _table(sensors / "sensors.txt", "sensor_device_id, name, sensor_type, params", rows)
    pose = "qw, qx, qy, qz, tx, ty, tz"
    rows = [f"{RIG}, {one.name}, {_pose(se3.inverse(one.base_from_camera))}" for one in cameras]
    _table(sensors / "rigs.txt", f"rig_device_id, sensor_device_id, {pose}", rows)
    rows = [f"{s}, {RIG}, {_pose(p)}" for s, p in zip(stamps, base_from_map, strict=True)]
    _table(sensors / "trajectories.txt", f"timestamp, device_id, {pose}", rows)
    rows = [
        f"{stamp}, {one.name}, {one.name}/{index:06d}.jpg"
        for index, stamp in enumerate(stamps)
        for one in cameras
    ]
    _table(sensors / "records_camera.txt", "timestamp, device_id, image_path", rows)
    _write_motion(folder, traversal, odometry, inertial)


def write_view_tables(
    folder: Path,
    group: str,
    stamps: Sequence[int],
    cameras: Sequence[Camera],
    poses: Sequence[FloatArray],
) -> None:
    """The tables of pictures `group`/000000.jpg, each with a camera and `camera_from_map` (4, 4) of
    its own."""
    sensors, names = folder / "sensors", [f"view_{k:06d}" for k in range(len(poses))]
    rows = [_camera_row(name, camera) for name, camera in zip(names, cameras, strict=True)]
    _table(sensors / "sensors.txt", "sensor_device_id, name, sensor_type, params", rows)
    columns = "timestamp, device_id, qw, qx, qy, qz, tx, ty, tz"
    placed = zip(stamps, names, poses, strict=True)
    rows = [f"{stamp}, {name}, {_pose(pose)}" for stamp, name, pose in placed]
    _table(sensors / "trajectories.txt", columns, rows)
    taken = enumerate(zip(stamps, names, strict=True))
    rows = [f"{stamp}, {name}, {group}/{index:06d}.jpg" for index, (stamp, name) in taken]
    _table(sensors / "records_camera.txt", "timestamp, device_id, image_path", rows)


def _write_motion(
    folder: Path, traversal: Traversal, odometry: WheelOdometry, inertial: InertialSamples
) -> None:
    stamps = traversal.stamps_ns(traversal.odometry_times)
    states = zip(stamps, odometry.odom_from_base, odometry.twists, strict=True)
    rows = (f"{s}, {_pose(pose)}, {_numbers(twist)}" for s, pose, twist in states)
    columns = "timestamp, qw, qx, qy, qz, tx, ty, tz (odom_from_base), forward m/s, turn rad/s"
    _table(folder / "odometry.txt", columns, rows, "")
    samples = np.hstack([inertial.angular, inertial.specific_force])
    stamps = traversal.stamps_ns(traversal.imu_times)
    rows = (f"{s}, {_numbers(sample)}" for s, sample in zip(stamps, samples, strict=True))
    columns = "timestamp, wx, wy, wz (rad/s), fx, fy, fz (m/s2), in axes of imu_link"
    _table(folder / "imu.txt", columns, rows, "")


def _camera_row(name: str, camera: Camera) -> str:
    values: tuple[float, ...] = (camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion)
    if camera.model == "radtan":  # COLMAP's names; k3 and more only in the full model
        short = not any(camera.distortion[4:])
        model, length = ("OPENCV", 8) if short else ("FULL_OPENCV", 12)
        values = (*values, *(0.0,) * 8)[:length]
    else:
        model = {"pinhole": "PINHOLE", "fisheye": "OPENCV_FISHEYE"}[camera.model]
    size = f"{camera.width}, {camera.height}"
    return f"{name}, {name}, camera, {model}, {size}, {_numbers(values)}"


def _pose(pose: FloatArray) -> str:
    position, (x, y, z, w) = se3.to_quaternion_xyzw(pose)
    return _numbers((w, x, y, z, *position))


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(repr(float(value)) for value in values)


def _table(path: Path, columns: str, rows: Iterable[str], head: str = _HEAD) -> None:
    text = f"{head}# {columns}\n" + "".join(f"{row}\n" for row in rows)
    write_whole(path, text.encode())
