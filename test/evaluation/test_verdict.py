"""Several conditions together, by hand; and how long it takes for a thousand frames."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.evaluation.comparison import read_baseline
from semloc_ros.evaluation.conditions import load_conditions
from semloc_ros.evaluation.metrics import recall_thresholds, write_metrics
from semloc_ros.evaluation.predictions import Truth, write_reference
from semloc_ros.evaluation.verdict import doubts, verdict
from semloc_ros.geometry import se3

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000
CONFIG = EvaluationConfig(resamples=200)


@pytest.fixture
def folder(
    make_folder: Callable[..., Path], records: tuple[Maker, Maker], tmp_path: Path
) -> Path:
    """`day`: fixes of four frames, off by 1, 1, 1 and 3 cm; `night`: one of six, off by 2 m."""
    pose, status = records
    lines: dict[str, list[dict[str, Any]]] = {"day": [], "night": []}
    for second, error in enumerate((0.01, 0.01, 0.01, 0.03)):
        values = {"pnp_ms": str(10.0 * (second + 1)), "latency_ms": "99"}
        lines["day"] += [pose(second * S, [second, error, 0.0])]
        lines["day"] += [status(second * S, values=values)]
    lines["night"] += [pose(2 * S, [2.0, 2.0, 0.0]), status(2 * S, values={"pnp_ms": "50"})]
    out = tmp_path / "out"
    for name, frames in (("day", 4), ("night", 6)):
        made = make_folder(lines[name], frames=frames)
        (made / "run.json").write_text(
            json.dumps({"cpu_s": 2.0, "peak_memory_mb": 100.0 * frames, "kidnaps_ns": []})
        )
        (out / name).mkdir(parents=True)
        for path in made.glob("*.*"):
            shutil.move(path, out / name / path.name)
    return out


def test_all_weighs_each_frame_alike_and_takes_the_worst_run(folder: Path) -> None:
    metrics, changes = verdict(load_conditions(folder, CONFIG), CONFIG)
    everything, night = metrics["all"], metrics["conditions"]["night"]
    assert (everything["frames"], everything["fixes"]) == (10, 5)
    assert everything["recall_0.25m_2deg"] == 4 / 10
    assert everything["position_median_m"] == pytest.approx(0.01)
    assert everything["false_fix_rate"] == pytest.approx(1 / 5)
    assert everything["states"] == {"TRACKING": 5, "NO_STATUS": 5}
    assert everything["ate_rmse_m"] == pytest.approx(((3 * 1e-4 + 9e-4 + 4) / 5) ** 0.5)
    assert everything["rpe_frames_rmse_m"] == pytest.approx((4e-4 / 3) ** 0.5), "of the day alone"
    assert everything["time_to_first_fix_s"] == night["time_to_first_fix_s"] == 2.0
    assert (everything["peak_memory_mb"], everything["cpu_s"]) == (600.0, 4.0)
    assert everything["stages"] == {"pnp": pytest.approx(
        {"p50_ms": 30.0, "p95_ms": 48.0, "p99_ms": 49.6}
    )}  # fmt: skip
    assert changes == [] and "changes" not in metrics
    assert night["ate_aligned_rmse_m"] is None, "one pose can be moved anywhere"


def test_a_robot_that_was_never_found_again_is_not_averaged_away(folder: Path) -> None:
    """Day: put down at 1 s and found at 1 s; night: put down at 1 s, its only fix is 2 m off."""
    for name in ("day", "night"):
        (folder / name / "run.json").write_text(json.dumps({"kidnaps_ns": [S]}))
    everything = verdict(load_conditions(folder, CONFIG), CONFIG)[0]["all"]
    assert (everything["kidnaps"], everything["recovered"]) == (2, 1)
    assert everything["recovery_max_s"] is None
    (folder / "night" / "run.json").unlink()
    everything = verdict(load_conditions(folder, CONFIG), CONFIG)[0]["all"]
    assert (everything["kidnaps"], everything["recovery_max_s"]) == (1, 0.0)


def test_a_verdict_is_a_baseline_for_the_next(folder: Path) -> None:
    conditions = load_conditions(folder, CONFIG)
    first, _ = verdict(conditions, CONFIG)
    write_metrics(first, folder / "metrics.json")
    second, changes = verdict(conditions, CONFIG, read_baseline(folder / "metrics.json"))
    assert {change.frames for change in changes} == {10, 5}
    assert not any(change.is_significant for change in changes)
    assert second["changes"][0]["key"] == "availability"
    day = json.loads((folder / "metrics.json").read_text())["per_frame"]["day"]
    assert day["stamp_ns"] == [0, S, 2 * S, 3 * S]
    assert day["position_m"] == pytest.approx([0.01, 0.01, 0.01, 0.03])


def test_one_folder_is_one_condition_and_none_is_an_error(folder: Path, tmp_path: Path) -> None:
    (only,) = load_conditions(folder / "day", CONFIG)
    assert only.name == "day"
    folder.rename(tmp_path / "predictions")
    assert [one.name for one in load_conditions(tmp_path, CONFIG)] == ["day", "night"]
    (tmp_path / "predictions").rename(folder)
    with pytest.raises(DatasetError, match=r"expected predictions\.jsonl, or folders with one"):
        load_conditions(tmp_path / "no", CONFIG)
    (folder / "day" / "run.json").write_text("[")
    with pytest.raises(DatasetError, match=r"run\.json: expected readable JSON"):
        load_conditions(folder, CONFIG)
    (folder / "day" / "run.json").write_text('{"kidnaps_ns": ["soon"]}')
    with pytest.raises(DatasetError, match=r"run\.json: kidnaps_ns: expected a list of int"):
        load_conditions(folder, CONFIG)


def test_false_fixes_are_said_in_words(folder: Path) -> None:
    everything = verdict(load_conditions(folder, CONFIG), CONFIG)[0]["all"]
    assert doubts(everything) == [
        "False fixes: 1, 20 % of the poses offered as good whose truth is known."
    ]


def test_thresholds_are_free_and_checked() -> None:
    assert recall_thresholds(EvaluationConfig(recall="1/10 0.1/.5")) == [(1.0, 10.0), (0.1, 0.5)]
    for wrong in ("1", "1/2/3", "a/b", "nan/2", "-1/2", "1/0"):
        with pytest.raises(ConfigError, match="evaluation.recall: expected pairs of positive"):
            recall_thresholds(EvaluationConfig(recall=wrong))


def test_a_thousand_frames_are_judged_in_five_seconds(
    tmp_path: Path, records: tuple[Maker, Maker], make_tf: Maker
) -> None:
    """With intervals and the 40 transforms a second that a node sends; of processor time, as the
    machine may be busy."""
    pose, status = records
    stamps = np.arange(1000, dtype=np.int64) * S * 2 // 5
    truth_ns = np.arange(4001, dtype=np.int64) * S // 10
    places = np.zeros((4001, 3))
    places[:, 0] = truth_ns / S
    write_reference(tmp_path, stamps, Truth(truth_ns, se3.make_pose(np.eye(3), places)))
    errors = np.random.default_rng(0).normal(0, 0.01, (1000, 3))
    lines = []
    for stamp, error in zip(map(int, stamps), errors, strict=True):
        lines += [pose(stamp, [stamp / S + error[0], error[1], error[2]])]
        lines += [status(stamp, values={"pnp_ms": "3.0", "features_ms": "20.0"})]
    lines += [make_tf(int(at)) for at in np.arange(16_000, dtype=np.int64) * S // 40]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "predictions.jsonl").write_text(text)
    config = EvaluationConfig()
    began = time.process_time()
    metrics, _ = verdict(load_conditions(tmp_path, config), config)
    write_metrics(metrics, tmp_path / "metrics.json")
    assert time.process_time() - began < 5.0
    assert metrics["all"]["frames"] == 1000
