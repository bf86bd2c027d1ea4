"""metrics.json: all conditions judged, each number with its interval, and beside a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.comparison import (
    Change,
    Frames,
    as_metrics,
    compare,
    not_compared,
    per_frame,
)
from semloc_ros.evaluation.conditions import Condition, pool
from semloc_ros.evaluation.intervals import intervals
from semloc_ros.evaluation.metrics import Metrics, compute_metrics, compute_pooled


def verdict(
    conditions: Sequence[Condition], config: EvaluationConfig, before: Frames | None = None
) -> tuple[Metrics, list[Change]]:
    """What goes to metrics.json, and the changes since `before`, the frames of a
    baseline, if there is one.

    `all` and each of `conditions` are the numbers of `compute_metrics` with `intervals`;
    `per_frame` is what later runs are compared with; `changes` only beside a baseline.
    """
    frames = per_frame(conditions)
    changes = compare(frames, before, config) if before is not None else []
    counts = [len(one.run.frames_ns) for one in conditions]
    pooled = pool([one.judged for one in conditions])
    everything = compute_pooled(conditions, config)
    metrics: Metrics = {
        "all": {
            **everything,
            "intervals": intervals(pooled, counts, config),
            "not_compared": not_compared(frames, before, config) if before is not None else [],
        },
        "conditions": {
            one.name: {
                **compute_metrics(one.run, one.judged, config, one.about),
                "intervals": intervals(one.judged, [len(one.run.frames_ns)], config),
            }
            for one in conditions
        },
        **({"changes": as_metrics(changes)} if before is not None else {}),
        "per_frame": frames,
    }
    return metrics, changes


def doubts(metrics: Mapping[str, Any]) -> list[str]:
    """Why the numbers of a run may say less than they seem to, in one sentence each."""
    found = []
    if metrics["fixes"] == 0:
        found.append(
            f"None of {metrics['frames']} frames got a fix, so nothing is said of errors or of "
            "false fixes. Is it the map of this place?"
        )
    if metrics["false_fixes"]:
        found.append(
            f"False fixes: {metrics['false_fixes']}, {100 * metrics['false_fix_rate']:.3g} % of "
            "the poses offered as good whose truth is known."
        )
    if metrics["idle_faults"]:
        found.append(
            f"Injected, but nothing was changed by it: {', '.join(metrics['idle_faults'])}. "
            "Does it start after the end of the recording?"
        )
    if metrics["frames_without_labels"]:
        found.append(
            f"{metrics['frames_without_labels']} of {metrics['frames']} frames had no label map "
            "that fits camera and map: the `detail` of their statuses says why."
        )
    if metrics["frames_in_map"]:
        found.append(
            f"{metrics['frames_in_map']} of {metrics['frames']} frames are images of the map "
            "itself: they say nothing of other days."
        )
    if metrics["poses_without_truth"]:
        found.append(
            f"{metrics['poses_without_truth']} of {metrics['poses']} poses have no truth: "
            "no error speaks of them."
        )
    return [*found, *metrics.get("not_compared", [])]


def short(value: float) -> str:
    """Three digits, and no exponent for what is large."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
