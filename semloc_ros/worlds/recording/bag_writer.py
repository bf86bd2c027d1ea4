"""A robot's recording as a ROS 2 bag, without ROS.

Topics and frames are those of any robot with cameras, wheels and an IMU (REP-103, REP-105), here
for a camera named `camera`: /camera/image_raw/compressed, /camera/camera_info, /odom, /tf (odom to
base_link), /imu/data (frame imu_link, no orientation), /tf_static (base_link to camera_optical and
imu_link), and the truth: /ground_truth/pose (base_link in map). A message is recorded when it
would arrive: images `IMAGE_DELAY_NS` after they are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.geometry import cameras, se3
from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.recording.sensors import BASE_FROM_IMU
from semloc_ros.worlds.recording.traversal import MountedCamera

IMAGE_DELAY_NS = 20_000_000
_DISTORTION_MODELS = {"pinhole": "plumb_bob", "radtan": "plumb_bob", "fisheye": "equidistant"}
_PICTURE = "sensor_msgs/msg/CompressedImage"
_TOPICS = {
    "/imu/data": "sensor_msgs/msg/Imu",
    "/odom": "nav_msgs/msg/Odometry",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
    "/ground_truth/pose": "geometry_msgs/msg/PoseStamped",
}


class RobotBagWriter:
    """Writes one bag; a context manager. Messages must come in the order of their stamps."""

    def __init__(
        self, folder: Path, storage: str, cameras: Sequence[MountedCamera], sigmas: FloatArray
    ) -> None:
        """`sigmas` (2,): of the gyroscope rad/s and of the accelerometer m/s²."""
        self._store = get_typestore(Stores.ROS2_JAZZY)
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        self._writer = Writer(folder, version=9, storage_plugin=plugin)
        self._cameras = cameras
        self._variances = [np.diag(np.full(3, sigma**2)).ravel() for sigma in sigmas]
        self._topics = dict(_TOPICS)
        for one in cameras:
            self._topics[f"/{one.name}/image_raw/compressed"] = _PICTURE
            self._topics[f"/{one.name}/camera_info"] = "sensor_msgs/msg/CameraInfo"
        self._delayed: list[tuple[int, str, Any]] = []

    def __enter__(self) -> RobotBagWriter:
        self._writer.open()
        self._connections = {
            topic: self._writer.add_connection(
                topic, kind, typestore=self._store, offered_qos_profiles=[_qos(topic)]
            )
            for topic, kind in self._topics.items()
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if kind is None:
            self._flush(None)
        self._writer.close()

    def static_transforms(self, stamp_ns: int) -> None:
        """Where cameras and IMU are on the robot."""
        mounts = [(one.frame, one.base_from_camera) for one in self._cameras]
        transforms = [
            self._transform(stamp_ns, "base_link", frame, pose)
            for frame, pose in [*mounts, ("imu_link", BASE_FROM_IMU)]
        ]
        self._write("/tf_static", stamp_ns, self._message("tf2_msgs/msg/TFMessage", transforms))

    def truth(self, stamp_ns: int, map_from_base: FloatArray) -> None:
        """The true pose of the robot."""
        header = self._header(stamp_ns, "map")
        pose = self._message("geometry_msgs/msg/PoseStamped", header, self._pose(map_from_base))
        self._write("/ground_truth/pose", stamp_ns, pose)

    def odometry(
        self, stamp_ns: int, odom_from_base: FloatArray, covariance: FloatArray,
        twist: FloatArray, twist_variances: FloatArray,
    ) -> None:  # fmt: skip
        """Wheel odometry and its transform; `twist` = forward m/s, turn rad/s, and the variances
        (6,) of all six rates."""
        transform = self._transform(stamp_ns, "odom", "base_link", odom_from_base)
        self._write("/tf", stamp_ns, self._message("tf2_msgs/msg/TFMessage", [transform]))
        pose = self._message(
            "geometry_msgs/msg/PoseWithCovariance", self._pose(odom_from_base), covariance.ravel()
        )
        linear, angular = self._vector(twist[0], 0.0, 0.0), self._vector(0.0, 0.0, twist[1])
        velocity = self._message(
            "geometry_msgs/msg/TwistWithCovariance",
            self._message("geometry_msgs/msg/Twist", linear, angular),
            np.diag(twist_variances).ravel(),
        )
        header = self._header(stamp_ns, "odom")
        message = self._message("nav_msgs/msg/Odometry", header, "base_link", pose, velocity)
        self._write("/odom", stamp_ns, message)

    def inertial(self, stamp_ns: int, angular: FloatArray, specific_force: FloatArray) -> None:
        """A sample of the IMU: turn rate (3,) rad/s and specific force (3,) m/s²."""
        no_turn = self._message("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)
        unknown = np.concatenate([[-1.0], np.zeros(8)])  # sensor_msgs: no orientation is given
        message = self._message(
            "sensor_msgs/msg/Imu", self._header(stamp_ns, "imu_link"), no_turn, unknown,
            self._vector(*angular), self._variances[0],
            self._vector(*specific_force), self._variances[1],
        )  # fmt: skip
        self._write("/imu/data", stamp_ns, message)

    def image(self, stamp_ns: int, jpeg: bytes, mounted: MountedCamera) -> None:
        """One picture and its calibration; both arrive `IMAGE_DELAY_NS` later."""
        header = self._header(stamp_ns, mounted.frame)
        # The wording of image_transport, which cv_bridge reads the encoding from.
        data = np.frombuffer(jpeg, dtype=np.uint8)
        picture = self._message(_PICTURE, header, "rgb8; jpeg compressed bgr8", data)
        arrival, name = stamp_ns + IMAGE_DELAY_NS, mounted.name
        info = self._camera_info(header, mounted.camera)
        self._delayed.append((arrival, f"/{name}/camera_info", info))
        self._delayed.append((arrival, f"/{name}/image_raw/compressed", picture))

    def _write(self, topic: str, stamp_ns: int, message: Any) -> None:
        self._flush(stamp_ns)
        self._record(topic, stamp_ns, message)

    def _flush(self, until_ns: int | None) -> None:
        """Records what was delayed and has arrived before `until_ns`."""
        while self._delayed and (until_ns is None or self._delayed[0][0] < until_ns):
            stamp_ns, topic, message = self._delayed.pop(0)
            self._record(topic, stamp_ns, message)

    def _record(self, topic: str, stamp_ns: int, message: Any) -> None:
        raw = self._store.serialize_cdr(message, message.__msgtype__)
        self._writer.write(self._connections[topic], stamp_ns, raw)

    def _message(self, kind: str, *fields: Any) -> Any:
        return self._store.types[kind](*fields)

    def _header(self, stamp_ns: int, frame: str) -> Any:
        stamp = self._message("builtin_interfaces/msg/Time", *divmod(int(stamp_ns), 10**9))
        return self._message("std_msgs/msg/Header", stamp, frame)

    def _vector(self, x: float, y: float, z: float) -> Any:
        return self._message("geometry_msgs/msg/Vector3", float(x), float(y), float(z))

    def _pose(self, pose: FloatArray) -> Any:
        position, quaternion = se3.to_quaternion_xyzw(pose)
        return self._message(
            "geometry_msgs/msg/Pose",
            self._message("geometry_msgs/msg/Point", *map(float, position)),
            self._message("geometry_msgs/msg/Quaternion", *map(float, quaternion)),
        )

    def _transform(self, stamp_ns: int, parent: str, child: str, pose: FloatArray) -> Any:
        position, quaternion = se3.to_quaternion_xyzw(pose)
        turn = self._message("geometry_msgs/msg/Quaternion", *map(float, quaternion))
        move = self._message("geometry_msgs/msg/Transform", self._vector(*position), turn)
        header = self._header(stamp_ns, parent)
        return self._message("geometry_msgs/msg/TransformStamped", header, child, move)

    def _camera_info(self, header: Any, camera: Camera) -> Any:
        matrix = cameras.intrinsic_matrix(camera)
        return self._message(
            "sensor_msgs/msg/CameraInfo", header, camera.height, camera.width,
            _DISTORTION_MODELS[camera.model], np.array(camera.distortion or (0.0,) * 5),
            matrix.ravel(), np.eye(3).ravel(), np.column_stack([matrix, np.zeros(3)]).ravel(),
            0, 0, self._message("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False),
        )  # fmt: skip


def _qos(topic: str) -> Qos:
    """Profiles as drivers offer them; /tf_static is latched."""
    latched = topic == "/tf_static"
    forever = QosTime(2147483647, 4294967295)
    return Qos(
        QosHistory.KEEP_LAST, 1 if latched else 10, QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        forever, forever, QosLiveliness.AUTOMATIC, forever, False,
    )  # fmt: skip
