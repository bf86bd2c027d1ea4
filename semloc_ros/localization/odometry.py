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
        self._samples: list[Odometry] = []
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
            self._samples.append(sample)
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

    def covariance_near(self, stamp_ns: int) -> FloatArray | None:
        """(6, 6) of the sample nearest to the stamp, None where it has none.

        Not interpolated: what errs by half a period here is made up for by the next frame, as
        the noise of a motion is the difference of two covariances.
        """
        with self._arrived:
            if not self._stamps:
                return None
            after = bisect.bisect_left(self._stamps, stamp_ns)
            beside = self._samples[max(after - 1, 0) : after + 1]
            return min(beside, key=lambda one: abs(one.stamp_ns - stamp_ns)).covariance

    @property
    def newest(self) -> Odometry | None:
        """The last sample, None where there is none."""
        with self._arrived:
            return self._samples[-1] if self._samples else None

    def _forget(self) -> None:
        self._stamps.clear()
        self._samples.clear()

    def _interpolated(self, stamp_ns: int) -> FloatArray | None:
        after = bisect.bisect_left(self._stamps, stamp_ns)
        if after == len(self._stamps):
            return None
        if self._stamps[after] == stamp_ns:
            return self._samples[after].odom_from_base
        if after == 0 or self._stamps[after] - self._stamps[after - 1] > self._max_gap_ns:
            return None
        start, end = self._stamps[after - 1], self._stamps[after]
        fraction = (stamp_ns - start) / (end - start)
        before, behind = (one.odom_from_base for one in self._samples[after - 1 : after + 1])
        return se3.interpolate(before, behind, fraction)

    def _drop_old(self) -> None:
        old = bisect.bisect_left(self._stamps, self._stamps[-1] - _KEPT_NS)
        if old > 256:  # in bulk: deleting one by one from the front costs a copy each time
            del self._stamps[:old], self._samples[:old]
