"""How well dynamic objects are found: pixels, as Figure 3 of the paper, and whole objects.

Zhou et al., "Dynamic Objects Segmentation for Visual Localization in Urban Environments", section
IV: precision, recall and F1 of the pixels of all dynamic objects, city by city. Objects beside
that: a found one is right if it has the intersection over union of `MaskQualityConfig` with a true
one that no other has taken, the surer first. Pixels that are unsure in the truth count nowhere.
Truth too small to be judged counts as pixels, but for objects it is as if it were unsure.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mask_quality import MaskQualityConfig
from semloc_ros.datasets.static_clips import MOVING, STATIC, UNKNOWN
from semloc_ros.errors import InputError, expected
from semloc_ros.evaluation.mask_quality import MaskCounts, count_pixels
from semloc_ros.types import UNSURE, FloatArray, InstanceImage, Instances

Find = Callable[[InstanceImage], Instances]
COLUMNS = (
    "images", "precision", "recall", "F1", "object precision", "object recall", "object F1",
)
MEAN, POOLED = "mean", "all"


@dataclass(frozen=True, slots=True)
class DynamicCounts:
    """Of `images` images: the pixels, and the objects, each right, wrong or missed."""

    pixels: MaskCounts = MaskCounts()
    objects: MaskCounts = MaskCounts()
    images: int = 0

    def __add__(self, other: DynamicCounts) -> DynamicCounts:
        return DynamicCounts(
            self.pixels + other.pixels, self.objects + other.objects, self.images + other.images
        )


def count_dynamic(
    found: Instances, truth: NDArray[np.uint16], config: MaskQualityConfig | None = None
) -> DynamicCounts:
    """What was found in one image against its truth (H, W), numbered as `Instances.numbers`.

    Raises InputError if shapes differ or a number has no score.
    """
    if len(found) < found.numbers.max(initial=0):
        wanted = f"numbers up to {len(found)}, one for each score"
        raise InputError(expected("instances", wanted, int(found.numbers.max())))
    levels = np.where(truth == UNSURE, UNKNOWN, np.where(truth > 0, MOVING, STATIC))
    pixels = count_pixels(found.mask > 0, levels.astype(np.uint8))
    return DynamicCounts(pixels, _count_objects(found, truth, config or MaskQualityConfig()), 1)


def judge(
    find: Find, images: Iterable[InstanceImage], config: MaskQualityConfig | None = None
) -> dict[str, DynamicCounts]:
    """What is found in images, against their truth: by `group_of` their names, in their order."""
    groups: dict[str, DynamicCounts] = {}
    for image in images:
        counts = count_dynamic(find(image), image.read_instances(), config)
        name = group_of(image.name)
        groups[name] = groups.get(name, DynamicCounts()) + counts
    return groups


def group_of(name: str) -> str:
    """The city, clip or traversal of an image: what stands before the first `/` of its name."""
    return name.partition("/")[0] if "/" in name else ""


def table_rows(
    groups: Mapping[str, DynamicCounts], has_objects: bool = True
) -> list[tuple[object, ...]]:
    """By group its name and `COLUMNS`, in percent, without objects if the truth has none; of
    several groups then their mean (see `mean_shares`), and all images together."""
    rows: list[tuple[object, ...]]
    rows = [(name, *_row(counts, has_objects)) for name, counts in groups.items()]
    if len(groups) < 2:
        return rows
    total = pooled(groups.values())
    means = [mean_shares(one.pixels for one in groups.values())]
    means += [mean_shares(one.objects for one in groups.values())] if has_objects else []
    blank = () if has_objects else ("",) * 3
    mean = (MEAN, total.images, *(100 * float(one) for one in np.concatenate(means)), *blank)
    return [*rows, mean, (POOLED, *_row(total, has_objects))]


def pooled(counts: Iterable[DynamicCounts]) -> DynamicCounts:
    """All groups together, as if they were one: large groups count for more."""
    return reduce(add, counts, DynamicCounts())


def shares(counts: MaskCounts) -> FloatArray:
    """Precision, recall and F1 (3,); NaN where there is nothing to divide by."""
    return np.array([counts.precision, counts.recall, counts.f1])


def mean_shares(groups: Iterable[MaskCounts]) -> FloatArray:
    """The mean (3,) of `shares` of the groups where there is something to find, each the same; one
    that is NaN is left out."""
    each = np.array([shares(one) for one in groups if one.hits or one.misses]).reshape(-1, 3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        return np.asarray(np.nanmean(each, axis=0))


def _row(counts: DynamicCounts, has_objects: bool) -> tuple[object, ...]:
    pixels = (100 * float(one) for one in shares(counts.pixels))
    objects = (100 * float(one) if has_objects else "" for one in shares(counts.objects))
    return (counts.images, *pixels, *objects)


def _count_objects(
    found: Instances, truth: NDArray[np.uint16], config: MaskQualityConfig
) -> MaskCounts:
    numbers, areas = _numbers_and_areas(truth)
    least = max(1.0, config.least_share * truth.size)
    known = (numbers != 0) & (numbers != UNSURE)
    judged = known & (areas >= least)
    ignored = (numbers == UNSURE) | (known & ~judged)
    table = _meetings(found, truth, numbers)
    on_ignored = table[:, ignored].sum(axis=1)
    counted = table.sum(axis=1) - on_ignored
    both = table[:, judged]
    either = counted[:, None] + areas[judged] - both
    matched = _match(both / either, found.scores, config.iou)
    wrong = ~matched & (counted >= least)
    wrong &= on_ignored <= config.unsure_share * (counted + on_ignored)
    hits = int(matched.sum())
    return MaskCounts(hits, int(wrong.sum()), int(judged.sum()) - hits)


def _numbers_and_areas(
    truth: NDArray[np.uint16],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers (T,) that there are, and their pixels."""
    areas = np.bincount(truth.ravel(), minlength=UNSURE + 1)
    numbers = np.flatnonzero(areas)
    return numbers, areas[numbers]


def _meetings(
    found: Instances, truth: NDArray[np.uint16], numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pixels (N, T) of each found object (row) on each number of the truth (column)."""
    columns = np.zeros(UNSURE + 1, np.int64)
    columns[numbers] = np.arange(len(numbers))
    codes = found.numbers.astype(np.int64) * len(numbers) + columns[truth]
    rows = len(found) + 1
    table = np.bincount(codes.ravel(), minlength=rows * len(numbers))
    return table.reshape(rows, len(numbers))[1:]


def _match(ious: FloatArray, scores: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Which of N found objects (rows) have a true one (column) for themselves, the surer first."""
    matched = np.zeros(len(ious), np.bool_)
    free = np.ones(ious.shape[1], np.bool_)
    for row in np.argsort(-scores, kind="stable"):
        if not free.any():
            break
        best = int(np.argmax(np.where(free, ious[row], -1.0)))
        if ious[row, best] >= least:
            matched[row], free[best] = True, False
    return matched
