"""Robot recordings as the values of `types`: posed images, odometry, poses, cameras.

A bag is a folder or file of ROS 2 (sqlite3 or mcap, any version) or a ROS 1 file. Frames
follow REP-103 and REP-105; the camera's frame is that of the image's header (optical). What
is missing or broken is a DatasetError of one line that says what is there.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.datasets.bag_images import IMAGE_TYPES, ImageSource, decode_image
from semloc_ros.datasets.bag_reader import messages, stamp_of, topics
from semloc_ros.datasets.bag_transforms import (
    TF_TYPES,
    Stamps,
    interpolate_poses,
    sorted_by_stamp,
    static_transform,
    transforms,
)
from semloc_ros.datasets.camera_info import camera_from_info
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, CameraImage, FloatArray, Odometry, PosedImage

_ODOMETRY = "nav_msgs/msg/Odometry"
_WITH_COVARIANCE = "geometry_msgs/msg/PoseWithCovarianceStamped"
POSE_TYPES = ("geometry_msgs/msg/PoseStamped", _WITH_COVARIANCE, _ODOMETRY)
_INFO = "sensor_msgs/msg/CameraInfo"

__all__ = [
    "camera",
    "images",
    "images_at",
    "odometry",
    "posed_images",
    "poses",
    "static_transform",
    "topics",
]


def posed_images(
    bag: Path, image_topic: str, camera_info_topic: str | Camera, pose_topic: str,
    *, base_frame: str = "base_link", map_frame: str = "map",
    base_from_camera: FloatArray | None = None, max_gap_s: float = 0.5,
) -> list[PosedImage]:  # fmt: skip
    """The images of a topic, each with its pose; pixels are read on demand.

    `camera_info_topic` may be the camera itself, for bags without calibration. `pose_topic`
    holds poses of `base_frame` (of the message's child frame, if it names one) in the map;
    or it is "/tf", then the poses are `map_frame` to `base_frame`. The camera's place on the
    base comes from /tf_static, unless `base_from_camera` is given. Poses are interpolated to
    the image stamps; images outside the time covered, or in a gap longer than `max_gap_s`,
    are left out. DatasetError if the messages say that their poses are in another frame than
    `map_frame`.
    """
    _check_frame(bag, pose_topic, map_frame)
    trajectory = poses(
        bag, pose_topic, base_frame=base_frame, map_frame=map_frame, max_gap_s=max_gap_s
    )
    body = "" if base_from_camera is not None else _body_frame(bag, pose_topic, base_frame)
    return images_at(
        bag, image_topic, camera_info_topic, *trajectory, base_frame=body,
        base_from_camera=base_from_camera, max_gap_s=max_gap_s,
    )  # fmt: skip


def images_at(
    bag: Path, image_topic: str, camera_info_topic: str | Camera, stamps: Stamps,
    map_from_base: FloatArray, *, base_frame: str = "base_link",
    base_from_camera: FloatArray | None = None, max_gap_s: float = 0.5,
) -> list[PosedImage]:  # fmt: skip
    """The images of a topic with poses of the base from elsewhere: rising `stamps` (N,) ns and
    `map_from_base` (N, 4, 4). All else as in `posed_images`."""
    lens, times, image_stamps, frame = _images(bag, image_topic, camera_info_topic)
    if base_from_camera is None:
        base_from_camera = static_transform(bag, base_frame, frame)
    at_images, good = interpolate_poses(stamps, map_from_base, image_stamps, max_gap_s)
    if not good.any():
        got = f"{len(good)} images, none within {max_gap_s} s of poses"
        raise DatasetError(expected(f"{bag} {image_topic}", "images with poses", got))
    camera_from_map = se3.inverse(at_images @ base_from_camera)
    source = ImageSource(bag, image_topic, lens)
    return [
        PosedImage(
            _image_name(image_topic, int(image_stamps[i])),
            int(image_stamps[i]),
            lens,
            camera_from_map[i],
            partial(source.read, int(times[i]), int(image_stamps[i])),
        )
        for i in np.flatnonzero(good)
    ]


def images(bag: Path, image_topic: str, camera_info_topic: str | Camera) -> list[CameraImage]:
    """The images of a topic, of which no poses are known; names as in `posed_images`."""
    lens, times, stamps, _ = _images(bag, image_topic, camera_info_topic)
    source = ImageSource(bag, image_topic, lens)
    return [
        CameraImage(
            _image_name(image_topic, int(stamp)), int(stamp), lens,
            partial(source.read, int(time), int(stamp)),
        )
        for time, stamp in zip(times, stamps, strict=True)
    ]  # fmt: skip


def odometry(bag: Path, topic: str) -> list[Odometry]:
    """Wheel odometry in the order of its stamps; an all-zero covariance is None."""
    stamps: list[int] = []
    lists: tuple[list[Any], list[Any]] = ([], [])
    covariances: dict[int, FloatArray | None] = {}
    for _, message in messages(bag, topic, (_ODOMETRY,)):
        stamps.append(stamp_of(message.header))
        _append(message.pose.pose, *lists)
        covariance = np.array(message.pose.covariance, dtype=np.float64).reshape(6, 6)
        covariances.setdefault(stamps[-1], covariance if covariance.any() else None)
    ordered, odom_from_base = sorted_by_stamp(f"{bag} {topic}", stamps, *lists)
    return [
        Odometry(int(stamp), pose, covariances[int(stamp)])
        for stamp, pose in zip(ordered, odom_from_base, strict=True)
    ]


def poses(
    bag: Path, topic: str, *, base_frame: str = "base_link", map_frame: str = "map",
    max_gap_s: float = 0.5,
) -> tuple[Stamps, FloatArray]:  # fmt: skip
    """Rising stamps (N,) ns and `map_from_x` (N, 4, 4) of a topic of PoseStamped,
    PoseWithCovarianceStamped or Odometry; of "/tf", `map_frame` from `base_frame`, except
    where one of the transforms between them has a gap longer than `max_gap_s`.
    The poses of messages are in the frame of their header, whatever it is."""
    if topics(bag).get(topic) in TF_TYPES:
        return transforms(bag, map_frame, base_frame, max_gap_s)
    stamps: list[int] = []
    lists: tuple[list[Any], list[Any]] = ([], [])
    for _, message in messages(bag, topic, POSE_TYPES):
        stamps.append(stamp_of(message.header))
        _append(getattr(message.pose, "pose", message.pose), *lists)
    return sorted_by_stamp(f"{bag} {topic}", stamps, *lists)


def camera(bag: Path, topic: str) -> Camera:
    """The camera of the first CameraInfo on the topic, for the unrectified image."""
    for _, message in messages(bag, topic, (_INFO,)):
        return camera_from_info(f"{bag} {topic}", message)
    raise DatasetError(expected(f"{bag} {topic}", "a CameraInfo", "no messages"))


def _image_name(topic: str, stamp_ns: int) -> str:
    return f"{topic.strip('/').replace('/', '_')}/{stamp_ns}"


def _images(
    bag: Path, topic: str, camera_info_topic: str | Camera
) -> tuple[Camera, Stamps, Stamps, str]:
    """The camera of a topic of images, and of each image what `_image_stamps` says."""
    lens = (
        camera(bag, camera_info_topic) if isinstance(camera_info_topic, str) else camera_info_topic
    )
    return lens, *_image_stamps(bag, topic, lens)


def _image_stamps(bag: Path, topic: str, lens: Camera) -> tuple[Stamps, Stamps, str]:
    """Record times (N,), header stamps (N,), frame; checks that image and camera fit."""
    times: list[int] = []
    stamps: list[int] = []
    frame = ""
    for time_ns, message in messages(bag, topic, IMAGE_TYPES):
        if not stamps:
            frame = message.header.frame_id.lstrip("/")
            height, width = decode_image(f"{bag} {topic}", message).shape[:2]
            if (width, height) != (lens.width, lens.height):
                wanted = f"{lens.width}x{lens.height} as in camera_info"
                raise DatasetError(expected(f"{bag} {topic}", wanted, f"{width}x{height}"))
        times.append(time_ns)
        stamps.append(stamp_of(message.header))
    if not stamps:
        raise DatasetError(expected(f"{bag} {topic}", "images", "no messages"))
    return np.array(times, dtype=np.int64), np.array(stamps, dtype=np.int64), frame


def _check_frame(bag: Path, topic: str, map_frame: str) -> None:
    """Raise DatasetError if poses are in another frame; messages may leave theirs empty."""
    if topics(bag).get(topic) in TF_TYPES:
        return
    frames = {one.header.frame_id.lstrip("/") for _, one in messages(bag, topic, POSE_TYPES)}
    others = ", ".join(sorted(frames - {"", map_frame.lstrip("/")}))
    if others:
        wanted = f"poses in the frame {map_frame} (map_frame, --map-frame)"
        raise DatasetError(expected(f"{bag} {topic}", wanted, others))


def _body_frame(bag: Path, pose_topic: str, base_frame: str) -> str:
    """The frame whose pose a topic holds."""
    if topics(bag)[pose_topic] != _ODOMETRY:
        return base_frame
    _, message = next(iter(messages(bag, pose_topic, (_ODOMETRY,))))
    return str(message.child_frame_id).lstrip("/") or base_frame


def _append(pose: Any, positions: list[Any], quaternions: list[Any]) -> None:
    place, turn = pose.position, pose.orientation
    positions.append((place.x, place.y, place.z))
    quaternions.append((turn.x, turn.y, turn.z, turn.w))
