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
from semloc_ros.localization import object_clouds, place_clouds
from semloc_ros.localization.point_clouds import layout_of
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


def cloud(stamp_ns: int, frame: str, kinds: dict[str, int], rows: np.ndarray) -> Any:
    """A PointCloud2 of rows of `layout_of(kinds)`."""
    fields = [
        new("sensor_msgs/msg/PointField", name, rows.dtype.fields[name][1], kind, 1)
        for name, kind in kinds.items()
    ]
    size = rows.dtype.itemsize
    return new(
        "sensor_msgs/msg/PointCloud2", header(stamp_ns, frame), 1, len(rows), fields, False, size,
        rows.nbytes, np.frombuffer(rows.tobytes(), np.uint8), True,
    )  # fmt: skip


def places(stamp_ns: int, view: int, frame: str = "map") -> Any:
    """One place: a view of the map, two metres along x, unturned."""
    rows = np.zeros(1, layout_of(place_clouds.KINDS))
    rows["x"], rows["qw"], rows["score"], rows["view"] = 2.0, 1.0, 0.5, view
    return cloud(stamp_ns, frame, place_clouds.KINDS, rows)


def objects(stamp_ns: int, row: int, count: int = 3) -> Any:
    """Matches of the map's object of that row."""
    rows = np.zeros(count, layout_of(object_clouds.KINDS))
    rows["u"], rows["v"], rows["z"], rows["sigma"] = np.arange(count), 7.0, 4.0, 1.0
    rows["object"], rows["score"] = row, 0.9
    return cloud(stamp_ns, "map", object_clouds.KINDS, rows)


def write_drive(path: Path, clouds: bool = False) -> Path:
    """Two seconds of a robot at x = t: five images a second, 10 ms late; odometry and tf twenty
    times a second; masks of the even images; the camera 0.3 m before the base. With `clouds` also
    places and objects of each image, 20 ms after it, of the image's number."""
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
            if clouds:
                write("/places", at + 20_000_000, places(stamp, number))
                write("/objects", at + 20_000_000, objects(stamp, number))
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
