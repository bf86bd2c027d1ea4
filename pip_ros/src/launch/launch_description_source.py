"""Where a launch description comes from: a Python file, or one that is given."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from launch.substitution import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.launch_description import LaunchDescription


class InvalidPythonLaunchFileError(Exception):
    """A launch file lacks what makes it one."""


class LaunchDescriptionSource:
    """A launch description that is given, or read from `location` on demand."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<script>",
    ) -> None:
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._path: str | None = None

    @property
    def location(self) -> str:
        """The path once it is known, before that its description."""
        return self._path or " + ".join(one.describe() for one in self._location)

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """The launch description, read at the first call."""
        self._path = perform_substitutions(context, self._location)
        if self._description is None:
            self._description = get_launch_description_from_python_launch_file(self._path)
        return self._description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """The same before launching, or None where the path depends on the context."""
        from launch.launch_context import LaunchContext

        try:
            return self.get_launch_description(LaunchContext())
        except Exception:
            # whatever is wrong will be said when the file's turn to be launched comes
            return None


def get_launch_description_from_python_launch_file(path: str) -> LaunchDescription:
    """Read a launch file and call its `generate_launch_description`."""
    module = _load(path)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{path}' does not contain the required function "
            "'generate_launch_description()'"
        )
    description: LaunchDescription = module.generate_launch_description()
    return description


def _load(path: str) -> Any:
    if not path.endswith(".py"):
        raise InvalidPythonLaunchFileError(f"{path}: expected a Python launch file (.launch.py)")
    spec = importlib.util.spec_from_file_location("python_launch_file", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
