"""Bag time that runs with the machine's steady clock, at a rate, with pauses."""

from __future__ import annotations

import threading
import time


class Pacer:
    """Bag time in nanoseconds: it stands until `start`, and while paused. Thread-safe."""

    def __init__(self, rate: float, bag_ns: int, paused: bool = False) -> None:
        self._rate = rate
        self._changed = threading.Condition()
        self._anchor_bag_ns = bag_ns
        self._anchor_steady_ns = 0
        self._started = self._stopped = False
        self._paused = paused

    @property
    def paused(self) -> bool:
        """Whether bag time is held."""
        return self._paused

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def now_ns(self) -> int:
        """Bag time now."""
        with self._changed:
            return self._now_ns()

    def start(self, bag_ns: int) -> None:
        """Let bag time run from `bag_ns` on, now (or after the pause)."""
        with self._changed:
            self._started = True
            self._anchor(bag_ns)

    def pause(self, paused: bool) -> None:
        """Hold bag time, or let it run on from where it was held."""
        with self._changed:
            self._anchor(self._now_ns())
            self._paused = paused

    def stop(self) -> None:
        """End every wait, now and in future."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait_until(self, bag_ns: int) -> bool:
        """Sleep until bag time runs and has reached `bag_ns`; False when stopped before."""
        with self._changed:
            while not self._stopped:
                left_s = (bag_ns - self._now_ns()) * 1e-9 / self._rate
                if self._held():
                    self._changed.wait()
                elif left_s > 0:
                    self._changed.wait(left_s)
                else:
                    return True
        return False

    def lateness_s(self, bag_ns: int) -> float:
        """How long ago, in real seconds, `bag_ns` was due."""
        return (self.now_ns() - bag_ns) * 1e-9 / self._rate

    def _held(self) -> bool:
        return self._paused or not self._started

    def _anchor(self, bag_ns: int) -> None:
        self._anchor_bag_ns = bag_ns
        self._anchor_steady_ns = time.monotonic_ns()
        self._changed.notify_all()

    def _now_ns(self) -> int:
        if self._held():
            return self._anchor_bag_ns
        elapsed = time.monotonic_ns() - self._anchor_steady_ns
        return self._anchor_bag_ns + round(elapsed * self._rate)
