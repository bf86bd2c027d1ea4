"""The loop: visits entities, handles events, ends when nothing goes on any more."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator

import launch.logging
from launch.event import Event
from launch.event_handler import EventHandler
from launch.events import IncludeLaunchDescription, Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity


class LaunchService:
    """Runs launch descriptions until all their processes have ended.

    Ctrl-C stops everything once: where a terminal is attached it has sent SIGINT to the children
    already, otherwise (`noninteractive`) they get it from here. SIGTERM and SIGQUIT do the same.
    """

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
        debug: bool = False,
    ) -> None:
        launch.logging.set_level(debug)
        self._logger = launch.logging.get_logger()
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self.context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, IncludeLaunchDescription),
                entities=lambda event, context: event.launch_description,
            )
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._futures: list[asyncio.Future[None]] = []
        self._next_event: asyncio.Task[Event] | None = None
        self._shutting_down = False
        self._return_code = 0

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Have a launch description visited, now or when `run` is called."""
        self.emit_event(IncludeLaunchDescription(launch_description))

    def emit_event(self, event: Event) -> None:
        """Queue an event, from any thread."""
        if self._loop is None:
            self.context.emit_event_sync(event)
        else:
            self._loop.call_soon_threadsafe(self.context.emit_event_sync, event)

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run to the end; returns 0, or 1 where an error came up. Main thread only."""
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    def shutdown(self) -> None:
        """Have a running service end, from any thread."""
        if self._loop is not None:
            reason = "LaunchService.shutdown() called"
            self._loop.call_soon_threadsafe(self._shutdown, reason)

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """The same as `run`, in a loop that is there already."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread.")
        with self._running():
            while not (self._is_idle() and self._shutting_down):
                if shutdown_when_idle and self._is_idle():
                    self._shutdown("idle")
                try:
                    await self._step()
                except Exception as error:  # of a launch file or a callback in it: stop the rest
                    self._fail(error)
        return self._return_code

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        self._logger.info(f"All log files can be found below {launch.logging.log_dir()}")
        self._logger.info("Default logging verbosity is set to INFO")
        loop = self._loop = self.context.asyncio_loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
        for number in signals:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            if self._next_event is not None:
                self._next_event.cancel()
            self._loop = self.context.asyncio_loop = None

    def _on_signal(self, number: signal.Signals) -> None:
        by_user = number == signal.SIGINT
        text = "user interrupted with ctrl-c (SIGINT)" if by_user else f"{number.name} received"
        self._logger.warning(f"{text} again, ignoring..." if self._shutting_down else text)
        self._shutdown(f"ctrl-c ({number.name})", due_to_sigint=by_user)

    def _shutdown(self, reason: str, due_to_sigint: bool = False) -> None:
        if not self._shutting_down:
            self.context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))
        self._shutting_down = self.context.is_shutdown = True

    def _fail(self, error: Exception) -> None:
        self._logger.debug("".join(traceback.format_exception(error)))
        message = f"Caught exception in launch (see debug for traceback): {error}"
        self._logger.error(message)
        self._return_code = 1
        self._shutdown(message)

    def _is_idle(self) -> bool:
        self._futures = [future for future in self._futures if not future.done()]
        waiting = self._next_event is not None and self._next_event.done()
        return not self._futures and not waiting and self.context._event_queue.empty()

    async def _step(self) -> None:
        """Handle the next event, or return when a process or timer has ended."""
        if self._next_event is None:
            self._next_event = asyncio.ensure_future(self.context._event_queue.get())
        await asyncio.wait(
            [self._next_event, *self._futures], return_when=asyncio.FIRST_COMPLETED
        )
        for future in self._futures:
            if future.done() and not future.cancelled():
                future.result()  # raises what was raised in it
        if self._next_event.done():
            event, self._next_event = self._next_event.result(), None
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Shutdown):
            self._shutting_down = self.context.is_shutdown = True
        for handler in self.context.handlers_of(event):
            outside = self.context.get_locals_as_dict()
            for entity in handler.handle(event, self.context):
                self._visit(entity)
            self.context.replace_locals(outside)

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise RuntimeError(f"expected a LaunchDescriptionEntity, got '{entity}'")
        children = entity.visit(self.context)
        future = entity.get_asyncio_future()
        if future is not None:
            self._futures.append(future)
        for child in children or ():
            self._visit(child)
