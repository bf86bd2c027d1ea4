"""A list of entities, and the launch arguments among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.action import Action
    from launch.actions import DeclareLaunchArgument
    from launch.launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """What a launch file returns."""

    def __init__(
        self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None
    ) -> None:
        self.entities = list(initial_entities or [])

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """All entities."""
        return self.entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """All entities."""
        return self.entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append an entity."""
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append an action."""
        self.add_entity(action)

    def get_launch_arguments(
        self, conditional_inclusion: bool = False
    ) -> list[DeclareLaunchArgument]:
        """The declared arguments that can be found without launching, first declaration first."""
        found: dict[str, DeclareLaunchArgument] = {}
        _collect_arguments(self.entities, conditional_inclusion, found)
        return list(found.values())


def _collect_arguments(
    entities: Iterable[LaunchDescriptionEntity],
    conditional: bool,
    found: dict[str, DeclareLaunchArgument],
) -> None:
    from launch.actions import DeclareLaunchArgument

    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument) and entity.name not in found:
            entity._conditionally_included = conditional or entity.condition is not None
            found[entity.name] = entity
        _collect_arguments(entity.describe_sub_entities(), conditional, found)
        for _, children in entity.describe_conditional_sub_entities():
            _collect_arguments(children, True, found)
