"""Events from and to processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from launch.event import Event

Matcher = Callable[[Any], bool]


class RunningProcessEvent(Event):
    """Base: what is known of the process."""

    name = "launch.events.process.RunningProcessEvent"

    def __init__(
        self,
        *,
        action: object,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        self.action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    """A process runs."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """A process has ended, with `returncode` (minus the signal's number where one ended it)."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.returncode = returncode


class ShutdownProcess(Event):
    """The matching processes are to stop."""

    name = "launch.events.process.ShutdownProcess"

    def __init__(self, *, process_matcher: Matcher) -> None:
        self.process_matcher = process_matcher


class SignalProcess(Event):
    """A signal for the matching processes."""

    name = "launch.events.process.SignalProcess"

    def __init__(self, *, signal_number: str | signal.Signals, process_matcher: Matcher) -> None:
        self.signal = signal_number
        self.process_matcher = process_matcher

    @property
    def signal_name(self) -> str:
        """For example SIGINT."""
        return self.signal if isinstance(self.signal, str) else self.signal.name
