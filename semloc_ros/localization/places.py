"""What hypotheses of a place are to the localizer: views to be matched, and poses to begin from.

A place says where an image may have been taken, as the pose of a view of the map that looks like
it, or as a network regressed it. It is no fix: the true pose lies some metres beside it, and most
of the places of an image are wrong. So they only choose what is looked at first; what is believed
is decided as without them. How far beside is the place's own spread, or that of the configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import PlacesConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.localization.fix_update import Fix
from semloc_ros.types import FloatArray, Frame, Places

_HEIGHT_SIGMA_M, _TILT_SIGMA = 0.1, 0.02  # of an upright base on the ground of the map
_TOLERANCE = 1e-4  # of a rotation matrix that came as float32


def check_places(places: Places, num_views: int | None = None) -> None:
    """InputError, in one line, for places that are none: not finite, no poses, or of views that
    a map of `num_views` does not have."""
    poses, scores, views = places.map_from_camera, places.scores, places.views
    count = len(scores)
    if poses.shape != (count, 4, 4) or scores.shape != (count,) or views.shape != (count,):
        wanted = f"{count} poses (4, 4), scores and views"
        raise InputError(expected("places", wanted, f"{poses.shape}, {views.shape}"))
    if not (np.isfinite(poses).all() and np.isfinite(scores).all()):
        raise InputError(expected("places", "finite numbers", "NaN or infinity"))
    _check_spreads(places)
    if (poses[:, 3] != [0, 0, 0, 1]).any():
        raise InputError(expected("places", "last rows 0 0 0 1", "others"))
    turns = poses[:, :3, :3]
    squares = turns @ np.swapaxes(turns, 1, 2)
    if not np.allclose(squares, np.eye(3), atol=_TOLERANCE) or (np.linalg.det(turns) < 0).any():
        raise InputError(expected("places", "rotation matrices", "others"))
    least, most = (int(views.min()), int(views.max())) if count else (-1, -1)
    if least < -1 or (num_views is not None and most >= num_views):
        wanted = "-1" if num_views is None else f"-1 to {num_views - 1}"
        raise InputError(expected("places: views", wanted, f"{least} to {most}"))


def _check_spreads(places: Places) -> None:
    spreads = places.spreads
    if spreads is None:
        return
    if spreads.shape != (len(places), 2):
        wanted = f"{len(places)} of metres and radians"
        raise InputError(expected("places: spreads", wanted, spreads.shape))
    if not (np.isfinite(spreads) & (spreads > 0)).all():
        raise InputError(expected("places: spreads", "numbers above 0", "others"))


def spreads_of(places: Places, config: PlacesConfig) -> FloatArray:
    """(N, 2) metres and radians: what places say of themselves, or `config` of all."""
    if places.spreads is not None:
        return places.spreads
    return np.tile([config.spread_m, np.radians(config.spread_deg)], (len(places), 1))


def usable_places(frame: Frame, num_views: int | None = None) -> tuple[Places | None, str]:
    """The places of a frame, and one line if they cannot be used; None also where it has none, or
    those of a later image."""
    places = frame.places
    if places is None or not len(places):
        return None, ""
    if places.stamp_ns > frame.stamp_ns:
        return None, expected("places", "those of this image or an earlier one", "of a later one")
    try:
        check_places(places, num_views)
    except InputError as error:
        return None, str(error)
    return places, ""


def with_carried_places(
    frame: Frame, base_from_camera: FloatArray,
    odom_from_base_at: Callable[[int], FloatArray | None],
) -> Frame:
    """The frame; places of an earlier image are moved as the camera was since, by odometry.

    `base_from_camera` (4, 4); `odom_from_base_at(stamp_ns)` (4, 4), None where it is not known:
    then places stay where they are. They keep their stamp, and their views.
    """
    places = frame.places
    if places is None or places.stamp_ns >= frame.stamp_ns:
        return frame
    then, now = odom_from_base_at(places.stamp_ns), odom_from_base_at(frame.stamp_ns)
    if then is None or now is None:
        return frame
    way = se3.inverse(then @ base_from_camera) @ now @ base_from_camera
    return replace(frame, places=replace(places, map_from_camera=places.map_from_camera @ way))


def views_of_places(
    places: Places, map_from_view: FloatArray, config: PlacesConfig
) -> NDArray[np.int64]:
    """Up to `config.views` different rows of the views `map_from_view` (V, 4, 4), best place first.

    Those that places name; of a place that names none those nearest to it, by position and
    direction, each such place the same number. Where it says how far beside it may lie, they are
    half of that apart, so that they cover the way on which the image may have been taken.
    """
    most, spreads = config.views, spreads_of(places, config)
    each = -(-most // max(len(places), 1))
    found: dict[int, None] = {}  # in the order of insertion
    step = 0.0 if places.spreads is None else 0.5
    for place, view in enumerate(places.views.tolist()):
        if len(found) >= most:
            break
        around = [view]
        if view < 0:
            pose, spread = places.map_from_camera[place], spreads[place]
            around = _around(pose, map_from_view, spread, step)[:each]
        found.update(dict.fromkeys(around))
    return np.array(list(found)[:most], np.int64)


def _around(
    map_from_camera: FloatArray, map_from_view: FloatArray, spread: FloatArray, step: float
) -> list[int]:
    """Rows of the views (V, 4, 4), in the order in which they are matched: those nearest to a pose
    first, in its spread (2,); where `step` is above 0 first those that lie so many spreads apart,
    or turned by a whole one."""
    away_m, turn = se3.pose_error(map_from_view, map_from_camera)
    left = np.argsort(np.hypot(away_m / spread[0], turn / spread[1]), kind="stable")
    if step <= 0.0:
        return [int(row) for row in left]
    chosen: list[int] = []
    later: list[int] = []
    while len(left):
        first = int(left[0])
        chosen.append(first)
        away_m, turn = se3.pose_error(map_from_view[left], map_from_view[first])
        beside = (away_m < step * spread[0]) & (turn < spread[1])
        later += [int(row) for row in left[beside] if row != first]
        left = left[~beside & (left != first)]
    return chosen + later


def fixes_of_places(
    places: Places, base_from_camera: FloatArray, config: PlacesConfig
) -> list[Fix]:
    """Where the base may be: upright, its camera where the place is and turned as nearly as that
    allows, with the spread of places."""
    fixes = []
    spreads = spreads_of(places, config)
    for pose, (metres, heading) in zip(places.map_from_camera, spreads, strict=True):
        sigmas = [metres, metres, _HEIGHT_SIGMA_M, _TILT_SIGMA, _TILT_SIGMA, heading]
        fixes.append(Fix(upright(pose, base_from_camera), np.diag(np.square(sigmas))))
    return fixes


def upright(map_from_camera: FloatArray, base_from_camera: FloatArray) -> FloatArray:
    """`map_from_base` (4, 4) of a base that stands upright and whose camera is at a pose (4, 4), or
    turned from it as little as may be."""
    turn = map_from_camera[:3, :3] @ base_from_camera[:3, :3].T
    heading = np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1])
    level = se3.exp(np.r_[np.zeros(5), heading])[:3, :3]
    return se3.make_pose(level, map_from_camera[:3, 3] - level @ base_from_camera[:3, 3])


def weights_of_places(scores: FloatArray) -> FloatArray:
    """Weights (N,) of sum 1 by scores of any scale: one standard deviation of them less is e times
    less. So none of a few is starved, whatever the scores mean."""
    spread = float(np.std(scores))
    if spread < 1e-12:
        return np.full(len(scores), 1.0 / len(scores))
    weights = np.exp((scores - scores.max()) / spread)
    return np.asarray(weights / weights.sum())
