"""One operating system process, its output line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
from collections.abc import Callable
from typing import Any

OnLine = Callable[[str, str], None]  # line without its end, "stdout" or "stderr"
DRAIN_SECONDS = 0.5  # how long the pipes of an ended process may stay open in grandchildren


class ChildProcess:
    """A running process; make one with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, readers: list[asyncio.Task[None]]):
        self.pid = process.pid
        self._process = process
        self._readers = readers

    @classmethod
    async def start(
        cls, details: dict[str, Any], shell: bool, terminal: bool, on_line: OnLine
    ) -> ChildProcess:
        """Start `details["cmd"]`; with `terminal` it believes to write to one."""
        pipes = [pty.openpty() if terminal else os.pipe() for _ in range(2)]
        inputs, outputs = zip(*pipes, strict=True)
        try:
            process = await _spawn(details, shell, *outputs)
        except OSError:
            for descriptor in inputs:
                os.close(descriptor)
            raise
        finally:
            for descriptor in outputs:
                os.close(descriptor)
        readers = [
            asyncio.ensure_future(_read_lines(descriptor, stream, on_line))
            for descriptor, stream in zip(inputs, ("stdout", "stderr"), strict=True)
        ]
        return cls(process, readers)

    def send_signal(self, number: signal.Signals) -> bool:
        """Send a signal; False where the process has ended already."""
        if self._process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
            return True
        return False

    async def wait(self) -> int:
        """The exit code, once the process has ended and its last lines are read."""
        returncode = await self._process.wait()
        await asyncio.wait(self._readers, timeout=DRAIN_SECONDS)
        return returncode


async def _spawn(
    details: dict[str, Any], shell: bool, stdout: int, stderr: int
) -> asyncio.subprocess.Process:
    streams = {"stdin": asyncio.subprocess.PIPE, "stdout": stdout, "stderr": stderr}
    place = {"cwd": details["cwd"], "env": details["env"]}
    if shell:
        return await asyncio.create_subprocess_shell(" ".join(details["cmd"]), **streams, **place)
    return await asyncio.create_subprocess_exec(*details["cmd"], **streams, **place)


async def _read_lines(descriptor: int, stream: str, on_line: OnLine) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    rest = b""
    with contextlib.suppress(OSError):  # how a terminal says that the other side is gone
        while block := await reader.read(65536):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace").removesuffix("\r"), stream)
    if rest:
        on_line(rest.decode(errors="replace"), stream)
    transport.close()
