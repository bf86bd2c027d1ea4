"""Precision, recall and F1 of masks by CDnet's rules."""

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.evaluation.mask_quality import MaskCounts, count_pixels, sum_counts

TRUTH = np.array([[255, 255, 255, 0, 0, 50, 170, 85]], np.uint8)
MASK = np.array([[1, 1, 0, 1, 0, 1, 1, 1]], np.bool_)


def test_unknown_and_outside_do_not_count_and_a_shadow_is_static():
    counts = count_pixels(MASK, TRUTH)
    assert counts == MaskCounts(hits=2, false_alarms=2, misses=1)
    assert (counts.precision, counts.recall) == (0.5, pytest.approx(2 / 3))
    assert counts.f1 == pytest.approx(4 / 7)


def test_shadows_and_more_may_be_left_out():
    assert count_pixels(MASK, TRUTH, shadows=False) == MaskCounts(2, 1, 1)
    first = np.arange(8)[None] == 0
    assert count_pixels(MASK, TRUTH, left_out=first) == MaskCounts(1, 2, 1)


def test_pixels_of_frames_are_added_up():
    total = sum_counts([MaskCounts(1, 0, 0), MaskCounts(0, 2, 3)])
    assert total == MaskCounts(1, 2, 3)
    assert np.isnan(MaskCounts().f1) and np.isnan(MaskCounts(0, 0, 1).precision)


def test_shapes_must_agree():
    with pytest.raises(InputError, match=r"mask: expected the shape of the truth, \(1, 8\)"):
        count_pixels(MASK.T, TRUTH)
