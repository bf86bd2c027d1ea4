"""A SLAM beside the localizer.

    ros2 launch semloc_ros slam_bridge.launch.py slam_topic:=/orb_slam3/pose \\
        body_frame:=camera_optical image_topic:=/camera/image_raw \\
        mask_topic:=/dynamic_segmenter/mask

Every option of the node slam_bridge is an argument (`--show-args` lists them all). One that is not
given keeps the value of `config`, and where that file says nothing, of semloc_ros/config/.

The localizer runs on the SLAM as its odometry with

    ros2 launch semloc_ros localize.launch.py map:=MAP odom_topic:=/slam_bridge/odom
"""

from launch import LaunchDescription
from launch.actions import OpaqueFunction
from launch_ros.actions import Node

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.nodes.launching import (
    arguments_of,
    common_arguments,
    given_in,
    log_level,
    optional,
    parameters,
)
from semloc_ros.options import describe

OPTIONS = list(describe(SlamBridgeNodeConfig))
TOPICS = {  # argument: the name that the node uses
    "slam_topic": "slam",
    "localizer_topic": "localizer/pose",
    "image_topic": "image",
    "mask_topic": "mask",
    "depth_topic": "depth",
}


def generate_launch_description():
    return LaunchDescription([*arguments(), OpaqueFunction(function=bridge)])


def arguments():
    """All arguments; an empty one is one that was not given."""
    yield from arguments_of(OPTIONS)
    for argument, name in TOPICS.items():
        yield optional(argument, f"topic to take for {name}")
    yield from common_arguments("yaml file of parameters")


def bridge(context):
    """The node, with what was given and nothing else."""
    given = given_in(context)
    return [
        Node(
            package="semloc_ros",
            executable="slam_bridge",
            name="slam_bridge",
            namespace=given.get("namespace", ""),
            parameters=list(parameters(OPTIONS, given)),
            remappings=[(name, given[topic]) for topic, name in TOPICS.items() if topic in given],
            ros_arguments=log_level(given),
            output="screen",
            emulate_tty=True,
        )
    ]
