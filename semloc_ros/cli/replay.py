"""`semloc replay`: plays a bag, in a process of its own because that needs ROS."""

from __future__ import annotations

import subprocess

import typer

from semloc_ros.cli.ros_process import node_command

SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],  # --help is answered by the process that knows the options
}


def replay(context: typer.Context) -> None:
    """Play a ROS 2 bag (sqlite3 or mcap) onto topics with /clock; --help tells the options."""
    process = subprocess.Popen(node_command("replay", *context.args))
    while True:
        try:
            raise typer.Exit(process.wait())
        except KeyboardInterrupt:
            continue  # the terminal sent it to the player too, which ends cleanly
