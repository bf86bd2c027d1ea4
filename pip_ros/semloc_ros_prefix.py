"""Puts the virtual environment on AMENT_PREFIX_PATH when its Python starts.

Installed beside a `.pth` file of the same name, so it runs in every interpreter of the environment:
`bin/python script.py`, console scripts and `#!/usr/bin/env python3` files alike. Child processes
inherit the variable. Where a ROS distribution is sourced, nothing is changed.
"""

import os
import sys
from collections.abc import MutableMapping

MARKER = os.path.join("share", "ament_index", "resource_index", "packages")


def prefixes(environ: MutableMapping[str, str]) -> list[str]:
    """The entries of AMENT_PREFIX_PATH, in order."""
    return [entry for entry in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]


def distribution_prefix(environ: MutableMapping[str, str], prefix: str) -> str | None:
    """The sourced prefix other than `prefix` that carries rclpy: a distribution's."""
    own = os.path.realpath(prefix)
    for entry in prefixes(environ):
        carries = os.path.exists(os.path.join(entry, MARKER, "rclpy"))
        if carries and os.path.realpath(entry) != own:
            return entry
    return None


def join_prefix_path(environ: MutableMapping[str, str], prefix: str) -> None:
    """Append `prefix` to AMENT_PREFIX_PATH unless it is there or a distribution is sourced."""
    entries = prefixes(environ)
    present = prefix in entries or not os.path.isdir(os.path.join(prefix, MARKER))
    if not present and distribution_prefix(environ, prefix) is None:
        environ["AMENT_PREFIX_PATH"] = os.pathsep.join([*entries, prefix])


join_prefix_path(os.environ, sys.prefix)
