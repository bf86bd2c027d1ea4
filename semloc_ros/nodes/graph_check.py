"""The ROS half of `semloc doctor`: listens to the graph and prints what it saw as JSON.

It only observes; `cli/doctor_graph.py` judges. A run of its own process, because the command
line works where ROS is not installed.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import rclpy
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    qos_check_compatible,
    qos_profile_sensor_data,
)  # fmt: skip
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from semloc_ros.config import DoctorConfig
from semloc_ros.errors import InputError
from semloc_ros.nodes import messages
from semloc_ros.nodes.newest import NEWEST
from semloc_ros.options import from_mapping

_ECHO, _ANSWER = "semloc_doctor_ping_", "semloc_doctor_pong_"
_ECHO_S = 10.0
_TF = QoSProfile(depth=100)
_TF_STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(slots=True)
class Heard:
    """What came on one topic."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    newest: Any = None
    stamp_ages_s: list[float] = field(default_factory=list)

    @property
    def rate_hz(self) -> float | None:
        """Rate between the first and the last message."""
        return (self.count - 1) / (self.last_s - self.first_s) if self.count > 1 else None


class Observer:
    """Subscribes to everything that the localizer needs and notes what comes."""

    def __init__(self, node: Node, config: DoctorConfig) -> None:
        self._node, self._config = node, config
        self.heard: dict[str, Heard] = {}
        self.edges: dict[tuple[str, str], bool] = {}  # (parent, child): whether it is static
        self._wanted: dict[str, tuple[str, type, QoSProfile]] = {}
        compressed = config.image_transport == "compressed"
        self._listen("image", config.image_topic, CompressedImage if compressed else Image, NEWEST)
        self._listen("camera_info", config.camera_info_topic, CameraInfo, NEWEST)
        self._listen("odom", config.odom_topic, Odometry, qos_profile_sensor_data)
        self._listen("clock", "/clock", Clock, NEWEST)
        self._listen("tf", "/tf", TFMessage, _TF, lambda message: self._grow(message, False))
        self._listen(
            "tf_static", "/tf_static", TFMessage, _TF_STATIC,
            lambda message: self._grow(message, True),
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Everything that was seen, ready for JSON."""
        return {
            "topics": {role: self._topic(role) for role in self._wanted},
            "image": self._image(),
            "camera_info": self._camera_info(),
            "odom": self._odometry(),
            "tf_edges": [[parent, child, static] for (parent, child), static in self.edges.items()],
        }

    def _listen(
        self, role: str, topic: str, kind: type, qos: QoSProfile,
        also: Callable[[Any], None] | None = None,
    ) -> None:  # fmt: skip
        heard = self.heard[role] = Heard()
        self._wanted[role] = (topic, kind, qos)

        def note(message: Any) -> None:
            now = time.monotonic()
            heard.first_s = heard.first_s or now
            heard.count, heard.last_s, heard.newest = heard.count + 1, now, message
            if hasattr(message, "header"):
                heard.stamp_ages_s.append(self._age_s(message.header.stamp))
            if also:
                also(message)

        self._node.create_subscription(kind, topic, note, qos)

    def _age_s(self, stamp: Any) -> float:
        """How far a stamp lies behind the time that nodes see: /clock if there is one."""
        clock = self.heard["clock"].newest if "clock" in self.heard else None
        now_ns = messages.stamp_ns(clock.clock) if clock else time.time_ns()
        return (now_ns - messages.stamp_ns(stamp)) * 1e-9

    def _grow(self, message: TFMessage, static: bool) -> None:
        for one in message.transforms:
            self.edges[one.header.frame_id.lstrip("/"), one.child_frame_id.lstrip("/")] = static

    def _topic(self, role: str) -> dict[str, Any]:
        topic, kind, qos = self._wanted[role]
        heard = self.heard[role]
        publishers = self._node.get_publishers_info_by_topic(topic)
        ages = sorted(heard.stamp_ages_s)
        return {
            "topic": topic,
            "wanted_type": _type_name(kind),
            "publishers": [_full(one.node_name, one.node_namespace) for one in publishers],
            "types": sorted({one.topic_type for one in publishers}),
            "incompatible": [line for one in publishers if (line := _misfit(one.qos_profile, qos))],
            "count": heard.count,
            "rate_hz": heard.rate_hz,
            "stamp_age_s": ages[len(ages) // 2] if ages else None,
        }

    def _image(self) -> dict[str, Any] | None:
        message = self.heard["image"].newest
        if message is None:
            return None
        seen = {"frame_id": message.header.frame_id}
        try:
            image = messages.image_from(message)
        except InputError as error:
            return {**seen, "error": str(error)}
        return {**seen, "width": image.shape[1], "height": image.shape[0]}

    def _camera_info(self) -> dict[str, Any] | None:
        message = self.heard["camera_info"].newest
        if message is None:
            return None
        seen = {"frame_id": message.header.frame_id}
        try:
            camera = messages.camera_from(message, self._config.rectified)
        except InputError as error:
            return {**seen, "error": str(error)}
        size = {"width": camera.width, "height": camera.height}
        return {**seen, **size, "model": camera.model, "fx": camera.fx}

    def _odometry(self) -> dict[str, Any] | None:
        message = self.heard["odom"].newest
        if message is None:
            return None
        try:
            messages.odometry_from(message, self._config.odom_frame, self._config.base_frame)
        except InputError as error:
            return {"error": str(error)}
        return {}


def main(argv: list[str] | None = None) -> int:
    """Observe with the options given as one JSON object, and print the facts."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["--echo"]:
        return _echo(arguments[1])
    config = from_mapping(DoctorConfig, json.loads(arguments[0]))
    began = time.monotonic()
    trip_ms = _round_trip_ms()
    rclpy.init()
    node = Node("semloc_doctor")
    observer = Observer(node, config)
    _spin_for(node, config.seconds)
    facts = observer.facts() | {
        "rmw": rclpy.get_rmw_implementation_identifier(),
        "round_trip_ms": trip_ms,
        "use_sim_time": _use_sim_time(node, config.localizer),
        "seconds": time.monotonic() - began,
    }
    print(json.dumps(facts))
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _round_trip_ms() -> float | None:
    """Time of a message to another process and back; None if nothing came back."""
    own = uuid.uuid4().hex[:8]  # another doctor of this domain must not answer
    command = [sys.executable, "-m", __spec__.name, "--echo", own]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    rclpy.init()
    node = Node("semloc_doctor_ping")
    heard: list[str] = []
    node.create_subscription(String, _ANSWER + own, lambda m: heard.append(m.data), 10)
    publisher = node.create_publisher(String, _ECHO + own, 10)
    assert other.stdout is not None
    other.stdout.readline()  # it is there: what it imports takes its time on a busy computer
    trips: list[float] = []
    words = map(str, itertools.count())
    deadline = time.monotonic() + _ECHO_S
    try:
        while len(trips) < 5 and time.monotonic() < deadline:
            trip = one_trip_ms(node, publisher, next(words), heard)
            trips += [] if trip is None else [trip]
    finally:
        other.terminate()
        other.communicate()
        node.destroy_node()
        rclpy.shutdown()
    return min(trips) if trips else None


def one_trip_ms(node: Node, publisher: Publisher, word: str, heard: list[str]) -> float | None:
    """The time until this very word is back among those that are heard; None if it is not.

    Answers to words before it are not counted: while both processes still look for each other,
    several pile up, and come late together.
    """
    sent = time.monotonic()
    publisher.publish(String(data=word))
    patience_s = 1.0 if heard else 0.1
    while word not in heard and (left := sent + patience_s - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=left)
    return (time.monotonic() - sent) * 1e3 if word in heard else None


def _echo(own: str) -> int:
    """The other process: sends back what it hears."""
    rclpy.init()
    node = Node("semloc_doctor_echo")
    publisher = node.create_publisher(String, _ANSWER + own, 10)
    node.create_subscription(String, _ECHO + own, publisher.publish, 10)
    print("ready", flush=True)
    _spin_for(node, _ECHO_S)
    return 0


def _spin_for(node: Node, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=left)


def _use_sim_time(node: Node, localizer: str) -> bool | None:
    """The parameter of the running localizer, None if there is none or it does not answer."""
    wanted = f"/{localizer.strip('/')}"
    if wanted not in [_full(*names) for names in node.get_node_names_and_namespaces()]:
        return None
    client = node.create_client(GetParameters, f"{wanted}/get_parameters")
    if not client.wait_for_service(timeout_sec=2.0):
        return None
    future = client.call_async(GetParameters.Request(names=["use_sim_time"]))
    rclpy.spin_until_future_complete(node, future, timeout_sec=2.0)
    if not future.done():
        return None
    return bool(parameter_value_to_python(future.result().values[0]))


def _full(name: str, namespace: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"


def _misfit(offered: QoSProfile, wanted: QoSProfile) -> str:
    """Why a subscription of ours would get nothing from a publisher, or ''."""
    verdict, reason = qos_check_compatible(offered, wanted)
    return reason.strip("; ") if verdict == QoSCompatibility.ERROR else ""


def _type_name(kind: type) -> str:
    package, middle, _ = kind.__module__.split(".", 2)
    return f"{package}/{middle}/{kind.__name__}"


if __name__ == "__main__":
    sys.exit(main())
