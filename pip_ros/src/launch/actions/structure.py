"""Actions that stand for other actions: groups, included files, functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from launch.action import Action
from launch.actions.arguments import SetLaunchConfiguration
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_source import LaunchDescriptionSource
from launch.substitution import SomeSubstitutionsType
from launch.utilities import perform


class OpaqueFunction(Action):
    """Calls `function(context, *args, **kwargs)`, which may return entities to visit."""

    def __init__(
        self,
        *,
        function: Callable[..., Iterable[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        **left_over_kwargs: Any,
    ) -> None:
        super().__init__(**left_over_kwargs)
        self._function = function
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Call the function."""
        return self._function(context, *self._args, **self._kwargs)


class _Push(Action):
    def execute(self, context: LaunchContext) -> None:
        context.push_scope()


class _Pop(Action):
    def execute(self, context: LaunchContext) -> None:
        context.pop_scope()


class GroupAction(Action):
    """Several actions under one condition; arguments that they set stay inside if `scoped`."""

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        scoped: bool = True,
        launch_configurations: dict[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = (launch_configurations or {}).items()
        inside = [*(SetLaunchConfiguration(name, value) for name, value in given), *actions]
        self._entities = [_Push(), *inside, _Pop()] if scoped else inside

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """The actions, and what opens and closes their scope."""
        return list(self._entities)

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """The same."""
        return self.get_sub_entities()


class IncludeLaunchDescription(Action):
    """Another launch file, with its arguments."""

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = LaunchDescriptionSource(None, launch_description_source)
        self.launch_description_source = launch_description_source
        self.launch_arguments = tuple(launch_arguments)

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """The included description, if it can be read before launching."""
        found = self.launch_description_source.try_get_launch_description_without_context()
        return [] if found is None else [found]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Set the arguments, then visit the included description."""
        description = self.launch_description_source.get_launch_description(context)
        path = os.path.abspath(self.launch_description_source.location)
        context.extend_locals({"current_launch_file_path": path})
        context.extend_locals({"current_launch_file_directory": os.path.dirname(path)})
        names = [perform(context, name) for name, _ in self.launch_arguments]
        _check_arguments(description, names)
        given = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        return [*given, description]


def _check_arguments(description: LaunchDescription, given: list[str]) -> None:
    for argument in description.get_launch_arguments():
        required = argument.default_value is None and not argument._conditionally_included
        if required and argument.name not in given:
            raise RuntimeError(
                f"Included launch description missing required argument '{argument.name}' "
                f"(description: '{argument.description}'), given: [{', '.join(given)}]"
            )
