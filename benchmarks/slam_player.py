"""A made-up SLAM of a recorded drive, played by /clock beside the replay of its bag.

    ros2 launch semloc_ros replay.launch.py bag:=STREET/autumn map:=MAP out:=run rate:=0.5 \\
        image_transport:=compressed image_topic:=/camera_left/image_raw/compressed \\
        camera_info_topic:=/camera_left/camera_info odom_topic:=/slam_bridge/odom
    ros2 launch semloc_ros slam_bridge.launch.py use_sim_time:=true body_frame:=camera_left_optical
    benchmarks/slam_player.py --bag STREET/autumn --slam "drift, closures"

`slam` gets the camera's poses as that SLAM would say them (see `slam_alignment.py`), each when the
clock reaches its stamp and `--late` seconds more. So the localizer, whose odometry is that of the
bridge, runs on a SLAM whose frame and unit nobody knows.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException
from rosgraph_msgs.msg import Clock
from slam_alignment import KINDS, Told, read_drive
from tf2_ros import Buffer, TransformListener

from semloc_ros.nodes import messages


def main() -> None:
    """Until interrupted."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--slam", choices=list(KINDS), default="drift")
    parser.add_argument("--camera", default="camera_left_optical", help="its frame")
    parser.add_argument("--late", type=float, default=0.05, help="seconds")
    options = parser.parse_args()
    drive = read_drive(options.bag)
    rclpy.init()
    node = rclpy.create_node("slam_player")
    publisher = node.create_publisher(PoseStamped, "slam", 50)
    tf = Buffer(node=node)
    listener = TransformListener(tf, node, spin_thread=False)
    told: Told | None = None
    next_row = 0

    def play(clock: Clock) -> None:
        nonlocal told, next_row
        if told is None and tf.can_transform("base_link", options.camera, rclpy.time.Time()):
            found = tf.lookup_transform("base_link", options.camera, rclpy.time.Time())
            mount = messages.pose_from_transform(found.transform)
            camera = replace(drive, truth=drive.truth @ mount, wheels=drive.wheels @ mount)
            told = KINDS[options.slam](camera, np.random.default_rng(0))
        now = messages.stamp_ns(clock.clock) - round(options.late * 1e9)
        while told is not None and next_row < len(drive.stamps) and drive.stamps[next_row] <= now:
            if told.there[next_row]:
                stamp = int(drive.stamps[next_row])
                message = PoseStamped(header=messages.header("slam_map", stamp))
                message.pose = messages.to_pose(told.slam[next_row])
                publisher.publish(message)
            next_row += 1

    node.create_subscription(Clock, "/clock", play, 100)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        listener.unregister()


if __name__ == "__main__":
    main()
