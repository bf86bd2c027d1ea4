"""Numbers of a run; `docs/evaluation.md` defines each.

A frame without a pose counts: availability and recall are shares of ALL query frames, and
every error statistic stands beside its coverage.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation.conditions import Condition, pool
from semloc_ros.evaluation.judging import Judged, claimed_nees
from semloc_ros.evaluation.outages import outages
from semloc_ros.evaluation.predictions import Run
from semloc_ros.evaluation.trajectory import (
    Part,
    absolute_errors,
    aligned,
    pairs_by_frames,
    pairs_by_way,
    relative_errors,
    root_mean_square,
)
from semloc_ros.localization.states import Reason
from semloc_ros.types import FloatArray

COVERAGE_LEVELS = (50, 90, 95)  # per cent
STAGE_SHARES = (50, 95, 99)  # per cent
_WORST_IS_LEAST = ("tf_rate_hz",)
_SUMS = (
    "kidnaps", "recovered", "frames_in_map", "frames_without_labels", "fixes_by_labels", "cpu_s",
    "wall_s",
)

Metrics = dict[str, Any]


def compute_metrics(
    run: Run, judged: Judged, config: EvaluationConfig, about: Mapping[str, Any] | None = None
) -> Metrics:
    """All numbers of a run; None where nothing was there to measure. `about` is its run.json."""
    return {
        **_of_judged(judged, config),
        **_of_run(run, judged, config, about or {}),
        **_trajectory([_trajectory_errors(run, judged, config)]),
        "stages": _stages([run]),
    }


def compute_pooled(conditions: Sequence[Condition], config: EvaluationConfig) -> Metrics:
    """All numbers of several runs together, each frame with the same weight.

    What belongs to a run as a whole (times, rates, memory) is that of the worst run.
    """
    judged = pool([one.judged for one in conditions])
    runs = [_of_run(one.run, one.judged, config, one.about) for one in conditions]
    errors = [_trajectory_errors(one.run, one.judged, config) for one in conditions]
    return {
        **_of_judged(judged, config),
        **{key: _combined(key, runs) for key in runs[0]},
        **_trajectory(errors),
        "stages": _stages([one.run for one in conditions]),
    }


def recall_thresholds(config: EvaluationConfig) -> list[tuple[float, float]]:
    """Metres and degrees of the recalls; ConfigError if they are not written as `0.25/2 0.5/5`."""
    try:
        pairs = [tuple(map(float, word.split("/"))) for word in config.recall.split()]
        if not all(0 < bound < np.inf for pair in pairs for bound in pair):
            raise ValueError(config.recall)
        return [(metres, degrees) for metres, degrees in pairs]
    except ValueError:
        wanted = "pairs of positive metres/degrees, as 0.25/2 0.5/5"
        raise ConfigError(expected("evaluation.recall", wanted, repr(config.recall))) from None


def recall_name(metres: float, degrees: float) -> str:
    """Key of a recall, as `recall_0.25m_2deg`."""
    return f"recall_{metres:g}m_{degrees:g}deg"


def recall_words(name: str) -> str:
    """The bounds in the key of a recall, as `0.25 m, 2°`."""
    return name.removeprefix("recall_").replace("m_", " m, ").replace("deg", "°")


def write_metrics(metrics: Metrics, path: Path) -> None:
    """Write metrics as JSON, an undefined or infinite number as null."""
    path.write_text(json.dumps(_jsonable(metrics), indent=2) + "\n")


def coverage(nees: FloatArray, level: float) -> float | None:
    """Share of NEES values (N,) below the chi-square quantile `level` of 6 degrees of freedom."""
    return float(np.mean(nees < chi2(6).ppf(level))) if len(nees) else None


def calibration(judged: Judged) -> Metrics:
    """How honest the covariances are: coverage at several levels and the NEES itself."""
    nees = claimed_nees(judged)
    levels = {f"coverage{level}": coverage(nees, level / 100) for level in COVERAGE_LEVELS}
    mean = float(np.mean(nees)) if len(nees) else None
    return {**levels, "nees_mean": mean, "nees_median": _quantile(nees, 0.5)}


def _of_judged(judged: Judged, config: EvaluationConfig) -> Metrics:
    """What follows from poses and frames, whichever run they are of."""
    return {
        **_counts(judged),
        **_errors("position", "_m", judged.of_fixes(judged.position_m)),
        **_errors("rotation", "_deg", judged.of_fixes(judged.rotation_deg)),
        **_recalls(judged, config),
        **_trust(judged, config),
        **calibration(judged),
        **_errors("tf_position", "_m", _known(judged.tf_position_m)),
        **_errors("tf_rotation", "_deg", _known(judged.tf_rotation_deg)),
        "tf_coverage": float(np.mean(np.isfinite(judged.tf_position_m))),
        **_latency(judged),
        "states": dict(Counter(judged.frame_states)),
    }


def _of_run(
    run: Run, judged: Judged, config: EvaluationConfig, about: Mapping[str, Any]
) -> Metrics:
    kept = ("frames_in_map", "cpu_s", "wall_s", "peak_memory_mb")
    spent = {key: about.get(key) for key in kept}
    spent["idle_faults"] = list(about.get("idle_faults", []))
    spent["fixes_by_labels"] = _by_labels(run)
    spent["frames_without_labels"] = _without_labels(run) if about.get("labels") else 0
    return {**_tf(run), **outages(run, judged, config, about), **spent}


def _by_labels(run: Run) -> int:
    """Frames whose fix is that of labels on odometry."""
    frames = {int(stamp) for stamp in run.frames_ns}
    kept = {one.stamp_ns for one in run.statuses if one.reason == Reason.LABELS.value}
    return len(frames & kept)


def _without_labels(run: Run) -> int:
    """Frames whose label map did not come, or could not be used with the map."""
    used = {
        one.stamp_ns for one in run.statuses
        if one.values.get("labels") in ("exact", "last")
        and not one.values.get("detail", "").startswith("label map")
    }  # fmt: skip
    return sum(int(stamp) not in used for stamp in run.frames_ns)


def _combined(key: str, runs: Sequence[Metrics]) -> Any:
    """One number of several runs; None if one of them has none, as what is worst is not known."""
    if key.startswith("recovery"):  # runs without a kidnap have nothing to say
        runs = [run for run in runs if run["kidnaps"]]
    values = [run[key] for run in runs]
    if key == "idle_faults":
        return sorted({fault for value in values for fault in value})
    if not values or any(value is None for value in values):
        return None
    return sum(values) if key in _SUMS else (min if key in _WORST_IS_LEAST else max)(values)


def _counts(judged: Judged) -> Metrics:
    frames = len(judged.fix_of_frame)
    fixes = int((judged.fix_of_frame >= 0).sum())
    return {
        "frames": frames,
        "fixes": fixes,
        "availability": fixes / frames,
        "error_coverage": len(judged.of_fixes(judged.position_m)) / frames,
        "poses": len(judged.position_m),
        "poses_tracking_without_frame": int(judged.pose_states.count("TRACKING") - fixes),
        "poses_without_status": judged.pose_states.count("NO_STATUS"),
        "poses_without_truth": int(np.isnan(judged.position_m).sum()),
    }


def _trajectory_errors(
    run: Run, judged: Judged, config: EvaluationConfig
) -> dict[str, FloatArray]:
    """Errors of the fixes with a truth, in the order of their frames."""
    rows = judged.fix_of_frame[judged.fix_of_frame >= 0]
    rows = rows[np.isfinite(judged.position_m[rows])]
    poses, truth = run.poses.map_from_base[rows], judged.truth[rows]
    by_frames = pairs_by_frames(len(rows), config.rpe_frames)
    by_way = pairs_by_way(poses, config.rpe_m)
    fitted = aligned(poses, truth) if len(rows) >= 3 else poses[:0]
    return {
        "ate_rmse_m": absolute_errors(poses, truth, Part.TRANSLATION),
        "ate_aligned_rmse_m": absolute_errors(fitted, truth[: len(fitted)], Part.TRANSLATION),
        "ate_rmse_deg": absolute_errors(poses, truth, Part.ANGLE),
        "rpe_frames_rmse_m": relative_errors(poses, truth, by_frames, Part.TRANSLATION),
        "rpe_frames_rmse_deg": relative_errors(poses, truth, by_frames, Part.ANGLE),
        "rpe_way_rmse_m": relative_errors(poses, truth, by_way, Part.TRANSLATION),
        "rpe_way_rmse_deg": relative_errors(poses, truth, by_way, Part.ANGLE),
    }


def _trajectory(errors: Sequence[Mapping[str, FloatArray]]) -> Metrics:
    return {
        key: root_mean_square(np.concatenate([one[key] for one in errors])) for key in errors[0]
    }


def _stages(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Milliseconds of each stage of the localizer, over the frames that came to it."""
    times: dict[str, list[float]] = {}
    for run in runs:
        for status in run.statuses:
            for key, text in status.values.items():
                if key.endswith("_ms") and key != "latency_ms" and text:
                    times.setdefault(key.removesuffix("_ms"), []).append(float(text))
    return {
        stage: {f"p{share}_ms": float(np.percentile(found, share)) for share in STAGE_SHARES}
        for stage, found in times.items()
    }


def _errors(name: str, unit: str, errors: FloatArray) -> Metrics:
    return {
        f"{name}_median{unit}": _quantile(errors, 0.5),
        f"{name}_mean{unit}": float(np.mean(errors)) if len(errors) else None,
        f"{name}_p95{unit}": _quantile(errors, 0.95),
        f"{name}_max{unit}": _quantile(errors, 1.0),
    }


def _recalls(judged: Judged, config: EvaluationConfig) -> Metrics:
    position = judged.per_frame(judged.position_m)
    rotation = judged.per_frame(judged.rotation_deg)
    return {
        recall_name(metres, degrees): float(
            np.mean((position <= metres) & (rotation <= degrees))  # NaN is no recall
        )
        for metres, degrees in recall_thresholds(config)
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


def _quantile(values: FloatArray, share: float) -> float | None:
    with np.errstate(invalid="ignore"):  # infinite NEES among them
        return float(np.quantile(values, share)) if len(values) else None


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
