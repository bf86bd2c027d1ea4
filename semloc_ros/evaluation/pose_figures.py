"""Figures of pose networks with and without masks, as figures 4 to 7 of the paper.

The paper is Cimarelli et al. (AVSS 2019). Errors are those of all networks of a training together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from semloc_ros.evaluation.figures import WIDTH
from semloc_ros.evaluation.pose_errors import COMBINATIONS, Study
from semloc_ros.evaluation.pose_study import FIRST, KINDS
from semloc_ros.types import FloatArray

_COLORS = {"UT/UT": "#2b6cb0", "UT/MT": "#8fb8de", "MT/UT": "#f0b27a", "MT/MT": "#c2571a"}
_INK, _GRID = "#222222", "#e4e7ec"
_SHOWN = 97  # percent of the errors that curves show; the rest would press them together
_FEW = 8  # errors of so few images have no quartiles worth a box
_STRONGEST = 99  # percent of the pixels of a map that are not all of the brightest colour
_CELL_INCHES = 2.1


@dataclass(frozen=True, slots=True)
class SaliencyRow:
    """An image (H, W, 3) RGB as networks see it, its mask (H, W), 0 = static, and contributions
    (H, W) by the words for network and part of the pose, all maps of one row by the same words."""

    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    maps: Mapping[str, FloatArray]


def cdf_figure(study: Study) -> Figure:
    """Share of the images with at most an error (figure 4), a curve for each combination."""
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    for axes, (kind, unit) in zip(figure.subplots(2, 1), KINDS.items(), strict=True):
        errors = {one: np.sort(study.errors(one, kind), axis=None) for one in COMBINATIONS}
        for name, ordered in errors.items():
            shares = np.arange(1, len(ordered) + 1) / len(ordered)
            style = "--" if name.endswith("MT") else "-"
            axes.step(
                ordered, shares, where="post", color=_COLORS[name], linestyle=style, label=name
            )
        far = np.percentile(np.concatenate(list(errors.values())), _SHOWN)
        axes.set(xlabel=f"{kind} error ({unit})", ylabel="share of images", ylim=(0, 1.02))
        axes.set_xlim(0, far)
        _plain(axes)
    figure.axes[0].legend(fontsize=8, loc="lower right", frameon=False)
    return figure


def box_figure(study: Study, numbers: Mapping[str, Any]) -> Figure:
    """Boxes of the errors (figure 5): notches are the intervals of the medians in the `all` part of
    `pose_study.judged`, dotted lines those of UT/UT, diamonds the means."""
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    for axes, (kind, unit) in zip(figure.subplots(2, 1), KINDS.items(), strict=True):
        for place, name in enumerate(COMBINATIONS):
            errors = study.errors(name, kind).ravel()
            _draw_box(axes, errors, place, 0.6, name, numbers[name][kind]["median"]["interval"])
        for edge in numbers[FIRST][kind]["median"]["interval"] or ():
            axes.axhline(edge, color=_COLORS[FIRST], linestyle=":", linewidth=1.2)
        axes.set_xticks(range(len(COMBINATIONS)), labels=list(COMBINATIONS))
        axes.set_ylim(bottom=0)
        _finish_boxes(axes, kind, unit)
    return figure


def group_figure(
    study: Study, groups: Mapping[str, NDArray[np.bool_]], numbers: Mapping[str, Any]
) -> Figure:
    """Boxes of the errors of images (figure 6) by how much of them could be masked: `groups` (N,)
    as of `share_groups`, `numbers` the `groups` part of `judged`; of few images a point for each
    network and image. The axis is logarithmic, as those are far off."""
    groups = {label: chosen for label, chosen in groups.items() if chosen.any()}
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    for axes, (kind, unit) in zip(figure.subplots(2, 1), KINDS.items(), strict=True):
        for place, (label, chosen) in enumerate(groups.items()):
            for side, name in enumerate(COMBINATIONS):
                errors, at = study.errors(name, kind)[:, chosen], place + 0.2 * (side - 1.5)
                if chosen.sum() < _FEW:
                    axes.scatter(
                        np.full(errors.size, at), errors.ravel(), s=9, color=_COLORS[name]
                    )
                    continue
                bounds = numbers[label][name][kind]["median"]["interval"]
                _draw_box(axes, errors.ravel(), at, 0.17, name, bounds)
        words = [f"{label}\n{int(chosen.sum())} images" for label, chosen in groups.items()]
        axes.set_xticks(range(len(groups)), labels=words, fontsize=7)
        axes.set_yscale("log")
        _finish_boxes(axes, kind, unit)
    figure.axes[0].legend(
        handles=[Patch(color=color, label=name) for name, color in _COLORS.items()],
        fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=4, frameon=False,
        handlelength=1.2, columnspacing=1.0,
    )  # fmt: skip
    return figure


def saliency_figure(rows: Sequence[SaliencyRow]) -> Figure:
    """Figure 7: each row an image with the outline of its mask, and how much each pixel moves each
    network's pose, dark to bright, in each map up to its own strongest hundredth."""
    titles = list(rows[0].maps)
    aspect = max(row.image.shape[0] / row.image.shape[1] for row in rows)
    size = (_CELL_INCHES * (1 + len(titles)), (_CELL_INCHES * aspect + 0.15) * len(rows) + 0.5)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    grid = figure.subplots(len(rows), 1 + len(titles), squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        line[0].imshow(row.image, interpolation="none")
        line[0].set_ylabel(row.name, fontsize=7)
        for axes, title in zip(line[1:], titles, strict=True):
            weights = np.abs(row.maps[title])
            top = np.percentile(weights, _STRONGEST) or 1.0
            axes.imshow(weights, vmin=0.0, vmax=top, cmap="inferno", interpolation="none")
        for axes in line:
            _outline(axes, row.mask)
    for axes, title in zip(grid[0], ["image", *titles], strict=True):
        axes.set_title(title, fontsize=8)
    return figure


def _draw_box(
    axes: Axes, errors: FloatArray, at: float, width: float, name: str,
    interval: Sequence[float] | None,
) -> None:  # fmt: skip
    drawn = axes.boxplot(
        [errors], positions=[at], widths=width, patch_artist=True, notch=interval is not None,
        conf_intervals=None if interval is None else [interval], showfliers=False, showmeans=True,
        manage_ticks=False, medianprops={"color": _INK},
        meanprops={
            "marker": "D", "markersize": 4, "markerfacecolor": "white", "markeredgecolor": _INK,
        },
    )  # fmt: skip
    drawn["boxes"][0].set(facecolor=_COLORS[name], edgecolor=_INK, linewidth=0.8)


def _finish_boxes(axes: Axes, kind: str, unit: str) -> None:
    axes.set_ylabel(f"{kind} error ({unit})")
    left, right = axes.get_xticks()[[0, -1]]
    axes.set_xlim(left - 0.5, right + 0.5)
    _plain(axes)


def _outline(axes: Axes, mask: NDArray[np.uint8]) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask != 0, levels=[0.5], colors="#35d0ff", linewidths=0.7)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
