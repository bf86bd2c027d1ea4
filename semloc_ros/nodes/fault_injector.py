"""The node `fault_injector`: topics go through it and come out with faults.

    ros2 run semloc_ros fault_injector --ros-args -p inject:="drop=0.2 blackout@10=3s"

`image`, `camera_info`, `odom`, `mask`, `labels`, `places`, `correspondences` and `imu` come out as
`~/image` and so on, which the localizer is remapped to. The faults are those of
`semloc evaluate --inject`, put in by the same code: they go by stamps and the seed, so a bag that
is played through the node has the faults that it has there.
"""

from __future__ import annotations

import heapq
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, PointCloud2

from semloc_ros.config import FaultInjectorConfig
from semloc_ros.errors import ConfigError, InputError, expected
from semloc_ros.evaluation.faults import SPOILS_IMAGES, FaultLine, parse_faults
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
from semloc_ros.localization.serving import CLOCK_JUMP_BACK_NS
from semloc_ros.nodes import messages
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.types import FloatArray

_LOOK_S, _RELEASE_S = 0.1, 0.005  # for listeners, and for messages that were held
_DEPTHS = {IMAGE: 5, CAMERA: 20, ODOMETRY: 100, MASK: 5, LABELS: 5, PLACES: 5, OBJECTS: 5, IMU: 200}
_CLOCK = "clock"  # the kind of event that a tick of /clock is


@dataclass(frozen=True, slots=True)
class _Topic:
    """A topic that goes through: taken from where `taken` listeners want it."""

    name: str
    kind: str
    type: type
    publisher: Any
    taken: int


@dataclass(frozen=True, slots=True, order=True)
class _Held:
    """A message until its time has come."""

    at_ns: int
    number: int
    event: Event = field(compare=False)
    unspoiled: Any = field(compare=False)  # the event's value before the faults
    message: Any = field(compare=False)
    topic: _Topic = field(compare=False)


class FaultInjectorNode(Node):  # type: ignore[misc]
    """Injects from construction until `close`.

    A topic is taken only when somebody listens to what comes out, so that who waits for this
    node's subscriptions waits for the localizer too. Raises ConfigError for faults that are none,
    and for a jump of the clock that would not reach those who listen.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("fault_injector", **node_options)
        config = NodeParameters(self, FaultInjectorConfig).config
        faults = parse_faults([config.inject], "inject")
        names = {fault.name for fault in faults}
        if "clockjump" in names:
            self._check_clock()
        self._line = FaultLine(faults, config.seed)
        self._spoils = {IMAGE: bool(names & SPOILS_IMAGES), LABELS: "labels" in names}
        self._numbers = itertools.count()
        self._held: list[_Held] = []
        self._waiting = self._topics(config)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_S, self._subscribe, clock=steady)
        if "delay" in names:
            self.create_timer(_RELEASE_S, self._release, clock=steady)
            back = JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-CLOCK_JUMP_BACK_NS)
            )
            self._jumps = self.get_clock().create_jump_callback(back, post_callback=self._forget)
        if "clockjump" in names:
            self._clock_publisher = self.create_publisher(ClockMessage, "~/clock", 1)
            self._on("/clock", ClockMessage, self._pass_clock, 10)
        self.get_logger().info(f"inject: {config.inject or 'nothing'}")

    def close(self) -> None:
        """Say which faults have changed nothing, as those behind the end of a drive."""
        if self._line.idle:
            words = " ".join(self._line.idle)
            print(f"fault_injector: warning: changed nothing: {words}", file=sys.stderr)

    def _check_clock(self) -> None:
        """A clock jumps only where this node stands between it and those who read it."""
        taken, given = (self.resolve_topic_name(name) for name in ("/clock", "~/clock"))
        simulated = self.get_parameter("use_sim_time").value
        if not simulated or given != "/clock" or taken == given:
            wanted = "use_sim_time and remappings such as /clock:=/recorded_clock ~/clock:=/clock"
            got = f"use_sim_time {str(simulated).lower()}, {taken} taken, {given} given"
            raise ConfigError(expected("inject: clockjump", wanted, got))

    def _topics(self, config: FaultInjectorConfig) -> list[_Topic]:
        image = CompressedImage if config.image_transport == "compressed" else Image
        names: dict[str, tuple[str, type]] = {
            "image": (IMAGE, image), "camera_info": (CAMERA, CameraInfo),
            "odom": (ODOMETRY, OdometryMessage), "mask": (MASK, Image),
            "labels": (LABELS, Image), "places": (PLACES, PointCloud2),
            "correspondences": (OBJECTS, PointCloud2), "imu": (IMU, Imu),
        }  # fmt: skip
        return [
            _Topic(
                name, kind, of_type, self.create_publisher(of_type, f"~/{name}", _DEPTHS[kind]),
                config.camera_info_listeners if kind == CAMERA else 1,
            )
            for name, (kind, of_type) in names.items()
        ]  # fmt: skip

    def _subscribe(self) -> None:
        for topic in list(self._waiting):
            if topic.publisher.get_subscription_count() >= topic.taken:
                self._waiting.remove(topic)
                self._on(topic.name, topic.type, self._taker(topic), _DEPTHS[topic.kind])

    def _on(self, name: str, kind: type, callback: Callable[[Any], None], depth: int) -> None:
        qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(kind, name, callback, qos, event_callbacks=NO_EVENTS)

    def _taker(self, topic: _Topic) -> Callable[[Any], None]:
        return lambda message: self._take(topic, message)

    def _take(self, topic: _Topic, message: Any) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        now = self.get_clock().now().nanoseconds or stamp  # 0: /clock has not ticked yet
        value = self._value(topic.kind, message)
        event = Event(now, stamp, topic.kind, value, stamp, message.header.frame_id)
        for became in self._line.push(event):
            held = _Held(became.at_ns, next(self._numbers), became, value, message, topic)
            heapq.heappush(self._held, held)
        self._release()

    def _value(self, kind: str, message: Any) -> Any:
        """What faults change; none for what they leave alone. An error goes on as it came."""
        try:
            if kind == ODOMETRY:
                return messages.pose_from("odom", message.pose.pose)
            if not self._spoils.get(kind):
                return None
            named = kind == LABELS
            return messages.companion_from(kind, message) if named else messages.image_from(message)
        except InputError as error:
            return error

    def _release(self) -> None:
        now = self.get_clock().now().nanoseconds
        while self._held and self._held[0].at_ns <= now:
            self._send(heapq.heappop(self._held))

    def _send(self, held: _Held) -> None:
        event, message = self._line.reclock(held.event), held.message
        message.header.stamp = messages.to_stamp(max(event.stamp_ns, 0))
        if event.value is not held.unspoiled:
            message = _changed(message, event.value)
        held.topic.publisher.publish(message)

    def _pass_clock(self, message: ClockMessage) -> None:
        now = messages.stamp_ns(message.clock)
        jumped = self._line.reclock(Event(now, now, _CLOCK, None, now)).at_ns
        self._clock_publisher.publish(ClockMessage(clock=messages.to_stamp(max(jumped, 0))))

    def _forget(self, _: Any) -> None:
        self._held.clear()


def _changed(message: Any, value: Any) -> Any:
    """The message with another value in it, under the same header."""
    if isinstance(message, OdometryMessage):
        message.pose.pose = _pose(value)
        message.pose.covariance = np.zeros(36)  # not known: the message's has other axes
        return message
    if isinstance(message, CompressedImage):
        return messages.to_compressed_image(value, message.header)
    return messages.to_image(value, message.header)


def _pose(odom_from_base: FloatArray) -> Pose:
    if np.isfinite(odom_from_base).all():
        return messages.to_pose(odom_from_base)
    nan = float("nan")
    return Pose(
        position=Point(x=nan, y=nan, z=nan), orientation=Quaternion(x=nan, y=nan, z=nan, w=nan)
    )


def main() -> int:
    """The executable."""
    return run(FaultInjectorNode)


if __name__ == "__main__":
    sys.exit(main())
