from __future__ import annotations

import threading
import time

from semloc_ros.nodes.pacing import Pacer

MS = 1_000_000


def test_time_stands_until_it_is_started() -> None:
    pacer = Pacer(1.0, 5)
    time.sleep(0.01)
    assert pacer.now_ns() == 5


def middle_lateness(rate: float) -> float:
    """Seconds by which the median of 50 waits of 8 ms ends too late; none ends too early."""
    pacer = Pacer(rate, 0)
    pacer.start(1000 * MS)
    began = time.monotonic()
    lateness = []
    for i in range(1, 51):
        assert pacer.wait_until((1000 + 8 * i) * MS)
        lateness.append(time.monotonic() - began - 0.008 * i / rate)
    assert min(lateness) > -0.001
    return sorted(lateness)[25]


def test_waits_end_on_time_at_any_rate() -> None:
    # a machine that stalls for a moment is late once, a pacer that is late is so each time
    assert min(middle_lateness(4.0) for _ in range(5)) < 0.002


def test_a_pause_holds_the_time_and_loses_none() -> None:
    pacer = Pacer(1.0, 0, paused=True)
    pacer.start(0)
    time.sleep(0.02)
    assert pacer.now_ns() == 0
    threading.Timer(0.05, pacer.pause, [False]).start()
    began = time.monotonic()
    assert pacer.wait_until(20 * MS)
    assert 0.06 < time.monotonic() - began < 0.5
    pacer.pause(True)
    held = pacer.now_ns()
    time.sleep(0.02)
    assert pacer.now_ns() == held >= 20 * MS


def test_stop_ends_a_wait() -> None:
    pacer = Pacer(1.0, 0)
    threading.Timer(0.02, pacer.stop).start()
    assert pacer.wait_until(10**18) is False
