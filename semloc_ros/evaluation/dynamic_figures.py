"""Figures of dynamic masks: bars of F1 as Figure 3 of the paper, and sheets of masks over images.

The paper is Zhou et al., "Dynamic Objects Segmentation for Visual Localization in Urban
Environments"; its Figure 4 is such a sheet.
"""

from __future__ import annotations

import colorsys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from semloc_ros.types import UNSURE

Numbers = NDArray[np.uint16]
Bars = Mapping[str, Mapping[str, float]]

_GOLDEN = (5**0.5 - 1) / 2  # of the circle of hues: neighbours in number are far apart in colour
_FAINT = "#aab2bf"
_UNSURE = np.array([150, 150, 150], np.uint8)
_GROUP_INCHES, _BAR_INCHES = 0.45, 0.3
_CELL_INCHES = 2.6
_TILE_PX = 400  # the long side of a picture in a sheet


@dataclass(frozen=True, slots=True)
class SheetRow:
    """An image (H, W, 3) RGB, and by model (or "truth") its objects (H, W) as
    `types.Instances.numbers`."""

    name: str
    image: NDArray[np.uint8]
    numbers: Mapping[str, Numbers]


def f1_figure(sets: Mapping[str, Bars], faint: Collection[str] = ()) -> Figure:
    """F1 of the pixels (0 to 1): for each set, group by group, a bar for each model.

    `sets` are by set, group and model; the models in `faint` (what others give) are grey. A NaN
    has no bar.
    """
    models = list(dict.fromkeys(
        model for groups in sets.values() for bars in groups.values() for model in bars
    ))  # fmt: skip
    group = _GROUP_INCHES + _BAR_INCHES * len(models)
    widths = [0.3 + group * len(groups) for groups in sets.values()]
    size = (max(4.2, 0.8 + sum(widths)), 3.6)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    row = figure.subplots(1, len(sets), squeeze=False, sharey=True, width_ratios=widths)[0]
    colors = _model_colors(models, faint)
    for axes, (title, groups) in zip(row, sets.items(), strict=True):
        _draw_bars(axes, groups, models, colors)
        axes.set_title(title, fontsize=9)
    row[0].set(ylabel="F1 of dynamic pixels", ylim=(0, 1.0))
    handles = [mpl.patches.Patch(color=colors[model], label=model) for model in models]
    figure.legend(
        handles=handles, loc="outside upper center", ncol=min(len(models), 5), fontsize=8,
        frameon=False,
    )  # fmt: skip
    return figure


def sheet_figure(rows: Sequence[SheetRow]) -> Figure:
    """Each row an image, then the same under the objects of each model of the first row."""
    models = list(rows[0].numbers)
    aspect = max(row.image.shape[0] / row.image.shape[1] for row in rows)
    size = (_CELL_INCHES * (1 + len(models)), (_CELL_INCHES * aspect + 0.1) * len(rows) + 0.3)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    grid = figure.subplots(len(rows), 1 + len(models), squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        pictures = [row.image, *(draw_objects(row.image, row.numbers[one]) for one in models)]
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(_smaller(picture))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.name, fontsize=7)
    for axes, title in zip(grid[0], ["image", *models], strict=True):
        axes.set_title(title, fontsize=9)
    return figure


def draw_objects(image: NDArray[np.uint8], numbers: Numbers) -> NDArray[np.uint8]:
    """The image (H, W, 3) half covered by a colour for each object, outlined; unsure is grey."""
    drawn = np.array(image, np.uint8)
    for number in np.unique(numbers[numbers > 0]).tolist():
        here = numbers == number
        color = _UNSURE if number == UNSURE else _color(number)
        drawn[here] = drawn[here] // 2 + color // 2
        if number != UNSURE:
            outlines, _ = cv2.findContours(
                here.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            thick = 1 + max(numbers.shape) // 800
            cv2.drawContours(drawn, outlines, -1, color.tolist(), thick)
    return drawn


def _draw_bars(
    axes: Axes, groups: Bars, models: Sequence[str], colors: Mapping[str, Any]
) -> None:
    width = 0.8 / max(1, len(models))
    for place, bars in enumerate(groups.values()):
        for number, model in enumerate(models):
            at = place + (number + 0.5) * width - 0.4
            value = bars.get(model, np.nan)
            if np.isfinite(value):
                axes.bar(at, value, width=0.92 * width, color=colors[model])
                axes.text(at, value, f"{100 * value:.0f}", ha="center", va="bottom", fontsize=6)
    axes.set_xticks(range(len(groups)), labels=list(groups), fontsize=8)
    if max(map(len, groups), default=0) > 4 + 3 * len(models):
        axes.tick_params(axis="x", labelrotation=30)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e7ec", linewidth=0.6)
    axes.set_axisbelow(True)


def _model_colors(models: Sequence[str], faint: Collection[str]) -> dict[str, Any]:
    own = [model for model in models if model not in faint]
    found: dict[str, Any] = {model: _FAINT for model in faint}
    for number, model in enumerate(own):
        found[model] = mpl.colormaps["tab10"](number % 10)
    return found


def _color(number: int) -> NDArray[np.uint8]:
    rgb = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, 0.9, 1.0)
    return np.array([round(255 * part) for part in rgb], np.uint8)


def _smaller(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = _TILE_PX / max(image.shape[:2])
    if factor >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
