"""Finds packages, their launch files and their executables."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)


def prefix_of(package: str) -> Path:
    """The prefix of a package; RuntimeError where there is none."""
    try:
        return Path(get_package_prefix(package))
    except (PackageNotFoundError, ValueError) as error:
        raise RuntimeError(f"Package '{package}' not found: {error}") from None


def launch_file(package: str, name: str | None) -> str:
    """The path of a launch file in the share folder; RuntimeError unless there is exactly one."""
    prefix_of(package)
    share = Path(get_package_share_directory(package))
    found = sorted(str(path) for path in share.rglob("*") if path.name == name)
    if not found:
        raise RuntimeError(
            f"file '{name}' was not found in the share directory of package '{package}' "
            f"which is at '{share}'"
        )
    if len(found) > 1:
        raise RuntimeError(
            f"file '{name}' was found more than once in the share directory of package "
            f"'{package}': {found}"
        )
    return found[0]


def executables(package: str) -> list[Path]:
    """The executables of a package, by name."""
    folder = prefix_of(package) / "lib" / package
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in files if path.is_file() and os.access(path, os.X_OK))
