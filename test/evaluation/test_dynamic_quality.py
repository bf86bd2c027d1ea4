"""Pixels and objects of dynamic masks, right, wrong and missed."""

import numpy as np
import pytest

from semloc_ros.config.mask_quality import MaskQualityConfig
from semloc_ros.errors import InputError
from semloc_ros.evaluation.dynamic_quality import (
    COLUMNS,
    DynamicCounts,
    count_dynamic,
    group_of,
    judge,
    mean_shares,
    pooled,
    table_rows,
)
from semloc_ros.evaluation.mask_quality import MaskCounts
from semloc_ros.types import UNSURE, InstanceImage, Instances

CONFIG = MaskQualityConfig(iou=0.5, least_share=0.06, unsure_share=0.5)  # 2.4 of 40 pixels


def picture(*spans):
    """(4, 10): number k on the columns of span k; a span may name its own number."""
    numbers = np.zeros((4, 10), np.uint16)
    for k, (first, last, *number) in enumerate(spans, 1):
        numbers[:, first:last] = number[0] if number else k
    return numbers


def found(*spans, scores=None):
    count = len(spans)
    values = np.linspace(0.9, 0.5, count) if scores is None else scores
    return Instances(picture(*spans), np.array(values, np.float32))


def objects(instances, truth, config=CONFIG):
    return count_dynamic(instances, truth, config).objects


def test_pixels_are_those_of_all_objects_together_and_unsure_ones_count_nowhere():
    counts = count_dynamic(found((0, 3), (5, 9)), picture((0, 2), (4, 6), (8, 10, UNSURE)))
    assert counts.pixels == MaskCounts(hits=12, false_alarms=12, misses=4)
    assert counts.images == 1


def test_an_object_is_found_at_half_of_the_union():
    truth = picture((0, 4))
    assert objects(found((2, 4)), truth) == MaskCounts(1, 0, 0)
    assert objects(found((3, 5)), truth) == MaskCounts(0, 1, 1)
    strict = MaskQualityConfig(iou=0.6)
    assert objects(found((2, 4)), truth, strict) == MaskCounts(0, 1, 1)


def test_two_halves_cannot_both_be_the_same_object():
    assert objects(found((0, 2), (2, 4)), picture((0, 4))) == MaskCounts(1, 1, 0)


def test_two_people_taken_for_one_are_one_wrong_and_two_missed():
    counts = count_dynamic(found((0, 4)), picture((0, 2, 7), (2, 4, 3)), MaskQualityConfig(iou=0.6))
    assert counts.objects == MaskCounts(0, 1, 2)
    assert counts.pixels == MaskCounts(16, 0, 0)


def test_the_surer_takes_first_what_both_could_have():
    truth = picture((0, 3), (3, 6))  # the first found one overlaps both by a third or more
    both = Instances(picture((1, 5), (0, 1)), np.array([0.3, 0.9], np.float32))
    low = MaskQualityConfig(iou=0.3)
    assert objects(both, truth, low) == MaskCounts(2, 0, 0)
    both.scores[:] = 0.9, 0.3  # now it takes the first truth, and the sliver has nothing left
    assert objects(both, truth, low) == MaskCounts(1, 1, 1)


def test_what_lies_mostly_on_unsure_pixels_is_not_judged():
    truth = picture((0, 4, UNSURE))
    assert objects(found((0, 6)), truth) == MaskCounts()
    assert objects(found((2, 9)), truth) == MaskCounts(0, 1, 0)


def test_unsure_pixels_do_not_lower_the_overlap():
    truth = picture((0, 2), (2, 6, UNSURE))
    assert objects(found((0, 6)), truth) == MaskCounts(1, 0, 0)


def test_small_objects_are_not_judged_but_their_pixels_are():
    truth = picture()
    truth[0, :2] = 1
    speck = Instances(np.zeros_like(truth), np.ones(1, np.float32))
    assert objects(speck, truth) == MaskCounts()
    speck.numbers[1, :2] = 1
    counts = count_dynamic(speck, truth, CONFIG)
    assert counts.objects == MaskCounts()
    assert counts.pixels == MaskCounts(0, 2, 2)
    assert count_dynamic(speck, truth, MaskQualityConfig(least_share=0.0)).objects == MaskCounts(
        0, 1, 1
    )


def test_an_object_hidden_by_others_is_none():
    assert objects(Instances(picture((0, 4)), np.ones(3, np.float32)), picture()) == MaskCounts(
        0, 1, 0
    )


def test_images_are_judged_by_city_and_cities_taken_together():
    def image(name, truth):
        return InstanceImage(name, lambda: np.zeros((4, 10, 3), np.uint8), lambda: truth)

    images = [
        image("lindau/1", picture((0, 4))), image("bern/1", picture((0, 2))),
        image("lindau/2", picture((6, 9))),
    ]  # fmt: skip
    groups = judge(lambda image: found((0, 4)), images, CONFIG)
    assert list(groups) == ["lindau", "bern"]
    assert groups["lindau"] == DynamicCounts(MaskCounts(16, 16, 12), MaskCounts(1, 1, 1), 2)
    assert groups["bern"] == DynamicCounts(MaskCounts(8, 8, 0), MaskCounts(1, 0, 0), 1)
    together = pooled(groups.values())
    assert together == DynamicCounts(MaskCounts(24, 24, 12), MaskCounts(2, 1, 1), 3)
    mean = mean_shares(one.pixels for one in groups.values())
    assert mean == pytest.approx([0.5, (16 / 28 + 1) / 2, (32 / 60 + 16 / 24) / 2])


def test_a_group_without_anything_does_not_spoil_the_mean():
    empty = MaskCounts(0, 5, 0)  # nothing to find there: whatever is found is wrong
    assert mean_shares([MaskCounts(1, 1, 0), empty]) == pytest.approx([0.5, 1, 2 / 3])
    blind = MaskCounts(0, 0, 4)
    assert mean_shares([MaskCounts(1, 1, 0), blind]) == pytest.approx([0.5, 0.5, 1 / 3])
    assert np.isnan(mean_shares([MaskCounts()])).all()


def test_the_table_has_a_row_for_each_group_and_if_there_are_several_mean_and_all():
    groups = {
        "bern": DynamicCounts(MaskCounts(3, 1, 0), MaskCounts(1, 0, 1), 2),
        "lindau": DynamicCounts(MaskCounts(1, 0, 1), MaskCounts(0, 1, 1), 1),
    }
    rows = table_rows(groups)
    assert [row[:2] for row in rows] == [("bern", 2), ("lindau", 1), ("mean", 3), ("all", 3)]
    assert rows[0][2:] == pytest.approx((75, 100, 600 / 7, 100, 50, 200 / 3))
    assert rows[2][2:] == pytest.approx((87.5, 75, (600 / 7 + 200 / 3) / 2, 50, 25, 100 / 3))
    assert rows[3][2:] == pytest.approx((80, 80, 80, 50, 100 / 3, 40))
    assert all(len(row) == 1 + len(COLUMNS) for row in table_rows(groups, has_objects=False))
    assert [row[5:] for row in table_rows(groups, has_objects=False)] == [("", "", "")] * 4
    assert len(table_rows({"bern": groups["bern"]})) == 1


def test_groups_are_the_first_folder_of_a_name():
    assert [group_of(name) for name in ("lindau/a_b", "query/left/01.jpg", "01.jpg")] == [
        "lindau", "query", "",
    ]  # fmt: skip


def test_faults_are_named():
    with pytest.raises(InputError, match=r"mask: expected the shape of the truth"):
        count_dynamic(found((0, 4)), picture()[:, :5])
    with pytest.raises(InputError, match=r"numbers up to 1, one for each score, got 2"):
        count_dynamic(Instances(picture((0, 1), (1, 2)), np.ones(1, np.float32)), picture())
