"""Figures of labels: which classes meet which clusters, and what labels do to inliers.

The two are figures 3 and 4 of Larsson et al., "Fine-Grained Segmentation Networks" (ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray

_WIDTH = 9.0  # inches
_DPI = 110
_CLASS_HEIGHT = 0.21  # inches of a class in a contingency table: its name stays readable
_DECADES = 4.0  # of the logarithmic colours
_STYLES = ("-", "--", "-.", ":")


def contingency_figure(
    tables: Mapping[str, NDArray[np.int64]], names: Sequence[str], scale: str = "log"
) -> Figure:
    """Tables (C, K) of C classes, named, and K clusters, one below the other.

    Clusters stand in the order of the class on which they fall most, and among those of one class
    the more frequent first; classes and clusters that never occur are left out. `scale` "log"
    colours the share of all pixels, "clusters" the share of its cluster's pixels.
    """
    shown = {title: _sorted_table(table, names) for title, table in tables.items()}
    heights = [1.0 + _CLASS_HEIGHT * max(1, len(kept)) for _, kept in shown.values()]
    figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, layout="constrained")
    rows = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)
    for axes, (title, (table, kept)) in zip(rows[:, 0], shown.items(), strict=True):
        _draw_table(figure, axes, title, table, kept, scale)
    return figure


def sorted_clusters(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns of a table (C, K) that hold anything, by the class (row) on which they fall
    most and then by how many pixels they have, most first."""
    total = table.sum(axis=0)
    order = np.lexsort((-total, table.argmax(axis=0)))
    held: NDArray[np.int64] = order[total[order] > 0]
    return held


def inlier_figure(
    counts: Mapping[str, Sequence[float]], ratios: Mapping[str, Sequence[float]]
) -> Figure:
    """Share of images with at most so many inliers, and with at most such a share of inliers.

    By label set the number of inliers of each image, and inliers over matches; an image without a
    pose has 0. Good curves stay low at first and rise late.
    """
    figure = Figure(figsize=(_WIDTH, 3.6), dpi=_DPI, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(counts):
        style = {
            "color": mpl.colormaps["tab10"](number % 10),
            "linestyle": _STYLES[number // 10 % len(_STYLES)],
        }
        _cumulative(left, counts[name], name, style)
        _cumulative(right, ratios[name], name, style)
    left.set(xlabel="inliers", ylabel="share of images", ylim=(0, 1.02))
    left.set_xlim(0, 1.05 * max((max(one, default=0.0) for one in counts.values()), default=0) or 1)
    right.set(xlabel="inliers / matches", xlim=(0, 1))
    right.legend(fontsize=8, loc="lower right", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e4e7ec", linewidth=0.6)
        axes.set_axisbelow(True)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write it as png, pdf or svg; DatasetError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except (OSError, ValueError) as error:
        wanted = "a picture (png, pdf, svg) that can be written"
        raise DatasetError(expected(str(path), wanted, " ".join(str(error).split()))) from None


def _sorted_table(
    table: NDArray[np.int64], names: Sequence[str]
) -> tuple[NDArray[np.int64], list[str]]:
    rows = np.flatnonzero(table.sum(axis=1))
    return table[np.ix_(rows, sorted_clusters(table))], [names[row] for row in rows.tolist()]


def _draw_table(
    figure: Figure, axes: Axes, title: str, table: NDArray[np.int64], names: Sequence[str],
    scale: str,
) -> None:  # fmt: skip
    shares, norm, words = _colored(table, scale)
    colors = mpl.colormaps["viridis"].with_extremes(bad=mpl.colormaps["viridis"](0.0))
    image = axes.imshow(
        np.ma.masked_less_equal(shares, 0.0), aspect="auto", cmap=colors, norm=norm,
        interpolation="nearest",
    )  # fmt: skip
    axes.set_yticks(range(len(names)), labels=list(names), fontsize=8)
    axes.set_xlabel(f"{table.shape[1]} clusters, by the class on which they fall most", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, fontsize=9, loc="left")
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.01)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(words, fontsize=8)


def _colored(
    table: NDArray[np.int64], scale: str
) -> tuple[FloatArray, Normalize, str]:
    """What the colours show, how they are spread, and what it is called."""
    if scale == "clusters":
        shares = table / np.maximum(table.sum(axis=0), 1)
        return shares, Normalize(0.0, 1.0), "share of the cluster"
    shares = table / max(int(table.sum()), 1)
    high = float(shares.max()) if shares.size and shares.max() > 0 else 1.0
    return shares, LogNorm(high / 10**_DECADES, high, clip=True), "share of all pixels"


def _cumulative(
    axes: Axes, values: Sequence[float], label: str, style: Mapping[str, Any]
) -> None:
    """A line from zero to one: how many of the values are at most x."""
    ordered = np.sort(np.asarray(values, np.float64))
    shares = np.arange(len(ordered) + 1) / max(len(ordered), 1)
    axes.step(
        np.concatenate([[0.0], ordered]), shares, where="post", label=label, linewidth=1.3, **style
    )
