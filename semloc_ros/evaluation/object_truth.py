"""Finds as a perfect detector would make them: from the truth of an image, with known errors.

What localization makes of these is what it could make of any network's, and shows what is lost
after the network. A real network errs alike over parts of an object; so do these, by `common_px`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.evaluation.object_quality import LEAST_SHARE
from semloc_ros.types import FloatArray, ObjectDetection, PictureObjects

_SCORE = 0.99


@dataclass(frozen=True, slots=True)
class Errors:
    """1 sigma of a coordinate in pixels: `each_px` of every match, `common_px` of all of one find;
    `points` matches of a find; of `missed` objects, as a share, nothing is found."""

    each_px: float = 1.0
    common_px: float = 0.5
    points: int = 400
    missed: float = 0.0


def true_finds(
    truth: PictureObjects, errors: Errors, rng: np.random.Generator
) -> list[ObjectDetection]:
    """The objects of which enough is seen, whatever hides the rest of them."""
    least = LEAST_SHARE * truth.numbers.size
    found = []
    for number, name in enumerate(truth.names, start=1):
        rows, columns = np.nonzero(truth.numbers == number)
        if len(rows) < least or rng.uniform() < errors.missed:
            continue
        pixels = np.stack([columns, rows], axis=1).astype(np.float64)
        box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
        chosen = rng.permutation(len(rows))[: errors.points]
        uv = truth.uv[rows[chosen], columns[chosen]].astype(np.float64)
        sigma = float(np.hypot(errors.each_px, errors.common_px))
        found.append(
            ObjectDetection(
                name, _SCORE, box, pixels[chosen] + _noise(len(chosen), errors, rng), uv,
                np.full(len(chosen), sigma), np.full(len(chosen), _SCORE),
            )
        )  # fmt: skip
    return found


def _noise(count: int, errors: Errors, rng: np.random.Generator) -> FloatArray:
    common = rng.normal(0, errors.common_px, 2)
    return np.asarray(common + rng.normal(0, errors.each_px, (count, 2)))
