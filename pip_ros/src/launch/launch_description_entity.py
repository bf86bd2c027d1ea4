"""The base of all that stands in a launch description."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Visited once when its turn comes."""

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Act, and return what is to be visited next."""
        return None

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """The entities that a visit will surely return."""
        return []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Descriptions of conditions, with the entities that a visit returns if they hold."""
        return []

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Done when nothing of this entity goes on any more; None where nothing does."""
        return None
