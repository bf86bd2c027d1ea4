"""A picture of a map: from above and from two sides, points in their colours, views as arrows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.geometry import se3
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import FloatArray

_PLANES = ((0, 1), (0, 2), (1, 2))
_MOST_POINTS = 60_000  # more only make the file larger


def draw_map(semantic_map: SemanticMap, path: Path) -> None:
    """Write the picture to `path` (.png, .svg or .pdf): the planes x-y, x-z and y-z in metres."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(18, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    poses = se3.inverse(np.asarray(semantic_map.camera_from_map))
    step = max(1, semantic_map.num_points // _MOST_POINTS)
    points = np.asarray(semantic_map.points_map[::step])
    colors = np.asarray(semantic_map.colors_rgb[::step]) / 255.0
    low, high = _limits(points, poses[:, :3, 3])
    for axes, plane in zip(figure.subplots(1, 3), _PLANES, strict=True):
        _draw_plane(axes, plane, points, colors, poses)
        axes.set_xlim(low[plane[0]], high[plane[0]])
        axes.set_ylim(low[plane[1]], high[plane[1]])
    counts = f"{semantic_map.num_points} points, {semantic_map.num_views} views"
    figure.suptitle(f"{semantic_map.manifest.source or 'map'}: {counts}")
    figure.savefig(path, dpi=110)


def _draw_plane(
    axes: Any, plane: tuple[int, int], points: FloatArray, colors: FloatArray, poses: FloatArray
) -> None:
    right, up = plane
    axes.scatter(points[:, right], points[:, up], s=1.0, c=colors, linewidths=0)
    axes.plot(poses[:, right, 3], poses[:, up, 3], color="tab:blue", linewidth=0.5, alpha=0.5)
    axes.quiver(
        poses[:, right, 3], poses[:, up, 3], poses[:, right, 2], poses[:, up, 2],
        color="tab:red", scale=40, width=0.0015,
    )
    axes.set_aspect("equal")
    axes.set_facecolor("0.93")
    axes.set_xlabel(f"{'xyz'[right]} (m)")
    axes.set_ylabel(f"{'xyz'[up]} (m)")


def _limits(points: FloatArray, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The box of the views and of all but the outermost points, with a margin."""
    low, high = centres.min(0), centres.max(0)
    if len(points):
        low = np.minimum(low, np.percentile(points, 1, axis=0))
        high = np.maximum(high, np.percentile(points, 99, axis=0))
    margin = 0.05 * (high - low).max()
    return low - margin, high + margin
