"""Numbers worked out by hand: the robot is at x = t, looking along x."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import judge
from semloc_ros.evaluation.metrics import Metrics, compute_metrics, write_metrics
from semloc_ros.evaluation.predictions import load_run

Maker = Callable[..., dict[str, Any]]
MakeFolder = Callable[..., Path]
S = 1_000_000_000


def metrics_of(folder: Path) -> Metrics:
    run = load_run(folder)
    config = EvaluationConfig()
    return compute_metrics(run, judge(run, config), config)


def test_a_run_by_hand(make_folder: MakeFolder, records: tuple[Maker, Maker]) -> None:
    """Frames at 0, 1, 2, 3 s: fixes off by 1 cm, by 3 cm and 2 degrees; one lost; one 2 m off."""
    pose, status = records
    metrics = metrics_of(
        make_folder(
            [
                *({"kind": "frame", "stamp_ns": i * S, "received_ns": i * S} for i in range(4)),
                pose(0, [0.01, 0.0, 0.0]),
                status(0),
                pose(1 * S, [1.0, 0.03, 0.0], yaw_deg=2.0, received_ns=1 * S + 90_000_000),
                status(1 * S),
                status(2 * S, "LOST"),
                pose(3 * S, [3.0, 0.0, 2.0]),
                status(3 * S),
            ]
        )
    )
    assert metrics["availability"] == metrics["error_coverage"] == 3 / 4
    assert metrics["position_median_m"] == pytest.approx(0.03)
    assert metrics["position_mean_m"] == pytest.approx((0.01 + 0.03 + 2.0) / 3)
    assert metrics["position_max_tracking_m"] == pytest.approx(2.0)
    assert metrics["rotation_median_deg"] == pytest.approx(0.0, abs=1e-6)
    assert metrics["rotation_max_deg"] == pytest.approx(2.0)
    assert metrics["recall_0.05m_5deg"] == metrics["recall_0.25m_2deg"] == 2 / 4
    assert metrics["recall_5m_10deg"] == 3 / 4
    assert (metrics["false_fixes"], metrics["false_fix_rate"]) == (1, pytest.approx(1 / 3))
    assert metrics["latency_p50_ms"] == pytest.approx(50.0)
    assert metrics["states"] == {"TRACKING": 3, "LOST": 1}
    assert metrics["time_to_first_fix_s"] == 0.0


def test_nees_and_coverage_by_hand(make_folder: MakeFolder, records: tuple[Maker, Maker]) -> None:
    """Sigma is 1 cm: errors of 1, 2, 3 and 4 cm have NEES 1, 4, 9 and 16; the bound is 12.59."""
    assert chi2(6).ppf(0.95) == pytest.approx(12.5916, abs=1e-4)
    pose, status = records
    lines = []
    for second in range(4):
        lines.append(pose(second * S, [second, 0.01 * (second + 1), 0.0]))
        lines.append(status(second * S))
    metrics = metrics_of(make_folder(lines))
    assert metrics["coverage95"] == 3 / 4
    assert metrics["coverage50"] == 2 / 4  # the bound is 5.35
    assert metrics["nees_mean"] == pytest.approx((1 + 4 + 9 + 16) / 4)


def test_gaussian_errors_are_covered_as_promised(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    pose, status = records
    rng = np.random.default_rng(3)
    stamps = (np.arange(400) * S) // 50
    lines = []
    for stamp in map(int, stamps):
        error = rng.normal(scale=0.01, size=3)
        lines.append(pose(stamp, [stamp / S + error[0], error[1], error[2]]))
        lines.append(status(stamp))
        # three of six degrees of freedom are exact, so the bound of six is a wide one
    metrics = metrics_of(make_folder(lines))
    assert metrics["coverage95"] == pytest.approx(chi2(3).cdf(chi2(6).ppf(0.95)), abs=0.02)


def test_a_singular_covariance_covers_nothing(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    pose, status = records
    lines = [pose(0, [0.0, 0.0, 0.0], covariance=[0.0] * 36), status(0)]
    folder = make_folder(lines)
    metrics = metrics_of(folder)
    assert metrics["coverage95"] == 0.0
    write_metrics(metrics, folder / "metrics.json")
    assert json.loads((folder / "metrics.json").read_text())["nees_mean"] is None


def test_the_truth_between_its_stamps_is_used(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    """A pose at no frame's stamp is no availability, yet its error is not forgotten."""
    pose, status = records
    metrics = metrics_of(make_folder([pose(S // 4, [0.25, 0.5, 0.0]), status(S // 4)]))
    assert metrics["availability"] == 0.0
    assert metrics["position_max_tracking_m"] == pytest.approx(0.5)
    assert metrics["poses_tracking_without_frame"] == 1


def test_a_pose_without_status_cannot_hide(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    pose, status = records
    metrics = metrics_of(make_folder([pose(0, [7.0, 0.0, 0.0]), status(S)]))
    assert metrics["availability"] == 0.0
    assert metrics["false_fix_rate"] == 1.0


def test_a_degraded_pose_is_no_fix(make_folder: MakeFolder, records: tuple[Maker, Maker]) -> None:
    pose, status = records
    metrics = metrics_of(make_folder([pose(0, [7.0, 0.0, 0.0]), status(0, "DEGRADED")]))
    assert metrics["availability"] == 0.0
    assert metrics["false_fix_rate"] is None
    assert metrics["states"] == {"DEGRADED": 1, "NO_STATUS": 3}


def test_answering_a_frame_twice_is_counted_once(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    pose, status = records
    lines = [pose(0, [0.0, 0.0, 0.0]), pose(0, [0.0, 3.0, 0.0]), status(0)]
    metrics = metrics_of(make_folder(lines))
    assert metrics["availability"] == 1 / 4
    assert metrics["position_max_tracking_m"] == pytest.approx(3.0)


def test_nothing_published_is_nothing_available(make_folder: MakeFolder) -> None:
    metrics = metrics_of(make_folder([]))
    assert metrics["availability"] == metrics["recall_5m_10deg"] == metrics["tf_rate_hz"] == 0.0
    assert metrics["position_median_m"] is None
    assert metrics["coverage95"] is None


def test_tf_rate_counts_while_images_come(make_folder: MakeFolder, make_tf: Maker) -> None:
    """20 Hz for one second and then silence while images still come for another second."""
    tf = [make_tf(i * S // 20) for i in range(21)]
    assert metrics_of(make_folder(tf))["tf_rate_hz"] == pytest.approx(20.0)
    seen = {"kind": "frame", "stamp_ns": 0, "received_ns": 2 * S}
    metrics = metrics_of(make_folder([*tf, seen]))
    assert metrics["tf_rate_hz"] == pytest.approx(10.0)
    assert metrics["tf_max_gap_s"] == pytest.approx(1.0)
    later = make_tf(0, received_ns=9 * S)  # after the bag: no merit and no gap
    assert metrics_of(make_folder([*tf, seen, later])) == metrics


def test_the_place_that_tf_tells_is_judged(make_folder: MakeFolder, make_tf: Maker) -> None:
    """map→odom is y = +5 m; it says 5.1 and in the last two of four frames 5.3."""
    said = [5.1, 5.1, 5.3, 5.3]
    tf = [make_tf(i * S + late, (0, said[i], 0)) for i in range(4) for late in (0, S // 4)]
    metrics = metrics_of(make_folder(tf))
    assert metrics["tf_position_median_m"] == pytest.approx(0.2)
    assert metrics["tf_position_max_m"] == pytest.approx(0.3)
    assert metrics["tf_rotation_max_deg"] == pytest.approx(0.0, abs=1e-6)
    assert metrics["tf_coverage"] == 1.0


def test_tf_counts_only_where_it_was_valid(make_folder: MakeFolder, make_tf: Maker) -> None:
    """Between two stamps it is interpolated; before the first and in a long gap there is none."""
    tf = [make_tf(S - S // 8, (0, 5.0, 0)), make_tf(S + S // 8, (0, 5.2, 0))]
    metrics = metrics_of(make_folder([*tf, make_tf(3 * S + S // 2, (0, 5, 0))]))
    assert metrics["tf_position_max_m"] == pytest.approx(0.1)
    assert metrics["tf_coverage"] == 1 / 4


def test_without_odometry_or_tf_nothing_is_said_of_it(
    make_folder: MakeFolder, make_tf: Maker
) -> None:
    tf = [make_tf(i * S // 4, (0, 5, 0)) for i in range(13)]
    for folder in (make_folder(tf, driven=False), make_folder([])):
        metrics = metrics_of(folder)
        assert (metrics["tf_position_median_m"], metrics["tf_coverage"]) == (None, 0.0)


def test_a_frame_without_a_pose_has_a_latency_too(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    """A slow refusal is as late as a slow pose; of a frame that nobody answered none is known."""
    pose, status = records
    lines = [{"kind": "frame", "stamp_ns": i * S, "received_ns": i * S} for i in range(3)]
    lines += [pose(0, [0.0, 0.0, 0.0]), status(0, received_ns=S // 2)]
    lines += [status(S, "LOST", received_ns=S + S // 4)]
    metrics = metrics_of(make_folder(lines))
    assert metrics["latency_p50_ms"] == pytest.approx((50 + 250) / 2)
