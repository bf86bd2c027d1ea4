"""Ask about packages: list, prefix, executables."""

from __future__ import annotations

import argparse

from ament_index_python.packages import get_packages_with_prefixes

from ros2cli.packages import executables, prefix_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of `ros2 pkg`."""
    commands = parser.add_subparsers(dest="question", required=True)
    commands.add_parser("list", help="names of all packages")
    for name, text in (("prefix", "where a package is installed"), ("executables", "its nodes")):
        commands.add_parser(name, help=text).add_argument("package_name")


def main(arguments: argparse.Namespace) -> int:
    """Print the answer."""
    if arguments.question == "list":
        print("\n".join(sorted(get_packages_with_prefixes())))
    elif arguments.question == "prefix":
        print(prefix_of(arguments.package_name))
    else:
        for path in executables(arguments.package_name):
            print(arguments.package_name, path.name)
    return 0
