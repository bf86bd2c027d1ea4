"""Matches of objects as PointCloud2 and back, what is refused and in which words; markers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField
from visualization_msgs.msg import Marker

from semloc_ros.errors import InputError
from semloc_ros.localization.object_clouds import matches_from
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.nodes.object_messages import to_correspondences, to_markers
from semloc_ros.types import Correspondences, ObjectDetection, ObjectMatches

STAMP = 1_700_000_000_123_456_789


def some(count: int = 7, seed: int = 0) -> ObjectMatches:
    rng = np.random.default_rng(seed)
    known = Correspondences(
        rng.uniform(0, 2000, (count, 2)), rng.normal(0, 30, (count, 3)),
        rng.uniform(0.05, 9, count), rng.uniform(0, 1, count), np.full(count, -1),
    )  # fmt: skip
    numbers = (rng.integers(0, most, count) for most in (65536, 4, 12))
    return ObjectMatches(STAMP, known, *numbers)


def sent(matches: ObjectMatches, frame: str = "map") -> PointCloud2:
    message = serialize_message(to_correspondences(matches, frame))
    return deserialize_message(message, PointCloud2)


@pytest.mark.parametrize("count", [0, 1, 400])
def test_what_is_sent_is_what_comes(count: int) -> None:
    matches = some(count)
    found = matches_from(sent(matches, "/map"), "map")
    assert found.stamp_ns == STAMP and len(found) == count
    for name in ("objects", "instances", "detections"):
        np.testing.assert_array_equal(getattr(found, name), getattr(matches, name))
        assert getattr(found, name).dtype == np.int64
    for name in ("points_image", "points_map", "sigmas_px", "scores"):
        one, other = (getattr(each.correspondences, name) for each in (found, matches))
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert (found.correspondences.point_ids == -1).all()


def test_the_fields_are_those_that_are_told() -> None:
    names = [one.name for one in sent(some()).fields]
    assert names == ["x", "y", "z", "u", "v", "sigma", "object", "instance", "detection", "score"]


def test_fields_of_others_in_any_order_do_not_matter() -> None:
    message, matches = sent(some()), some()
    rows = np.frombuffer(message.data, np.uint8).reshape(7, -1)
    message.data = np.hstack([np.full((7, 5), 77, np.uint8), rows]).tobytes()
    message.point_step += 5
    for field in message.fields:
        field.offset += 5
    message.fields = [PointField(name="rgb", offset=0, datatype=7, count=1), *message.fields[::-1]]
    found = matches_from(message, "map")
    np.testing.assert_array_equal(found.detections, matches.detections)


def drop_score(message: PointCloud2) -> None:
    message.fields = [one for one in message.fields if one.name != "score"]


def change_type(message: PointCloud2) -> None:
    message.fields[6].datatype = PointField.UINT32


def tear(message: PointCloud2) -> None:
    message.data = message.data[:-1]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (drop_score, "correspondences.fields: expected a field score, got x y z u v sigma"),
        (change_type, "correspondences.fields.object: expected one uint16, got 1 of datatype 6"),
        (tear, "correspondences.data: expected 252 bytes, got 251 bytes"),
    ],
)
def test_what_is_no_table_of_matches_is_refused(change, line: str) -> None:
    message = sent(some())
    change(message)
    with pytest.raises(InputError, match=line.replace(".", r"\.")):
        matches_from(message, "map")


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("points_map", np.nan, "correspondences: expected finite numbers, got NaN or infinity"),
        ("points_image", np.inf, "correspondences: expected finite numbers, got NaN or infinity"),
        ("sigmas_px", 0.0, "correspondences.sigma: expected numbers above 0, got 0"),
        ("scores", 1.5, "correspondences.score: expected numbers from 0 to 1, got 1.5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(field: str, value: float, line: str) -> None:
    matches = some()
    column = getattr(matches.correspondences, field).copy()
    column[3] = value
    changed = replace(matches, correspondences=replace(matches.correspondences, **{field: column}))
    with pytest.raises(InputError, match=line):
        matches_from(sent(changed), "map")


def test_another_frame_is_refused() -> None:
    wanted = "correspondences.header.frame_id: expected map, got 'odom'"
    with pytest.raises(InputError, match=wanted):
        matches_from(sent(some(), "odom"), "map")


def hung() -> MapObjects:
    wall = np.array([[2.0, 0, 1], [0, 0, 5], [0, -1.5, 2], [0, 0, 1]])
    other = wall + np.array([[0.0, 0, 4], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    picture, whole = np.zeros((150, 200, 3), np.uint8), np.full((150, 200), 255, np.uint8)
    once, twice = (ObjectInstance(wall),), (ObjectInstance(wall), ObjectInstance(other))
    return MapObjects((
        ObjectOfInterest("boat", picture, whole, once),
        ObjectOfInterest("poster", picture, whole, twice, "The poster", "of 1944", "http://a.b"),
    ))  # fmt: skip


def find(name: str) -> ObjectDetection:
    none = np.empty((0, 2))
    return ObjectDetection(name, 0.9, np.zeros(4), none, none, np.empty(0), np.empty(0))


def test_objects_are_shown_where_they_hang_with_their_words() -> None:
    found = to_markers([find("poster"), find("poster")], hung(), "map", STAMP).markers
    assert found[0].action == Marker.DELETEALL
    assert {one.header.frame_id for one in found} == {"map"}
    by_place = [(one.ns, one.id) for one in found[1:]]
    kinds = ("outline", "title", "text", "url")
    assert by_place == [(kind, number) for number in (1000, 1001) for kind in kinds]
    line = found[1]
    corners = np.array([(one.x, one.y, one.z) for one in line.points])
    np.testing.assert_allclose(corners.min(0), [1, 5, 0.5], atol=0.02)
    np.testing.assert_allclose(corners.max(0), [3, 5, 2], atol=0.02)
    np.testing.assert_array_equal(corners[0], corners[-1])
    assert [one.text for one in found[2:5]] == ["The poster", "of 1944", "http://a.b"]
    assert 0.5 > found[2].pose.position.z > found[3].pose.position.z


def test_an_object_without_words_has_none() -> None:
    found = to_markers([find("boat")], hung(), "map", STAMP).markers
    assert [one.ns for one in found[1:]] == ["outline"]
    assert [one.id for one in found[1:]] == [0]


def test_where_nothing_is_found_what_was_shown_goes() -> None:
    found = to_markers([], hung(), "map", STAMP).markers
    assert [one.action for one in found] == [Marker.DELETEALL]
