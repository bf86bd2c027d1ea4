"""What is made of found objects: one above the other, capped, wider."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import DynamicConfig
from semloc_ros.perception.mask_shapes import composed, finished, left_out, parts_of
from semloc_ros.types import UNSURE, Instances


def box(score: float, top: int, bottom: int, left: int, right: int):
    return score, np.s_[top:bottom, left:right], np.ones((bottom - top, right - left), np.bool_)


def test_where_objects_overlap_the_better_one_is_seen() -> None:
    found = composed([box(0.4, 0, 4, 0, 4), box(0.9, 2, 6, 2, 6)], (8, 8))
    np.testing.assert_allclose(found.scores, [0.9, 0.4])
    assert (found.numbers[2:6, 2:6] == 1).all() and (found.numbers == 2).sum() == 12
    assert found.numbers.dtype == np.uint16 and (found.mask == 255).sum() == 28


def test_only_the_pixels_of_an_object_count() -> None:
    pixels = np.eye(3, dtype=np.bool_)
    found = composed([(0.8, np.s_[1:4, 1:4], pixels)], (5, 5))
    np.testing.assert_array_equal(found.numbers[1:4, 1:4], np.eye(3))
    assert found.numbers.sum() == 3


def test_what_is_too_small_is_no_object() -> None:
    tiny, large = box(0.9, 0, 1, 0, 2), box(0.5, 4, 8, 4, 8)
    assert len(composed([tiny, large], (10, 10), 0.03)) == 1
    assert len(composed([tiny, large], (10, 10), 0.02)) == 2
    assert len(composed([(0.9, np.s_[0:0, 0:3], np.ones((0, 3), np.bool_))], (10, 10))) == 0


def test_connected_parts_are_objects_of_score_1_by_area() -> None:
    mask = np.zeros((10, 12), np.uint8)
    mask[0:2, 0:2] = 3
    mask[5:9, 4:9] = 255
    mask[9, 11] = 1
    found = parts_of(mask, min_area=2 / 120)
    assert len(found) == 2 and (found.scores == 1).all()
    assert (found.numbers[5:9, 4:9] == 1).all() and (found.numbers[0:2, 0:2] == 2).all()
    assert found.numbers[9, 11] == 0, "one pixel is less than two"
    assert len(parts_of(np.zeros((4, 4), np.uint8))) == 0


def three(scores: tuple[float, float, float]) -> Instances:
    """Areas of 10, 20 and 30 of 100 pixels."""
    numbers = np.zeros((10, 10), np.uint16)
    numbers[0], numbers[1:3], numbers[3:6] = 1, 2, 3
    return Instances(numbers, np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("most", "left"),
    [(0.6, {1, 2, 3}), (0.59, {1, 3}), (0.39, {3}), (0.2, set())],
)
def test_above_the_cap_the_lowest_scores_go_first(most: float, left: set[int]) -> None:
    config = DynamicConfig(mask_max_fraction=most, dilation=0.0)
    found = finished(three((0.8, 0.7, 0.9)), config)
    assert set(np.unique(found.numbers[found.numbers > 0]).tolist()) == left
    assert len(found) == 3, "numbers and scores stay"


def test_of_a_semantic_mask_above_the_cap_nothing_is_left() -> None:
    config = DynamicConfig(mask_max_fraction=0.5, dilation=0.0)
    assert not finished(three((1, 1, 1)), config).mask.any()


@pytest.mark.parametrize(("most", "count"), [(0.6, 0), (0.59, 1), (0.39, 2), (0.2, 3)])
def test_what_the_cap_leaves_out_is_counted(most: float, count: int) -> None:
    found = three((0.8, 0.7, 0.9))
    found.numbers[9] = UNSURE
    used = finished(found, DynamicConfig(mask_max_fraction=most, dilation=0.1))
    assert left_out(found, used) == count


def test_an_object_without_pixels_was_not_left_out() -> None:
    found = three((0.8, 0.7, 0.9))
    found.numbers[1:3] = 3  # the second is under the third
    assert left_out(found, finished(found, DynamicConfig(mask_max_fraction=0.6))) == 0


def test_masks_are_wider_by_a_share_of_the_width() -> None:
    for width in (200, 400):
        numbers = np.zeros((100, width), np.uint16)
        numbers[50, 100] = 1
        found = finished(Instances(numbers, np.ones(1, np.float32)), DynamicConfig(dilation=0.01))
        radius = width // 100
        assert (found.mask[50, 100 - radius : 101 + radius] == 255).all()
        assert (found.mask[50] > 0).sum() == (found.mask[:, 100] > 0).sum() == 2 * radius + 1
        assert found.mask[50 + radius, 100 + radius] == 0, "a disc"


def test_where_two_grow_together_the_better_one_has_the_pixel() -> None:
    numbers = np.zeros((9, 100), np.uint16)
    numbers[4, 40], numbers[4, 42] = 1, 2
    found = finished(Instances(numbers, np.array([0.6, 0.8], np.float32)),
                     DynamicConfig(dilation=0.02))  # fmt: skip
    assert found.numbers[4, 41] == 2
    assert found.numbers[4, 40] == 1, "what is an object's own stays its own"
    assert found.numbers[4, 38] == 1 and found.numbers[4, 44] == 2


def test_what_is_unsure_neither_counts_nor_grows() -> None:
    numbers = np.zeros((10, 100), np.uint16)
    numbers[:, :80] = UNSURE
    numbers[5, 90] = 1
    config = DynamicConfig(dilation=0.02, mask_max_fraction=0.1)
    found = finished(Instances(numbers, np.ones(1, np.float32)), config)
    assert (found.numbers[:, :80] == UNSURE).all() and not found.numbers[:, 80:87].any()
    assert (found.mask > 0).sum() == 17
