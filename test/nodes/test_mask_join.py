"""Images in their order, each with its mask, and none that waits for ever."""

import threading
import time

import numpy as np
import pytest

from semloc_ros.nodes import messages
from semloc_ros.nodes.mask_join import MaskJoin

PIXELS = np.zeros((2, 3), np.uint8)
MS = 1_000_000


def message(ms):
    return messages.to_image(PIXELS, messages.header("camera", round(ms * MS)))


def stamp(one):
    return messages.stamp_ns(one.header.stamp) / MS


@pytest.fixture
def join():
    """One to which masks flow."""
    made = MaskJoin()
    made.add_mask(message(1))
    return made


def taken(join, wait_s=10.0, slop_ns=0, timeout_s=0.0):
    """Stamps (ms) of an image and its mask, 0 where it has none."""
    found = join.take(timeout_s, wait_s, slop_ns)
    return found and (stamp(found.message), stamp(found.mask) if found.mask else 0)


def test_images_go_in_order_with_their_masks(join):
    for ms in (100, 200, 300):
        join.add("image", message(ms))
    assert taken(join) is None, "the first one waits"
    join.add_mask(message(100))
    assert taken(join) == (100, 100)
    assert taken(join) is None
    join.add_mask(message(300))  # that of the second will not come any more
    assert taken(join) == (200, 0)
    assert taken(join) == (300, 300)


def test_an_image_waits_so_long_and_only_while_masks_come(join):
    join.add("image", message(100))
    begin = time.monotonic()
    assert taken(join, wait_s=0.1, timeout_s=5.0) == (100, 0)
    assert 0.09 < time.monotonic() - begin < 1.0
    silent = MaskJoin()
    silent.add("image", message(100))
    assert taken(silent) == (100, 0)


def test_a_mask_ends_the_wait(join):
    join.add("image", message(100))
    threading.Timer(0.1, join.add_mask, [message(100)]).start()
    assert taken(join, timeout_s=5.0) == (100, 100)


def test_image_and_depth_get_the_same_mask(join):
    for kind in ("image", "depth"):
        join.add(kind, message(100))
    join.add_mask(message(100))
    assert {taken(join), taken(join)} == {(100, 100)}
    join.add("depth", message(200))
    join.add("image", message(150))
    join.add_mask(message(150))
    assert taken(join) == (150, 150), "depth that waits holds up no image"


def test_a_mask_from_beside_if_that_is_allowed(join):
    join.add("depth", message(103))
    join.add_mask(message(100))
    assert taken(join, slop_ns=2 * MS) is None
    assert taken(join, slop_ns=3 * MS) == (103, 100)
    for ms in (200, 206):
        join.add_mask(message(ms))
    join.add("depth", message(204))
    assert taken(join, slop_ns=5 * MS) == (204, 206)


def test_a_mask_from_beside_is_not_that_of_a_neighbour(join):
    join.add("image", message(100))
    join.add_mask(message(100))
    assert taken(join, slop_ns=50 * MS) == (100, 100)
    join.add("image", message(133))
    assert taken(join, slop_ns=50 * MS) is None, "its own will come"
    join.add("image", message(166))
    join.add_mask(message(166))
    assert taken(join, slop_ns=50 * MS) is None, "that of the next image is nearer to that one"
    join.add_mask(message(133))
    assert taken(join, slop_ns=50 * MS) == (133, 133)
    assert taken(join, slop_ns=50 * MS) == (166, 166)


def test_what_does_not_fit_is_lost_and_counted(join):
    for number in range(35):
        join.add("image", message(100 + number))
    assert join.lost == 5
    join.add_mask(message(200))
    assert taken(join) == (105, 0)


def test_stamps_that_fall_back_begin_anew():
    looped = MaskJoin()
    for ms in (5000, 8000, 7500):  # late by half a second is no loop
        looped.add_mask(message(ms))
    looped.add("image", message(5000))
    assert taken(looped) == (5000, 5000)
    looped.add_mask(message(6900))
    looped.add("image", message(7000))
    assert taken(looped) is None, "a mask may still come"
    looped.add_mask(message(7000))
    assert taken(looped) == (7000, 7000)
    looped.add("image", message(8000))
    assert taken(looped, wait_s=0.0) == (8000, 0), "that of before is gone"


def test_clear_forgets_all(join):
    join.add("image", message(100))
    join.add_mask(message(100))
    join.clear()
    assert taken(join) is None
    join.add("image", message(100))
    assert taken(join, wait_s=0.0) == (100, 0)
