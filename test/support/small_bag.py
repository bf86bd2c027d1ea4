"""A bag of two seconds, and localizers that need no map: for what is around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.config import EvaluateConfig
from semloc_ros.geometry import se3
from semloc_ros.options import from_mapping
from semloc_ros.types import Correspondences, Frame, PoseEstimate

STORE = get_typestore(Stores.ROS2_JAZZY)
S = 1_000_000_000
START = 1_700_000_000 * S
COUNT = 10


def new(kind: str, *fields: Any) -> Any:
    return STORE.types[kind](*fields)


def header(stamp_ns: int, frame: str) -> Any:
    time = new("builtin_interfaces/msg/Time", stamp_ns // S, stamp_ns % S)
    return new("std_msgs/msg/Header", time, frame)


def pose(x: float) -> Any:
    place = new("geometry_msgs/msg/Point", x, 2.0, 0.0)
    turn = new("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)
    return new("geometry_msgs/msg/Pose", place, turn)


def image(stamp_ns: int, pixels: np.ndarray, encoding: str) -> Any:
    height, width = pixels.shape[:2]
    return new(
        "sensor_msgs/msg/Image", header(stamp_ns, "camera"), height, width, encoding, 0,
        pixels.nbytes // height, pixels.ravel().view(np.uint8),
    )  # fmt: skip


def camera_info(stamp_ns: int) -> Any:
    k = np.array([60, 0, 31.5, 0, 60, 23.5, 0, 0, 1.0])
    p = np.array([50, 0, 31.5, 0, 0, 50, 23.5, 0, 0, 0, 1.0, 0])
    region = new("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
    return new(
        "sensor_msgs/msg/CameraInfo", header(stamp_ns, "camera"), 48, 64, "plumb_bob",
        np.array([0.1, 0, 0, 0, 0.0]), k, np.eye(3).ravel(), p, 0, 0, region,
    )  # fmt: skip


def odometry(stamp_ns: int, x: float) -> Any:
    zero = new("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
    twist = new("geometry_msgs/msg/Twist", zero, zero)
    return new(
        "nav_msgs/msg/Odometry", header(stamp_ns, "odom"), "base_link",
        new("geometry_msgs/msg/PoseWithCovariance", pose(x), np.zeros(36)),
        new("geometry_msgs/msg/TwistWithCovariance", twist, np.zeros(36)),
    )  # fmt: skip


def imu(stamp_ns: int) -> Any:
    """At rest, tilted; of no orientation."""
    still = new("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
    force = new("geometry_msgs/msg/Vector3", 9.81 * 0.6, 0.0, 9.81 * 0.8)
    unknown = np.array([-1.0, *np.zeros(8)])
    turn = new("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 0.0)
    return new(
        "sensor_msgs/msg/Imu", header(stamp_ns, "camera"), turn, unknown, still, np.zeros(9),
        force, np.zeros(9),
    )  # fmt: skip


def transform(stamp_ns: int, parent: str, child: str, x: float) -> Any:
    move = new("geometry_msgs/msg/Vector3", x, 0.0, 0.5)
    turn = new("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)
    one = new(
        "geometry_msgs/msg/TransformStamped", header(stamp_ns, parent), child,
        new("geometry_msgs/msg/Transform", move, turn),
    )  # fmt: skip
    return new("tf2_msgs/msg/TFMessage", [one])


@contextmanager
def writing(path: Path) -> Iterator[Callable[[str, int, Any], None]]:
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}

        def write(topic: str, at_ns: int, message: Any) -> None:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], at_ns, STORE.serialize_cdr(message, kind))

        yield write


def write_drive(path: Path) -> Path:
    """Two seconds of a robot at x = t: five images a second, 10 ms late; odometry and tf twenty
    times a second; masks of the even images; the camera 0.3 m before the base."""
    with writing(path) as write:
        write("/tf_static", START, transform(START, "base_link", "camera", 0.3))
        for step in range(-1, 20 * 2 + 1):
            stamp = START + step * S // 20
            write("/odom", stamp, odometry(stamp, step / 20 + 5))
            write("/tf", stamp, transform(stamp, "odom", "base_link", step / 20 + 5))
            stamped = new("geometry_msgs/msg/PoseStamped", header(stamp, "map"), pose(step / 20))
            write("/ground_truth/pose", stamp, stamped)
        for number in range(COUNT):
            stamp = START + number * S // 5
            at = stamp + 10_000_000
            pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)
            pixels[0, 0] = number + 1
            write("/camera/camera_info", at, camera_info(stamp))
            write("/camera/image_raw", at, image(stamp, pixels, "rgb8"))
            if number % 2 == 0:
                mask = np.zeros((48, 64), np.uint8)
                write("/mask", at + 1, image(stamp, mask, "mono8"))
            labels = np.full((48, 64), number + 300, "<u2")
            write("/labels", at + 2, image(stamp, labels, "mono16"))
            write("/imu/data", stamp, imu(stamp))
    return path


class Oracle:
    """Reads the number of an image from its pixels, and is where that image was taken."""

    def localize(self, frame: Any, prior: Any = None) -> PoseEstimate:
        x = (int(frame.image[0, 0, 0]) - 1) / 5
        map_from_camera = se3.make_pose(np.eye(3), np.array([x + 0.3, 2.0, 0.5]))
        rows = Correspondences(
            np.zeros((99, 2)), np.zeros((99, 3)), np.ones(99), np.ones(99), np.arange(99)
        )
        covariance = np.diag([1e-4] * 3 + [1e-6] * 3)
        return PoseEstimate(frame.stamp_ns, se3.inverse(map_from_camera), covariance, rows, 120)


class Watching(Oracle):
    """Keeps the frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def localize(self, frame: Any, prior: Any = None) -> PoseEstimate:
        self.frames.append(frame)
        return super().localize(frame, prior)


def config(**options: Any) -> EvaluateConfig:
    return from_mapping(EvaluateConfig, {"map": "/maps/gallery", **options})
