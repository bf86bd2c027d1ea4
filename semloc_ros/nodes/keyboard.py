"""The space bar of a terminal as a button."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def space_pressed(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` whenever space is pressed; without a terminal, or in its background, do nothing.

    The terminal is put back as it was, whatever happens; Ctrl-C keeps working.
    """
    if not _in_front():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    done = threading.Event()
    listener = threading.Thread(target=_listen, args=(act, done), daemon=True)
    tty.setcbreak(sys.stdin)
    listener.start()
    try:
        yield
    finally:
        done.set()
        listener.join()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _in_front() -> bool:
    """Whether the terminal is ours: a job in the background that touches it is stopped."""
    return sys.stdin.isatty() and os.getpgrp() == os.tcgetpgrp(sys.stdin.fileno())


def _listen(act: Callable[[], None], done: threading.Event) -> None:
    while not done.is_set():
        ready, _, _ = select.select([sys.stdin], [], [], 0.1)
        if ready and sys.stdin.read(1) == " ":
            act()
