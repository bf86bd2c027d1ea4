"""What every node says of itself: `~/status`, latched, and the same once a second for the robot."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from semloc_ros.nodes import messages

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DIAGNOSTICS_S = 1.0


class StatusTopic:
    """The publishers of a node's status; they live as long as the node. Thread-safe."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._status = quiet_publisher(node, DiagnosticStatus, "~/status", LATCHED)
        self._diagnostics = quiet_publisher(node, DiagnosticArray, "/diagnostics", 1)
        self._lock = threading.Lock()
        self._last: DiagnosticStatus | None = None

    def publish(self, level: bytes, text: str, values: Mapping[str, object]) -> None:
        """A status under the node's name."""
        name = self._node.get_fully_qualified_name().lstrip("/")
        status = messages.to_status(level, name, text, values)
        with self._lock:
            self._last = status
        self._status.publish(status)

    def publish_diagnostics(self) -> None:
        """The last status once more, on /diagnostics."""
        with self._lock:
            status = self._last
        if status is not None:
            now = self._node.get_clock().now().nanoseconds
            array = DiagnosticArray(header=messages.header("", now), status=[status])
            self._diagnostics.publish(array)


def quiet_publisher(node: Node, kind: type, topic: str, qos: QoSProfile | int) -> Any:
    """Without QoS events: rclpy waits for each of them at each turn of the executor."""
    quiet = PublisherEventCallbacks(use_default_callbacks=False)
    return node.create_publisher(kind, topic, qos, event_callbacks=quiet)
