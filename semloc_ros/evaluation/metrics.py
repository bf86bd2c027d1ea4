"""Numbers of a run; `docs/evaluation.md` defines each.

A frame without a pose counts: availability and recall are shares of ALL query frames, and
every error statistic stands beside its coverage.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import Judged, claimed_nees
from semloc_ros.evaluation.predictions import Run
from semloc_ros.types import FloatArray

RECALL_THRESHOLDS = ((0.05, 5.0), (0.25, 2.0), (0.5, 5.0), (5.0, 10.0))  # metres, degrees
COVERAGE_LEVELS = (50, 90, 95)  # per cent

Metrics = dict[str, Any]


def compute_metrics(run: Run, judged: Judged, config: EvaluationConfig) -> Metrics:
    """All numbers of a run; None where nothing was there to measure."""
    return {
        **_counts(run, judged),
        **_errors("position", "_m", judged.of_fixes(judged.position_m)),
        **_errors("rotation", "_deg", judged.of_fixes(judged.rotation_deg)),
        **_recalls(judged),
        **_trust(judged, config),
        **calibration(judged),
        **_tf(run),
        **_errors("tf_position", "_m", _known(judged.tf_position_m)),
        **_errors("tf_rotation", "_deg", _known(judged.tf_rotation_deg)),
        "tf_coverage": float(np.mean(np.isfinite(judged.tf_position_m))),
        **_latency(judged),
        "time_to_first_fix_s": _time_to_first_fix(run, judged),
        "states": dict(Counter(judged.frame_states)),
    }


def write_metrics(metrics: Metrics, path: Path) -> None:
    """Write metrics as JSON, an undefined or infinite number as null."""
    finite = {key: _jsonable(value) for key, value in metrics.items()}
    path.write_text(json.dumps(finite, indent=2) + "\n")


def coverage(nees: FloatArray, level: float) -> float | None:
    """Share of NEES values (N,) below the chi-square quantile `level` of 6 degrees of freedom."""
    return float(np.mean(nees < chi2(6).ppf(level))) if len(nees) else None


def calibration(judged: Judged) -> Metrics:
    """How honest the covariances are: coverage at several levels and the NEES itself."""
    nees = claimed_nees(judged)
    levels = {f"coverage{level}": coverage(nees, level / 100) for level in COVERAGE_LEVELS}
    mean = float(np.mean(nees)) if len(nees) else None
    return {**levels, "nees_mean": mean, "nees_median": _quantile(nees, 0.5)}


def _counts(run: Run, judged: Judged) -> Metrics:
    fixed = judged.fix_of_frame[judged.fix_of_frame >= 0]
    frames = len(run.frames_ns)
    return {
        "frames": frames,
        "fixes": len(fixed),
        "availability": len(fixed) / frames,
        "error_coverage": len(judged.of_fixes(judged.position_m)) / frames,
        "poses": len(run.poses),
        "poses_tracking_without_frame": int(judged.pose_states.count("TRACKING") - len(fixed)),
        "poses_without_status": judged.pose_states.count("NO_STATUS"),
        "poses_without_truth": int(np.isnan(judged.position_m).sum()),
    }


def _errors(name: str, unit: str, errors: FloatArray) -> Metrics:
    return {
        f"{name}_median{unit}": _quantile(errors, 0.5),
        f"{name}_mean{unit}": float(np.mean(errors)) if len(errors) else None,
        f"{name}_p95{unit}": _quantile(errors, 0.95),
        f"{name}_max{unit}": _quantile(errors, 1.0),
    }


def _recalls(judged: Judged) -> Metrics:
    position = judged.per_frame(judged.position_m)
    rotation = judged.per_frame(judged.rotation_deg)
    return {
        f"recall_{metres:g}m_{degrees:g}deg": float(
            np.mean((position <= metres) & (rotation <= degrees))  # NaN is no recall
        )
        for metres, degrees in RECALL_THRESHOLDS
    }


def _trust(judged: Judged, config: EvaluationConfig) -> Metrics:
    """What a robot that believes the poses offered as good would suffer."""
    offered = judged.claimed & np.isfinite(judged.position_m)
    position, rotation = judged.position_m[offered], judged.rotation_deg[offered]
    false = (position > config.false_fix_m) | (rotation > config.false_fix_deg)
    return {
        "position_max_tracking_m": _quantile(position, 1.0),
        "rotation_max_tracking_deg": _quantile(rotation, 1.0),
        "false_fixes": int(false.sum()),
        "false_fix_rate": float(false.mean()) if len(false) else None,
    }


def _tf(run: Run) -> Metrics:
    """Arrivals of map→odom from the first one to the last image, which is while the bag plays.

    A transform that stops before the images do lowers the rate and shows as a gap.
    """
    arrivals = np.sort(run.transforms.received_ns)
    end = max([*run.seen_ns.values()] or [*arrivals[-1:], 0])
    arrivals = arrivals[arrivals <= end]
    if len(arrivals) == 0:
        return {"tf_rate_hz": 0.0, "tf_max_gap_s": None}
    gaps = np.diff(np.append(arrivals, end)) * 1e-9
    duration = (end - int(arrivals[0])) * 1e-9
    rate = (len(arrivals) - 1) / duration if duration > 0 else 0.0
    return {"tf_rate_hz": rate, "tf_max_gap_s": float(gaps.max())}


def _latency(judged: Judged) -> Metrics:
    return {
        f"latency_p{share}_ms": _quantile(judged.latency_ms, share / 100) for share in (50, 95, 99)
    }


def _time_to_first_fix(run: Run, judged: Judged) -> float | None:
    fixed = np.flatnonzero(judged.fix_of_frame >= 0)
    if len(fixed) == 0:
        return None
    return float(run.frames_ns[fixed[0]] - run.frames_ns[0]) * 1e-9


def _quantile(values: FloatArray, share: float) -> float | None:
    with np.errstate(invalid="ignore"):  # infinite NEES among them
        return float(np.quantile(values, share)) if len(values) else None


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
