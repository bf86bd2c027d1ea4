"""Matches of objects of interest as PointCloud2 and back, and objects as markers for RViz.

A match is one point: `x y z` in the map, `u v` the pixel of the image, `sigma` of the pixel
(float32), `object` the row of the map's object, `instance` which of the places where such an object
hangs, `detection` which find of the image (uint16), `score` (float32) in [0, 1]. The frame is the
map's, the stamp that of the image. Where in the reference image a match lies is told by x y z.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from semloc_ros.errors import InputError, expected
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.nodes.messages import frame_of, header, stamp_ns
from semloc_ros.nodes.point_clouds import FLOAT32, UINT16, layout_of, rows_from, to_point_cloud
from semloc_ros.perception.object_overlays import outline_uv
from semloc_ros.types import Correspondences, ObjectDetection, ObjectMatches

_FLOATS = ("x", "y", "z", "u", "v", "sigma")
_NUMBERS = ("object", "instance", "detection")
_KINDS = {**dict.fromkeys(_FLOATS, FLOAT32), **dict.fromkeys(_NUMBERS, UINT16), "score": FLOAT32}
_LINE_M, _LETTER_M, _APART_M = 0.02, 0.1, 0.13  # width, height of letters, distance of lines
_COLOR = ColorRGBA(r=1.0, g=0.6, b=0.0, a=1.0)
_WORDS = ("title", "text", "url")


def to_correspondences(matches: ObjectMatches, map_frame: str) -> PointCloud2:
    """The message of what objects say of an image."""
    rows = np.zeros(len(matches), layout_of(_KINDS))
    given = matches.correspondences
    columns = [*given.points_map.T, *given.points_image.T, given.sigmas_px]
    for name, column in zip(_FLOATS, columns, strict=True):
        rows[name] = column
    numbers = (matches.objects, matches.instances, matches.detections)
    for name, column in zip(_NUMBERS, numbers, strict=True):
        rows[name] = column
    rows["score"] = given.scores
    return to_point_cloud(rows, _KINDS, header(map_frame, matches.stamp_ns))


def matches_from(message: PointCloud2, map_frame: str) -> ObjectMatches:
    """What objects say of an image, of a message; its fields may lie in any order, and others
    beside them. Without points there are no matches.

    InputError, one line, for another frame, fields that are missing or of another type, torn data,
    NaN, sigmas that are not above 0, and scores that are not in [0, 1].
    """
    name = "correspondences"
    if frame_of(message.header.frame_id) != map_frame:
        got = repr(message.header.frame_id)
        raise InputError(expected(f"{name}.header.frame_id", map_frame, got))
    rows = rows_from(message, _KINDS, name)
    floats = np.stack([rows[one] for one in (*_FLOATS, "score")], axis=1).astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError(expected(name, "finite numbers", "NaN or infinity"))
    sigmas, scores = floats[:, 5], floats[:, 6]
    if (sigmas <= 0).any():
        raise InputError(expected(f"{name}.sigma", "numbers above 0", f"{sigmas.min():g}"))
    if ((scores < 0) | (scores > 1)).any():
        worst = scores[np.argmax(np.abs(scores - 0.5))]
        raise InputError(expected(f"{name}.score", "numbers from 0 to 1", f"{worst:g}"))
    known = Correspondences(
        floats[:, 3:5], floats[:, :3], sigmas, scores, np.full(len(rows), -1, np.int64)
    )
    numbers = (rows[one].astype(np.int64) for one in _NUMBERS)
    return ObjectMatches(stamp_ns(message.header.stamp), known, *numbers)


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
