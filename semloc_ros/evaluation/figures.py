"""Figures of a run. Each function draws one `matplotlib` Figure, sized to be read on a phone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.stats import chi2

from semloc_ros.evaluation.association import poses_at
from semloc_ros.evaluation.judging import Judged, claimed_nees
from semloc_ros.evaluation.predictions import Run
from semloc_ros.types import FloatArray

STATE_COLORS = {
    "TRACKING": "#2a9d5c",
    "DEGRADED": "#e0a100",
    "LOST": "#d1495b",
    "BOOTSTRAPPING": "#7a8fb8",
    "UNINITIALIZED": "#b8bec9",
    "NO_STATUS": "#444444",
}
WIDTH = 4.2  # inches: on a phone of 400 px a point of the text is then more than a pixel
_INK, _BLUE, _ORANGE, _FAINT = "#222222", "#2b6cb0", "#c2571a", "#aab2bf"
_CROWDED_POINTS = 20_000  # more map points than this only make the figure heavy


def trajectory(run: Run, judged: Judged, points_map: FloatArray | None = None) -> Figure:
    """The true path over the map seen from above, fixes coloured by their position error."""
    figure, axes = new_figure(height=4.2)
    if points_map is not None and len(points_map):
        map_points(axes, points_map)
    path = run.truth.map_from_base[:, :3, 3]
    axes.plot(path[:, 0], path[:, 1], color=_INK, linewidth=0.8, label="truth")
    _fixes(figure, axes, run, judged)
    _missing(axes, run, judged)
    focus(axes, path, points_map)
    axes.set(xlabel="x of the map (m)", ylabel="y of the map (m)")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2, frameon=False, fontsize=8)
    return figure


def error_cdf(run: Run, judged: Judged) -> Figure:
    """Share of ALL frames with at most an error: the curves end at the availability."""
    figure, axes = new_figure()
    _cdf(axes, judged.of_fixes(judged.position_m) * 100, len(run.frames_ns), _BLUE)
    axes.set_xlabel("position error (cm)", color=_BLUE)
    axes.set(ylabel="share of all frames", ylim=(0, 1.02))
    angles = axes.twiny()
    angles.spines["right"].set_visible(False)
    _cdf(angles, judged.of_fixes(judged.rotation_deg), len(run.frames_ns), _ORANGE)
    angles.set_xlabel("rotation error (deg)", color=_ORANGE)
    return figure


def errors_over_time(run: Run, judged: Judged) -> Figure:
    """Position and rotation error of each fix over the run, above the states."""
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    heights = {"height_ratios": [4, 4, 0.8]}
    upper, middle, lower = figure.subplots(3, 1, sharex=True, gridspec_kw=heights)
    seconds = _seconds(run)
    upper.plot(seconds, judged.per_frame(judged.position_m) * 100, ".-", color=_BLUE, **_THIN)
    upper.set_ylabel("position (cm)")
    middle.plot(seconds, judged.per_frame(judged.rotation_deg), ".-", color=_ORANGE, **_THIN)
    middle.set_ylabel("rotation (deg)")
    for axes in (upper, middle):
        axes.set_ylim(bottom=0)
        _plain(axes)
    _states(lower, seconds, judged)
    return figure


def calibration_curve(run: Run, judged: Judged) -> Figure:
    """Share of errors inside the covariance's ellipsoid, over the share that should be."""
    figure, axes = new_figure()
    nees = claimed_nees(judged)
    levels = np.linspace(0.02, 0.98, 49)
    axes.plot([0, 1], [0, 1], "--", color=_INK, linewidth=0.8, label="honest")
    if len(nees):
        inside = (nees[:, None] < chi2(6).ppf(levels)).mean(axis=0)
        axes.plot(levels, inside, color=_BLUE, label="this run")
    axes.text(0.03, 0.93, "above: too humble", fontsize=8)
    axes.text(0.97, 0.04, "below: too sure", fontsize=8, ha="right")
    axes.set(xlabel="share that should be inside", ylabel="share inside", ylim=(0, 1.02))
    axes.legend(loc="center right", fontsize=8)
    return figure


def latency_histogram(run: Run, judged: Judged) -> Figure:
    """Time from an image on the wire to its answer on the wire, a pose or a status."""
    figure, axes = new_figure()
    known = judged.latency_ms
    if len(known):
        axes.hist(known, bins=40, color=_BLUE)
        for share in (50, 95):
            value = float(np.percentile(known, share))
            axes.axvline(value, color=_ORANGE, linewidth=1)
            axes.text(value, axes.get_ylim()[1], f" p{share}", color=_ORANGE, fontsize=8, va="top")
    axes.set(xlabel="latency (ms)", ylabel="frames")
    return figure


FIGURES: dict[str, tuple[str, Callable[[Run, Judged], Figure]]] = {
    "errors_over_time": ("Errors and states over time", errors_over_time),
    "error_cdf": ("How often how good", error_cdf),
    "calibration": ("Is the covariance honest?", calibration_curve),
    "latency": ("Latency", latency_histogram),
}

_THIN = {"linewidth": 0.6, "markersize": 3}


def new_figure(height: float = 3.2) -> tuple[Figure, Axes]:
    """A figure with one plain pair of axes, its height in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7ec", linewidth=0.6)
    axes.set_axisbelow(True)


def map_points(axes: Axes, points_map: FloatArray) -> None:
    """The map's points (P, 3) seen from above; of many only some."""
    step = max(len(points_map) // _CROWDED_POINTS, 1)
    seen = points_map[::step]
    axes.scatter(seen[:, 0], seen[:, 1], s=0.7, color=_FAINT, rasterized=True, linewidths=0)


def _fixes(figure: Figure, axes: Axes, run: Run, judged: Judged) -> None:
    rows = judged.fix_of_frame[judged.fix_of_frame >= 0]
    errors_cm = judged.position_m[rows] * 100
    known = np.isfinite(errors_cm)
    if not known.any():
        return
    positions = run.poses.map_from_base[rows[known], :3, 3]
    low, middle, high = np.maximum(np.quantile(errors_cm[known], [0.0, 0.5, 1.0]), 1e-2)
    shown = axes.scatter(
        positions[:, 0], positions[:, 1], c=np.maximum(errors_cm[known], low), s=9,
        cmap="viridis", norm=LogNorm(low, max(high, low * 1.01)), zorder=3, linewidths=0,
    )  # fmt: skip
    bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.9, aspect=40, pad=0.03)
    bar.set_label("position error (cm): least, median, worst")
    bar.set_ticks([low, middle, high], labels=[f"{value:.2g}" for value in (low, middle, high)])
    bar.minorticks_off()


def _missing(axes: Axes, run: Run, judged: Judged) -> None:
    """Crosses where the robot truly was while it had no fix."""
    stamps = run.frames_ns[judged.fix_of_frame < 0]
    there = poses_at(stamps, run.truth.stamps_ns, run.truth.map_from_base, 10**9)[:, :3, 3]
    there = there[np.isfinite(there).all(axis=1)]
    if len(there):
        label = f"no fix ({len(stamps)} frames)"
        axes.plot(there[:, 0], there[:, 1], "x", color=STATE_COLORS["LOST"], label=label, ms=5)


def focus(axes: Axes, path: FloatArray, points_map: FloatArray | None) -> None:
    """The path and the room around it: a few far map points do not shrink it."""
    low, high = path[:, :2].min(axis=0), path[:, :2].max(axis=0)
    margin = 0.1 * float((high - low).max()) + 1.0
    if points_map is not None and len(points_map):
        reach = float((high - low).max()) + 3.0
        walls = np.quantile(points_map[:, :2], [0.01, 0.99], axis=0)
        low = np.clip(walls[0], low - reach, low)
        high = np.clip(walls[1], high, high + reach)
        margin = 0.5
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    axes.set_aspect("equal")


def _cdf(axes: Axes, errors: FloatArray, frames: int, color: str) -> None:
    ordered = np.concatenate([[0.0], np.sort(errors)])
    axes.step(ordered, np.arange(len(ordered)) / frames, where="post", color=color)
    axes.set_xlim(left=0)
    axes.tick_params(axis="x", colors=color)


def _seconds(run: Run) -> FloatArray:
    seconds: FloatArray = (run.frames_ns - run.frames_ns[0]) * 1e-9
    return seconds


def _states(axes: Axes, seconds: FloatArray, judged: Judged) -> None:
    states = np.array(judged.frame_states)
    for state, color in STATE_COLORS.items():
        chosen = seconds[states == state]
        if len(chosen):
            axes.vlines(chosen, 0, 1, color=color, linewidth=2.5, label=state)
    axes.set(yticks=[], xlabel="time (s)", ylim=(0, 1))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -1.3), ncol=3, fontsize=8, frameon=False)
