"""What is dynamic in an image as one number per pixel, from whatever numbers a data set has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import UNSURE

LEAST_PX = 12  # of an object in a truth: what is smaller is neither learned nor judged


def consecutive(numbers: NDArray[np.integer], least_px: int = LEAST_PX) -> NDArray[np.uint16]:
    """(H, W) as `types.Instances.numbers` has it, from any numbers of objects; 0 stays static and
    65535 unsure. Objects of fewer than `least_px` pixels become unsure."""
    found, where, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    objects = (found != 0) & (found != UNSURE)
    small = objects & (counts < least_px)
    kept = objects & ~small
    table = np.zeros(len(found), np.uint16)
    table[(found == UNSURE) | small] = UNSURE
    table[kept] = np.arange(1, np.count_nonzero(kept) + 1)
    return table[where].reshape(numbers.shape)
