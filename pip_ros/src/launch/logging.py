"""Lines on the screen and in launch.log, in the format of upstream.

The log is written below $ROS_LOG_DIR, else $ROS_HOME/log, else ~/.ros/log.
"""

from __future__ import annotations

import datetime
import functools
import logging
import os
import socket
import sys
from pathlib import Path

PREFIX = "launch_screen."  # apart from other users of the logging module
OUTPUTS = {  # which of the two streams goes to the screen, which to the log
    "screen": (("stdout", "stderr"), ()),
    "log": (("stderr",), ("stdout", "stderr")),
    "both": (("stdout", "stderr"), ("stdout", "stderr")),
}


class _Screen(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), flush=True)


class _Short(logging.Formatter):
    """`[INFO] [name]: text`; what a child wrote has no head of its own."""

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "raw", False):
            return record.getMessage()
        name = record.name.removeprefix(PREFIX)
        return f"[{record.levelname}] [{name}]: {record.getMessage()}"


class _Long(_Short):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.created:.7f} {super().format(record)}"


def get_logger(name: str = "launch") -> logging.Logger:
    """The logger of the service or of a process; writes to the screen and to the log."""
    _set_up()
    return logging.getLogger(PREFIX + name)


def write_output(line: str, stream: str, output: str) -> None:
    """A line that a child wrote, to where `output` ("screen", "log", "both") says."""
    screen, log = OUTPUTS[output]
    record = logging.makeLogRecord({"msg": line, "raw": True})
    for handler, streams in zip(_set_up(), (screen, log), strict=False):
        if stream in streams:
            handler.handle(record)


def set_level(debug: bool) -> None:
    """Say everything, or only what a user wants to know."""
    _set_up()
    logging.getLogger(PREFIX.rstrip(".")).setLevel(logging.DEBUG if debug else logging.INFO)


def reset() -> None:
    """Forget screen and log: the next line goes to the present stdout and to a new folder."""
    root = logging.getLogger(PREFIX.rstrip("."))
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    _set_up.cache_clear()
    log_dir.cache_clear()


@functools.cache
def log_dir() -> Path:
    """The folder of this launch's log, made at the first call."""
    home = os.environ.get("ROS_HOME") or str(Path.home() / ".ros")
    base = Path(os.environ.get("ROS_LOG_DIR") or f"{home}/log").expanduser()
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    folder = base / f"{stamp}-{socket.gethostname()}-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder


@functools.cache
def _set_up() -> tuple[logging.Handler, ...]:
    handlers: list[logging.Handler] = [_Screen()]
    try:
        handlers.append(logging.FileHandler(log_dir() / "launch.log"))
    except OSError as error:
        print(f"launch: no log is written: {error}", file=sys.stderr)
    root = logging.getLogger(PREFIX.rstrip("."))
    root.propagate = False
    root.setLevel(logging.INFO)
    for handler, formatter in zip(handlers, (_Short(), _Long()), strict=False):
        handler.setFormatter(formatter)
        root.addHandler(handler)
    return tuple(handlers)
