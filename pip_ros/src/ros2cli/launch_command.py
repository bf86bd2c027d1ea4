"""Run a launch file."""

from __future__ import annotations

import argparse
import os
import sys

from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    get_launch_description_from_python_launch_file,
)
from launch.utilities import describe

from ros2cli.packages import launch_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options and arguments of `ros2 launch`."""
    parser.add_argument(
        "-n", "--noninteractive", default=not sys.stdin.isatty(), action="store_true",
        help="no terminal is attached: send SIGINT to the children",
    )
    parser.add_argument("-d", "--debug", action="store_true", help="say more, with tracebacks")
    parser.add_argument(
        "-s", "--show-args", "--show-arguments", action="store_true",
        help="show the arguments of the launch file",
    )
    parser.add_argument(
        "-a", "--show-all-subprocesses-output", action="store_true",
        help="show what all processes write, whatever their configuration",
    )
    parser.add_argument("package_name", help="package, or path of a launch file")
    parser.add_argument("launch_file_name", nargs="?", help="launch file of the package")
    parser.add_argument("launch_arguments", nargs="*", help="<name>:=<value>, the last one wins")


def main(arguments: argparse.Namespace) -> int:
    """Launch, or show the arguments; returns the exit status."""
    path, given = _path_and_arguments(arguments)
    if arguments.show_args:
        show_arguments(path)
        return 0
    if arguments.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    pairs = parse(given)
    service = LaunchService(
        argv=given, noninteractive=arguments.noninteractive, debug=arguments.debug
    )
    source = AnyLaunchDescriptionSource(path)
    included = IncludeLaunchDescription(source, launch_arguments=pairs.items())
    service.include_launch_description(LaunchDescription([included]))
    return service.run()


def _path_and_arguments(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Where the first word is a file, the second one is an argument already."""
    if os.path.isfile(arguments.package_name):
        first = [] if arguments.launch_file_name is None else [arguments.launch_file_name]
        return arguments.package_name, [*first, *arguments.launch_arguments]
    path = launch_file(arguments.package_name, arguments.launch_file_name)
    return path, arguments.launch_arguments


def parse(arguments: list[str]) -> dict[str, str]:
    """Names and values of `<name>:=<value>` words; RuntimeError for any other word."""
    pairs = {}
    for argument in arguments:
        name, separator, value = argument.partition(":=")
        if not separator or not name or not value:
            raise RuntimeError(
                f"malformed launch argument '{argument}', expected format '<name>:=<value>'"
            )
        pairs[name] = value
    return pairs


def show_arguments(path: str) -> None:
    """Print names, descriptions and defaults of a launch file's arguments."""
    declared = get_launch_description_from_python_launch_file(path).get_launch_arguments()
    print("Arguments (pass arguments as '<name>:=<value>'):")
    for argument in declared:
        mark = "*" if argument._conditionally_included else ""
        print(f"\n    '{argument.name}':{mark}\n        {argument.description}")
        if argument.default_value is not None:
            print(f"        (default: {describe(argument.default_value)})")
    if not declared:
        print("\n  No arguments.")
    elif any(argument._conditionally_included for argument in declared):
        print("\n* argument(s) which are only used if specific conditions occur")
