"""Rows of numbers as PointCloud2; `localization.point_clouds` reads them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from semloc_ros.localization.point_clouds import Kinds


def to_point_cloud(rows: NDArray[np.void], kinds: Kinds, header: Header) -> PointCloud2:
    """The message of rows (N,) of `layout_of(kinds)`."""
    places = rows.dtype.fields or {}
    fields = [
        PointField(name=name, offset=places[name][1], datatype=kind, count=1)
        for name, kind in kinds.items()
    ]
    return PointCloud2(
        header=header, height=1, width=len(rows), fields=fields, point_step=rows.dtype.itemsize,
        row_step=rows.nbytes, data=rows.tobytes(), is_dense=True,
    )  # fmt: skip
