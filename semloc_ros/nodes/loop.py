"""A node's own thread: what takes long is done there, never by the executor."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from rclpy.node import Node


class Loop:
    """Calls `turn()` again and again from `start` until `stop`; a bug in it is logged, and does
    not end the thread."""

    def __init__(self, node: Node, turn: Callable[[], None]) -> None:
        self._turn, self._logger, self._context = turn, node.get_logger(), node.context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=node.get_name(), daemon=True)

    def start(self) -> None:
        """Begin; may call back at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let the turn finish, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    @property
    def is_stopping(self) -> bool:
        """Whether what the turn does is no longer wanted."""
        return self._stopping.is_set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:  # a bug must be seen, and must not silently end the thread
                if not self._stopping.is_set() and self._context.ok():
                    self._logger.error(traceback.format_exc())
