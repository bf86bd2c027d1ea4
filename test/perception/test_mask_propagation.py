"""Masks carried on by the motion between images: what moves, late masks, what starts afresh."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from semloc_ros.config import PropagationConfig
from semloc_ros.errors import InputError
from semloc_ros.perception.mask_propagation import MaskPropagation

WIDTH, HEIGHT, SIZE = 160, 120, 40
STEP_NS = 33_000_000


def texture(shape, seed):
    rough = np.random.default_rng(seed).integers(0, 255, (shape[0] // 12, shape[1] // 12), np.uint8)
    return cv2.resize(rough, shape[::-1], interpolation=cv2.INTER_CUBIC)


WALL, BOX = texture((HEIGHT, 2 * WIDTH), 0), texture((SIZE, SIZE), 1)


def scene(k, camera=1, speed=1, width=WIDTH):
    """Image k of a box that passes a wall that passes the other way, and the box's pixels."""
    image = WALL[:, camera * k : camera * k + WIDTH].copy()
    truth = np.zeros((HEIGHT, WIDTH), np.uint16)
    where = np.s_[40 : 40 + SIZE, 20 + speed * k : 20 + speed * k + SIZE]
    image[where], truth[where] = BOX, 7
    size = (width, HEIGHT * width // WIDTH)
    return (
        np.dstack([cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)] * 3),
        cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST),
    )


def overlap(one, other):
    return np.count_nonzero((one > 0) & (other > 0)) / np.count_nonzero((one > 0) | (other > 0))


def played(propagation, numbers, **kind):
    for k in numbers:
        propagation.add(scene(k, **kind)[0], k * STEP_NS)


@pytest.mark.parametrize("width", [160, 640, 1280])
def test_a_mask_follows_its_object_and_not_the_wall(width):
    propagation = MaskPropagation(PropagationConfig())
    played(propagation, [0], width=width)
    assert propagation.give(propagation.take(0.0), scene(0, width=width)[1])
    played(propagation, range(1, 9), width=width)
    carried, truth = propagation.carried(), scene(8, width=width)[1]
    assert carried.numbers.shape == truth.shape and carried.numbers.dtype == np.uint16
    assert set(np.unique(carried.numbers)) == {0, 7}
    assert overlap(carried.numbers, truth) > 0.75 > 0.7 > overlap(scene(0, width=width)[1], truth)
    assert carried.age_s == pytest.approx(8 * 0.033)


def test_a_late_mask_comes_to_where_its_object_is_by_now():
    propagation = MaskPropagation()
    played(propagation, [0])
    seen = propagation.take(0.0)
    played(propagation, range(1, 9))
    assert propagation.carried() is None, "nothing is known yet"
    assert propagation.give(seen, scene(0)[1])
    assert overlap(propagation.carried().numbers, scene(8)[1]) > 0.8


def test_the_mask_before_serves_while_the_network_works_on_the_next():
    propagation = MaskPropagation()
    played(propagation, [0])
    propagation.give(propagation.take(0.0), scene(0)[1])
    played(propagation, [1, 2, 3])
    seen = propagation.take(0.0)
    np.testing.assert_array_equal(seen.image, scene(3)[0])
    played(propagation, [4, 5])
    assert propagation.carried().age_s == pytest.approx(5 * 0.033)
    propagation.give(seen, scene(3)[1] * 0)
    carried = propagation.carried()
    assert carried.age_s == pytest.approx(2 * 0.033) and not carried.numbers.any()


def test_an_image_is_taken_once_and_waited_for():
    propagation = MaskPropagation()
    assert propagation.take(0.0) is None and propagation.carried() is None
    timer = threading.Timer(0.1, played, (propagation, [0]))
    timer.start()
    assert propagation.take(5.0).stamp_ns == 0
    timer.join()
    assert propagation.take(0.0) is None


@pytest.mark.parametrize("what", ["size", "stamp"])
def test_what_starts_afresh_leaves_no_mask_and_takes_no_late_one(what):
    propagation = MaskPropagation()
    played(propagation, [0, 1, 2])
    propagation.give(propagation.take(0.0), scene(2)[1])
    played(propagation, [3])
    late = propagation.take(0.0)
    if what == "size":
        propagation.add(scene(4, width=320)[0], 4 * STEP_NS)
    else:
        played(propagation, [1])
    assert propagation.carried() is None
    assert not propagation.give(late, scene(3)[1]) and propagation.carried() is None


def test_gray_images_do_and_tiny_ones_are_refused():
    propagation = MaskPropagation()
    propagation.add(scene(0)[0][..., 0], 0)
    propagation.give(propagation.take(0.0), scene(0)[1])
    propagation.add(scene(1)[0][..., 0], STEP_NS)
    assert overlap(propagation.carried().numbers, scene(1)[1]) > 0.9
    with pytest.raises(InputError, match=r"^image: expected at least 16x16 pixels, got 15x40$"):
        propagation.add(np.zeros((40, 15), np.uint8), 2 * STEP_NS)
    assert overlap(propagation.carried().numbers, scene(1)[1]) > 0.9, "a bad image changes nothing"
