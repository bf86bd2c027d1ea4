"""Where static cameras stand for clips, and the crowns that sway before them."""

from __future__ import annotations

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.street.plan import ClipView
from semloc_ros.worlds.street.site import KERB, LANE, Site

_HEIGHT = 2.8  # metres of a camera on a pole
_BACK = 1.6  # metres behind the kerb
_SWAY_WITHIN = 34.0  # metres


def clip_views(site: Site) -> tuple[ClipView, ...]:
    """Three cameras on sidewalks: at the tram's street, at the large crossing, at the park."""
    x, y = site.half
    away = KERB + _BACK
    places = (
        ("tram", (0.25 * x, -y - away), (0.25 * x - 18, -y + LANE)),
        ("crossing", (x - away, y - away), (x + 1, y + 3)),
        ("park", (-x - away, -0.35 * y), (-x + 14, -0.05 * y)),
    )
    return tuple(ClipView(name, _looking(eye, target)) for name, eye, target in places)


def sways(foot: FloatArray, views: tuple[ClipView, ...]) -> bool:
    """Whether a tree at `foot` (3,) stands near before one of the cameras."""
    for view in views:
        x, _, z = view.map_from_camera[:3, :3].T @ (foot - view.map_from_camera[:3, 3])
        if 0 < z < _SWAY_WITHIN and abs(x) < z + 2:
            return True
    return False


def _looking(eye: tuple[float, float], target: tuple[float, float]) -> FloatArray:
    """map_from_camera (4, 4) of a camera at `eye` that looks at a point a metre up."""
    start, end = np.array([*eye, _HEIGHT]), np.array([*target, 1.2])
    forward = (end - start) / np.linalg.norm(end - start)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = start
    return pose
