from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.intervals import blocks_of, intervals
from semloc_ros.evaluation.judging import Judged, judge
from semloc_ros.evaluation.predictions import load_run

CONFIG = EvaluationConfig(resamples=500)
Maker = Callable[..., dict[str, Any]]


@pytest.fixture
def judged_of(make_folder: Callable[..., Path]) -> Callable[[np.ndarray], Judged]:
    """Judged frames whose fixes have such position errors; NaN is a frame without."""
    empty = judge(load_run(make_folder([])), CONFIG)

    def make(errors: np.ndarray) -> Judged:
        rows = np.where(np.isnan(errors), -1, np.arange(len(errors)))
        turned = np.zeros(len(errors))
        return replace(empty, position_m=errors, rotation_deg=turned, fix_of_frame=rows)

    return make


def test_blocks_hold_every_frame_once_and_never_two_conditions() -> None:
    blocks = blocks_of([25, 103], 10)
    assert np.concatenate(blocks).tolist() == list(range(128))
    assert [len(block) for block in blocks[:4]] == [10, 10, 5, 10]
    assert len(blocks_of([20], 10)) == 10, "at least ten"
    assert len(blocks_of([3], 10)) == 3


def test_the_interval_of_a_share_holds_it_as_often_as_promised(
    judged_of: Callable[[np.ndarray], Judged],
) -> None:
    """Independent frames: of 40 runs about 95 % of the intervals hold the true share."""
    config, rng = replace(CONFIG, resamples=200), np.random.default_rng(2)
    held = 0
    for _ in range(40):
        errors = np.where(rng.random(300) < 0.7, 0.01, np.nan)
        low, high = intervals(judged_of(errors), [300], config)["availability"]
        held += low <= 0.7 <= high
        assert high - low == pytest.approx(4 * (0.21 / 300) ** 0.5, rel=0.6)
    assert held >= 34


def test_neighbours_that_err_alike_widen_the_interval(
    judged_of: Callable[[np.ndarray], Judged],
) -> None:
    rng = np.random.default_rng(3)
    alone = np.where(rng.random(400) < 0.5, 0.01, np.nan)
    alike = np.repeat(np.where(rng.random(40) < 0.5, 0.01, np.nan), 10)
    widths = [
        float(np.diff(intervals(judged_of(errors), [400], CONFIG)["availability"])[0])
        for errors in (alone, alike)
    ]
    assert widths[1] > 2 * widths[0]


def test_all_or_nothing_is_not_certain(judged_of: Callable[[np.ndarray], Judged]) -> None:
    """One hundred frames in ten blocks: the exact interval of ten trials."""
    edge = beta(1, 10).ppf(0.975)
    every = intervals(judged_of(np.full(100, 0.01)), [100], CONFIG)
    assert every["availability"] == pytest.approx([1 - edge, 1.0])
    none = intervals(judged_of(np.full(100, np.nan)), [100], CONFIG)
    assert none["recall_0.25m_2deg"] == pytest.approx([0.0, edge])
    assert "position_median_m" not in none


def test_errors_have_intervals_around_them_and_the_seed_decides(
    judged_of: Callable[[np.ndarray], Judged],
) -> None:
    errors = np.random.default_rng(4).exponential(0.02, 200)
    found = intervals(judged_of(errors), [200], CONFIG)
    for name, share in (("position_median_m", 0.5), ("position_p95_m", 0.95)):
        low, high = found[name]
        assert low < np.quantile(errors, share) < high
    assert found == intervals(judged_of(errors), [200], CONFIG)
    assert found != intervals(judged_of(errors), [200], replace(CONFIG, seed=1))
