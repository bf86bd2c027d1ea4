"""Which image is taken, where it needs something that belongs to it, and how long it waits."""

import threading
import time

import numpy as np
import pytest

from semloc_ros.nodes import joined_images, messages
from semloc_ros.nodes.joined_images import JoinedImages

PIXELS = np.zeros((2, 3), np.uint8)


def message(ms):
    return messages.to_image(PIXELS, messages.header("camera", ms * 1_000_000))


def ms_of(arrival):
    return arrival and messages.stamp_ns(arrival.message.header.stamp) // 1_000_000


@pytest.fixture
def make():
    """`make(needed, wait_s, images)`: a store that holds the images of these stamps in ms."""

    def filled(needed="labels", wait_s=10.0, images=(100, 200, 300)):
        store = JoinedImages(needed, wait_s)
        for ms in images:
            store.store(message(ms))
        return store

    return filled


def timed(call, *arguments):
    began = time.monotonic()
    return call(*arguments), time.monotonic() - began


def test_the_newest_wins_where_nothing_is_needed(make):
    store = make(needed="")
    assert store.replaced == 2 and len(store._images) == 1, "nothing waits in memory"
    assert ms_of(store.take(0.0)) == 300 and store.replaced == 2
    assert timed(store.take, 0.05)[1] >= 0.05 and store.take(0.0) is None


def test_the_newest_with_labels_wins_and_newer_ones_may_still_get_theirs(make):
    store = make()
    assert store.take(0.0) is None
    store.add("labels", message(100))
    store.add("labels", message(200))
    arrival, took = timed(store.take, 1.0)
    assert ms_of(arrival) == 200 and took < 0.5 and store.replaced == 1
    assert store.take(0.0) is None
    store.add("labels", message(300))
    assert ms_of(store.take(0.0)) == 300


def test_labels_that_come_meanwhile_end_the_wait(make):
    store = make()
    threading.Timer(0.05, store.add, ["labels", message(200)]).start()
    arrival, took = timed(store.take, 5.0)
    assert ms_of(arrival) == 200 and 0.04 < took < 2.0


def test_where_no_labels_come_the_oldest_is_taken_without_and_others_may_get_theirs(make):
    store = make(wait_s=0.1)
    arrival, took = timed(store.take, 5.0)
    assert 0.08 < took < 2.0 and ms_of(arrival) == 100
    assert store.find("labels", 100_000_000) is None
    arrival, took = timed(store.take, 5.0)
    assert 0.08 < took < 2.0 and ms_of(arrival) == 200, "one at a time"
    store.add("labels", message(300))
    assert ms_of(store.take(0.0)) == 300 and store.replaced == 0


def test_a_slow_network_holds_nothing_up(make):
    store = make(wait_s=0.5, images=())
    for ms in (100, 200, 300):  # one of three gets labels, late, but they flow
        store.store(message(ms))
        time.sleep(0.09)
    store.add("labels", message(100))
    assert ms_of(store.take(0.0)) == 100
    assert store.take(0.05) is None, "labels came a moment ago: the others may get theirs"
    assert ms_of(store.take(5.0)) == 200, "but not for ever"


def test_labels_that_belong_to_no_image_do_not_lengthen_the_wait(make):
    store = make(wait_s=0.2)
    flow = [threading.Timer(0.04 * ms, store.add, ["labels", message(ms)]) for ms in range(1, 40)]
    for one in flow:
        one.start()
    arrival, took = timed(store.take, 5.0)
    for one in flow:
        one.cancel()
    assert ms_of(arrival) == 100 and took < 1.0, "as where stamps are rounded on the way"


def test_masks_are_waited_for_only_while_they_come(make):
    store = make(needed="")
    assert timed(store.find, "mask", 100_000_000, 1.0)[1] < 0.5, "none ever came"
    store.add("mask", message(100))
    assert store.find("mask", 100_000_000, 1.0) is not None
    found, took = timed(store.find, "mask", 150_000_000, 0.1)
    assert found is None and took >= 0.1
    store.add("mask", message(200))
    found, took = timed(store.find, "mask", 150_000_000, 1.0)
    assert found is None and took < 0.5, "a later one is there"


def test_of_equal_stamps_the_last_counts(make):
    store = make()
    first, second = message(100), message(100)
    store.add("labels", first)
    store.add("labels", second)
    assert store.find("labels", 100_000_000) is second


def test_what_is_kept_is_bounded(make, monkeypatch):
    monkeypatch.setattr(joined_images, "_MOST_BYTES", 20 * PIXELS.size)
    store = make(images=range(100, 200))
    for ms in range(100, 200):
        store.add("labels", message(ms))
    assert store.replaced == 80
    assert store.find("labels", 100_000_000) is None
    assert ms_of(store.take(0.0)) == 199 and store.replaced == 99
    for ms in range(200, 225):
        store.store(message(ms))
    assert store.replaced == 99 + 5, "what was taken is not counted any more"


def test_after_a_jump_of_the_clock_nothing_is_left(make):
    store = make()
    store.add("labels", message(100))
    store.clear()
    assert store.take(0.0) is None and store.find("labels", 100_000_000, 0.0) is None
