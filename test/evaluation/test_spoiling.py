"""Wrong labels: how many, which, and where."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from semloc_ros.evaluation.spoiling import mislabel


def scene(kind: type = np.uint8) -> np.ndarray:
    """Four classes in quarters, and an unknown stripe."""
    labels = np.zeros((120, 160), kind)
    labels[:60, :80], labels[:60, 80:], labels[60:, :80], labels[60:, 80:] = 10, 3, 200, 7
    labels[50:55] = np.iinfo(kind).max
    return labels


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.77, 1.0])
def test_exactly_the_share_of_the_known_pixels_is_wrong(kind: type, share: float) -> None:
    labels = scene(kind)
    spoiled = mislabel(labels, share, np.random.default_rng(1))
    known = labels != np.iinfo(kind).max
    assert (spoiled != labels).sum() == round(share * known.sum())
    assert spoiled.dtype == labels.dtype and set(np.unique(spoiled[known])) <= {3, 7, 10, 200}
    np.testing.assert_array_equal(spoiled[~known], labels[~known])
    np.testing.assert_array_equal(labels, scene(kind), "the given one is not changed")


def test_the_same_numbers_give_the_same_wrong_pixels() -> None:
    first, again, other = (mislabel(scene(), 0.2, np.random.default_rng(i)) for i in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_wrong_labels_come_in_patches_of_various_sizes() -> None:
    wrong = (mislabel(scene(), 0.2, np.random.default_rng(2)) != scene()).astype(np.uint8)
    _, _, facts, _ = cv2.connectedComponentsWithStats(wrong, connectivity=4)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    assert len(sizes) > 10 and sizes.max() > 20 * np.median(sizes)
    assert sizes.max() < 0.1 * wrong.size, "none is everything"
    assert np.median(np.repeat(sizes, sizes)) > 20, "most wrong pixels lie among others"


def test_all_wrong_labels_occur() -> None:
    spoiled = mislabel(scene(), 0.3, np.random.default_rng(3))
    wrong = spoiled != scene()
    counts = [(spoiled[wrong] == one).sum() for one in (3, 7, 10, 200)]
    assert min(counts) > 0.1 * wrong.sum()


def test_one_label_alone_cannot_be_wrong() -> None:
    labels = np.full((48, 64), 5, np.uint8)
    np.testing.assert_array_equal(mislabel(labels, 0.5, np.random.default_rng(0)), labels)
    unknown = np.full((48, 64), 255, np.uint8)
    np.testing.assert_array_equal(mislabel(unknown, 0.5, np.random.default_rng(0)), unknown)
