"""Something to do, perhaps under a condition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.condition import Condition
from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Action(LaunchDescriptionEntity):
    """Base of all actions: `execute` is called if the condition holds."""

    def __init__(self, *, condition: Condition | None = None) -> None:
        self.condition = condition

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Execute, if the condition holds."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Act, and return what is to be visited next."""
        return None

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """The entities that `execute` will return, as far as known."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Those entities, where there is no condition."""
        return self.get_sub_entities() if self.condition is None else []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Those entities, where there is a condition."""
        if self.condition is None:
            return []
        return [(f"Conditionally included by {self!r}", self.get_sub_entities())]
