"""A run beside a baseline: chance is not called a change, and what is worse is found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.comparison import (
    Change,
    compare,
    not_compared,
    read_baseline,
)

CONFIG = EvaluationConfig(resamples=1000)


def frames(errors: Sequence[float], first: int = 0) -> dict[str, Any]:
    """One condition of frames with such position errors; NaN is a frame without a fix."""
    known = [None if np.isnan(error) else float(error) for error in errors]
    return {
        "stamp_ns": [first + row for row in range(len(known))],
        "position_m": known,
        "rotation_deg": [None if error is None else 0.1 for error in known],
        "has_fix": [error is not None for error in known],
        "truth_m": [[first + row, 0.0, None] for row in range(len(known))],
    }


def by_key(changes: list[Change]) -> dict[str, Change]:
    return {change.key: change for change in changes}


def compared(now: Sequence[float], then: Sequence[float]) -> dict[str, Change]:
    return by_key(compare({"a": frames(now)}, {"a": frames(then)}, CONFIG))


@pytest.fixture
def errors() -> np.ndarray:
    return np.random.default_rng(0).exponential(0.05, 400) + 0.001


def test_the_same_run_is_the_same(errors: np.ndarray) -> None:
    found = compared(errors, errors)
    assert all(one.probability == 1.0 and not one.is_significant for one in found.values())
    assert found["position_m"].now == found["position_m"].baseline


def test_errors_that_grew_everywhere_are_worse_and_not_the_other_way_round(
    errors: np.ndarray,
) -> None:
    found = compared(1.2 * errors, errors)["position_m"]
    assert found.is_worse and found.now / found.baseline == pytest.approx(1.2)
    better = compared(errors, 1.2 * errors)["position_m"]
    assert better.is_significant and not better.is_worse


def test_a_change_that_is_certain_but_tiny_is_not_worse(errors: np.ndarray) -> None:
    found = compared(1.02 * errors, errors)["position_m"]
    assert found.is_significant and not found.is_worse


def test_lost_frames_are_found_though_the_rest_is_as_good(errors: np.ndarray) -> None:
    lost = errors.copy()
    lost[np.random.default_rng(1).random(400) < 0.1] = np.nan
    found = compared(lost, errors)
    assert found["availability"].is_worse and found["recall_5m_10deg"].is_worse
    assert not found["position_m"].is_significant
    assert found["position_m"].frames == np.isfinite(lost).sum()


def test_one_new_stretch_of_misses_may_be_chance(errors: np.ndarray) -> None:
    """Forty neighbouring frames are four blocks, which can fall so once in eight times."""
    lost = errors.copy()
    lost[:40] = np.nan
    one = compared(lost, errors)["availability"]
    assert one.now == pytest.approx(0.9)
    assert 0.05 < one.probability < 0.2 and not one.is_worse


def test_false_fixes_that_came_are_worse(errors: np.ndarray) -> None:
    wrong = errors.copy()
    wrong[::20] = 3.0
    found = compared(wrong, errors)["false_fix_share"]
    assert found.is_worse and found.now == pytest.approx(0.05)


def test_the_first_false_fix_is_worse_whatever_chance_says(errors: np.ndarray) -> None:
    wrong = errors.copy()
    wrong[7] = 3.0
    first = compared(wrong, errors)["false_fix_share"]
    assert first.is_worse and not first.is_significant and first.word == "worse"
    second = wrong.copy()
    second[8] = 3.0
    found = compared(second, wrong)["false_fix_share"]
    assert not found.is_worse and found.word == "chance"
    assert compared(errors, wrong)["false_fix_share"].word == "chance"
    assert compared(errors, errors)["false_fix_share"].word == "same"


def test_what_is_not_compared_is_said(errors: np.ndarray) -> None:
    now = {"a": frames(errors[:100], first=50), "new": frames(errors)}
    then = {"a": frames(errors[50:150], first=100), "old": frames(errors)}
    assert not_compared(now, then, CONFIG) == [
        "Not compared, as only the baseline has them: 50 of a, 400 of old (frames).",
        "Not compared, as only this run has them: 50 of a, 400 of new (frames).",
    ]
    few = {"a": frames(errors[:8])}
    assert not_compared(few, few, CONFIG) == [
        "8 frames are too few to compare: any change may be chance."
    ]
    nine = {"a": frames(errors[:9])}
    assert not_compared(nine, nine, CONFIG) == []
    worse = compare({"a": frames(10 * errors[:9])}, nine, CONFIG)
    assert by_key(worse)["position_m"].is_worse


def test_noise_is_seldom_called_worse() -> None:
    """Forty pairs of runs that differ by chance alone; Holm's bound is on any number at all."""
    rng = np.random.default_rng(5)
    config = replace(CONFIG, worse_ratio=1.0, worse_share=0.0, resamples=300)
    alarms = 0
    for _ in range(40):
        now, then = rng.exponential(0.05, (2, 200))
        now[rng.random(200) < 0.1], then[rng.random(200) < 0.1] = np.nan, np.nan
        changes = compare({"a": frames(now)}, {"a": frames(then)}, config)
        alarms += any(change.is_worse for change in changes)
    assert alarms <= 4


def test_only_frames_of_both_are_compared(errors: np.ndarray) -> None:
    now = {"a": frames(errors[:100], first=50), "new": frames(errors)}
    then = {"a": frames(errors[50:150], first=100), "old": frames(errors)}
    found = by_key(compare(now, then, CONFIG))
    assert found["availability"].frames == 50
    assert found["position_m"].now == found["position_m"].baseline
    with pytest.raises(DatasetError, match="baseline: expected frames of a"):
        compare({"a": frames(errors)}, {"b": frames(errors)}, CONFIG)
    with pytest.raises(DatasetError, match="none of them"):
        compare({"a": frames(errors)}, {"a": frames(errors, first=1000)}, CONFIG)


def test_frames_of_another_place_are_refused_though_their_stamps_are_the_same(
    errors: np.ndarray,
) -> None:
    """As recordings that all begin at the same moment."""
    elsewhere = frames(errors)
    here = {**elsewhere, "truth_m": [[row, 0.0, 0.0] for row in range(len(errors))]}
    there = {**elsewhere, "truth_m": [[row, 3.0, 0.0] for row in range(len(errors))]}
    with pytest.raises(DatasetError, match="got the same stamps with a truth 3 m away"):
        compare({"a": here}, {"a": there}, CONFIG)
    assert compare({"a": here}, {"a": elsewhere}, CONFIG), "a truth that is not known says nothing"


def test_a_baseline_is_read_back_and_a_broken_one_named(
    tmp_path: Path, errors: np.ndarray
) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"per_frame": {"a": frames(errors)}}))
    assert read_baseline(path) == {"a": frames(errors)}
    uneven = {**frames(errors), "has_fix": [True]}
    words = {**frames(errors), "stamp_ns": ["soon"] * len(errors)}
    for text in ("{", "[]", "{}", *(json.dumps({"per_frame": {"a": one}}) for one in
                                    (uneven, words))):  # fmt: skip
        path.write_text(text)
        with pytest.raises(DatasetError, match=r"metrics\.json: expected metrics\.json of"):
            read_baseline(path)
    with pytest.raises(DatasetError, match="no.json"):
        read_baseline(tmp_path / "no.json")
