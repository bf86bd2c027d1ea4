"""From what a network finds to the masks that others use: objects one above the other, not more of
the image than is believed, and a margin that fits the image's size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig
from semloc_ros.types import UNSURE, Instances

Found = tuple[float, tuple[slice, slice], NDArray[np.bool_]]  # score, where, its pixels there

_MOST = UNSURE - 1  # objects that numbers can tell apart


def composed(found: Iterable[Found], size: tuple[int, int], min_area: float = 0.0) -> Instances:
    """The objects of an image of `size` (height, width), numbered by falling score, where a pixel
    is the best one's. What covers less than the share `min_area` of the image is left out."""
    least = max(min_area * size[0] * size[1], 1)
    large = [one for one in found if np.count_nonzero(one[2]) >= least]
    large = sorted(large, key=lambda one: -one[0])[:_MOST]
    numbers = np.zeros(size, np.uint16)
    for number, (_, where, pixels) in reversed(list(enumerate(large, 1))):
        numbers[where][pixels] = number
    return Instances(numbers, np.array([score for score, _, _ in large], np.float32))


def parts_of(mask: NDArray[Any], min_area: float = 0.0) -> Instances:
    """The connected parts of a mask (H, W), what is not 0, as objects of score 1: all that is known
    of them is that they are dynamic. Parts below the share `min_area` of the image are left out;
    numbers fall with the area."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((mask != 0).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")
    order = order[areas[order] >= max(min_area * mask.size, 1)][:_MOST]
    numbers = np.zeros(count, np.uint16)
    numbers[order + 1] = np.arange(1, len(order) + 1)
    return Instances(numbers[parts], np.ones(len(order), np.float32))


def finished(instances: Instances, config: DynamicConfig) -> Instances:
    """The objects as others use them: no more of the image than `mask_max_fraction`, then wider by
    `dilation` of its width. Numbers stay; an object that is left out has no pixel any more."""
    return _wider(_capped(instances, config.mask_max_fraction), config.dilation)


def left_out(found: Instances, used: Instances) -> int:
    """How many objects have pixels in `found` and none in what `finished` made of it: the cap takes
    all of an object, and the margin nothing."""
    before, after = (_present(one) for one in (found, used))
    return int(np.count_nonzero(before & ~after))


def _present(instances: Instances) -> NDArray[np.bool_]:
    """(65536,): which numbers of objects some pixel has."""
    present = np.zeros(UNSURE + 1, np.bool_)
    present[instances.numbers] = True
    present[[0, UNSURE]] = False
    return present


def _capped(instances: Instances, most: float) -> Instances:
    """The objects of the lowest scores go first, and of equal scores together: there is nothing to
    choose by, and a semantic network that sees everything move has lost its way."""
    numbers, scores = instances.numbers, instances.scores
    areas = np.bincount(numbers.ravel(), minlength=UNSURE + 1)[1 : len(scores) + 1]
    if areas.sum() <= most * numbers.size:
        return instances
    levels, level_of = np.unique(-scores, return_inverse=True)
    covered = np.cumsum(np.bincount(level_of, areas, len(levels)))
    stays = np.zeros(UNSURE + 1, np.bool_)
    stays[1 : len(scores) + 1] = (covered <= most * numbers.size)[level_of]
    stays[UNSURE] = True
    return Instances(np.where(stays[numbers], numbers, np.uint16(0)), scores)


def _wider(instances: Instances, share: float) -> Instances:
    """Objects grow into what is static; where two meet, the pixel is the one's of higher score."""
    numbers = instances.numbers
    radius = round(share * numbers.shape[1])
    if radius < 1 or not len(instances):
        return instances
    best_last = np.argsort(instances.scores, kind="stable") + 1
    rank = np.zeros(UNSURE + 1, np.uint16)
    rank[best_last] = np.arange(1, len(best_last) + 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = cv2.dilate(rank[numbers], disc)
    number_of = np.concatenate([[0], best_last]).astype(np.uint16)
    return Instances(np.where(numbers > 0, numbers, number_of[grown]), instances.scores)
