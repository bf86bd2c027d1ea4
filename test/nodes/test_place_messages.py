"""Places as PointCloud2 and back: what is taken, what is refused, and in which words."""

import dataclasses

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.localization.place_clouds import places_from
from semloc_ros.nodes import messages
from semloc_ros.nodes.place_messages import to_places
from semloc_ros.types import Places

STAMP = 1_700_000_000_123_456_789


def some_places(rng, count, spread_m=100.0):
    """Poses turned every way, scores in order, views or none."""
    rotations = rng.normal(size=(count, 6)) * [spread_m, spread_m, 3.0, 1.5, 1.5, 1.5]
    views = rng.integers(-1, 2**32 - 2, count)
    return Places(STAMP, se3.exp(rotations), np.sort(rng.normal(size=count))[::-1], views)


def sent(places, frame="map"):
    """The message as it comes out of the wire."""
    return deserialize_message(serialize_message(to_places(places, frame)), PointCloud2)


def broken(change, count=3):
    message = sent(some_places(np.random.default_rng(1), count))
    change(message)
    return message


def with_rows(change):
    """The message of three places whose rows (3, 9) of uint32 or float32 were changed."""

    def on(message):
        rows = np.frombuffer(message.data, np.float32).reshape(3, 9).copy()
        change(rows)
        message.data = rows.tobytes()

    return broken(on)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_sent_is_what_comes(seed):
    rng = np.random.default_rng(seed)
    places = some_places(rng, int(rng.integers(1, 40)), 10.0 ** rng.integers(0, 5))
    found = places_from(sent(places), "map")
    assert found.stamp_ns == STAMP and found.views.dtype == np.int64
    np.testing.assert_array_equal(found.views, places.views)
    np.testing.assert_allclose(found.scores, places.scores, rtol=1e-7)
    way, turn = se3.pose_error(found.map_from_camera, places.map_from_camera)
    size = np.abs(places.map_from_camera[:, :3, 3]).max()
    assert way.max() <= 1.1e-7 * size and turn.max() < 1e-6
    products = found.map_from_camera[:, :3, :3] @ found.map_from_camera[:, :3, :3].swapaxes(1, 2)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-12)
    again = places_from(sent(found), "map")
    np.testing.assert_allclose(again.map_from_camera, found.map_from_camera, rtol=1e-6, atol=1e-6)


def test_the_message_says_what_it_holds():
    pose = se3.from_quaternion_xyzw([1.0, 2.0, 3.0], [0.5, -0.5, 0.5, 0.5])
    places = Places(STAMP, np.stack([pose, pose]), np.array([0.5, 0.25]), np.array([7, -1]))
    message = sent(places, "house")
    assert message.header == messages.header("house", STAMP)
    assert (message.height, message.width, message.is_dense) == (1, 2, True)
    names = ["x", "y", "z", "qx", "qy", "qz", "qw", "score", "view"]
    assert [field.name for field in message.fields] == names
    floats = np.frombuffer(message.data, np.float32).reshape(2, 9)
    np.testing.assert_allclose(floats[0, :8], [1, 2, 3, 0.5, -0.5, 0.5, 0.5, 0.5])
    assert np.frombuffer(message.data, np.uint32).reshape(2, 9)[:, 8].tolist() == [7, 2**32 - 1]


def test_spreads_are_sent_where_they_are_known():
    plain = some_places(np.random.default_rng(4), 3)
    places = dataclasses.replace(plain, spreads=np.array([[5.0, 0.25], [1.0, 0.5], [2.0, 0.125]]))
    message = sent(places)
    assert [field.name for field in message.fields][-2:] == ["spread_m", "spread_rad"]
    found = places_from(message, "map")
    np.testing.assert_array_equal(found.spreads, places.spreads)
    np.testing.assert_array_equal(found.views, plain.views)
    assert places_from(sent(plain), "map").spreads is None
    message.fields[-1].name = "more"
    assert places_from(message, "map").spreads is None, "half of them says nothing"
    for wrong in (0.0, np.nan):
        broken = dataclasses.replace(plain, spreads=np.full((3, 2), wrong))
        with pytest.raises(InputError, match="spread_m, spread_rad: expected numbers above 0"):
            places_from(sent(broken), "map")


def test_other_orders_byte_orders_and_fields_are_taken():
    places = some_places(np.random.default_rng(2), 4)
    plain = sent(places)
    rows = np.frombuffer(plain.data, np.uint32).reshape(4, 9)
    other = np.zeros((4, 12), ">u4")  # turned around, with a gap before
    other[:, 2:11] = rows[:, ::-1]
    message = PointCloud2(header=plain.header, height=1, width=4, point_step=48, is_bigendian=True)
    message.fields = [
        PointField(name=field.name, offset=8 + 32 - field.offset, datatype=field.datatype, count=1)
        for field in plain.fields
    ] + [PointField(name="more", offset=0, datatype=PointField.FLOAT64, count=1)]
    message.row_step, message.data = other.nbytes, other.tobytes()
    found = places_from(message, "map")
    wanted = places_from(plain, "map")
    np.testing.assert_array_equal(found.map_from_camera, wanted.map_from_camera)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    np.testing.assert_array_equal(found.views, wanted.views)


def test_no_point_is_no_place():
    none = Places(STAMP, np.zeros((0, 4, 4)), np.zeros(0), np.zeros(0, np.int64))
    found = places_from(sent(none), "map")
    assert len(found) == 0 and found.map_from_camera.shape == (0, 4, 4)
    assert found.stamp_ns == STAMP and found.views.dtype == np.int64


def test_a_leading_slash_of_the_frame_is_no_other_frame():
    places = some_places(np.random.default_rng(3), 2)
    assert len(places_from(sent(places, "/map"), "map")) == 2


def put(column, row, value):
    """Changes one float of one row."""

    def change(rows):
        rows[row, column] = value

    return change


def set_field(which, **values):
    def change(message):
        field = next(one for one in message.fields if one.name == which)
        for key, value in values.items():
            setattr(field, key, value)

    return change


def set_message(**values):
    def change(message):
        for key, value in values.items():
            setattr(message, key, value)

    return change


BROKEN = {
    "foreign frame": (
        lambda: sent(some_places(np.random.default_rng(1), 3), "odom"),
        "places.header.frame_id: expected map, got 'odom'",
    ),
    "no fields": (
        lambda: broken(set_message(fields=[])), "places.fields: expected a field x, got none",
    ),
    "another name": (
        lambda: broken(set_field("score", name="intensity")),
        "places.fields: expected a field score, got x y z qx qy qz qw intensity view",
    ),
    "another type": (
        lambda: broken(set_field("view", datatype=PointField.FLOAT32)),
        "places.fields.view: expected one uint32, got 1 of datatype 7",
    ),
    "an array": (
        lambda: broken(set_field("qx", count=4)),
        "places.fields.qx: expected one float32, got 4 of datatype 7",
    ),
    "beyond the point": (
        lambda: broken(set_field("y", offset=33)),
        "places.fields.y: expected an offset within 36 bytes, got 33",
    ),
    "an image of points": (
        lambda: broken(set_message(height=3)), "places: expected points in one row, got 3x3",
    ),
    "torn": (
        lambda: broken(lambda message: set_message(data=message.data[:-1])(message)),
        "places.data: expected 108 bytes, got 107 bytes",
    ),
    "NaN": (
        lambda: with_rows(put(2, 1, np.nan)),
        "places: expected finite numbers, got NaN or infinity",
    ),
    "infinite score": (
        lambda: with_rows(put(7, 0, np.inf)),
        "places: expected finite numbers, got NaN or infinity",
    ),
    "no rotation": (
        lambda: with_rows(lambda rows: rows[2, 3:7].fill(0.0)),
        "places: expected unit quaternions, got one of length 0",
    ),
    "no unit quaternion": (
        lambda: with_rows(lambda rows: rows[0, 3:7].__imul__(1.01)),
        "places: expected unit quaternions, got one of length 1.01",
    ),
    "the best not first": (
        lambda: with_rows(lambda rows: rows[:, 7].__setitem__(slice(None), [0.5, 0.75, 0.25])),
        "places.score: expected the best first, got [0.5, 0.75, 0.25]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_message_of_places_is_refused_in_one_line(kind):
    make, line = BROKEN[kind]
    with pytest.raises(InputError) as caught:
        places_from(make(), "map")
    assert str(caught.value) == line
