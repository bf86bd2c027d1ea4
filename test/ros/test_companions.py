"""Masks, label maps, places and gravity by topic: what of them reaches the frame."""

import threading
import time

import numpy as np
import pytest
import rclpy
from sensor_msgs.msg import Imu

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.inputs import Inputs
from semloc_ros.nodes.object_messages import to_correspondences
from semloc_ros.nodes.place_messages import to_places
from semloc_ros.types import Correspondences, ObjectMatches, Places

MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])  # of the robot's camera
MASK = np.zeros((48, 64), np.uint8)
MASK[:12] = 255
LABELS = np.full((48, 64), 65535, np.uint16)
LABELS[:24] = 300


def send_with(robot, labels=LABELS):
    """A frame, and before it its mask and its label map."""
    stamp = robot.now_ns()
    header = messages.header("camera", stamp)
    robot.mask_pub.publish(messages.to_image(MASK, header))
    if labels is not None:
        robot.labels_pub.publish(messages.to_image(labels, header))
    robot.send_frame(stamp)


def test_masks_and_labels_are_joined_by_stamp(make_rig):
    rig = make_rig().track()
    robot = rig.robot
    robot.until(lambda: robot.labels_pub.get_subscription_count() > 0)

    def are(mask, labels):
        last = robot.last()
        return (last.get("mask"), last.get("labels")) == (mask, labels)

    robot.until(lambda: are("exact", "exact"), every=lambda: send_with(robot))
    assert float(robot.last()["masked_fraction"]) == 0.25
    assert float(robot.last()["labelled_fraction"]) == 0.5
    frame = rig.fake.calls[-1][0]
    np.testing.assert_array_equal(frame.mask, MASK)
    np.testing.assert_array_equal(frame.labels, LABELS)
    small = LABELS[:, :32].copy()  # a broken one never gates tracking
    robot.until(lambda: are("exact", "none"), every=lambda: send_with(robot, small))
    assert robot.last()["state"] == "TRACKING" and rig.fake.calls[-1][0].labels is None
    robot.until(lambda: are("none", "none"), every=robot.send_frame)
    assert robot.last()["state"] == "TRACKING"


def places_at(stamp_ns):
    """Two hypotheses, the second of no view."""
    poses = np.stack([se3.exp([3.0, -1.0, 0.5, 0.1, 0.2, 0.3]), np.eye(4)])
    return Places(stamp_ns, poses, np.array([0.75, 0.5]), np.array([41, -1]))


def test_places_are_those_of_the_image_or_the_last_before_it(make_rig, map_from_base):
    rig = make_rig(places_max_age=0.5).track()
    robot = rig.robot
    robot.until(lambda: robot.places_pub.get_subscription_count() > 0)
    assert robot.last()["places"] == "none" and rig.fake.calls[-1][0].places is None

    def send(age_ms=0):
        stamp = robot.now_ns()
        robot.places_pub.publish(to_places(places_at(stamp - age_ms * 1_000_000), "map"))
        time.sleep(0.02)  # it comes over another topic than the image, and is not waited for
        robot.send_frame(stamp)

    robot.until(lambda: robot.last()["places"] == "exact", every=send)
    assert robot.last()["places_count"] == "2"
    found = next(f.places for f, _ in reversed(rig.fake.calls)
                 if f.places is not None and f.places.stamp_ns == f.stamp_ns)  # fmt: skip
    wanted = places_at(0)
    np.testing.assert_allclose(found.map_from_camera, wanted.map_from_camera, atol=1e-6)
    assert found.scores.tolist() == [0.75, 0.5] and found.views.tolist() == [41, -1]
    robot.until(lambda: robot.last()["places"] == "last", every=lambda: send(200))
    found = next(f for f, _ in reversed(rig.fake.calls) if f.places is not None)
    assert 0 < found.stamp_ns - found.places.stamp_ns <= 500_000_000

    def is_carried():
        found = next(f for f, _ in reversed(rig.fake.calls) if f.places is not None)
        then, now = (map_from_base(one.stamp_ns) @ MOUNT for one in (found.places, found))
        moved = wanted.map_from_camera @ se3.inverse(then) @ now
        late = found.places.stamp_ns < found.stamp_ns
        return late and np.allclose(found.places.map_from_camera, moved, atol=1e-5)

    robot.until(is_carried, every=lambda: send(200))  # once odometry reaches back so far
    robot.until(lambda: robot.last()["places"] == "none", every=lambda: send(2000))


BROKEN_PLACES = {
    "places.header.frame_id: expected map, got 'odom'": lambda message: setattr(
        message.header, "frame_id", "odom"
    ),
    "places.fields: expected a field x, got none": lambda message: message.fields.clear(),
    "places.data: expected 72 bytes, got 0 bytes": lambda message: setattr(message, "data", b""),
    "places: expected finite numbers, got NaN or infinity": lambda message: setattr(
        message, "data", np.full(18, np.nan, np.float32).tobytes()
    ),
}


def test_broken_places_are_one_line_and_hold_up_nothing(make_rig):
    rig = make_rig().track()
    robot, said = rig.robot, []
    rig.node._faults.say = lambda reason, text: said.append((reason, text))
    for line, spoil in BROKEN_PLACES.items():

        def send(spoil=spoil):
            stamp = robot.now_ns()
            message = to_places(places_at(stamp), "map")
            spoil(message)
            robot.places_pub.publish(message)
            time.sleep(0.02)
            robot.send_frame(stamp)

        robot.until(lambda line=line: ("places", line) in said, every=send)
        assert rig.fake.calls[-1][0].places is None
        assert (robot.last()["state"], robot.last()["places"]) == ("TRACKING", "none")


def matches_at(stamp_ns):
    """Three matches of one object, as the second find."""
    known = Correspondences(
        np.arange(6.0).reshape(3, 2), np.arange(9.0).reshape(3, 3), np.full(3, 0.5),
        np.full(3, 0.75), np.full(3, -1),
    )  # fmt: skip
    return ObjectMatches(stamp_ns, known, np.full(3, 4), np.zeros(3, np.int64), np.ones(3, int))


def test_matches_of_objects_are_those_of_the_image_alone(make_rig):
    rig = make_rig(objects_wait_ms=500.0).track()
    robot, said = rig.robot, []
    rig.node._faults.say = lambda reason, text: said.append((reason, text))
    robot.until(lambda: robot.objects_pub.get_subscription_count() > 0)

    def send(age_ms=0, frame="map"):
        stamp = robot.now_ns()
        matches = matches_at(stamp - age_ms * 1_000_000)
        robot.objects_pub.publish(to_correspondences(matches, frame))
        robot.send_frame(stamp)

    robot.until(lambda: robot.last()["objects"] == "exact", every=send)
    assert robot.last()["objects_count"] == "1"
    found = next(f.objects for f, _ in reversed(rig.fake.calls) if f.objects is not None)
    np.testing.assert_array_equal(found.objects, [4, 4, 4])
    np.testing.assert_array_equal(found.correspondences.points_map, np.arange(9.0).reshape(3, 3))
    robot.until(lambda: robot.last()["objects"] == "none", every=lambda: send(age_ms=10))
    robot.until(lambda: said, every=lambda: send(frame="odom"))
    line = "correspondences.header.frame_id: expected map, got 'odom'"
    assert ("objects", line) in said and robot.last()["state"] == "TRACKING"


def test_the_frame_knows_which_way_is_down(make_rig):
    rig = make_rig().track()
    np.testing.assert_allclose(rig.fake.calls[-1][0].down_camera, [0, 1, 0], atol=1e-12)
    assert rig.robot.last()["gravity"] == "True"


def test_an_imu_tells_which_way_is_down(make_rig):
    rig = make_rig(gravity="imu").track()
    robot = rig.robot
    assert rig.fake.calls[-1][0].down_camera is None, "no message yet"
    publisher = robot.node.create_publisher(Imu, "imu", 5)

    def send():
        stamp = robot.now_ns()
        tilted = messages.to_pose(se3.exp([0, 0, 0, 0.2, 0, 0])).orientation
        message = Imu(header=messages.header("base_link", stamp), orientation=tilted)
        publisher.publish(message)
        time.sleep(0.02)  # it comes over another topic than the image
        robot.send_frame(stamp)

    robot.until(lambda: robot.last().get("gravity") == "True", every=send)
    down = next(frame.down_camera for frame, _ in reversed(rig.fake.calls)
                if frame.down_camera is not None)  # fmt: skip
    np.testing.assert_allclose(down, [np.sin(0.2), np.cos(0.2), 0], atol=1e-9)


@pytest.fixture
def joined(ros):
    """`joined(sent, image_ms)`: value and kind of the mask that an image gets when masks of these
    stamps in ms came, and the seconds that it waited; a mask's rows count its place among them."""
    node = rclpy.create_node("companion_inputs")
    config = LocalizerNodeConfig(mask_wait_ms=500.0)
    inputs = Inputs(node, config, Faults(node), None, print, print)

    def ask(sent_ms, image_ms):
        inputs.clear()
        for place, ms in enumerate(sent_ms, start=1):
            pixels = np.zeros((48, 64), np.uint8)
            pixels[:place] = 255
            header = messages.header("camera", ms * 1_000_000)
            inputs._store_companion("mask", messages.to_image(pixels, header))
        began = time.monotonic()
        message, kind = inputs.companions_of(image_ms * 1_000_000, config)["mask"]
        waited = time.monotonic() - began
        if message is None:
            return 0, kind, waited
        return int((messages.companion_from("mask", message)[:, 0] > 0).sum()), kind, waited

    yield ask
    inputs.close()
    node.destroy_node()


def test_a_mask_is_waited_for_only_while_masks_come(joined):
    assert joined([], 1000)[1] == "none" and joined([], 1000)[2] < 0.4
    place, kind, waited = joined([1000, 1100, 1200, 1300], 1100)
    assert (place, kind) == (2, "exact") and waited < 0.4, "later ones came meanwhile"
    place, kind, waited = joined([1000, 1100], 1150)
    assert (place, kind) == (2, "last") and waited > 0.49
    assert joined([900], 1150)[:2] == (0, "none"), "too old"


@pytest.fixture
def sensors(ros):
    """Inputs that are told what came: `image(ms)`, `labels(ms)`, and `taken(wait_ms)`, the stamp in
    ms of the image that is taken and the seconds that took."""
    node = rclpy.create_node("image_inputs")

    class Sensors:
        inputs = Inputs(node, LocalizerNodeConfig(), Faults(node), None, print, print)

        def message(self, ms):
            return messages.to_image(LABELS, messages.header("camera", ms * 1_000_000))

        def image(self, ms):
            self.inputs._store_image(self.message(ms))

        def labels(self, ms):
            self.inputs._store_companion("labels", self.message(ms))

        def objects(self, ms):
            matches = to_correspondences(matches_at(ms * 1_000_000), "map")
            self.inputs._store_companion("objects", matches)

        def taken(self, wait_ms=2000.0, objects_wait_ms=0.0):
            began = time.monotonic()
            config = LocalizerNodeConfig(
                labels_wait_ms=wait_ms, objects_wait_ms=objects_wait_ms
            )
            arrival = self.inputs.take_image(0.01, config)
            waited = time.monotonic() - began
            if arrival is None:
                return None, waited
            return messages.stamp_ns(arrival.message.header.stamp) // 1_000_000, waited

    told = Sensors()
    yield told
    told.inputs.close()
    node.destroy_node()


def test_without_labels_the_newest_image_wins_at_once(sensors):
    assert sensors.taken()[0] is None
    for ms in (100, 200, 300):
        sensors.image(ms)
    ms, waited = sensors.taken()
    assert ms == 300 and waited < 1.0
    assert sensors.taken()[0] is None, "older ones are gone"


def test_an_image_that_has_its_labels_wins_over_newer_ones(sensors):
    for ms in (100, 200, 300):
        sensors.image(ms)
    sensors.labels(200)
    ms, waited = sensors.taken()
    assert ms == 200 and waited < 1.0
    sensors.labels(300)
    assert sensors.taken()[0] == 300, "its labels came later"
    assert sensors.taken()[0] is None


def test_labels_are_waited_for_while_they_flow_and_no_longer(sensors):
    sensors.image(100)
    sensors.labels(100)
    assert sensors.taken()[0] == 100
    sensors.image(200)
    sensors.image(300)
    later = threading.Timer(0.05, sensors.labels, [200])
    later.start()
    ms, waited = sensors.taken()
    assert ms == 200 and 0.04 < waited < 1.0
    ms, waited = sensors.taken(80.0)
    assert ms == 300 and 0.07 < waited < 1.0, "the newest, without"


def test_an_image_that_has_its_objects_wins_over_newer_ones(sensors):
    """A network of objects that is slower than the camera would never be heard otherwise."""
    for ms in (100, 200, 300):
        sensors.image(ms)
    sensors.objects(200)
    ms, waited = sensors.taken(objects_wait_ms=2000.0)
    assert ms == 200 and waited < 1.0
    threading.Timer(0.05, sensors.objects, [300]).start()
    ms, waited = sensors.taken(objects_wait_ms=2000.0)
    assert ms == 300 and 0.04 < waited < 1.0
    sensors.image(400)
    ms, waited = sensors.taken(objects_wait_ms=80.0)
    assert ms == 400 and 0.07 < waited < 1.0, "without, after the wait"


def test_where_labels_and_objects_flow_the_image_with_both_wins(sensors):
    for ms in (100, 200, 300):
        sensors.image(ms)
        sensors.labels(ms)
    sensors.objects(200)
    ms, waited = sensors.taken(objects_wait_ms=2000.0)
    assert ms == 200 and waited < 1.0
    sensors.image(400)
    ms, waited = sensors.taken(80.0, objects_wait_ms=80.0)
    assert ms == 300 and 0.07 < waited < 1.0, "one is more than none"


def test_labels_that_come_too_late_are_none(sensors):
    sensors.image(100)
    time.sleep(0.05)
    sensors.labels(100)
    sensors.image(200)
    ms, _ = sensors.taken(20.0)
    assert ms == 200


def test_a_jump_of_the_clock_ends_the_wait(sensors):
    sensors.labels(50)
    sensors.image(100)
    threading.Timer(0.05, sensors.inputs.clear).start()
    threading.Timer(0.06, sensors.image, [20]).start()
    ms, waited = sensors.taken(300.0)
    assert ms in (None, 20) and waited < 1.0
