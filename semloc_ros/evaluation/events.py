"""A recording as the stream of what arrives at a localizer, one event after the other."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.config import EvaluateConfig
from semloc_ros.datasets.bag_images import IMAGE_TYPES, decode_image, decode_labels
from semloc_ros.datasets.bag_reader import connections, messages, open_bag, stamp_of, topics
from semloc_ros.datasets.bags import poses
from semloc_ros.datasets.camera_info import camera_from_info
from semloc_ros.errors import DatasetError, InputError, SemlocError, expected
from semloc_ros.evaluation.stream import (
    CAMERA,
    IMAGE,
    IMU,
    LABELS,
    MASK,
    OBJECTS,
    ODOMETRY,
    PLACES,
    Event,
)
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.localization.gravity import imu_sample
from semloc_ros.localization.object_clouds import matches_from
from semloc_ros.localization.odometry_noise import covariance_of
from semloc_ros.localization.place_clouds import places_from
from semloc_ros.types import Camera

_INFO, _ODOM = "sensor_msgs/msg/CameraInfo", "nav_msgs/msg/Odometry"
_IMU = "sensor_msgs/msg/Imu"
_CLOUDS = ("sensor_msgs/msg/PointCloud2",)
COMPANIONS = {MASK: IMAGE_TYPES, LABELS: IMAGE_TYPES, PLACES: _CLOUDS, OBJECTS: _CLOUDS}


def image_topic_of(bag: Path, topic: str) -> str:
    """The topic, or the same with /compressed where only that is in the bag."""
    compressed = f"{topic}/compressed"
    there = topics(bag)
    return compressed if topic not in there and compressed in there else topic


def bag_events(bag: Path, config: EvaluateConfig) -> Iterator[Event]:
    """What the localizer node would get of the bag, in the order of recording.

    Raises DatasetError for a topic that is missing or of another type.
    """
    chosen = _topics_of(bag, config)
    recorded = _recorded(bag, chosen, config)
    if config.odometry != "tf":
        yield from recorded
        return
    late_ns = _lateness(bag, image_topic_of(bag, config.topics.image))
    yield from heapq.merge(recorded, _of_tf(bag, config, late_ns), key=lambda event: event.at_ns)


def _topics_of(bag: Path, config: EvaluateConfig) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By topic its kind of event and the types of message that it may hold."""
    named = config.topics
    chosen = {
        image_topic_of(bag, named.image): (IMAGE, IMAGE_TYPES),
        named.camera_info: (CAMERA, (_INFO,)),
    }
    if config.odometry == "topic":
        chosen[named.odom] = (ODOMETRY, (_ODOM,))
    if config.gravity == "imu":
        chosen[named.imu] = (IMU, (_IMU,))
    for kind, types in COMPANIONS.items():
        if topic := getattr(named, kind):
            chosen[topic] = (kind, types)
    return chosen


def _recorded(
    bag: Path, chosen: dict[str, tuple[str, tuple[str, ...]]], config: EvaluateConfig
) -> Iterator[Event]:
    with open_bag(bag) as reader:
        wanted = [
            one
            for topic, (_, types) in chosen.items()
            for one in connections(reader, bag, topic, types)
        ]
        for connection, time_ns, raw in reader.messages(wanted):
            message = reader.deserialize(raw, connection.msgtype)
            kind = chosen[connection.topic][0]
            stamp = stamp_of(message.header)
            try:
                value = _value(kind, connection.topic, message, config)
            except SemlocError as error:
                value = error
            frame = str(message.header.frame_id).lstrip("/")
            covariance = covariance_of(message.pose.covariance) if kind == ODOMETRY else None
            yield Event(time_ns, stamp, kind, value, stamp, frame, covariance)


def _value(kind: str, topic: str, message: Any, config: EvaluateConfig) -> Any:
    if kind == CAMERA:
        return _rectified(topic, message) if config.rectified else camera_from_info(topic, message)
    if kind == ODOMETRY:
        return _odometry(topic, message, config)
    if kind == IMU:
        return imu_sample(message)
    return companion_value(kind, topic, message, config.map_frame)


def companion_value(kind: str, topic: str, message: Any, map_frame: str) -> Any:
    """Of a message of one of `COMPANIONS`, or an image, the value that an event has. Raises
    SemlocError for a broken one."""
    if kind == PLACES:
        return places_from(message, map_frame)
    if kind == OBJECTS:
        return matches_from(message, map_frame)
    return decode_labels(topic, message) if kind == LABELS else decode_image(topic, message)


def _rectified(topic: str, message: Any) -> Camera:
    """By P and without distortion."""
    matrix = np.array(getattr(message, "p", None) if hasattr(message, "p") else message.P)
    fx, cx, fy, cy = (float(matrix[place]) for place in (0, 2, 5, 6))
    camera = Camera("pinhole", int(message.width), int(message.height), fx, fy, cx, cy)
    return check_camera(topic, camera)


def _odometry(topic: str, message: Any, config: EvaluateConfig) -> Any:
    from semloc_ros.geometry import se3

    frames = tuple(
        str(name).lstrip("/") for name in (message.header.frame_id, message.child_frame_id)
    )
    if frames != (config.odom_frame, config.base_frame):
        wanted = f"frames {config.odom_frame} and {config.base_frame}"
        raise InputError(expected(topic, wanted, f"{frames[0]!r} and {frames[1]!r}"))
    place, turn = message.pose.pose.position, message.pose.pose.orientation
    return se3.from_quaternion_xyzw(
        (place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w)
    )


def _of_tf(bag: Path, config: EvaluateConfig, late_ns: int) -> Iterator[Event]:
    """Odometry of the tf tree; it arrives as late as images do."""
    if topics(bag).get("/tf") is None:
        raise DatasetError(expected(str(bag), "a topic /tf", ", ".join(sorted(topics(bag)))))
    stamps, odom_from_base = poses(
        bag, "/tf", base_frame=config.base_frame, map_frame=config.odom_frame,
        max_gap_s=config.odometry_max_gap,
    )  # fmt: skip
    for stamp, pose in zip(stamps, odom_from_base, strict=True):
        yield Event(int(stamp) + late_ns, int(stamp), ODOMETRY, pose, int(stamp))


def _lateness(bag: Path, image_topic: str) -> int:
    """Median time from the stamp of an image to its recording; clocks may differ."""
    late = [
        time_ns - stamp_of(message.header)
        for time_ns, message in messages(bag, image_topic, IMAGE_TYPES)
    ]
    return int(np.median(late)) if late else 0
