"""Processes that end with the command that started them, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semloc_ros.errors import EnvironmentFault

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = {signal.SIGINT: 10.0, signal.SIGTERM: 5.0, signal.SIGKILL: 5.0}
_POLL_S = 0.05
_TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class Child:
    """A process, the group of all its descendants, and its log (None: it has the terminal)."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @property
    def running(self) -> bool:
        """Whether the process itself still runs."""
        return self.process.poll() is None

    def group_alive(self) -> bool:
        """Whether anything of the group still runs (a zombie of ours is reaped here)."""
        self.process.poll()
        return _signal_group(self.process.pid, 0)

    def tail(self) -> str:
        """The last lines of the log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

    def stop(self) -> None:
        """SIGINT to the group, and harder words for what does not listen."""
        for word, patience in _PATIENCE_S.items():
            if not _signal_group(self.process.pid, word):
                return
            deadline = time.monotonic() + patience
            while self.group_alive():
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_S)


@contextmanager
def running(
    name: str, command: Sequence[str], environ: Mapping[str, str], log: Path | None = None
) -> Iterator[Child]:
    """The process for the time of a `with` block; nothing of it is left afterwards.

    It gets a process group of its own, so that Ctrl-C reaches this command first and the order
    of stopping is ours. Without a `log` its stderr is the terminal's.
    """
    child = None
    try:
        with _postponed():  # between the start and its note nothing may come
            child = _started(name, command, environ, log)
        yield child
    finally:
        with _uninterrupted():
            if child is not None:
                child.stop()


def end_like_ctrl_c() -> None:
    """From now on SIGTERM and SIGHUP (the terminal or ssh was closed) end this process cleanly."""
    for word in _ENDINGS:
        if signal.getsignal(word) is not signal.SIG_IGN:  # as under nohup
            signal.signal(word, signal.default_int_handler)


def sleep(seconds: float, needed: Sequence[Child]) -> None:
    """Give the processes time; raises EnvironmentFault when one of them ends meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _check(needed)
        time.sleep(_POLL_S)
    _check(needed)


def wait_for(child: Child, needed: Sequence[Child]) -> None:
    """Wait until `child` has ended well.

    Raises EnvironmentFault, with the end of its log, when it fails or when one of those it
    needs ends first.
    """
    while child.running:
        _check(needed)
        time.sleep(_POLL_S)
    if child.process.returncode != 0:
        raise EnvironmentFault("\n".join([_obituary(child), *(one.tail() for one in needed)]))


def _started(
    name: str, command: Sequence[str], environ: Mapping[str, str], log: Path | None
) -> Child:
    with open(log or os.devnull, "wb") as sink:
        process = subprocess.Popen(
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=sink,
            stderr=sink if log else None, start_new_session=True,
        )  # fmt: skip
    return Child(name, process, log)


def _check(needed: Sequence[Child]) -> None:
    for one in needed:
        if not one.running:
            raise EnvironmentFault(_obituary(one))


def _obituary(child: Child) -> str:
    head = f"{child.name}: expected to run well, ended with code {child.process.returncode}"
    return f"{head}\n{child.tail()}".rstrip()


def _signal_group(group: int, word: int) -> bool:
    """Whether the signal reached anything."""
    try:
        os.killpg(group, word)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _postponed() -> Iterator[None]:
    """A signal that comes during the block acts after it (a mask would be inherited)."""
    came: list[int] = []
    with _handled_by(lambda word, _: came.append(word)):
        yield
    for word in came:
        signal.raise_signal(word)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not leave processes behind."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, Any], Any] | signal.Handlers) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # no signals come here
        return
    before = [signal.signal(word, handler) for word in _ENDINGS]
    try:
        yield
    finally:
        for word, own in zip(_ENDINGS, before, strict=True):
            signal.signal(word, own)
