"""What labels are worth: what they tell of classes, and whether they last from season to season.

Everything is read from contingency tables, which are added up image by image: entry (i, j) counts
the pixels whose label is i in one map and j in the other (Larsson et al., "Fine-Grained
Segmentation Networks", ICCV 2019, section 5.1 and supplement A). Pixels that are unknown in either
are left out. Entropies are in nats. Tables that are small beside their number of entries make
mutual information look larger than it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.types import FloatArray, ImagePair, LabelMap

Table = NDArray[np.int64]
Label = Callable[[NDArray[np.uint8]], LabelMap]
_KEPT_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Agreement:
    """Labels of the same surfaces in two sets of images: `points` compared, the share `same` that
    kept their label, the share that would by `chance` (labels as frequent as these, drawn anew),
    and `information`, the normalized mutual information of the two labels."""

    points: int
    same: float
    chance: float
    information: float

    @property
    def above_chance(self) -> float:
        """What `same` is of the way from chance (0) to perfect (1): Cohen's kappa."""
        return (self.same - self.chance) / (1.0 - self.chance) if self.chance < 1.0 else 0.0


def contingency(rows: LabelMap, columns: LabelMap, shape: tuple[int, int]) -> Table:
    """How often labels meet, (A, B), of two arrays of one shape with labels below A and below B.

    InputError if they differ in shape or hold a label that is too large and not the unknown one.
    """
    if rows.shape != columns.shape:
        raise InputError(expected("labels", f"two maps of {rows.shape}", columns.shape))
    known = np.ones(rows.shape, np.bool_)
    for labels, count in ((rows, shape[0]), (columns, shape[1])):
        here = labels != np.iinfo(labels.dtype).max
        if (labels[here] >= count).any():
            got = int(labels[here].max())
            raise InputError(expected("labels", f"numbers below {count} or unknown", got))
        known &= here
    codes = rows[known].astype(np.int64) * shape[1] + columns[known]
    return np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)


def entropy(counts: NDArray[Any]) -> float:
    """Of labels with these counts (N,), in nats; 0 of none."""
    held = counts[counts > 0].astype(np.float64)
    shares = held / held.sum() if len(held) else held
    return float(max(0.0, -(shares * np.log(shares)).sum()))


def mutual_information(table: Table) -> float:
    """Nats that one label of a table (A, B) tells of the other; never negative."""
    rows, columns = np.nonzero(table)
    held = table[rows, columns].astype(np.float64)
    total = held.sum()
    if not total:
        return 0.0
    apart = table.sum(axis=1)[rows].astype(np.float64) * table.sum(axis=0)[columns]
    return float(max(0.0, (held / total * np.log(held * total / apart)).sum()))


def normalized_information(table: Table) -> float:
    """I / sqrt(H H) (equation 4) of a table (A, B), from 0 to 1.

    0 where one of the two labels never changes: it cannot tell anything.
    """
    product = entropy(table.sum(axis=1)) * entropy(table.sum(axis=0))
    return min(1.0, mutual_information(table) / float(np.sqrt(product))) if product > 0 else 0.0


def agreement(table: Table) -> Agreement:
    """Of a square table (L, L) of the labels of corresponding pixels."""
    total = int(table.sum())
    if not total:
        return Agreement(0, 0.0, 0.0, 0.0)
    rows, columns = table.sum(axis=1) / total, table.sum(axis=0) / total
    same = float(np.trace(table)) / total
    return Agreement(total, same, float(rows @ columns), normalized_information(table))


def class_ious(table: Table) -> FloatArray:
    """Intersection over union (L,) of each class; rows are the truth. NaN for classes that
    neither the truth nor the prediction holds."""
    both = np.diagonal(table).astype(np.float64)
    either = table.sum(axis=1) + table.sum(axis=0) - both
    found: FloatArray = np.full(len(both), np.nan)
    np.divide(both, either, out=found, where=either > 0)
    return found


def mean_iou(table: Table) -> float:
    """Mean intersection over union of the classes that the truth (rows) holds; NaN without any."""
    there = table.sum(axis=1) > 0
    return float(class_ious(table)[there].mean()) if there.any() else float("nan")


def labels_at(labels: LabelMap, pixels: FloatArray) -> LabelMap:
    """The labels (N,) of pixels (N, 2), each that of the nearest one; unknown outside."""
    places = np.rint(pixels).astype(np.int64)
    height, width = labels.shape
    inside = ((places >= 0) & (places < (width, height))).all(axis=1)
    found = np.full(len(places), np.iinfo(labels.dtype).max, labels.dtype)
    found[inside] = labels[places[inside, 1], places[inside, 0]]
    return found


def table_of_pairs(pairs: Iterable[ImagePair], label: Label, count: int) -> Table:
    """The labels (`count`, `count`) of the points of image pairs: rows in image a, columns in b.

    An image is labelled once as long as it is among the last few that pairs had on its side (two
    traversals may use the same names).
    """
    table = np.zeros((count, count), np.int64)
    latest: OrderedDict[tuple[str, str], LabelMap] = OrderedDict()
    for pair in pairs:
        found = []
        for name, read, pixels in (
            (("a", pair.name_a), pair.read_a, pair.points_a),
            (("b", pair.name_b), pair.read_b, pair.points_b),
        ):
            labels = latest.pop(name) if name in latest else label(read())
            latest[name] = labels
            found.append(labels_at(labels, pixels))
        while len(latest) > _KEPT_IMAGES:
            latest.popitem(last=False)
        table += contingency(found[0], found[1], (count, count))
    return table
