"""Places as PointCloud2; `localization.place_clouds` says what it holds, and reads it."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2

from semloc_ros.geometry import se3
from semloc_ros.localization.place_clouds import FLOATS, KINDS, NO_VIEW, SPREADS
from semloc_ros.localization.point_clouds import layout_of
from semloc_ros.nodes.messages import header
from semloc_ros.nodes.point_clouds import to_point_cloud
from semloc_ros.types import Places


def to_places(places: Places, map_frame: str) -> PointCloud2:
    """The message of the places of an image."""
    kinds = KINDS if places.spreads is None else KINDS | SPREADS
    rows = np.zeros(len(places), layout_of(kinds))
    if len(places):
        position, quaternion = se3.to_quaternion_xyzw(places.map_from_camera)
        columns = [*position.T, *quaternion.T, places.scores]
        for name, column in zip(FLOATS, columns, strict=True):
            rows[name] = column
    rows["view"] = np.where(places.views < 0, NO_VIEW, places.views)
    if places.spreads is not None:
        for name, column in zip(SPREADS, places.spreads.T, strict=True):
            rows[name] = column
    return to_point_cloud(rows, kinds, header(map_frame, places.stamp_ns))
