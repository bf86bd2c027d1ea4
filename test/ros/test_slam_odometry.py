"""The localizer on a SLAM of unknown unit as its odometry, through slam_bridge, over DDS."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from slam_drive import slam_from_map

from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.nodes.slam_bridge import SlamBridgeNode

MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])  # of the robot's camera


@pytest.fixture
def make_bridge(ros):
    """`make_bridge(localizer)`: a bridge that gives odometry to the localizer of that name."""
    made = []

    def make(localizer):
        values = {"body_frame": "camera", "masks": False}
        topics = {"localizer/pose": f"/{localizer}/pose", "~/odom": "/odom"}
        words = [word for one in topics.items() for word in ("-r", ":=".join(one))]
        node = SlamBridgeNode(
            parameter_overrides=[Parameter(key, value=value) for key, value in values.items()],
            cli_args=["--ros-args", *words],
        )
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        made.append((node, executor, thread))

    yield make
    for node, executor, thread in made:
        executor.shutdown()
        thread.join(timeout=10.0)
        node.close()
        node.destroy_node()


def test_the_localizer_begins_without_odometry_and_goes_on_with_that_of_the_slam(
    make_rig, make_bridge, map_from_base
):
    rig = make_rig(odometry_wait_ms=50.0).ready()
    robot = rig.robot
    make_bridge(rig.node.get_name())
    slam_pub = robot.node.create_publisher(PoseStamped, "slam", 20)
    robot.until(lambda: slam_pub.get_subscription_count() > 0)
    slam = slam_from_map(0.2)

    def send():
        stamp = robot.now_ns()
        pose = slam.poses((map_from_base(stamp) @ MOUNT)[None])[0]
        message = PoseStamped(header=messages.header("slam_map", stamp))
        message.pose = messages.to_pose(pose)
        slam_pub.publish(message)
        robot.send_frame(stamp, odom=False)

    robot.until(lambda: robot.is_in("DEGRADED", "no_odometry"), every=send)
    assert not any(one.child_frame_id == "odom" for _, one in robot.transforms)
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=send)
    answers = robot.listen(Odometry, "odometry")
    robot.until(lambda: len(answers) > 10, every=send)
    for message in answers:
        truth = map_from_base(messages.stamp_ns(message.header.stamp))
        pose = messages.pose_from("pose", message.pose.pose)
        assert float(se3.pose_error(pose, truth)[0]) < 0.1
    assert message.child_frame_id == "base_link"
    assert np.linalg.norm(messages.pose_from("pose", message.pose.pose)[:3, 3]) > 0.5
    tf = [one for _, one in robot.transforms if one.child_frame_id == "odom"]
    assert tf and tf[-1].header.frame_id == "map"

    rig.fake.answer = rig.fake.nothing  # no fix any more: carried by the SLAM alone
    robot.until(lambda: robot.is_in("DEGRADED"), every=send)
    answers.clear()
    robot.until(lambda: len(answers) > 5, every=send)
    pose = messages.pose_from("pose", answers[-1].pose.pose)
    truth = map_from_base(messages.stamp_ns(answers[-1].header.stamp))
    assert float(se3.pose_error(pose, truth)[0]) < 0.2
