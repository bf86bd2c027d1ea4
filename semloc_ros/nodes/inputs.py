"""What the localizer receives: callbacks only store, the newest wins, nobody waits here."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, PointCloud2

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.companions import LABELS, MASK, OBJECTS, PLACES, Companions, Joined
from semloc_ros.localization.gravity import ImuGravity, imu_sample
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.localization.serving import check_not_ahead
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.newest import NEWEST, NO_EVENTS, Arrival
from semloc_ros.types import FloatArray, Odometry

CLICKED = QoSProfile(depth=1)  # reliable: it comes only once
CORRESPONDENCES = "correspondences"  # the topic of what objects say of an image
_IMAGES = 10  # that may still get their label maps and objects


class Inputs:
    """The localizer's subscriptions, from construction until `close`.

    `odometry` is filled from the odom topic if one is given, and `on_odometry` told of each newer
    sample; `on_initial_pose` gets `map_from_base` and its covariance.
    """

    def __init__(
        self,
        node: Node,
        config: LocalizerNodeConfig,
        faults: Faults,
        odometry: OdometryBuffer | None,
        on_odometry: Callable[[Odometry, OdometryMessage], None],
        on_initial_pose: Callable[[FloatArray, FloatArray], None],
    ) -> None:
        self._node, self._config, self._faults = node, config, faults
        self._odometry, self._on_odometry = odometry, on_odometry
        self._on_initial_pose = on_initial_pose
        self._changed = threading.Condition()
        self._images: deque[Arrival] = deque(maxlen=_IMAGES)
        self._taken_ns: int | None = None  # when the wait for the companions of an image began
        self.image_came_ns: int | None = None  # by the node's clock
        self._companions = Companions()
        self.imu = ImuGravity()
        self.camera_info: CameraInfo | None = None
        self._subscriptions: list[Any] = []
        self._subscribe()

    def take_image(self, timeout_s: float, config: LocalizerNodeConfig) -> Arrival | None:
        """The newest image that was not taken yet, or None after the timeout.

        While label maps or objects flow, the newest that got its own in time: a network that is
        slower than the camera has them not of every image, and the newest would never be one of
        those.
        """
        waits = {LABELS: config.labels_wait_ms, OBJECTS: config.objects_wait_ms}
        with self._changed:
            self._changed.wait_for(lambda: self._images, timeout_s)
            began = now = time.monotonic_ns()
            while self._images:
                chosen, has = self._most_complete(waits)
                flowing = {one for one in waits if self._companions.flows(one, now)}
                end = began + round(max((waits[one] for one in flowing), default=0.0) * 1e6)
                if has >= flowing or now >= end:
                    self._taken_ns = began
                    while self._images.popleft() is not chosen:
                        pass  # older ones; newer ones may still get theirs
                    return chosen
                self._changed.wait((end - now) * 1e-9)
                now = time.monotonic_ns()
            return None

    def _most_complete(self, waits: Mapping[str, float]) -> tuple[Arrival, set[str]]:
        """Of the images with most of what came in time, in ms, the newest; and what it has."""
        each = [(image, self._in_time(image, waits)) for image in reversed(self._images)]
        return max(each, key=lambda one: len(one[1]))

    def _in_time(self, image: Arrival, waits: Mapping[str, float]) -> set[str]:
        stamp = messages.stamp_ns(image.message.header.stamp)
        came = {one: self._companions.came_ns(one, stamp) for one in waits}
        latest = {one: image.at_s * 1e9 + round(wait * 1e6) for one, wait in waits.items()}
        return {one for one, when in came.items() if when is not None and when <= latest[one]}

    def companions_of(self, stamp_ns: int, config: LocalizerNodeConfig) -> dict[str, Joined]:
        """By name the messages that are the mask, the labels, the places and the objects of an
        image, and which they are. Waits for them, but only while they flow, and since the image was
        asked for."""
        now = time.monotonic_ns()
        with self._changed:
            began, self._taken_ns = self._taken_ns or now, None
            while now < (end := self._companions.wait_until_ns(stamp_ns, began, now, config)):
                self._changed.wait((end - now) * 1e-9)
                now = time.monotonic_ns()
            return self._companions.join(stamp_ns, config)

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def clear(self) -> None:
        """Forget what was received, as after a jump of the clock."""
        with self._changed:
            self._images.clear()
            self.image_came_ns = None
            self._companions.clear()
        self.imu.clear()

    def _subscribe(self) -> None:
        compressed = self._config.image_transport == "compressed"
        self._on("image", CompressedImage if compressed else Image, self._store_image, NEWEST)
        self._on("camera_info", CameraInfo, self._store_camera_info, NEWEST)
        for name in (MASK, LABELS):
            self._on(name, Image, partial(self._store_companion, name), NEWEST)
        for topic, name in ((PLACES, PLACES), (CORRESPONDENCES, OBJECTS)):
            self._on(topic, PointCloud2, partial(self._store_companion, name), NEWEST)
        if self._config.gravity == "imu":
            self._on("imu", Imu, self._store_imu, qos_profile_sensor_data)
        self._on("initialpose", PoseWithCovarianceStamped, self._store_initial_pose, CLICKED)
        if self._odometry is not None:
            # every sample counts for interpolation, so the newest alone would not do
            self._on("odom", OdometryMessage, self._store_odometry, qos_profile_sensor_data)

    def _on(self, topic: str, kind: type, callback: Callable[[Any], None], qos: QoSProfile) -> None:
        events = NO_EVENTS if qos.reliability is ReliabilityPolicy.BEST_EFFORT else None
        self._subscriptions.append(
            self._node.create_subscription(kind, topic, callback, qos, event_callbacks=events)
        )

    def _store_image(self, message: Image | CompressedImage) -> None:
        with self._changed:
            self._images.append(Arrival(message, time.monotonic()))
            self.image_came_ns = self._now_ns()
            self._changed.notify_all()

    def _store_companion(self, name: str, message: Image | PointCloud2) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        with self._changed:
            self._companions.add(name, stamp, message, time.monotonic_ns())
            self._changed.notify_all()

    def _store_imu(self, message: Imu) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        try:
            check_not_ahead("imu", stamp, self._now_ns())
            self.imu.add(stamp, imu_sample(message))
        except InputError as error:
            self._faults.say("imu", str(error))

    def _store_camera_info(self, message: CameraInfo) -> None:
        self.camera_info = message

    def _store_odometry(self, message: OdometryMessage) -> None:
        assert self._odometry is not None
        try:
            sample = messages.odometry_from(
                message, self._config.odom_frame, self._config.base_frame
            )
            check_not_ahead("odom", sample.stamp_ns, self._now_ns())
        except InputError as error:
            self._faults.say("odom", str(error))
            return
        self._odometry.add(sample)
        if self._odometry.newest is sample:  # not one that came out of order
            self._on_odometry(sample, message)

    def _store_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        try:
            pose, covariance = messages.initial_pose_from(message, self._config.map_frame)
        except InputError as error:
            self._faults.say("initialpose", str(error))
            return
        self._on_initial_pose(pose, covariance)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)
