"""Actions about events, time and the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import launch.logging
from launch.action import Action
from launch.event import Event
from launch.event_handler import EventHandler
from launch.event_handlers import OnShutdown
from launch.events import Shutdown as ShutdownEvent
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitution import SomeSubstitutionsType
from launch.utilities import perform


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Emit it."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends the launch."""

    def __init__(self, *, reason: str = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)


class RegisterEventHandler(Action):
    """Has events handled from now on."""

    def __init__(self, event_handler: EventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """What the handler will return, as far as known."""
        return [("an event comes", self.event_handler.entities)]

    def execute(self, context: LaunchContext) -> None:
        """Register it."""
        context.register_event_handler(self.event_handler)


class UnregisterEventHandler(Action):
    """Has events no longer handled."""

    def __init__(self, event_handler: EventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Unregister it."""
        context.unregister_event_handler(self.event_handler)


class LogInfo(Action):
    """Writes a line to the screen and the log."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = msg

    def execute(self, context: LaunchContext) -> None:
        """Write it."""
        launch.logging.get_logger("launch.user").info(perform(context, self.msg))


class _TimerEvent(Event):
    name = "launch.events.TimerEvent"

    def __init__(self, timer_action: TimerAction) -> None:
        self.timer_action = timer_action


class TimerAction(Action):
    """Takes actions after `period` seconds, unless it is cancelled or the launch ends before."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.period = period
        self.actions = list(actions)
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """The actions."""
        return [(f"{self.period} seconds pass without being canceled", self.actions)]

    def cancel(self) -> None:
        """Do not take the actions, if they are not yet taken."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def execute(self, context: LaunchContext) -> None:
        """Start the clock."""
        if self._cancelled or context.is_shutdown:
            return
        context.register_event_handler(OnShutdown(on_shutdown=lambda event, _: self.cancel()))
        context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, _TimerEvent)
                and event.timer_action is self,
                entities=self.actions,
                handle_once=True,
            )
        )
        seconds = float(perform(context, self.period))
        assert context.asyncio_loop is not None
        self._task = context.asyncio_loop.create_task(self._wait(context, seconds))

    async def _wait(self, context: LaunchContext, seconds: float) -> None:
        await asyncio.sleep(seconds)
        context.emit_event_sync(_TimerEvent(self))

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Done when the time is over."""
        return self._task
