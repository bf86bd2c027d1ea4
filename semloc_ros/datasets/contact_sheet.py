"""A contact sheet: samples of a data set's images, and its cameras seen from above."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.checking import near_enough, opened
from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_COLUMNS, _LONG_SIDE = 4, 400  # pixels of a thumbnail
_COLUMN_WIDTH, _TITLE_HEIGHT, _MAP_WIDTH = 2.8, 0.3, 7.0  # inches
_TITLE_LETTERS = 40  # of a sample, at its font size
_MOST_ARROWS = 250
_SMALLEST_MAP = 0.2  # metres
_COLORS = ("tab:blue", "tab:red", "tab:green", "tab:orange", "tab:purple", "tab:brown")
_ALONG_AXIS = 0.97  # cosine from which up counts as an axis of the map

Thumbnail = NDArray[np.uint8] | str  # or why there is none


def draw_contact_sheet(title: str, contents: DatasetContents, path: Path) -> None:
    """Write the sheet to `path` (.png, .svg or .pdf). Samples that cannot be read say why."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = [_thumbnail(sample) for sample in contents.samples]
    width, height = _grid_size(pictures)
    mapped = bool(contents.poses or contents.positions)
    map_width, height = (_MAP_WIDTH, max(height, _MAP_WIDTH)) if mapped else (0.0, height)
    figure = Figure(figsize=(width + map_width, height + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    if pictures and mapped:
        halves = figure.add_gridspec(1, 2, width_ratios=(width, map_width))
        _draw_samples(figure.add_subfigure(halves[0, 0]), contents.samples, pictures)
        _draw_map(figure.add_subfigure(halves[0, 1]).subplots(), contents)
    elif mapped:
        _draw_map(figure.subplots(), contents)
    else:
        _draw_samples(figure, contents.samples, pictures)
    counts = " · ".join(f"{kind} {count}" for kind, count in contents.counts.items())
    letters = int((width + map_width) * 10)
    figure.suptitle(_short(f"{title}: {counts}", letters, end=True), fontsize=11, parse_math=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # letters without a shape are boxes
        figure.savefig(path, dpi=90)


def upward(poses: FloatArray) -> FloatArray:
    """The unit vector (3,) of the map that cameras (N, 4, 4) `camera_from_map` hold up.

    Upright cameras have level x axes, whatever way they look and tilt: up is across all of
    them. Cameras that never turn leave that open; then it is their mean up.
    """
    rights, ups = poses[:, 0, :3], -poses[:, 1, :3]
    mean_up = ups.mean(axis=0)
    values, vectors = np.linalg.eigh(rights.T @ rights / len(rights))
    normal: FloatArray = vectors[:, 0] * np.sign(vectors[:, 0] @ mean_up)
    turned = values[1] > 0.02 and np.abs(normal).any()
    up: FloatArray = normal if turned else mean_up
    length = float(np.linalg.norm(up))
    return up / length if length > 1e-3 else np.array([0.0, 0.0, 1.0])


def view_from_above(up: FloatArray) -> tuple[FloatArray, tuple[str, str]]:
    """Rows (2, 3) that take map coordinates to the sheet's right and up, and their names.

    Where `up` is nearly an axis of the map, the other two are drawn, so that the picture is not
    a mirror image: right x up points at the viewer.
    """
    axis = int(np.argmax(np.abs(up)))
    if abs(up[axis]) > _ALONG_AXIS:
        right, ahead = [k for k in range(3) if k != axis]
        rows = np.eye(3)[[right, ahead]]
        if np.cross(*rows) @ up < 0:
            right, ahead = ahead, right
        return np.eye(3)[[right, ahead]], (f"{'xyz'[right]} (m)", f"{'xyz'[ahead]} (m)")
    across = np.eye(3)[int(np.argmin(np.abs(up)))]
    across = across - (across @ up) * up
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(up, across)]), ("metres", "metres")


def _grid_size(pictures: list[Thumbnail]) -> tuple[float, float]:
    """Width and height of the samples' part, in inches."""
    if not pictures:
        return 0.0, 0.0
    aspects = [one.shape[0] / one.shape[1] for one in pictures if not isinstance(one, str)]
    row = _COLUMN_WIDTH * max(aspects, default=0.6) + _TITLE_HEIGHT
    return _COLUMNS * _COLUMN_WIDTH, -(-len(pictures) // _COLUMNS) * row


def _draw_samples(part: Any, samples: tuple[Sample, ...], pictures: list[Thumbnail]) -> None:
    rows = max(1, -(-len(samples) // _COLUMNS))
    grid = part.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, sample, picture in zip(grid, samples, pictures, strict=False):
        axes.set_title(_short(sample.name, _TITLE_LETTERS), fontsize=7, parse_math=False)
        if isinstance(picture, str):
            reason = textwrap.fill(picture, _TITLE_LETTERS)
            text = axes.text(0.5, 0.5, reason, ha="center", va="center", fontsize=6)
            text.set(in_layout=False, parse_math=False)
        else:
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _draw_map(axes: Any, contents: DatasetContents) -> None:
    """All groups in one plane; a flat map where only positions are known."""
    drawn = {name: poses[near_enough(poses)] for name, poses in contents.poses.items()}
    every = np.concatenate([*drawn.values(), np.empty((0, 4, 4))])
    up = upward(every) if len(every) else np.array([0.0, 0.0, 1.0])
    plane, (right, ahead) = view_from_above(up)
    groups = {
        name: (se3.inverse(poses)[:, :3, 3] @ plane.T, poses[:, 2, :3] @ plane.T)
        for name, poses in drawn.items()
    }
    for name, positions in contents.positions.items():
        known = positions[near_enough(positions)]
        groups[f"{name} (no direction)"] = (known, np.zeros_like(known))
    centres = np.concatenate([one for one, _ in groups.values()])
    if not len(centres):
        centres = np.zeros((1, 2))
    middle = (centres.max(axis=0) + centres.min(axis=0)) / 2
    size = max(float(np.ptp(centres, axis=0).max()), _SMALLEST_MAP)
    for (name, (places, look)), color in zip(groups.items(), _COLORS * 9, strict=False):
        _draw_cameras(axes, name, places, look, color, 0.05 * size)
    axes.set(xlim=middle[0] + np.array([-0.6, 0.6]) * size)
    axes.set(ylim=middle[1] + np.array([-0.6, 0.6]) * size)
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlabel=right, ylabel=ahead, title="seen from above, and where they look")
    axes.grid(color="0.9")
    axes.legend(loc="best", fontsize=8)


def _draw_cameras(
    axes: Any, name: str, centres: FloatArray, ahead: FloatArray, color: str, length: float
) -> None:
    label = f"{name} ({len(centres)})"
    axes.scatter(centres[:, 0], centres[:, 1], s=7, color=color, label=label, linewidths=0)
    step = max(1, len(centres) // _MOST_ARROWS)
    tips = ahead[::step] * length
    if tips.any():
        axes.quiver(
            *centres[::step].T, *tips.T, color=color, alpha=0.6, width=0.0022,
            angles="xy", scale_units="xy", scale=1,
        )  # fmt: skip


def _thumbnail(sample: Sample) -> Thumbnail:
    image = opened(sample)
    if isinstance(image, str):
        return image
    factor = _LONG_SIDE / max(image.shape[:2])
    if factor >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _short(text: str, letters: int, end: bool = False) -> str:
    """The text without its beginning (or its `end`) if it has more letters than that."""
    if len(text) <= letters:
        return text
    return f"{text[: letters - 1]}…" if end else f"…{text[1 - letters :]}"
