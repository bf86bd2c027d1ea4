"""The report of `semloc evaluate`: all conditions on one page, the summary first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.evaluation import charts, figures
from semloc_ros.evaluation.comparison import Change
from semloc_ros.evaluation.conditions import Condition
from semloc_ros.evaluation.metrics import recall_words
from semloc_ros.evaluation.page import (
    all_numbers,
    figure_grid,
    inline_photo,
    number,
    table,
    write_page,
)
from semloc_ros.evaluation.recording import THUMBNAILS
from semloc_ros.evaluation.report import worst_frames
from semloc_ros.evaluation.verdict import doubts, short
from semloc_ros.types import FloatArray

_FIRST_RECALL = "recall_0.25m_2deg"
_TILES = (  # key, label, scale, unit; the coverage stands beside errors
    ("availability", "frames with a fix", 100.0, "%"),
    (_FIRST_RECALL, "within 0.25 m, 2°", 100.0, "%"),
    ("position_median_m", "position error, median", 100.0, "cm"),
    ("rotation_median_deg", "rotation error, median", 1.0, "°"),
    ("false_fix_rate", "false fixes", 100.0, "%"),
    ("coverage95", "inside 95 % ellipsoid", 100.0, "%"),
    ("ate_rmse_m", "ATE, RMSE", 100.0, "cm"),
    ("longest_outage_s", "longest time without a fix", 1.0, "s"),
    ("recovery_max_s", "found again after a kidnap in", 1.0, "s"),
    ("latency_p95_ms", "image to answer, 95 %", 1.0, "ms"),
    ("peak_memory_mb", "peak memory", 1.0, "MB"),
)
_SOURCES = ("bag", "map", "truth", "labels")  # of run.json
_OF_FIXES = ("position_", "rotation_", "ate_")
_PATH_ERRORS = (
    ("ate_rmse_m", "ATE (cm)", 100.0),
    ("ate_aligned_rmse_m", "ATE aligned (cm)", 100.0),
    ("ate_rmse_deg", "ATE (deg)", 1.0),
    ("rpe_frames_rmse_m", "RPE by fixes (cm)", 100.0),
    ("rpe_frames_rmse_deg", "RPE by fixes (deg)", 1.0),
    ("rpe_way_rmse_m", "RPE by way (cm)", 100.0),
    ("rpe_way_rmse_deg", "RPE by way (deg)", 1.0),
)
_TRUST = (
    ("time_to_first_fix_s", "first fix (s)", 1.0),
    ("longest_outage_s", "longest outage (s)", 1.0),
    ("recovery_max_s", "recovery (s)", 1.0),
    ("recovery_max_m", "recovery (m)", 1.0),
    ("false_fixes", "false fixes", 1.0),
    ("coverage50", "in 50 % (%)", 100.0),
    ("coverage90", "in 90 % (%)", 100.0),
    ("coverage95", "in 95 % (%)", 100.0),
    ("nees_median", "NEES, median", 1.0),
)


def write_overview(
    path: Path,
    conditions: Sequence[Condition],
    metrics: Mapping[str, Any],
    points_map: FloatArray | None = None,
    changes: Sequence[Change] = (),
) -> None:
    """Write the page. `metrics` are those of `verdict`; `points_map` (P, 3) lies under paths."""
    everything = metrics["all"]
    rows = dict(metrics["conditions"])
    if len(rows) > 1:
        rows["all"] = everything
    together = {
        "How often how good": charts.error_cdfs(conditions),
        "Is the covariance honest?": charts.calibration(conditions),
        "Where the time goes": charts.stage_bars(everything),
    }
    sections = [
        _summary(conditions, everything, changes),
        "<h2>How often how good, of all frames</h2>" + _recalls(rows),
        "<h2>Errors along the path</h2>" + _table(rows, _PATH_ERRORS),
        "<h2>Trust</h2>" + _table(rows, _TRUST),
        "<h2>States, in frames</h2>" + _states(rows),
        figure_grid(together),
        *(_condition(one, points_map) for one in conditions),
        _worst(conditions),
        all_numbers(everything),
    ]
    write_page(path, "Evaluation", sections)


def _summary(
    conditions: Sequence[Condition], metrics: Mapping[str, Any], changes: Sequence[Change]
) -> str:
    names = html.escape(_named(conditions))
    faults = sorted({fault for one in conditions for fault in one.about.get("faults", [])})
    injected = f" Faults: {html.escape(' '.join(faults))}." if faults else ""
    line = (
        f"{metrics['fixes']} of {metrics['frames']} frames have a fix, in "
        f"{len(conditions)} condition{'s' if len(conditions) > 1 else ''}: {names}.{injected}"
    )
    if metrics["fixes_by_labels"]:
        line += f" {metrics['fixes_by_labels']} of the fixes are by labels on odometry."
    if metrics["kidnaps"]:
        line += f" Kidnaps: {metrics['kidnaps']}, of which found again: {metrics['recovered']}."
    recalls = [key for key in metrics if key.startswith("recall_")]
    shown = [tile for tile in _TILES if metrics.get(tile[0]) is not None]
    if _FIRST_RECALL not in recalls and recalls:
        shown.insert(1, (recalls[0], f"within {recall_words(recalls[0])}", 100.0, "%"))
    tiles = "".join(_tile(metrics, *tile) for tile in shown)
    warned = "".join(f'<p class="verdict bad">{html.escape(one)}</p>' for one in doubts(metrics))
    return f'{_compared(changes)}{warned}<p>{line}</p><div class="tiles">{tiles}</div>'


def _named(conditions: Sequence[Condition]) -> str:
    """The conditions, and what run.json says that they were made of: what all share once."""
    told = [
        [
            f"{key} {one.about[key]}" for key in _SOURCES
            if one.about.get(key) not in (None, "", one.name)
        ]
        for one in conditions
    ]
    shared = [source for source in told[0] if all(source in sources for sources in told)]
    names = []
    for one, sources in zip(conditions, told, strict=True):
        own = ", ".join(source for source in sources if source not in shared)
        names.append(f"{one.name} ({own})" if own else one.name)
    return ", ".join(names) + (f"; {', '.join(shared)}" if shared else "")


def _compared(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    worse = [one.key for one in changes if one.is_worse]
    verdict = "not worse than the baseline"
    if worse:
        verdict = f"worse than the baseline: {', '.join(worse)}"
    header = ["", "baseline", "now", "frames", "p", ""]
    rows = [
        [
            one.key, number(one.baseline), number(one.now), str(one.frames),
            f"{one.probability:.2g}", one.word,
        ]
        for one in changes
    ]  # fmt: skip
    word = "bad" if worse else "ok"
    shown = f'<p class="verdict {word}">{html.escape(verdict)}</p>'
    return f"{shown}<details><summary>Compared</summary>{table(header, rows)}</details>"


def _tile(metrics: Mapping[str, Any], key: str, label: str, scale: float, unit: str) -> str:
    note = _interval(metrics, key, scale)
    if key.startswith(_OF_FIXES):
        coverage = f"of {100 * metrics['error_coverage']:.3g} % of the frames"
        note = f"{coverage}; {note}" if note else coverage
    return (
        f'<div class="tile plain"><span class="label">{html.escape(label)}</span>'
        f"<strong>{short(metrics[key] * scale)} {unit}</strong>"
        f'<span class="goal">{html.escape(note)}</span></div>'
    )


def _interval(metrics: Mapping[str, Any], key: str, scale: float) -> str:
    bounds = metrics.get("intervals", {}).get(key)
    return f"{short(bounds[0] * scale)} to {short(bounds[1] * scale)}" if bounds else ""


def _recalls(rows: Mapping[str, Mapping[str, Any]]) -> str:
    keys = [key for key in next(iter(rows.values())) if key.startswith("recall_")]
    header = ["condition", "frames", "fixes %", *(f"{recall_words(key)} %" for key in keys),
              "median cm", "p95 cm", "median °", "p95 °", "known %"]  # fmt: skip
    shown = []
    for name, metrics in rows.items():
        shares = [_with_interval(metrics, key, 100.0) for key in ("availability", *keys)]
        errors = [
            _with_interval(metrics, f"position_{which}_m", 100.0) for which in ("median", "p95")
        ]
        errors += [
            _with_interval(metrics, f"rotation_{which}_deg", 1.0) for which in ("median", "p95")
        ]
        coverage = number(100 * metrics["error_coverage"])
        shown.append([name, str(metrics["frames"]), *shares, *errors, coverage])
    return table(header, shown)


def _with_interval(metrics: Mapping[str, Any], key: str, scale: float) -> str:
    value = metrics.get(key)
    if value is None:
        return number(None)
    bounds = _interval(metrics, key, scale)
    return short(value * scale) + (f"\n{bounds}" if bounds else "")


def _table(
    rows: Mapping[str, Mapping[str, Any]], columns: Sequence[tuple[str, str, float]]
) -> str:
    cells = [
        [name, *(_scaled(metrics.get(key), scale) for key, _, scale in columns)]
        for name, metrics in rows.items()
    ]
    return table(["condition", *(heading for _, heading, _ in columns)], cells)


def _scaled(value: float | None, scale: float) -> str:
    return number(None) if value is None else f"{value * scale:.4g}"


def _states(rows: Mapping[str, Mapping[str, Any]]) -> str:
    seen = {state for metrics in rows.values() for state in metrics["states"]}
    states = [state for state in figures.STATE_COLORS if state in seen]
    cells = [
        [name, *(f"{100 * metrics['states'].get(state, 0) / metrics['frames']:.3g} %"
                 for state in states)]
        for name, metrics in rows.items()
    ]  # fmt: skip
    return table(["condition", *states], cells)


def _condition(one: Condition, points_map: FloatArray | None) -> str:
    drawn = {
        "Position error over the map": figures.trajectory(one.run, one.judged, points_map),
        "State over the map": charts.path_by_state(one, points_map),
        "States and their causes": charts.timeline(one),
        "Errors over time": figures.errors_over_time(one.run, one.judged),
    }
    return f"<h2>{html.escape(one.name)}</h2>{figure_grid(drawn, wide=True)}"


def _worst(conditions: Sequence[Condition]) -> str:
    """The worst ten frames of all conditions, with their overlays where those were kept."""
    position, rotation = (
        np.concatenate([one.judged.per_frame(getattr(one.judged, name)) for one in conditions])
        for name in ("position_m", "rotation_deg")
    )
    owners = [(one, row) for one in conditions for row in range(len(one.run.frames_ns))]
    worst = worst_frames(position, rotation)
    cards = "".join(_card(*owners[frame]) for frame in worst)
    explained = "Those of the largest error."
    if any(np.isnan(position[frame]) for frame in worst):
        explained = "Some without a fix, from all over the runs, then those of the largest error."
    return f'<h2>Worst frames</h2><p>{explained}</p><div class="worst">{cards}</div>'


def _card(one: Condition, frame: int) -> str:
    stamp = int(one.run.frames_ns[frame])
    said = next((status for status in one.run.statuses if status.stamp_ns == stamp), None)
    row = int(one.judged.fix_of_frame[frame])
    error = "no fix"
    if row >= 0:
        position, rotation = one.judged.position_m[row], one.judged.rotation_deg[row]
        error = f"{number(position * 100)} cm, {number(float(rotation))}°"
    seconds = (stamp - int(one.run.frames_ns[0])) * 1e-9
    reason = said.reason if said else "not taken, or lost on the way"
    inliers = f", {said.values['inliers']} inliers" if said and "inliers" in said.values else ""
    words = f"{one.name} at {seconds:.1f} s: {error}. {one.judged.frame_states[frame]} {reason}"
    photo = one.folder / THUMBNAILS / f"{stamp}.jpg"
    shown = ""
    if photo.exists():
        shown = f'<img alt="{html.escape(one.name)} {stamp}" src="{inline_photo(photo)}">'
    caption = html.escape(words + inliers)
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"
