"""What the localizer receives: callbacks only store, the newest wins, nobody waits here."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry as OdometryMessage
from numpy.typing import NDArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.localization.serving import (
    MASKS_FLOW_NS,
    MASKS_KEPT,
    check_not_ahead,
    fitting_mask,
)
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.types import FloatArray

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CLICKED = QoSProfile(depth=1)  # reliable: it comes only once
# rclpy waits for QoS events one by one, at each turn of the executor; nothing that is offered
# can be incompatible with best effort and volatile, so there is nothing to wait for
NO_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image message and when it came (`time.monotonic`)."""

    message: Image | CompressedImage
    at_s: float


class Inputs:
    """The localizer's subscriptions, from construction until `close`.

    `odometry` is filled from the odom topic if one is given; `on_initial_pose` gets
    `map_from_base` and its covariance.
    """

    def __init__(
        self,
        node: Node,
        config: LocalizerNodeConfig,
        faults: Faults,
        odometry: OdometryBuffer | None,
        on_initial_pose: Callable[[FloatArray, FloatArray], None],
    ) -> None:
        self._node, self._config, self._faults = node, config, faults
        self._odometry, self._on_initial_pose = odometry, on_initial_pose
        self._changed = threading.Condition()
        self._image: Arrival | None = None
        self.image_came_ns: int | None = None  # by the node's clock
        self._masks: deque[Image] = deque(maxlen=MASKS_KEPT)
        self._mask_came_s = -np.inf
        self.camera_info: CameraInfo | None = None
        self._subscriptions: list[Any] = []
        self._subscribe()

    def take_image(self, timeout_s: float) -> Arrival | None:
        """The newest image that was not taken yet, or None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._image is not None, timeout_s)
            image, self._image = self._image, None
            return image

    def mask_for(
        self, stamp_ns: int, wait_s: float, max_age_s: float
    ) -> tuple[NDArray[np.uint8] | None, str]:
        """The mask of an image and which one it is: "exact", "last" (of an earlier image, not
        warped) or "none"; never that of a later image. Waits only while masks are flowing.
        InputError for a broken one."""
        with self._changed:
            if time.monotonic() - self._mask_came_s < MASKS_FLOW_NS * 1e-9:
                self._changed.wait_for(lambda: self._has_masks_to(stamp_ns), wait_s)
            masks = [(_stamp_ns(mask), mask) for mask in self._masks]
        mask, kind = fitting_mask(stamp_ns, masks, max_age_s)
        return None if mask is None else messages.mask_from(mask), kind

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def clear(self) -> None:
        """Forget what was received, as after a jump of the clock."""
        with self._changed:
            self._image = self.image_came_ns = None
            self._masks.clear()

    def _subscribe(self) -> None:
        compressed = self._config.image_transport == "compressed"
        self._on("image", CompressedImage if compressed else Image, self._store_image, NEWEST)
        self._on("camera_info", CameraInfo, self._store_camera_info, NEWEST)
        self._on("mask", Image, self._store_mask, NEWEST)
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
            self._image = Arrival(message, time.monotonic())
            self.image_came_ns = self._now_ns()
            self._changed.notify_all()

    def _store_mask(self, message: Image) -> None:
        with self._changed:
            self._masks.append(message)
            self._mask_came_s = time.monotonic()
            self._changed.notify_all()

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

    def _store_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        try:
            pose, covariance = messages.initial_pose_from(message, self._config.map_frame)
        except InputError as error:
            self._faults.say("initialpose", str(error))
            return
        self._on_initial_pose(pose, covariance)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _has_masks_to(self, stamp_ns: int) -> bool:
        return any(_stamp_ns(mask) >= stamp_ns for mask in self._masks)


def _stamp_ns(mask: Image) -> int:
    return messages.stamp_ns(mask.header.stamp)
