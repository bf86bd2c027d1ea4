"""The sources under their usual names; every launch file here is a Python file."""

from __future__ import annotations

from launch.launch_description_source import (
    InvalidPythonLaunchFileError,
    LaunchDescriptionSource,
    get_launch_description_from_python_launch_file,
)
from launch.substitution import SomeSubstitutionsType

__all__ = [
    "AnyLaunchDescriptionSource",
    "InvalidPythonLaunchFileError",
    "PythonLaunchDescriptionSource",
    "get_launch_description_from_python_launch_file",
]


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path)


class AnyLaunchDescriptionSource(PythonLaunchDescriptionSource):
    """A launch file of any format, which is Python here."""
