"""Handlers of the common events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from launch.event import Event
from launch.event_handler import EventHandler
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessStarted

__all__ = ["OnProcessExit", "OnProcessStart", "OnShutdown"]


class OnProcessStart(EventHandler):
    """A process has started: that of `target_action`, or any."""

    def __init__(self, *, target_action: Any = None, on_start: Any, **kwargs: Any) -> None:
        matcher = _of_action(ProcessStarted, target_action)
        super().__init__(matcher=matcher, entities=on_start, **kwargs)


class OnProcessExit(EventHandler):
    """A process has ended: that of `target_action`, or any."""

    def __init__(self, *, target_action: Any = None, on_exit: Any, **kwargs: Any) -> None:
        matcher = _of_action(ProcessExited, target_action)
        super().__init__(matcher=matcher, entities=on_exit, **kwargs)


class OnShutdown(EventHandler):
    """The launch is about to end."""

    def __init__(self, *, on_shutdown: Any, **kwargs: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown), entities=on_shutdown, **kwargs
        )


def _of_action(kind: type, target: Any) -> Callable[[Event], bool]:
    def matches(event: Any) -> bool:
        if not isinstance(event, kind):
            return False
        if target is None:
            return True
        return bool(target(event.action)) if callable(target) else event.action is target

    return matches
