"""tf2_msgs: the bytes on the wire and the type hash are those of every other ROS 2 machine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from ament_index_python.resources import get_resource
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import deserialize_message, serialize_message
from tf2_msgs.msg import TFMessage

TYPE_HASH = "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"


def message() -> TFMessage:
    transform = TransformStamped(child_frame_id="base_link")
    transform.header.frame_id = "odom"
    transform.header.stamp.sec, transform.header.stamp.nanosec = 12, 345_678_901
    transform.transform.translation.x = 1.5
    transform.transform.rotation.z = 0.6
    transform.transform.rotation.w = 0.8
    return TFMessage(transforms=[transform, TransformStamped(child_frame_id="camera")])


def test_type_hash_is_the_one_of_real_robots(node):
    publisher = node.create_publisher(TFMessage, "/hash", 1)
    info = node.get_publishers_info_by_topic("/hash")
    assert str(info[0].topic_type_hash) == TYPE_HASH
    assert info[0].topic_type == "tf2_msgs/msg/TFMessage"
    node.destroy_publisher(publisher)


def test_serialization_gives_the_message_back():
    assert deserialize_message(serialize_message(message()), TFMessage) == message()


def test_bytes_equal_those_of_an_independent_serializer():
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    theirs = store.deserialize_cdr(serialize_message(message()), "tf2_msgs/msg/TFMessage")
    assert [item.child_frame_id for item in theirs.transforms] == ["base_link", "camera"]
    assert theirs.transforms[0].header.stamp.nanosec == 345_678_901
    assert theirs.transforms[0].transform.rotation.z == 0.6
    encoded = bytes(store.serialize_cdr(theirs, "tf2_msgs/msg/TFMessage"))
    assert deserialize_message(encoded, TFMessage) == message()


def test_ament_index_knows_the_package():
    share = Path(get_package_share_directory("tf2_msgs"))
    definition = (share / "msg" / "TFMessage.msg").read_text()
    assert "geometry_msgs/TransformStamped[] transforms" in definition
    assert (share / "package.xml").exists()
    assert "msg/TFMessage.msg" in get_resource("rosidl_interfaces", "tf2_msgs")[0].split()


PUBLISHER = """
import time, rclpy
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage
rclpy.init()
node = rclpy.create_node("other_process")
publisher = node.create_publisher(TFMessage, "/between", 10)
while True:
    publisher.publish(TFMessage(transforms=[TransformStamped(child_frame_id="far")]))
    time.sleep(0.05)
"""


def test_arrives_from_another_process(node):
    received: list[TFMessage] = []
    node.create_subscription(TFMessage, "/between", received.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    other = subprocess.Popen([sys.executable, "-c", PUBLISHER])
    try:
        deadline = time.monotonic() + 20.0
        while not received and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
    finally:
        other.kill()
        other.wait()
    assert received and received[0].transforms[0].child_frame_id == "far"
