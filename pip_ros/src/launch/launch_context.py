"""What is known while a launch runs: arguments, locals, events and their handlers."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, MutableMapping
from types import SimpleNamespace
from typing import Any

from launch.event import Event
from launch.event_handler import EventHandler
from launch.substitution import Substitution


class LaunchContext:
    """State shared by all entities of one launch service."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv or [])
        self.noninteractive = noninteractive
        self.is_shutdown = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.launch_configurations: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._saved: list[tuple[dict[str, Any], dict[str, str]]] = []
        self._event_queue: asyncio.Queue[Event] = asyncio.Queue()
        self._event_handlers: deque[EventHandler] = deque()

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment of this process, which children inherit."""
        return os.environ

    @property
    def locals(self) -> SimpleNamespace:
        """The locals as attributes, for example `context.locals.event`."""
        return SimpleNamespace(**self._locals)

    def get_locals_as_dict(self) -> dict[str, Any]:
        """The locals as a dictionary."""
        return dict(self._locals)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add or replace locals."""
        self._locals.update(extensions)

    def replace_locals(self, values: dict[str, Any]) -> None:
        """Set all locals, as before an event was handled."""
        self._locals = dict(values)

    def push_scope(self) -> None:
        """Remember arguments and environment, to come back to them."""
        self._saved.append((dict(self.launch_configurations), dict(os.environ)))

    def pop_scope(self) -> None:
        """Come back to what `push_scope` remembered."""
        self.launch_configurations, environment = self._saved.pop()
        os.environ.clear()
        os.environ.update(environment)

    def perform_substitution(self, substitution: Substitution) -> str:
        """The text of a substitution."""
        return substitution.perform(self)

    def register_event_handler(self, event_handler: EventHandler, append: bool = False) -> None:
        """Add a handler, before the present ones unless `append`."""
        (self._event_handlers.append if append else self._event_handlers.appendleft)(event_handler)

    def unregister_event_handler(self, event_handler: EventHandler) -> None:
        """Remove a handler; ValueError where it is not registered."""
        self._event_handlers.remove(event_handler)

    def handlers_of(self, event: Event) -> list[EventHandler]:
        """The handlers that take an event, in order."""
        return [handler for handler in self._event_handlers if handler.matches(event)]

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event."""
        self._event_queue.put_nowait(event)

    async def emit_event(self, event: Event) -> None:
        """Queue an event, from a coroutine."""
        self._event_queue.put_nowait(event)
