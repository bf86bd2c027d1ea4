"""What the command line knows of ROS: whether it is there, and how to run its processes."""

from __future__ import annotations

import importlib.util
import sys

from semloc_ros.errors import EnvironmentFault, expected

SOURCE_ROS = (
    "on a robot: source /opt/ros/<distro>/setup.bash; without a ROS distribution: `make setup`"
    " and run .venv/bin/semloc"
)


def ros_found() -> bool:
    """Whether rclpy is there, without importing it."""
    return importlib.util.find_spec("rclpy") is not None


def node_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of `semloc_ros.nodes` with this Python.

    Raises EnvironmentFault where ROS is not installed.
    """
    if not ros_found():
        raise EnvironmentFault(expected("ROS 2", f"rclpy ({SOURCE_ROS})", "none"))
    return [sys.executable, "-m", f"semloc_ros.nodes.{module}", *arguments]
