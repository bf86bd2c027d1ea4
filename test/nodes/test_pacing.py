from __future__ import annotations

import threading
import time

import pytest

from semloc_ros.nodes.pacing import Pacer

MS = 1_000_000


def test_time_stands_until_it_is_started() -> None:
    pacer = Pacer(1.0, 5)
    time.sleep(0.01)
    assert pacer.now_ns() == 5


def test_waits_end_on_time_at_any_rate() -> None:
    pacer = Pacer(4.0, 0)
    pacer.start(1000 * MS)
    began = time.monotonic()
    lateness = []
    for i in range(1, 51):
        assert pacer.wait_until((1000 + 8 * i) * MS)
        lateness.append(time.monotonic() - began - 0.002 * i)
    assert sorted(lateness)[25] < 0.002
    assert min(lateness) > -0.001


def test_a_pause_holds_the_time_and_loses_none() -> None:
    pacer = Pacer(1.0, 0, paused=True)
    pacer.start(0)
    time.sleep(0.02)
    assert pacer.now_ns() == 0
    threading.Timer(0.05, pacer.pause, [False]).start()
    began = time.monotonic()
    assert pacer.wait_until(20 * MS)
    assert time.monotonic() - began == pytest.approx(0.07, abs=0.02)
    pacer.pause(True)
    held = pacer.now_ns()
    time.sleep(0.02)
    assert pacer.now_ns() == held >= 20 * MS


def test_stop_ends_a_wait() -> None:
    pacer = Pacer(1.0, 0)
    threading.Timer(0.02, pacer.stop).start()
    assert pacer.wait_until(10**18) is False
