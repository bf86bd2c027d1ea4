"""What the localizer publishes: pose, odometry, particles, status, overlay, diagnostics."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry as OdometryMessage
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from semloc_ros.localization.outcomes import Fix
from semloc_ros.localization.particles import Particles, evenly
from semloc_ros.localization.states import Standing
from semloc_ros.nodes import messages
from semloc_ros.nodes.status import LATCHED, StatusTopic, quiet_publisher
from semloc_ros.types import FloatArray, State

_MOST_PARTICLES = 1000
_LEVELS = {
    State.UNINITIALIZED: DiagnosticStatus.WARN,
    State.BOOTSTRAPPING: DiagnosticStatus.WARN,
    State.TRACKING: DiagnosticStatus.OK,
    State.DEGRADED: DiagnosticStatus.WARN,
    State.LOST: DiagnosticStatus.ERROR,
}


class Outputs:
    """The localizer's publishers; they live as long as the node, so that status tells of
    every lifecycle state. Its methods are called from the worker and the executor."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pose = self._pose_publisher()
        self._odometry = quiet_publisher(node, OdometryMessage, "~/odometry", 10)
        self._hypotheses = quiet_publisher(node, PoseArray, "~/hypotheses", 1)
        self._particles = quiet_publisher(node, PoseArray, "~/particles", 1)
        self._status = StatusTopic(node)
        self._overlay = quiet_publisher(node, Image, "~/overlay", 1)
        self._lock = threading.Lock()
        self._last_word = ("", "")
        self._last_values: Mapping[str, object] = {}

    def publish_fix(self, fix: Fix, frame: str) -> None:
        """The pose of the base in the map at the image's stamp."""
        message = messages.to_pose_with_covariance(
            fix.map_from_base, fix.covariance, frame, fix.stamp_ns
        )
        with self._lock:
            self._pose.publish(message)

    def forget_pose(self) -> None:
        """The latched pose is no longer true: a late subscriber must not get it. DDS takes it
        back only with its publisher."""
        with self._lock:
            self._node.destroy_publisher(self._pose)
            self._pose = self._pose_publisher()

    def publish_hypotheses(
        self, poses: tuple[FloatArray, ...], frame: str, stamp_ns: int
    ) -> None:
        """Poses that wait for a second one to confirm them; also none, so that they go away."""
        self._hypotheses.publish(messages.to_pose_array(poses, frame, stamp_ns))

    def wants_odometry(self) -> bool:
        """Whether anybody listens."""
        return self._odometry.get_subscription_count() > 0

    def publish_odometry(
        self, pose: FloatArray, covariance: FloatArray, source: OdometryMessage, frame: str
    ) -> None:
        """The pose (4, 4) and covariance (6, 6) of the base in `frame` at the stamp of a message
        of odometry, with its twist."""
        self._odometry.publish(messages.to_odometry(pose, covariance, source, frame))

    def publish_particles(self, particles: Particles, frame: str, stamp_ns: int) -> None:
        """As many as RViz can draw, if anybody looks."""
        if self._particles.get_subscription_count():
            poses = evenly(particles, _MOST_PARTICLES)
            self._particles.publish(messages.to_pose_array(poses, frame, stamp_ns))

    def publish_status(self, standing: Standing, values: Mapping[str, object]) -> None:
        """The state, its reason and the numbers of a frame."""
        self._last_values = values
        self._publish_status(standing, values)

    def publish_aged(self, standing: Standing, values: Mapping[str, object]) -> None:
        """What time has changed; the other numbers stay those of the last frame."""
        self._publish_status(standing, {**self._last_values, **values})

    def _publish_status(self, standing: Standing, values: Mapping[str, object]) -> None:
        word = (standing.state.value, standing.reason)
        with self._lock:
            self._last_word = word
        named = {"state": word[0], "reason": word[1], **values}
        self._status.publish(_LEVELS[standing.state], f"{word[0]}: {word[1]}", named)

    def is_news(self, standing: Standing) -> bool:
        """Whether state or reason differ from those published last."""
        return self._last_word != (standing.state.value, standing.reason)

    def publish_diagnostics(self) -> None:
        """The last status once more, for the robot's diagnostics."""
        self._status.publish_diagnostics()

    def _pose_publisher(self) -> Any:
        return quiet_publisher(self._node, PoseWithCovarianceStamped, "~/pose", LATCHED)

    def wants_overlay(self) -> bool:
        """Whether anybody looks."""
        return self._overlay.get_subscription_count() > 0

    def publish_overlay(self, image: NDArray[np.uint8], header: Header) -> None:
        """The drawn image under the header of its source."""
        self._overlay.publish(messages.to_image(image, header))
