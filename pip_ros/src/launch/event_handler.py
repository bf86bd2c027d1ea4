"""What is done when an event comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from launch.event import Event

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class EventHandler:
    """Visits `entities` (or what that function returns) for each event that `matcher` takes."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: Any = None,
        handle_once: bool = False,
    ) -> None:
        self._matcher = matcher
        self._entities = entities
        self.handle_once = handle_once

    @property
    def entities(self) -> list[Any]:
        """The entities that are known before the event."""
        return [] if callable(self._entities) else as_list(self._entities)

    def matches(self, event: Event) -> bool:
        """Whether this handler takes the event."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> list[Any]:
        """The entities to visit."""
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        if callable(self._entities):
            return as_list(self._entities(event, context))
        return as_list(self._entities)


def as_list(entities: Any) -> list[Any]:
    """None, one or several, as a list."""
    if entities is None:
        return []
    return list(entities) if isinstance(entities, Iterable) else [entities]
