from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import judge
from semloc_ros.evaluation.outages import outages
from semloc_ros.evaluation.predictions import load_run

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000


@pytest.fixture
def told(make_folder: Callable[..., Path], records: tuple[Maker, Maker]) -> Callable[..., Any]:
    """`told(fixes, kidnaps)`: outages of ten frames, 1 s and 1 m apart, with fixes at the seconds
    given, each off by so many metres."""
    pose, status = records

    def make(fixes: dict[int, float], kidnaps: tuple[float, ...] = ()) -> dict[str, Any]:
        lines = []
        for second, error in fixes.items():
            lines += [pose(second * S, [float(second), error, 0.0]), status(second * S)]
        run, config = load_run(make_folder(lines, frames=10)), EvaluationConfig()
        about = {"kidnaps_ns": [round(second * S) for second in kidnaps]}
        return outages(run, judge(run, config), config, about)

    return make


def test_the_longest_time_without_a_fix_counts_the_ends(told: Callable[..., Any]) -> None:
    found = told({2: 0.0, 3: 0.0, 5: 0.0})
    assert found["time_to_first_fix_s"] == pytest.approx(2.0)
    assert found["longest_outage_s"] == pytest.approx(4.0)  # from 5 s to the last frame, 9 s
    assert told({4: 0.0, 9: 0.0})["longest_outage_s"] == pytest.approx(5.0)
    nothing = told({})
    assert nothing["time_to_first_fix_s"] is None
    assert nothing["longest_outage_s"] == pytest.approx(9.0)


def test_recovery_waits_for_a_fix_that_is_true(told: Callable[..., Any]) -> None:
    """Put down at 3.5 s: the fix at 4 s is 2 m off, so that of 6 s is the first good one; the
    truth comes each half second, so the way is that from 3.5 m to 6 m."""
    found = told({1: 0.0, 4: 2.0, 6: 0.1, 7: 0.0}, kidnaps=(3.5,))
    assert (found["kidnaps"], found["recovered"]) == (1, 1)
    assert found["recovery_max_s"] == pytest.approx(2.5)
    assert found["recovery_max_m"] == pytest.approx(2.5)


def test_of_several_kidnaps_the_worst_counts_and_never_is_no_number(
    told: Callable[..., Any],
) -> None:
    found = told({1: 0.0, 3: 0.0, 7: 0.0}, kidnaps=(0.5, 4.0))
    assert found["recovery_max_s"] == pytest.approx(3.0)
    never = told({1: 0.0}, kidnaps=(0.5, 4.0))
    assert (never["kidnaps"], never["recovered"], never["recovery_max_s"]) == (2, 1, None)
    assert told({1: 0.0})["recovery_max_s"] is None
