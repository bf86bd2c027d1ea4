"""Faults that repeat with every message: said once per reason and a while, not every time."""

from __future__ import annotations

import time

from rclpy.node import Node

_SILENCE_S = 5.0


class Faults:
    """A node's log of what outside keeps doing wrong, throttled by reason in real time."""

    def __init__(self, node: Node) -> None:
        self._logger = node.get_logger()
        self._said: dict[str, float] = {}

    def say(self, reason: str, text: str) -> None:
        """One warning line, unless the same reason was said in the last 5 s."""
        now = time.monotonic()
        if now - self._said.get(reason, -_SILENCE_S) >= _SILENCE_S:
            self._said[reason] = now
            self._logger.warning(text)
