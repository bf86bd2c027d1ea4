"""What is dynamic in an image as one number per pixel, from whatever numbers a data set has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import UNSURE

LEAST_PX = 12  # of an object in a truth: what is smaller is neither learned nor judged


def consecutive(numbers: NDArray[np.integer], least_px: int = LEAST_PX) -> NDArray[np.uint16]:
    """(H, W) as `types.Instances.numbers` has it, from any numbers from 0 on; 0 stays static and
    65535 unsure. Objects of fewer than `least_px` pixels become unsure."""
    counts = np.bincount(numbers.ravel())
    number = np.arange(len(counts))
    objects = (counts > 0) & (number != 0) & (number != UNSURE)
    kept = objects & (counts >= least_px)
    table = np.zeros(len(counts), np.uint16)
    table[(number == UNSURE) | objects] = UNSURE
    table[kept] = np.arange(1, np.count_nonzero(kept) + 1)
    return np.asarray(table[numbers])
