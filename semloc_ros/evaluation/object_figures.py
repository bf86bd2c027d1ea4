"""Figures of localization by objects: shares of localized images over the position error (Figures 7
and 8 of Weinzaepfel et al., CVPR 2019), matches' errors over what they were said to be, and
milliseconds by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from semloc_ros.evaluation.object_quality import MOST_DEG, Calibration, JudgedImage, localized

_LEAST_M, _MOST_M = 0.005, 1.0
_MOST_COLUMNS = 4
_STYLES = ("-", "--", "-.", ":")
_INK = "#222222"
_NUMBER = FuncFormatter(lambda value, _: f"{value:g}")

Curves = Mapping[str, Sequence[JudgedImage]]


def localized_figure(sets: Mapping[str, Curves]) -> Figure:
    """For each set of images (a title), at most four side by side, a line for each method: the
    share of all its images localized within a position error and 5°."""
    methods = list(dict.fromkeys(name for curves in sets.values() for name in curves))
    looks = {name: _look(number) for number, name in enumerate(methods)}
    columns = min(len(sets), _MOST_COLUMNS)
    rows = -(-len(sets) // columns)
    size = (0.8 + 3.4 * columns, 0.6 + 3.0 * rows)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    limits = np.geomspace(_LEAST_M, _MOST_M, 200)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(sets) :]:
        axes.remove()
    for axes, (title, curves) in zip(grid.ravel(), sets.items(), strict=False):
        for name, images in curves.items():
            axes.plot(100 * limits, localized(images, limits.tolist()), label=name, **looks[name])
        axes.set(xscale="log", xlabel=f"position error (cm), at {MOST_DEG:g}°")
        axes.set_title(title, fontsize=9)
        axes.xaxis.set_major_formatter(_NUMBER)
        _plain(axes)
    for axes in grid[:, 0]:
        axes.set(ylabel="localized images", ylim=(0, 1.02))
    handles = [mpl.lines.Line2D([], [], label=name, **looks[name]) for name in methods]
    beside = min(columns, 3)
    figure.legend(
        handles=handles, loc="outside lower center", ncol=beside, fontsize=8, frameon=False
    )
    return figure


def sigma_figure(methods: Mapping[str, Calibration]) -> Figure:
    """Errors of matches over what they were said to err by, both in pixels; dashed: honest."""
    size = (4.6, 3.8 + 0.17 * len(methods))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots()
    for number, (name, one) in enumerate(methods.items()):
        label = f"{name}: {one.normalized:.2f} sigma"
        axes.plot(one.sigmas, one.errors, marker=".", label=label, **_look(number))
    ends = axes.get_xlim()
    axes.plot(ends, ends, "--", color=_INK, linewidth=0.8)
    axes.set(
        xscale="log", yscale="log", xlabel="said: sigma of a coordinate (px)",
        ylabel="68 % of the errors are smaller (px)",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(_NUMBER)
        axis.set_minor_formatter(NullFormatter())
    _plain(axes)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    return figure


def stages_figure(methods: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of milliseconds of each stage, one after the other, for each method."""
    stages = list(dict.fromkeys(stage for spent in methods.values() for stage in spent))
    figure = Figure(figsize=(6.4, 1.2 + 0.4 * len(methods)), dpi=110, layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(methods))
    for number, stage in enumerate(stages):
        widths = np.array([spent.get(stage, 0.0) for spent in methods.values()])
        color = mpl.colormaps["tab10"](number % 10)
        axes.barh(range(len(methods)), widths, left=left, color=color, label=stage)
        left += widths
    axes.set_yticks(range(len(methods)), labels=list(methods), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("ms of a frame")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncol=4, fontsize=8, frameon=False)
    return figure


def _look(number: int) -> dict[str, Any]:
    return {
        "color": mpl.colormaps["tab10"](number % 10),
        "linestyle": _STYLES[number // 10 % len(_STYLES)], "linewidth": 1.5,
    }  # fmt: skip


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7ec", linewidth=0.6)
    axes.set_axisbelow(True)
