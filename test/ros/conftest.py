"""A localizer node with a made-up `Localizer` in it, and a robot that talks to it over DDS."""

from __future__ import annotations

import itertools
import os
import threading
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import SetBool, Trigger
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster

from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.nodes.localizer import LocalizerNode
from semloc_ros.types import Correspondences, NoPose, NoPoseReason, PoseEstimate

_domains = itertools.count(os.getpid())
_names = itertools.count()
_STARTED_NS = time.time_ns()
LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
WIDTH, HEIGHT = 64, 48
MAP_FROM_ODOM = se3.exp([1.0, -2.0, 0.0, 0.0, 0.0, 0.5])
BASE_FROM_CAMERA = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])


@pytest.fixture(scope="module")
def ros():
    """rclpy in a DDS domain of this test module alone."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    domain = 1 + next(_domains) * 7 % 100
    rclpy.init(domain_id=domain)
    yield domain
    rclpy.try_shutdown()


def odom_from_base(stamp_ns):
    """The made-up drive: 1 m/s on a circle of 10 m, which screw interpolation meets exactly."""
    t = (stamp_ns - _STARTED_NS) / 1e9
    return se3.exp([t, 0, 0, 0, 0, 0.1 * t])


class FakeLocalizer:
    """Knows the truth; `answer(frame, prior)` may be replaced. Counts calls."""

    def __init__(self):
        self.calls, self.delay_s, self.answer = [], 0.0, self.right

    def localize(self, frame, prior=None):
        self.calls.append((frame, prior))
        time.sleep(self.delay_s)
        return self.answer(frame, prior)

    @staticmethod
    def right(frame, prior=None, offset=None, inliers=100):
        rows = Correspondences(
            np.full((inliers, 2), 20.0), np.ones((inliers, 3)), np.ones(inliers),
            np.ones(inliers), np.full(inliers, -1),
        )
        map_from_base = MAP_FROM_ODOM @ odom_from_base(frame.stamp_ns)
        if offset is not None:
            map_from_base = offset @ map_from_base
        camera_from_map = se3.inverse(map_from_base @ BASE_FROM_CAMERA)
        covariance = np.diag([0.01**2] * 3 + [0.003**2] * 3)
        stages = {"features": 1.5, "pnp": 0.5}
        return PoseEstimate(
            frame.stamp_ns, camera_from_map, covariance, rows, 2 * inliers, stages
        )

    @staticmethod
    def nothing(frame, prior=None):
        return NoPose(frame.stamp_ns, NoPoseReason.TOO_FEW_MATCHES, "3 matches, need 15", 3)


class Robot:
    """Publishes what a robot would, and keeps what the localizer answers."""

    def __init__(self, name):
        self.node = rclpy.create_node(f"robot_{name}")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        make = self.node.create_publisher
        self.image_pub = make(Image, "image", 5)
        self.info_pub = make(CameraInfo, "camera_info", 5)
        self.mask_pub = make(Image, "mask", 5)
        self.labels_pub = make(Image, "labels", 5)
        self.places_pub = make(PointCloud2, "places", 5)
        self.objects_pub = make(PointCloud2, "correspondences", 5)
        self.odom_pub = make(Odometry, "odom", 20)
        self.initial_pub = make(PoseWithCovarianceStamped, "initialpose", 5)
        self.statuses, self.poses, self.hypotheses, self.transforms = [], [], [], []
        self.overlays = []
        self._listen(DiagnosticStatus, f"/{name}/status", self.statuses, LATCHED)
        self._listen(PoseWithCovarianceStamped, f"/{name}/pose", self.poses, LATCHED)
        self._listen(PoseArray, f"/{name}/hypotheses", self.hypotheses, 10)
        self.node.create_subscription(TFMessage, "/tf", self._on_tf, 100)
        self.name = name
        self.clients = {}

    def _listen(self, kind, topic, into, qos):
        self.node.create_subscription(kind, topic, into.append, qos)

    def _on_tf(self, message):
        now = time.monotonic()
        self.transforms += [(now, one) for one in message.transforms]

    def listen(self, kind, topic):
        """What is published on a topic of the localizer from now on, once both ends know it."""
        found = []
        self._listen(kind, f"/{self.name}/{topic}", found, 50)
        self.until(lambda: self.node.count_publishers(f"/{self.name}/{topic}") > 0)
        return found

    def watch_overlay(self):
        return self.node.create_subscription(
            Image, f"/{self.name}/overlay", self.overlays.append, 5
        )

    def mount_camera(self, frame="camera"):
        self.static = StaticTransformBroadcaster(self.node)
        self.static.sendTransform(
            messages.to_transform(BASE_FROM_CAMERA, "base_link", frame, 0)
        )

    def now_ns(self):
        return self.node.get_clock().now().nanoseconds

    def send_info(self, width=WIDTH, height=HEIGHT, focal=50.0, **changes):
        info = CameraInfo(width=width, height=height, distortion_model="plumb_bob")
        info.k = [focal, 0.0, 31.5, 0.0, focal, 23.5, 0.0, 0.0, 1.0]
        info.d = [0.0] * 5
        for key, value in changes.items():
            setattr(info, key, value)
        self.info_pub.publish(info)

    def send_odom(self, stamp_ns, pose=None, **changes):
        message = Odometry(header=messages.header("odom", stamp_ns), child_frame_id="base_link")
        message.pose.pose = messages.to_pose(odom_from_base(stamp_ns) if pose is None else pose)
        for key, value in changes.items():
            setattr(message, key, value)
        self.odom_pub.publish(message)

    def send_image(self, stamp_ns, pixels=None, frame="camera", encoding="mono8"):
        if pixels is None:
            pixels = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
        message = Image(header=messages.header(frame, stamp_ns), encoding=encoding)
        message.height, message.width = pixels.shape[:2]
        message.step = pixels.strides[0] if pixels.size else 0
        message.data = pixels.tobytes()
        self.image_pub.publish(message)

    def send_frame(self, stamp_ns=None, odom=True, **image):
        """camera_info, odometry around the stamp, and the image."""
        stamp = self.now_ns() if stamp_ns is None else stamp_ns
        self.send_info()
        if odom:
            self.send_odom(stamp - 20_000_000)
            self.send_odom(stamp + 20_000_000)
        self.send_image(stamp, **image)
        return stamp

    def until(self, condition, timeout_s=30.0, every=None):
        """Spin until the condition holds; `every` is called at 10 Hz meanwhile."""
        deadline, again = time.monotonic() + timeout_s, 0.0
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s; {self.last()}"
            if every is not None and time.monotonic() >= again:
                every()
                again = time.monotonic() + 0.1
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def last(self):
        return {pair.key: pair.value for pair in self.statuses[-1].values} if self.statuses else {}

    def is_in(self, state, reason=None):
        last = self.last()
        return last.get("state") == state and reason in (None, last.get("reason"))

    def was_in(self, state, since):
        """Whether one of the statuses from number `since` on says that state."""
        said = ({pair.key: pair.value for pair in one.values} for one in self.statuses[since:])
        return any(one.get("state") == state for one in said)

    def call(self, kind, service, request, timeout_s=30.0, every=None):
        client = self.clients.setdefault(
            service, self.node.create_client(kind, f"/{self.name}/{service}")
        )
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done, timeout_s, every)
        return future.result()

    def trigger(self, service, every=None):
        return self.call(Trigger, service, Trigger.Request(), every=every)

    def pause(self, flag):
        return self.call(SetBool, "pause", SetBool.Request(data=flag))

    def set_parameter(self, name, value):
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        return self.call(SetParameters, "set_parameters", request).results[0]

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


class Rig:
    """The node under test, spun by a thread of its own, and its robot."""

    def __init__(self, name, load, mount, parameters):
        self.fake = FakeLocalizer()
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        self.node = LocalizerNode(
            load or (lambda config: self.fake),
            parameter_overrides=overrides,
            cli_args=["--ros-args", "-r", f"__node:={name}"],
        )
        self.robot = Robot(name)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()
        if mount:
            self.robot.mount_camera()

    def ready(self):
        """Wait until the node listens to the robot, and the robot to the node."""
        robot = self.robot
        robot.until(lambda: robot.image_pub.get_subscription_count() > 0)
        robot.until(lambda: robot.info_pub.get_subscription_count() > 0)
        robot.until(lambda: robot.is_in("BOOTSTRAPPING"))
        return self

    def track(self):
        """Drive until TRACKING."""
        self.ready()
        self.robot.until(lambda: self.robot.is_in("TRACKING"), every=self.robot.send_frame)
        return self

    def close(self):
        self.executor.shutdown()
        self.thread.join(timeout=10.0)
        self.node.close()
        self.node.destroy_node()
        self.robot.close()


@pytest.fixture
def make_rig(ros):
    """`make_rig(load=None, mount=True, **parameters)`: a running localizer with its robot."""
    rigs = []

    def make(load=None, mount=True, **parameters):
        parameters = {key.replace("__", "."): value for key, value in parameters.items()}
        rigs.append(Rig(f"localizer_{next(_names)}", load, mount, parameters))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def map_from_odom():
    """The truth of the made-up world."""
    return MAP_FROM_ODOM


@pytest.fixture
def map_from_base():
    """`map_from_base(stamp_ns)`: the truth of the made-up drive."""
    return lambda stamp_ns: MAP_FROM_ODOM @ odom_from_base(stamp_ns)
