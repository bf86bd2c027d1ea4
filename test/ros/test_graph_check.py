"""The doctor's ears, on a robot that is a replayed bag."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.cli.doctor_graph import graph_findings
from semloc_ros.cli.findings import Level
from semloc_ros.config import DoctorConfig
from semloc_ros.nodes import graph_check

STORE = get_typestore(Stores.ROS2_JAZZY)
KINDS = {
    "/camera/image_raw": "sensor_msgs/msg/Image",
    "/camera/camera_info": "sensor_msgs/msg/CameraInfo",
    "/odom": "nav_msgs/msg/Odometry",
    "/tf_static": "tf2_msgs/msg/TFMessage",
}
START_NS, MS = 1_700_000_000_000_000_000, 1_000_000


def make(name: str, **fields: Any) -> Any:
    return STORE.types[name](**fields)


def robot_messages(stamp_ns: int, info_width: int) -> dict[str, Any]:
    stamp = make(
        "builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
    )
    header = make("std_msgs/msg/Header", stamp=stamp, frame_id="camera_optical")
    odom = make("std_msgs/msg/Header", stamp=stamp, frame_id="odom")
    base = make("std_msgs/msg/Header", stamp=stamp, frame_id="base_link")
    point = make("geometry_msgs/msg/Point", x=0.0, y=0.0, z=0.0)
    vector = make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    turn = make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
    pose = make("geometry_msgs/msg/Pose", position=point, orientation=turn)
    twist = make("geometry_msgs/msg/Twist", linear=vector, angular=vector)
    zeros = np.zeros(36)
    region = make(
        "sensor_msgs/msg/RegionOfInterest",
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
    )  # fmt: skip
    k = np.array([50.0, 0, 31.5, 0, 50.0, 23.5, 0, 0, 1])
    return {
        "/camera/image_raw": make(
            KINDS["/camera/image_raw"], header=header, height=48, width=64, encoding="mono8",
            is_bigendian=0, step=64, data=np.zeros(48 * 64, dtype=np.uint8),
        ),
        "/camera/camera_info": make(
            KINDS["/camera/camera_info"], header=header, height=48, width=info_width,
            distortion_model="plumb_bob", d=np.zeros(5), k=k, r=np.eye(3).ravel(),
            p=np.zeros(12), binning_x=0, binning_y=0, roi=region,
        ),
        "/odom": make(
            KINDS["/odom"], header=odom, child_frame_id="base_link",
            pose=make("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=zeros),
            twist=make("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=zeros),
        ),
        "/tf_static": make(
            KINDS["/tf_static"],
            transforms=[
                make(
                    "geometry_msgs/msg/TransformStamped", header=base,
                    child_frame_id="camera_optical",
                    transform=make(
                        "geometry_msgs/msg/Transform", translation=vector, rotation=turn
                    ),
                )
            ],
        ),
    }  # fmt: skip


def write_robot(path: Path, info_width: int) -> Path:
    """A robot at 20 Hz for 2 s, whose camera_info may be of another size."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        lines = {
            topic: bag.add_connection(topic, kind, typestore=STORE) for topic, kind in KINDS.items()
        }
        for i in range(40):
            stamp_ns = START_NS + 50 * MS * i
            for topic, message in robot_messages(stamp_ns, info_width).items():
                if topic != "/tf_static" or i == 0:
                    data = STORE.serialize_cdr(message, KINDS[topic])
                    bag.write(lines[topic], stamp_ns, data)
    return path


@pytest.fixture
def robot(request: pytest.FixtureRequest, ros_domain: int, tmp_path: Path) -> Iterator[None]:
    bag = write_robot(tmp_path / "robot", request.param)
    command = [sys.executable, "-m", "semloc_ros.nodes.replay", str(bag), "--loop"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    yield
    process.send_signal(signal.SIGINT)
    process.wait(timeout=10)


def start_observing(**options: Any) -> subprocess.Popen[str]:
    words = json.dumps({"seconds": 3.0} | options)
    command = [sys.executable, "-m", "semloc_ros.nodes.graph_check", words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def observe(process: subprocess.Popen[str] | None = None) -> dict[str, Any]:
    process = process or start_observing()
    out, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    facts: dict[str, Any] = json.loads(out.splitlines()[-1])
    return facts


def test_only_the_answer_to_this_word_ends_its_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that piled up while two processes looked for each other made a trip of 400 ms."""
    heard: list[str] = []
    late = iter(["0", "1", "2", "3", "3"])
    pauses: list[float] = []

    def spin_once(node: object, timeout_sec: float) -> None:
        pauses.append(timeout_sec)
        heard.append(next(late))

    monkeypatch.setattr(graph_check.rclpy, "spin_once", spin_once)
    publisher = mock.Mock()
    trip_ms = graph_check.one_trip_ms(None, publisher, "2", heard)
    assert heard == ["0", "1", "2"] and trip_ms < 1000
    assert graph_check.one_trip_ms(None, publisher, "3", heard) is not None
    assert pauses[0] <= 0.1 and pauses[-1] > 0.9, "patient once they hear each other"
    sent = [call.args[0].data for call in publisher.publish.call_args_list]
    assert sent == ["2", "3"], "each word once"


def test_a_word_that_is_lost_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_check.rclpy, "spin_once", lambda node, timeout_sec: None)
    assert graph_check.one_trip_ms(None, mock.Mock(), "0", []) is None


@pytest.mark.parametrize("robot", [64], indirect=True)
def test_a_healthy_robot_is_heard_as_it_is(robot: None) -> None:
    facts = observe()
    assert 0 < facts["round_trip_ms"] < 100
    assert facts["image"] == {"frame_id": "camera_optical", "width": 64, "height": 48}
    assert facts["camera_info"]["fx"] == 50.0
    assert facts["tf_edges"] == [["base_link", "camera_optical", True]]
    assert facts["topics"]["image"]["publishers"] == ["/replay"]
    assert facts["topics"]["image"]["rate_hz"] == pytest.approx(20, rel=0.5)
    assert abs(facts["topics"]["image"]["stamp_age_s"]) < 0.5
    levels = {one.level for one in graph_findings(facts, DoctorConfig())}
    assert Level.FAIL not in levels


@pytest.mark.parametrize("robot", [32], indirect=True)
def test_a_camera_info_of_another_size_fails(robot: None) -> None:
    found = {one.check: one for one in graph_findings(observe(), DoctorConfig())}
    assert found["camera_info"].level is Level.FAIL
    assert "32x48, but images are 64x48" in found["camera_info"].found


LOCALIZER = """
import rclpy
rclpy.init()
node = rclpy.create_node("localizer", namespace="/robot")
rclpy.spin(node)
"""


def test_two_doctors_and_a_localizer_in_a_namespace(ros_domain: int) -> None:
    localizer = subprocess.Popen([sys.executable, "-c", LOCALIZER])
    try:
        doctors = [start_observing(localizer=name) for name in ("robot/localizer", "localizer")]
        named, unnamed = [observe(one) for one in doctors]
    finally:
        localizer.kill()  # how it ends is not judged here
        localizer.wait(timeout=60)
    assert named["round_trip_ms"] is not None and unnamed["round_trip_ms"] is not None
    assert named["use_sim_time"] is False
    assert unnamed["use_sim_time"] is None
