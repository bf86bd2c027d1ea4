"""Where a camera was by odometry at an image: odometry of the base, and the mount by tf."""

from __future__ import annotations

from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from std_msgs.msg import Header

from semloc_ros.config import PlaceRetrieverNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.nodes.transforms import TransformReader, make_odometry
from semloc_ros.types import FloatArray


class CameraOdometry:
    """Listens from construction until `close`; what is missing is said, and None."""

    def __init__(self, node: Node, config: PlaceRetrieverNodeConfig, faults: Faults) -> None:
        self._node, self._config, self._faults = node, config, faults
        self._transforms = TransformReader(node)
        self._source = make_odometry(config, self._transforms)
        self._subscription = None
        if isinstance(self._source, OdometryBuffer):
            self._subscription = node.create_subscription(
                OdometryMessage, "odom", self._store, qos_profile_sensor_data,
                event_callbacks=NO_EVENTS,
            )  # fmt: skip

    def at(self, header: Header) -> FloatArray | None:
        """`odom_from_camera` (4, 4) at an image's stamp."""
        config, stamp = self._config, messages.stamp_ns(header.stamp)
        if self._source.newest is None:  # nothing to wait for
            return None
        wait_s = config.odometry_wait_ms / 1e3
        odom_from_base = self._source.at(stamp, wait_s)
        if odom_from_base is None:
            return None
        camera = messages.frame_of(header.frame_id)
        try:
            mount = self._transforms.lookup(config.base_frame, camera, stamp, wait_s)
        except InputError as error:
            self._faults.say("missing_transform", str(error))
            return None
        pose: FloatArray = odom_from_base @ mount
        return pose

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        self._source.clear()
        self._transforms.clear()

    def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._transforms.close()

    def _store(self, message: OdometryMessage) -> None:
        assert isinstance(self._source, OdometryBuffer)
        config = self._config
        try:
            sample = messages.odometry_from(message, config.odom_frame, config.base_frame)
        except InputError as error:
            self._faults.say("odom", str(error))
            return
        self._source.add(sample)
