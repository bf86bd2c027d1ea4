"""Odometry kept for a while, read at any stamp in between."""

from __future__ import annotations

import bisect
import threading
import time

from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray, Odometry

_KEPT_NS = 30_000_000_000
_RESTART_NS = 1_000_000_000


class OdometryBuffer:
    """The last 30 s of odometry by stamp, interpolated; thread-safe.

    `max_gap_s` is the longest gap between two samples that is bridged. Nothing is
    extrapolated: where odometry does not reach, there is none.
    """

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_ns = round(max_gap_s * 1e9)
        self._stamps: list[int] = []
        self._poses: list[FloatArray] = []
        self._arrived = threading.Condition()

    def add(self, sample: Odometry) -> None:
        """Keep a sample; one that is not newer than the last is dropped.

        A step back of more than 1 s is no disorder but a source that started anew (or a last
        stamp that was wrong): what was kept is forgotten.
        """
        with self._arrived:
            if self._stamps and sample.stamp_ns < self._stamps[-1] - _RESTART_NS:
                self._forget()
            elif self._stamps and sample.stamp_ns <= self._stamps[-1]:
                return
            self._stamps.append(sample.stamp_ns)
            self._poses.append(sample.odom_from_base)
            self._drop_old()
            self._arrived.notify_all()

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        with self._arrived:
            self._forget()

    def at(self, stamp_ns: int, wait_s: float = 0.0) -> FloatArray | None:
        """`odom_from_base` (4, 4) at the stamp; waits up to `wait_s` for it to be reached."""
        deadline = time.monotonic() + wait_s
        with self._arrived:
            while not self._stamps or self._stamps[-1] < stamp_ns:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._arrived.wait(remaining):
                    break
            return self._interpolated(stamp_ns)

    @property
    def newest(self) -> Odometry | None:
        """The last sample, None where there is none."""
        with self._arrived:
            if not self._stamps:
                return None
            return Odometry(self._stamps[-1], self._poses[-1])

    def _forget(self) -> None:
        self._stamps.clear()
        self._poses.clear()

    def _interpolated(self, stamp_ns: int) -> FloatArray | None:
        after = bisect.bisect_left(self._stamps, stamp_ns)
        if after == len(self._stamps):
            return None
        if self._stamps[after] == stamp_ns:
            return self._poses[after]
        if after == 0 or self._stamps[after] - self._stamps[after - 1] > self._max_gap_ns:
            return None
        start, end = self._stamps[after - 1], self._stamps[after]
        fraction = (stamp_ns - start) / (end - start)
        return se3.interpolate(self._poses[after - 1], self._poses[after], fraction)

    def _drop_old(self) -> None:
        old = bisect.bisect_left(self._stamps, self._stamps[-1] - _KEPT_NS)
        if old > 256:  # in bulk: deleting one by one from the front costs a copy each time
            del self._stamps[:old], self._poses[:old]
