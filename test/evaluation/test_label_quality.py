"""Tables whose information can be worked out by hand."""

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.evaluation.label_quality import (
    agreement,
    class_ious,
    contingency,
    entropy,
    labels_at,
    mean_iou,
    mutual_information,
    normalized_information,
    table_of_pairs,
)
from semloc_ros.types import ImagePair

LOG2 = float(np.log(2.0))


def table(*rows):
    return np.array(rows, np.int64)


def test_meetings_are_counted_and_unknown_pixels_left_out():
    rows = np.array([[0, 1], [1, 255]], np.uint8)
    columns = np.array([[2, 0], [0, 0]], np.uint16)
    assert contingency(rows, columns, (2, 3)).tolist() == [[0, 0, 1], [2, 0, 0]]
    columns[0, 0] = 65535
    assert contingency(rows, columns, (2, 3)).tolist() == [[0, 0, 0], [2, 0, 0]]


def test_255_is_a_label_like_any_other_among_more():
    many = np.array([255, 256], np.uint16)
    assert contingency(many, many, (300, 300))[255, 255] == 1


def test_maps_that_do_not_fit_are_one_line():
    with pytest.raises(InputError, match=r"labels: expected two maps of \(2, 2\), got \(4,\)"):
        contingency(np.zeros((2, 2), np.uint8), np.zeros(4, np.uint8), (1, 1))
    with pytest.raises(InputError, match="labels: expected numbers below 3 or unknown, got 3"):
        contingency(np.array([0], np.uint8), np.array([3], np.uint8), (9, 3))


def test_entropy():
    assert entropy(np.array([4, 0, 4])) == pytest.approx(LOG2)
    assert entropy(np.array([1, 1, 2])) == pytest.approx(1.5 * LOG2)
    assert entropy(np.array([7, 0])) == entropy(np.array([0, 0])) == 0.0


def test_information_of_tables_worked_out_by_hand():
    independent = table([2, 6], [1, 3])
    assert mutual_information(independent) == pytest.approx(0.0, abs=1e-15)
    assert normalized_information(table([5, 0], [0, 5])) == pytest.approx(1.0)
    # a class in two clusters: I = H(X) = log 2, H(Y) = 1.5 log 2
    split = table([2, 0, 0], [0, 1, 1])
    assert mutual_information(split) == pytest.approx(LOG2)
    assert normalized_information(split) == pytest.approx(1 / np.sqrt(1.5))
    # 3 of 4 right: H = log 2 both, I = log 2 - H(1/4)
    noisy = table([3, 1], [1, 3])
    assert normalized_information(noisy) == pytest.approx(1 - entropy(np.array([1, 3])) / LOG2)
    assert normalized_information(noisy) == pytest.approx(normalized_information(noisy.T))


def test_a_label_that_never_changes_tells_nothing():
    assert normalized_information(table([3, 4])) == 0.0
    assert normalized_information(table([9])) == 0.0
    assert normalized_information(np.zeros((3, 4), np.int64)) == 0.0


def test_counts_of_a_whole_data_set_do_not_overflow():
    large = table([3, 1], [1, 3]) * 10**12
    assert normalized_information(large) == pytest.approx(normalized_information(large // 10**12))


def test_agreement_beside_chance():
    found = agreement(table([3, 1], [0, 4]))
    assert (found.points, found.same) == (8, 7 / 8)
    assert found.chance == pytest.approx(0.5 * 3 / 8 + 0.5 * 5 / 8)
    assert found.above_chance == pytest.approx(0.75)
    constant = agreement(table([9, 0], [0, 0]))
    assert (constant.same, constant.chance, constant.above_chance) == (1.0, 1.0, 0.0)
    assert agreement(np.zeros((2, 2), np.int64)).points == 0


def test_intersection_over_union():
    found = table([6, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0])
    found[0, 3] = 2  # a class that is not there
    assert class_ious(found)[:2] == pytest.approx([0.6, 4 / 6])
    assert np.isnan(class_ious(found)[2])
    assert mean_iou(found) == pytest.approx((0.6 + 4 / 6) / 2)
    assert np.isnan(mean_iou(np.zeros((2, 2), np.int64)))


def test_labels_of_pixels_are_those_of_the_nearest():
    labels = np.array([[1, 2], [3, 4]], np.uint8)
    pixels = np.array([[0.4, 0.4], [0.6, 0.0], [1.4, 1.4], [1.6, 0.0], [-0.6, 0.0]])
    assert labels_at(labels, pixels).tolist() == [1, 2, 4, 255, 255]


def test_points_of_pairs_are_counted_from_a_to_b():
    calls = []

    def label(image):
        calls.append(image)
        return image[..., 0]

    def pair(name_a, value_a, name_b, value_b, points):
        images = [np.full((4, 4, 3), value, np.uint8) for value in (value_a, value_b)]
        pixels = np.ones((points, 2))
        return ImagePair(name_a, name_b, lambda: images[0], lambda: images[1], pixels, pixels)

    pairs = [pair("a", 0, "b", 1, 3), pair("a", 0, "c", 0, 2)]
    assert table_of_pairs(pairs, label, 2).tolist() == [[2, 3], [0, 0]]
    assert len(calls) == 3  # image a once
    same_names = pair("a", 1, "a", 0, 4)
    assert table_of_pairs([same_names], label, 2).tolist() == [[0, 0], [4, 0]]
