"""How far the numbers of a run may be chance: confidence intervals by the bootstrap.

Neighbouring frames see the same things and err alike, so blocks of them are drawn and not single
frames (Künsch, Annals of Statistics 1989; here of blocks that do not overlap).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import Judged
from semloc_ros.evaluation.metrics import recall_name, recall_thresholds
from semloc_ros.types import FloatArray

_LEAST_BLOCKS = 10
_QUANTILES = {"median": 0.5, "p95": 0.95}
Blocks = list[NDArray[np.int64]]


def blocks_of(counts: Sequence[int], block_frames: int) -> Blocks:
    """Rows of neighbouring frames, for conditions of so many frames each.

    No block spans two conditions. Blocks are shorter than asked for where there would be fewer
    than ten of them.
    """
    size = max(1, min(block_frames, sum(counts) // _LEAST_BLOCKS))
    starts = np.cumsum([0, *counts])
    rows = [np.arange(start, start + count) for start, count in zip(starts, counts, strict=False)]
    return [block[at : at + size] for block in rows for at in range(0, len(block), size)]


def intervals(
    judged: Judged, counts: Sequence[int], config: EvaluationConfig
) -> dict[str, list[float]]:
    """Lower and upper bound by the name of the metric: recalls, availability, errors of fixes.

    `counts` are the frames of each condition that `judged` holds, one after the other.
    """
    blocks, draws = _blocks_and_draws(counts, config)
    found = share_intervals(shares(judged, config), counts, config)
    for kind, unit, values in (
        ("position", "m", judged.per_frame(judged.position_m)),
        ("rotation", "deg", judged.per_frame(judged.rotation_deg)),
    ):
        if np.isfinite(values).any():
            bounds = _quantile_intervals(values, blocks, draws, config.confidence)
            found.update({f"{kind}_{name}_{unit}": pair for name, pair in bounds.items()})
    return found


def share_intervals(
    hits: Mapping[str, NDArray[Any]], counts: Sequence[int], config: EvaluationConfig
) -> dict[str, list[float]]:
    """Lower and upper bound of the mean of each row of hits (F,), bool or between 0 and 1.

    `counts` as in `intervals`; they add up to F, which must not be 0.
    """
    blocks, draws = _blocks_and_draws(counts, config)
    return {
        name: _share_interval(hit, blocks, draws, config.confidence) for name, hit in hits.items()
    }


def shares(judged: Judged, config: EvaluationConfig) -> dict[str, NDArray[np.bool_]]:
    """Whether each frame (F,) is counted by availability and by each recall."""
    position = judged.per_frame(judged.position_m)
    rotation = judged.per_frame(judged.rotation_deg)
    recalls: Mapping[str, Any] = {
        recall_name(metres, degrees): (position <= metres) & (rotation <= degrees)
        for metres, degrees in recall_thresholds(config)
    }
    return {"availability": judged.fix_of_frame >= 0, **recalls}


def _blocks_and_draws(
    counts: Sequence[int], config: EvaluationConfig
) -> tuple[Blocks, NDArray[np.int64]]:
    blocks = blocks_of(counts, config.block_frames)
    rng = np.random.default_rng(config.seed)
    return blocks, rng.integers(len(blocks), size=(config.resamples, len(blocks)))


def _share_interval(
    hit: NDArray[Any], blocks: Blocks, draws: NDArray[np.int64], confidence: float
) -> list[float]:
    """Of a share that is all or nothing no resampling tells anything: there the exact interval
    (Clopper and Pearson, Biometrika 1934) with each block as one trial."""
    hits = np.array([hit[block].sum() for block in blocks])
    sizes = np.array([len(block) for block in blocks])
    tail = (1 - confidence) / 2
    every = bool((hit == 1).all())
    if every or not hit.any():
        edge = float(beta(1, len(blocks)).ppf(1 - tail))
        return [1 - edge, 1.0] if every else [0.0, edge]
    drawn = hits[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return _bounds(drawn, tail)


def _quantile_intervals(
    values: FloatArray, blocks: Blocks, draws: NDArray[np.int64], confidence: float
) -> dict[str, list[float]]:
    found = []
    for draw in draws:
        sample = np.concatenate([values[blocks[one]] for one in draw])
        sample = sample[np.isfinite(sample)]
        if len(sample):
            found.append(np.quantile(sample, list(_QUANTILES.values())))
    drawn = np.array(found)
    tail = (1 - confidence) / 2
    return {name: _bounds(drawn[:, row], tail) for row, name in enumerate(_QUANTILES)}


def _bounds(drawn: FloatArray, tail: float) -> list[float]:
    return [float(value) for value in np.quantile(drawn, [tail, 1 - tail])]
