"""Actions that set what later actions read: launch arguments and the environment."""

from __future__ import annotations

from typing import Any

import launch.logging
from launch.action import Action
from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform


class DeclareLaunchArgument(Action):
    """An argument of the launch file; required where it has no default."""

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(
                f'Provided default_value "{default_value}" is not in provided choices "{choices}".'
            )
        self.name = name
        self.choices = choices
        self.description = _described(description, choices)
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self._conditionally_included = False

    def execute(self, context: LaunchContext) -> None:
        """Take the default where no value was given, and check the choices."""
        given = context.launch_configurations
        if self.name not in given:
            if self.default_value is None:
                raise RuntimeError(f'Required launch argument "{self.name}" was not provided.')
            given[self.name] = perform(context, self.default_value)
        if self.choices is not None and given[self.name] not in self.choices:
            message = (
                f'Argument "{self.name}" provided value "{given[self.name]}" is not valid. '
                f"Valid options are: {self.choices}"
            )
            launch.logging.get_logger("launch.actions.declare_launch_argument").error(message)
            raise RuntimeError(message)


def _described(description: str | None, choices: list[str] | None) -> str:
    if description is None:
        return "no description given" if choices is None else f"One of: {choices}"
    if choices is None:
        return description
    return f"{description.removesuffix('.')}. Valid choices are: {choices}"


class SetLaunchConfiguration(Action):
    """Sets an argument's value for what follows."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        value = perform(context, self.value)
        context.launch_configurations[perform(context, self.name)] = value


class SetEnvironmentVariable(Action):
    """Sets an environment variable for the processes that follow."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        context.environment[perform(context, self.name)] = perform(context, self.value)
