"""What pixels say beside objects: placed in the image, joined to objects or objects themselves."""

from __future__ import annotations

import numpy as np

from semloc_ros.config import DynamicConfig
from semloc_ros.networks.instance_inputs import Detections
from semloc_ros.perception.instance_segmenter import (
    InstanceSegmenter,
    completed,
    placed_mask,
    placed_pixels,
)
from semloc_ros.types import Instances

NOTHING = (
    np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32),
    np.zeros((0, 4, 4), np.float32),
)  # fmt: skip
CONFIG = DynamicConfig(min_area=0.0, mask_threshold=0.5)


def objects() -> Instances:
    """Two objects side by side, of 10 x 10 pixels each."""
    numbers = np.zeros((40, 60), np.uint16)
    numbers[10:20, 10:20], numbers[10:20, 30:40] = 1, 2
    return Instances(numbers, np.array([0.9, 0.8], np.float32))


def test_what_touches_an_object_belongs_to_it():
    probability = np.zeros((40, 60), np.float32)
    probability[20:30, 12:18] = 0.7  # legs of the first, say
    found = completed(objects(), probability, CONFIG)
    assert (found.numbers[20:30, 12:18] == 1).all()
    assert (found.numbers == 1).sum() == 160
    assert found.scores.tolist() == objects().scores.tolist()


def test_between_two_the_longer_edge_decides():
    probability = np.zeros((40, 60), np.float32)
    probability[10:20, 20:22] = probability[12:14, 22:30] = 0.9
    found = completed(objects(), probability, CONFIG)
    assert (found.numbers[12:14, 20:30] == 1).all()
    assert (found.numbers == 2).sum() == 100


def test_what_is_alone_is_an_object_of_its_mean_probability():
    probability = np.zeros((40, 60), np.float32)
    probability[30:34, 50:54] = 0.6
    probability[30:34, 50:52] = 0.8
    found = completed(objects(), probability, CONFIG)
    assert len(found) == 3
    assert (found.numbers[30:34, 50:54] == 3).all()
    assert np.isclose(found.scores[2], 0.7)


def test_small_specks_alone_are_nothing_and_doubt_is_not_enough():
    probability = np.full((40, 60), 0.49, np.float32)
    probability[35, 55] = 1.0
    found = completed(objects(), probability, DynamicConfig(min_area=3 / 2400, mask_threshold=0.5))
    assert np.array_equal(found.numbers, objects().numbers)


def test_pixels_stand_where_their_cells_are_in_the_image():
    pixels = np.zeros((6, 8), np.float32)
    pixels[2, 3] = 1.0
    found = Detections(*NOTHING, pixels=pixels, cell=(4.0, 4.0)).scaled((24, 32), (48, 96))
    assert found.cell == (8.0, 12.0)
    placed = placed_pixels(found, (48, 96))
    rows, columns = np.indices(placed.shape)
    assert np.isclose((rows * placed).sum() / placed.sum(), 2.5 * 8 - 0.5, atol=0.01)
    assert np.isclose((columns * placed).sum() / placed.sum(), 3.5 * 12 - 0.5, atol=0.01)
    assert placed.max() > 0.8


def test_in_a_box_the_mean_of_both_counts():
    box = np.array([[10.0, 10.0, 30.0, 30.0]], np.float32)
    mask = np.full((1, 28, 28), 0.6, np.float32)
    found = Detections(box, np.ones(1, np.int64), np.ones(1, np.float32), mask)
    pixels = np.zeros((40, 40), np.float32)
    pixels[:, 20:] = 0.45
    alone, both = placed_mask(found, 0, (40, 40), 0.5), placed_mask(found, 0, (40, 40), 0.5, pixels)
    assert alone is not None and alone[2].all()
    assert both is not None
    assert not both[2][:, :10].any()
    assert both[2][:, 10:].all()


class Fixed:
    """Finds nothing but pixels."""

    def detect(self, image: np.ndarray) -> Detections:
        pixels = np.zeros((10, 10), np.float32)
        pixels[2:6, 2:6] = 0.9
        return Detections(*NOTHING, pixels=pixels, cell=(4.0, 4.0))


def test_pixels_are_of_no_class_so_only_all_of_them_can_be_asked_for():
    image = np.zeros((40, 40, 3), np.uint8)
    names = ("static", "person", "car")
    every = InstanceSegmenter("x", "", Fixed(), names, ("person", "car"), CONFIG).segment(image)
    some = InstanceSegmenter("x", "", Fixed(), names, ("person",), CONFIG).segment(image)
    assert len(every) == 1
    assert abs((every.mask > 0).sum() - 16 * 16) < 64
    assert len(some) == 0
