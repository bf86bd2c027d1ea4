"""A SLAM beside the localizer.

    ros2 launch semloc_ros slam_bridge.launch.py slam_topic:=/orb_slam3/pose \\
        body_frame:=camera_optical image_topic:=/camera/image_raw \\
        mask_topic:=/dynamic_segmenter/mask

Every option of the node slam_bridge is an argument (`--show-args` lists them all). One that is not
given keeps the value of `config`, and where that file says nothing, of semloc_ros/config/.

The localizer runs on the SLAM as its odometry with

    ros2 launch semloc_ros localize.launch.py map:=MAP odom_topic:=/slam_bridge/odom
"""

from pathlib import Path

import yaml
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.options import describe, help_line

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
    for one in OPTIONS:
        yield optional(one.name, f"{help_line(one)}; {one.default!r} if not given")
    for argument, name in TOPICS.items():
        yield optional(argument, f"topic to take for {name}")
    yield optional("config", "yaml file of parameters")
    yield optional("use_sim_time", "true: time comes from /clock")
    yield optional("namespace", "namespace of the node and its topics")
    yield optional("log_level", "debug, info, warn or error")


def optional(name, description):
    return DeclareLaunchArgument(name, default_value="", description=description)


def bridge(context):
    """The node, with what was given and nothing else."""
    given = {name: value for name, value in context.launch_configurations.items() if value != ""}
    level = ["--log-level", given["log_level"]] if "log_level" in given else None
    return [
        Node(
            package="semloc_ros",
            executable="slam_bridge",
            name="slam_bridge",
            namespace=given.get("namespace", ""),
            parameters=list(parameters(given)),
            remappings=[(name, given[topic]) for topic, name in TOPICS.items() if topic in given],
            ros_arguments=level,
            output="screen",
            emulate_tty=True,
        )
    ]


def parameters(given):
    """The user's file, then the options of the command line, which win."""
    if "config" in given:
        if not Path(given["config"]).is_file():
            raise RuntimeError(f"config: expected a yaml file, got {given['config']}")
        yield given["config"]
    values = {one.name: value(one, given[one.name]) for one in OPTIONS if one.name in given}
    if "use_sim_time" in given:
        values["use_sim_time"] = yaml.safe_load(given["use_sim_time"])
    if values:
        yield values


def value(option, text):
    """Texts stay as they are, even such as `007`; the node checks type and range."""
    return text if option.kind is str else yaml.safe_load(text)
