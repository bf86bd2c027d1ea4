"""Charts over the conditions of an evaluation; each draws one Figure, read on a phone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import chi2

from semloc_ros.evaluation.association import poses_at
from semloc_ros.evaluation.conditions import Condition
from semloc_ros.evaluation.figures import STATE_COLORS, WIDTH, focus, map_points, new_figure
from semloc_ros.evaluation.judging import claimed_nees
from semloc_ros.types import FloatArray

_LONGEST_GAP_NS = 1_000_000_000
_MOST_CAUSES = 8
_STAGE_COLORS = {"p50_ms": "#2b6cb0", "p95_ms": "#7fa8d6", "p99_ms": "#c9dbef"}


def error_cdfs(conditions: Sequence[Condition]) -> Figure:
    """Share of ALL frames of each condition with at most an error, on a logarithmic scale."""
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    for one, color in zip(conditions, _colors(len(conditions)), strict=True):
        frames = len(one.run.frames_ns)
        _cdf(upper, one.judged.of_fixes(one.judged.position_m) * 100, frames, color, one.name)
        _cdf(lower, one.judged.of_fixes(one.judged.rotation_deg), frames, color, one.name)
    for axes, label in ((upper, "position error (cm)"), (lower, "rotation error (deg)")):
        axes.set(xlabel=label, ylabel="share of all frames", ylim=(0, 1.02), xscale="log")
        if not any(len(line.get_xdata()) for line in axes.lines):  # a logarithm needs something
            axes.set_xlim(0.1, 100.0)
            axes.text(0.5, 0.5, "no fix at all", transform=axes.transAxes, ha="center")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e4e7ec", linewidth=0.6)
    upper.legend(fontsize=8, loc="upper left", frameon=False)
    return figure


def calibration(conditions: Sequence[Condition]) -> Figure:
    """Share of errors inside the covariance's ellipsoid, over the share that should be."""
    figure, axes = new_figure()
    levels = np.linspace(0.02, 0.98, 49)
    axes.plot([0, 1], [0, 1], "--", color="#222222", linewidth=0.8, label="honest")
    for one, color in zip(conditions, _colors(len(conditions)), strict=True):
        nees = claimed_nees(one.judged)
        if len(nees):
            inside = (nees[:, None] < chi2(6).ppf(levels)).mean(axis=0)
            axes.plot(levels, inside, color=color, label=one.name)
    axes.text(0.03, 0.93, "above: too humble", fontsize=8)
    axes.text(0.97, 0.04, "below: too sure", fontsize=8, ha="right")
    axes.set(xlabel="share that should be inside", ylabel="share inside", ylim=(0, 1.02))
    axes.legend(loc="center right", fontsize=8)
    return figure


def stage_bars(metrics: Mapping[str, Any]) -> Figure:
    """Median, 95 % and 99 % of the milliseconds of each stage, and of the whole."""
    whole = {f"p{share}_ms": metrics[f"latency_p{share}_ms"] for share in (50, 95, 99)}
    rows = {**metrics["stages"], "image to answer": whole}
    figure, axes = new_figure(height=0.8 + 0.36 * len(rows))
    for place, times in enumerate(rows.values()):
        for name, color in reversed(_STAGE_COLORS.items()):
            axes.barh(place, times[name] or 0.0, color=color, height=0.7)
        axes.text(times["p99_ms"] or 0.0, place, f" {times['p50_ms'] or 0:.3g}", va="center",
                  fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(rows)), labels=list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("ms: median (written), 95 %, 99 %")
    axes.set_xlim(right=1.12 * max((times["p99_ms"] or 0.0) for times in rows.values()) or 1.0)
    return figure


def path_by_state(one: Condition, points_map: FloatArray | None) -> Figure:
    """The true path over the map, each frame in the color of the state it led to."""
    figure, axes = new_figure(height=4.2)
    if points_map is not None and len(points_map):
        map_points(axes, points_map)
    run = one.run
    places = poses_at(
        run.frames_ns, run.truth.stamps_ns, run.truth.map_from_base, _LONGEST_GAP_NS
    )[:, :3, 3]
    states = np.array(one.judged.frame_states)
    for state, color in STATE_COLORS.items():
        chosen = places[states == state]
        if len(chosen):
            label = f"{state} ({len(chosen)})"
            axes.scatter(chosen[:, 0], chosen[:, 1], s=9, color=color, label=label, zorder=3)
    focus(axes, run.truth.map_from_base[:, :3, 3], points_map)
    axes.set(xlabel="x of the map (m)", ylabel="y of the map (m)")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2, frameon=False, fontsize=8)
    return figure


def timeline(one: Condition) -> Figure:
    """States over time, and below them what each was said to come from."""
    said = sorted(one.run.statuses, key=lambda status: status.stamp_ns)
    start = int(one.run.frames_ns[0])
    counts = Counter(status.reason or "no reason" for status in said)
    causes = [cause for cause, _ in counts.most_common(_MOST_CAUSES)]
    figure, axes = new_figure(height=1.4 + 0.28 * len(causes))
    for state, color in STATE_COLORS.items():
        marks = [
            ((status.stamp_ns - start) * 1e-9, causes.index(status.reason or "no reason"))
            for status in said
            if status.state.value == state and (status.reason or "no reason") in causes
        ]
        if marks:
            times, rows = np.array(marks).T
            axes.scatter(times, rows, marker="|", s=90, color=color, linewidths=2)
    shown = [f"{cause} ({counts[cause]})" for cause in causes]
    axes.set_yticks(range(len(causes)), labels=shown)
    axes.set(xlabel="time (s)", ylim=(max(len(causes), 1) - 0.5, -0.5))
    _state_legend(axes, {status.state.value for status in said})
    return figure


def _state_legend(axes: Axes, states: set[str]) -> None:
    handles = [
        Line2D([], [], color=color, marker="s", linestyle="", label=state)
        for state, color in STATE_COLORS.items()
        if state in states
    ]
    if handles:
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=3,
                    fontsize=8, frameon=False)  # fmt: skip


def _cdf(axes: Axes, errors: FloatArray, frames: int, color: Any, label: str) -> None:
    ordered = np.sort(np.maximum(errors, 1e-3))
    shares = np.arange(1, len(ordered) + 1) / frames
    axes.step(ordered, shares, where="post", color=color, label=label)


def _colors(count: int) -> list[Any]:
    if count == 1:
        return ["#2b6cb0"]
    return [mpl.colormaps["tab10"](row % 10) for row in range(count)]
