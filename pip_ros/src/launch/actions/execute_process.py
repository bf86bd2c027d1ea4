"""The action that starts a process, passes its lines on, and stops it in the end."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import signal
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

import launch.logging
from launch.action import Action
from launch.child_process import ChildProcess
from launch.conditions import evaluate_condition_expression
from launch.event_handler import EventHandler
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.events.process import ProcessExited, ProcessStarted, ShutdownProcess, SignalProcess
from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration
from launch.utilities import normalize_to_list_of_substitutions, perform

Environment = Mapping[SomeSubstitutionsType, SomeSubstitutionsType]

SIGTERM_TIMEOUT = LaunchConfiguration("sigterm_timeout", default=5)
SIGKILL_TIMEOUT = LaunchConfiguration("sigkill_timeout", default=5)

_numbers = itertools.count(1)


class ExecuteProcess(Action):
    """Runs `cmd` (a list of texts or substitutions, one per argument).

    `output` is "screen", "log" or "both". In the end the process gets SIGINT, after
    `sigterm_timeout` seconds SIGTERM, after `sigkill_timeout` more SIGKILL. `respawn` starts it
    again, `respawn_delay` seconds after it has ended, until the launch ends.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Environment | None = None,
        additional_env: Environment | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = SIGTERM_TIMEOUT,
        sigkill_timeout: SomeSubstitutionsType = SIGKILL_TIMEOUT,
        emulate_tty: bool = False,
        output: SomeSubstitutionsType = "log",
        log_cmd: bool = False,
        on_exit: Any = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self._name, self._cwd, self._shell = name, cwd, shell
        self._env, self._additional_env = env, additional_env
        self._timeouts = (sigterm_timeout, sigkill_timeout)
        self._emulate_tty, self._log_cmd = emulate_tty, log_cmd
        self._output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        self._on_exit = on_exit
        self._respawn, self._respawn_delay = respawn, respawn_delay
        self.process_details: dict[str, Any] | None = None
        self.return_code: int | None = None
        self._child: ChildProcess | None = None
        self._stopping: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name in the log, for example localizer-1; only after the start."""
        if self.process_details is None:
            raise RuntimeError("cannot access 'name' before executing action")
        return str(self.process_details["name"])

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Done when the process has ended for good."""
        return self._task

    def execute(self, context: LaunchContext) -> None:
        """Start the process in the background."""
        if self._task is not None:
            raise RuntimeError(f"ExecuteProcess action '{self.name}': executed more than once")
        self.process_details = self._details(context)
        self._logger = launch.logging.get_logger(self.name)
        if context.is_shutdown:
            return
        self._resolve(context)
        self._register(context)
        self._stopping = asyncio.Event()
        assert context.asyncio_loop is not None
        self._task = context.asyncio_loop.create_task(self._run(context))

    def _details(self, context: LaunchContext) -> dict[str, Any]:
        cmd = [perform(context, part) for part in self.cmd]
        program = shlex.split(cmd[0])[0] if self._shell else cmd[0]
        label = os.path.basename(program) if self._name is None else perform(context, self._name)
        return {
            "action": self,
            "name": f"{label}-{next(_numbers)}",
            "cmd": cmd,
            "cwd": None if self._cwd is None else perform(context, self._cwd),
            "env": self._environment(context),
        }

    def _environment(self, context: LaunchContext) -> dict[str, str] | None:
        if self._env is None and self._additional_env is None:
            return None
        base = dict(context.environment) if self._env is None else {}
        pairs = [*(self._env or {}).items(), *(self._additional_env or {}).items()]
        return base | {perform(context, key): perform(context, value) for key, value in pairs}

    def _resolve(self, context: LaunchContext) -> None:
        """What may be a substitution gets its value before the process starts."""
        self._destination = perform(context, self._output)
        if self._destination not in launch.logging.OUTPUTS:
            raise ValueError(
                f"{self._destination} is not a valid output configuration, expected one of "
                f"{list(launch.logging.OUTPUTS)}"
            )
        self._again = evaluate_condition_expression(context, perform(context, self._respawn))
        terminal = context.launch_configurations.get("emulate_tty", str(self._emulate_tty))
        self._terminal = evaluate_condition_expression(context, terminal)
        self._seconds = [float(perform(context, timeout)) for timeout in self._timeouts]

    def _register(self, context: LaunchContext) -> None:
        handlers = [
            EventHandler(matcher=self._is_for_me(SignalProcess), entities=self._on_signal),
            EventHandler(
                matcher=self._is_for_me(ShutdownProcess),
                entities=lambda event, _: self._stop(send_sigint=True),
            ),
            OnShutdown(on_shutdown=self._on_shutdown),
        ]
        if self._on_exit is not None:
            handlers.append(OnProcessExit(target_action=self, on_exit=self._on_exit))
        for handler in handlers:
            context.register_event_handler(handler)

    def _is_for_me(self, kind: type) -> Any:
        return lambda event: isinstance(event, kind) and event.process_matcher(self)

    def _on_signal(self, event: SignalProcess, _: LaunchContext) -> None:
        number = event.signal
        self._send(signal.Signals[number] if isinstance(number, str) else number)

    def _on_shutdown(self, event: Any, context: LaunchContext) -> None:
        self._stop(send_sigint=not event.due_to_sigint or context.noninteractive)

    def _stop(self, *, send_sigint: bool) -> None:
        """Begin to stop; the task of `_run` sees to it that it comes to an end."""
        assert self._stopping is not None
        if not self._stopping.is_set():
            self._stopping.set()
            if send_sigint:
                self._send(signal.SIGINT)

    def _send(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.send_signal(number):
            self._logger.info(f"sending signal '{number.name}' to process[{self.name}]")

    async def _run(self, context: LaunchContext) -> None:
        assert self._stopping is not None
        while not self._stopping.is_set():
            try:
                await self._run_once(context)
            except OSError:
                trace = traceback.format_exc()
                self._logger.error(f"exception occurred while executing process:\n{trace}")
                return
            if not self._again:
                return
            await _either(self._stopping.wait(), asyncio.sleep(self._respawn_delay or 0.0))

    async def _run_once(self, context: LaunchContext) -> None:
        details = self.process_details
        assert details is not None and self._stopping is not None
        if self._log_cmd:
            self._logger.info(f"process details: cmd='{' '.join(details['cmd'])}'")
        child = await ChildProcess.start(details, self._shell, self._terminal, self._on_line)
        details["pid"] = child.pid
        self._logger.info(f"process started with pid [{child.pid}]")
        context.emit_event_sync(ProcessStarted(**details))
        if self._stopping.is_set():  # while it was being started
            child.send_signal(signal.SIGINT)
        self._child = child
        self.return_code = await self._ended(child)
        self._child = None
        self._log_end(child.pid, self.return_code)
        context.emit_event_sync(ProcessExited(returncode=self.return_code, **details))

    async def _ended(self, child: ChildProcess) -> int:
        """Wait for the end; once stopping has begun, insist."""
        assert self._stopping is not None
        ended = asyncio.ensure_future(child.wait())
        await _either(ended, self._stopping.wait())
        steps = (("SIGINT", signal.SIGTERM), ("SIGTERM", signal.SIGKILL))
        for (before, harder), seconds in zip(steps, self._seconds, strict=True):
            await asyncio.wait([ended], timeout=seconds)
            if ended.done():
                break
            self._logger.error(
                f"process[{self.name}] failed to terminate '{seconds:g}' seconds after receiving "
                f"'{before}', escalating to '{harder.name}'"
            )
            self._send(harder)
        return await ended

    def _on_line(self, line: str, stream: str) -> None:
        launch.logging.write_output(f"[{self.name}] {line}", stream, self._destination)

    def _log_end(self, pid: int, returncode: int) -> None:
        if returncode == 0:
            self._logger.info(f"process has finished cleanly [pid {pid}]")
        else:
            assert self.process_details is not None
            command = " ".join(self.process_details["cmd"])
            self._logger.error(
                f"process has died [pid {pid}, exit code {returncode}, cmd '{command}']."
            )


async def _either(*awaitables: Any) -> None:
    """Return when the first is done; what was made here for the others is cancelled."""
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, awaitable in zip(tasks, awaitables, strict=True):
        if task is not awaitable:
            task.cancel()
