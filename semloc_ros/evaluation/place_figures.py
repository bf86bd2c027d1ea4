"""Figures of retrieved places: the two recall curves, and recalls of pairs of conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from semloc_ros.evaluation.place_recall import RecallCurves
from semloc_ros.types import FloatArray

_INK, _FAINT = "#222222", "#aab2bf"
_COLORS = (0, 1, 2, 3, 4, 5, 6, 8, 9)  # of tab10, whose grey is chance's
_STYLES = ("-", "--", "-.")
_PAIR_INCHES = 3.2


def recall_figure(
    curves: Mapping[str, RecallCurves], chance: RecallCurves, perfect: RecallCurves, unit: str
) -> Figure:
    """Recall@N and Top-1 Recall@D, a line for each method, as figure 3 of the paper (see
    `place_recall`); grey what chance gives, dotted what the nearest references would."""
    figure = Figure(figsize=(9.0, 4.0), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, one) in enumerate(curves.items()):
        style = {
            "color": mpl.colormaps["tab10"](_COLORS[number % len(_COLORS)]),
            "linestyle": _STYLES[number // len(_COLORS) % len(_STYLES)],
            "linewidth": 1.5, "label": name,
        }  # fmt: skip
        left.plot(one.counts, one.at_count, **style)
        right.plot(one.distances, one.at_distance, **style)
    for one, color, style_name, name in (
        (chance, _FAINT, "-", "chance"), (perfect, _INK, ":", "nearest reference")
    ):  # fmt: skip
        fixed: dict[str, Any] = {"color": color, "linestyle": style_name, "linewidth": 1.2}
        left.plot(one.counts, one.at_count, label=name, **fixed)
        right.plot(one.distances, one.at_distance, label=name, **fixed)
    left.set(xlabel="N", ylabel="Recall@N")
    left.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    right.set(xlabel=f"D ({unit})", ylabel="Top-1 Recall@D")
    for axes in (left, right):
        _plain(axes)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    return figure


def pairs_figure(tables: Mapping[str, FloatArray], conditions: Sequence[str]) -> Figure:
    """Recall@1 of all pairs of C conditions: tables (C, C) by method, queries in rows, databases
    in columns; NaN (a condition with itself) stays empty."""
    count = max(1, len(tables))
    columns = min(3, count)
    rows = -(-count // columns)
    size = (0.6 + _PAIR_INCHES * columns, 0.4 + _PAIR_INCHES * rows)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, table) in zip(grid, tables.items(), strict=False):
        axes.imshow(table, vmin=0.0, vmax=1.0, cmap="viridis")
        for (row, column), share in ((at, table[at]) for at in _cells(table)):
            color = _INK if share > 0.6 else "white"
            words = f"{100 * share:.0f}"
            axes.text(column, row, words, ha="center", va="center", color=color, fontsize=8)
        axes.set_title(name, fontsize=9)
        axes.set_xticks(range(len(conditions)), labels=conditions, rotation=45, fontsize=7)
        axes.set_yticks(range(len(conditions)), labels=conditions, fontsize=7)
    for axes in grid[len(tables) :]:
        axes.set_axis_off()
    figure.supxlabel("database", fontsize=9)
    figure.supylabel("queries", fontsize=9)
    return figure


def _cells(table: FloatArray) -> list[tuple[int, int]]:
    rows, columns = table.shape
    return [(i, j) for i in range(rows) for j in range(columns) if table[i, j] == table[i, j]]


def _plain(axes: Axes) -> None:
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7ec", linewidth=0.6)
    axes.set_axisbelow(True)
