"""The command `ros2`."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from ros2cli import launch_command, pkg_command, run_command

COMMANDS = {
    "launch": launch_command,
    "pkg": pkg_command,
    "run": run_command,
}


def main(argv: list[str] | None = None) -> int | str:
    """Run one command; returns the exit status, or the text of an error."""
    find_python_of_environment()
    parser = argparse.ArgumentParser(prog="ros2", description=__doc__)
    commands = parser.add_subparsers(dest="command", title="Commands")
    for name, command in COMMANDS.items():
        assert command.__doc__ is not None
        summary = command.__doc__.splitlines()[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        status = COMMANDS[arguments.command].main(arguments)
        sys.stdout.flush()
        return status
    except RuntimeError as error:
        return str(error)
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 128 + signal.SIGPIPE


def find_python_of_environment() -> None:
    """Let `#!/usr/bin/env python3` mean this environment, also where it is not activated."""
    if sys.prefix != sys.base_prefix:
        folder = os.path.join(sys.prefix, "bin")
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])


if __name__ == "__main__":
    sys.exit(main())
