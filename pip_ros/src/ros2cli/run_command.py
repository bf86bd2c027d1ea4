"""Run an executable of a package."""

from __future__ import annotations

import argparse
import os

from ros2cli.packages import executables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `ros2 run`."""
    parser.add_argument("package_name", help="package")
    parser.add_argument("executable_name", help="executable in lib/<package>")
    parser.add_argument("argv", nargs=argparse.REMAINDER, help="its arguments")


def main(arguments: argparse.Namespace) -> str:
    """Become the executable; returns an error's text where there is none."""
    for path in executables(arguments.package_name):
        if path.name == arguments.executable_name:
            os.execv(path, [str(path), *arguments.argv])
    return "No executable found"
