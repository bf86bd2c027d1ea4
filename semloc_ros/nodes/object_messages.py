"""Matches of objects of interest as PointCloud2, and objects as markers for RViz.

`localization.object_clouds` says what a cloud of matches holds, and reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from semloc_ros.localization.object_clouds import FLOATS, KINDS, NUMBERS
from semloc_ros.localization.point_clouds import layout_of
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.nodes.messages import header
from semloc_ros.nodes.point_clouds import to_point_cloud
from semloc_ros.perception.object_overlays import outline_uv
from semloc_ros.types import ObjectDetection, ObjectMatches

_LINE_M, _LETTER_M, _APART_M = 0.02, 0.1, 0.13  # width, height of letters, distance of lines
_COLOR = ColorRGBA(r=1.0, g=0.6, b=0.0, a=1.0)
_WORDS = ("title", "text", "url")


def to_correspondences(matches: ObjectMatches, map_frame: str) -> PointCloud2:
    """The message of what objects say of an image."""
    rows = np.zeros(len(matches), layout_of(KINDS))
    given = matches.correspondences
    columns = [*given.points_map.T, *given.points_image.T, given.sigmas_px]
    for name, column in zip(FLOATS, columns, strict=True):
        rows[name] = column
    numbers = (matches.objects, matches.instances, matches.detections)
    for name, column in zip(NUMBERS, numbers, strict=True):
        rows[name] = column
    rows["score"] = given.scores
    return to_point_cloud(rows, KINDS, header(map_frame, matches.stamp_ns))


def to_markers(
    finds: Sequence[ObjectDetection], objects: MapObjects, map_frame: str, nanoseconds: int
) -> MarkerArray:
    """The objects that were found, where they hang: by namespace `outline`, and `title`, `text` and
    `url` where the map has them; the number is the object's row, times 1000, and the instance.

    An object that hangs at several places is shown at each: which of them was seen the localizer
    finds out. The first marker takes away those of the image before.
    """
    about = header(map_frame, nanoseconds)
    markers = [Marker(header=about, action=Marker.DELETEALL)]
    rows = {name: row for row, name in enumerate(objects.names)}
    for row in sorted({rows[find.name] for find in finds}):
        one = objects.objects[row]
        for number, instance in enumerate(one.instances):
            markers.extend(_markers(one, instance, about, 1000 * row + number))
    return MarkerArray(markers=markers)


def _markers(
    one: ObjectOfInterest, instance: ObjectInstance, about: Header, number: int
) -> Iterator[Marker]:
    outline = instance.points_map(outline_uv(one))
    line = _marker(Marker.LINE_STRIP, "outline", about, number)
    line.scale.x = _LINE_M
    line.points = [Point(x=x, y=y, z=z) for x, y, z in np.vstack([outline, outline[:1]]).tolist()]
    yield line
    x, y = outline[:, :2].mean(0).tolist()
    below = float(outline[:, 2].min())
    words = [(kind, getattr(one, kind)) for kind in _WORDS]
    for place, (kind, text) in enumerate(pair for pair in words if pair[1]):
        letters = _marker(Marker.TEXT_VIEW_FACING, kind, about, number)
        letters.scale.z, letters.text = _LETTER_M, text
        letters.pose.position = Point(x=x, y=y, z=below - (place + 1) * _APART_M)
        yield letters


def _marker(kind: int, namespace: str, about: Header, number: int) -> Marker:
    marker = Marker(header=about, ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.color = _COLOR
    return marker
