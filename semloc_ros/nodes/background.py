"""Work that gives way: threads of lower priority than those that somebody waits for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_LOWEST = 19


def give_way(nice: int) -> None:
    """Make the calling thread, and what threads it starts, nicer than the process by `nice`, where
    the system has priorities of threads: on Linux. A priority that is lower yet stays."""
    if not sys.platform.startswith("linux"):
        return
    wanted = min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + nice, _LOWEST)
    thread = threading.get_native_id()
    if os.getpriority(os.PRIO_PROCESS, thread) < wanted:
        os.setpriority(os.PRIO_PROCESS, thread, wanted)


def giving_way(call: Callable[[], Result], nice: int) -> Result:
    """What `call` returns or raises, run by a thread that gives way; so do the threads of a library
    that it makes, such as those of a network's runtime."""
    results: list[Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        give_way(nice)
        try:
            results.append(call())
        except BaseException as error:  # it is the caller's
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return results[0]
