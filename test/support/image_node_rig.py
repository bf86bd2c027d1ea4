"""A node under test that works on images, and one beside it that talks to it over DDS."""

from __future__ import annotations

import threading
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image

LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ImageNodeRig:
    """`make(name)` is the node under test, spun by a thread of its own; `robot` sends images."""

    def __init__(self, name, make, transport="raw"):
        self.name, self.node, self.robot = name, make(name), rclpy.create_node(f"robot_{name}")
        kind = CompressedImage if transport == "compressed" else Image
        self.image_pub = self.robot.create_publisher(kind, "image", 5)
        self.statuses = self.listen(DiagnosticStatus, f"/{name}/status", LATCHED)
        self.executors = [SingleThreadedExecutor() for _ in range(2)]
        for executor, node in zip(self.executors, (self.node, self.robot), strict=True):
            executor.add_node(node)
        self.thread = threading.Thread(target=self.executors[0].spin, daemon=True)
        self.thread.start()

    def listen(self, kind, topic, qos=50):
        """What comes on a topic from now on, in order."""
        found = []
        self.robot.create_subscription(kind, topic, found.append, qos)
        return found

    def until(self, condition, every=None, timeout_s=15.0):
        """Wait for it; `every` is called five times a second meanwhile."""
        deadline, again = time.monotonic() + timeout_s, 0.0
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {self.last()}"
            if every is not None and time.monotonic() >= again:
                every()
                again = time.monotonic() + 0.2
            self.executors[1].spin_once(timeout_sec=0.02)

    def last(self):
        """Values of the last status."""
        return {pair.key: pair.value for pair in self.statuses[-1].values} if self.statuses else {}

    def says(self, reason):
        """Whether the last status has this reason."""
        return self.last().get("reason") == reason

    def call(self, kind, service, request):
        """The answer of one of the node's services."""
        client = self.robot.create_client(kind, f"/{self.name}/{service}")
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def change(self, transition):
        """Whether a transition of the lifecycle succeeded."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, "change_state", request).success

    def state(self):
        """The state of the lifecycle."""
        return self.call(GetState, "get_state", GetState.Request()).current_state.id

    def close(self):
        """End both."""
        for executor in self.executors:
            executor.shutdown()
        self.thread.join(timeout=10.0)
        self.node.close()
        self.node.destroy_node()
        self.robot.destroy_node()
