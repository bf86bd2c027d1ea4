"""The node `place_retriever` over DDS: images and labels in, places out, faults in one line."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseArray
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, PointCloud2
from tf2_ros import StaticTransformBroadcaster

from semloc_ros.errors import ConfigError, InputError, MapError, ModelError
from semloc_ros.geometry import se3
from semloc_ros.localization.place_clouds import places_from
from semloc_ros.nodes import messages
from semloc_ros.nodes.place_retriever import PlaceRetrieverNode, open_retriever
from semloc_ros.types import Places

PIXELS = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 9, (48, 64), np.uint8)
MASK = np.zeros((48, 64), np.uint8)
STAMP = 1_700_000_000_123_456_789
MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])
POSES = np.stack([se3.exp([4.0, -2.0, 1.0, 0.3, 0.2, 0.1]), MOUNT])
_names = itertools.count()


class FakeRetriever:
    """Knows two places of everything; keeps what it was asked."""

    def __init__(self, needs=("image",)):
        self.needs, self.calls, self.delay_s, self.fault = set(needs), [], 0.0, None
        self.stage_ms = {"describe": 2.5, "search": 0.5}

    def retrieve(self, stamp_ns, image, labels=None, mask=None, odom_from_camera=None):
        self.calls.append((stamp_ns, image, labels, mask, odom_from_camera))
        time.sleep(self.delay_s)
        if self.fault is not None:
            raise self.fault
        return Places(stamp_ns, POSES, np.array([0.75, 0.5]), np.array([41, -1]))


class Rig(ImageNodeRig):
    """The retriever with a robot."""

    def __init__(self, name, load, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: PlaceRetrieverNode(
            load, parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"]
        ), parameters.get("image_transport"))  # fmt: skip
        make = self.robot.create_publisher
        self.labels_pub, self.mask_pub = make(Image, "labels", 5), make(Image, "mask", 5)
        self.odom_pub = make(Odometry, "odom", 20)
        self.places = self.listen(PointCloud2, f"/{name}/places")

    def ready(self, labels=False):
        self.until(lambda: self.says("inactive"))
        publishers = [self.image_pub, self.mask_pub] + [self.labels_pub] * labels
        self.until(lambda: all(one.get_subscription_count() for one in publishers))
        return self

    def send(self, stamp=STAMP, labels=None, mask=None, frame="eye"):
        """The image, before it what belongs to it."""
        for publisher, pixels in ((self.labels_pub, labels), (self.mask_pub, mask)):
            if pixels is not None:
                publisher.publish(messages.to_image(pixels, messages.header(frame, stamp)))
        self.image_pub.publish(messages.to_image(PIXELS, messages.header(frame, stamp)))


@pytest.fixture
def start(ros):
    """`start(retriever or opener, **parameters)`: a running node with its robot."""
    rigs = []

    def begin(opened, **parameters):
        load = opened if callable(opened) else lambda config: opened
        rigs.append(Rig(f"retriever_{next(_names)}", load, parameters))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


def test_places_have_the_images_stamp_and_the_maps_frame(start):
    fake = FakeRetriever()
    rig = start(fake, map_frame="house").ready()
    rig.until(lambda: rig.places and rig.says("ok"), every=rig.send)
    message = rig.places[0]
    assert message.header.frame_id == "house"
    found = places_from(message, "house")
    assert found.stamp_ns == STAMP and found.views.tolist() == [41, -1]
    np.testing.assert_allclose(found.map_from_camera, POSES, atol=1e-6)
    stamp, image, labels, mask, odometry = fake.calls[0]
    assert stamp == STAMP and labels is None and mask is None and odometry is None
    np.testing.assert_array_equal(image, PIXELS)
    last = rig.last()
    assert (last["places"], last["best_view"], last["best_score"]) == ("2", "41", "0.7500")
    assert (last["labels"], last["mask"], last["odometry"]) == ("False", "False", "False")
    assert (last["describe_ms"], last["search_ms"]) == ("2.5000", "0.5000")
    assert float(last["latency_ms"]) > 0 and last["stamp"] == str(STAMP)
    assert rig.statuses[-1].level == DiagnosticStatus.OK


def test_a_model_of_labels_gets_those_of_the_image_and_no_other(start):
    fake = FakeRetriever(["labels"])
    rig = start(fake, labels_wait_ms=200.0).ready(labels=True)
    rig.until(lambda: rig.places, every=lambda: rig.send(labels=LABELS))
    np.testing.assert_array_equal(fake.calls[0][2], LABELS)
    rig.until(lambda: rig.says("ok") and rig.last()["labels"] == "True")
    header = messages.header("eye", STAMP + 1)
    rig.places.clear()
    for _ in range(3):  # labels of another image, then an image without labels
        rig.labels_pub.publish(messages.to_image(LABELS, header))
    rig.until(lambda: rig.says("no_labels"), every=lambda: rig.send(STAMP + 2))
    last = rig.last()
    assert last["detail"] == (
        "labels: expected those of an image within 200 ms, got none on /labels"
    )
    assert last["stamp"] == str(STAMP + 2) and rig.statuses[-1].level == DiagnosticStatus.ERROR
    assert STAMP + 2 not in [call[0] for call in fake.calls], "nothing is guessed"
    assert STAMP + 2 not in [messages.stamp_ns(one.header.stamp) for one in rig.places]


def test_an_image_waits_for_its_labels(start):
    fake = FakeRetriever(["image", "labels"])
    rig = start(fake, labels_wait_ms=1500.0).ready(labels=True)

    def send():
        for newer in range(3):
            rig.send(STAMP + newer)
            time.sleep(0.03)
        rig.labels_pub.publish(messages.to_image(LABELS, messages.header("eye", STAMP)))

    rig.until(lambda: rig.places, every=send)
    assert {call[0] for call in fake.calls} == {STAMP}
    assert all(messages.stamp_ns(one.header.stamp) == STAMP for one in rig.places)


def test_images_that_wait_for_labels_are_not_missing(start):
    rig = start(FakeRetriever(["labels"]), labels_wait_ms=3000.0).ready(labels=True)
    rig.until(lambda: rig.says("no_labels"), every=rig.send)
    words = [{pair.key: pair.value for pair in one.values}["reason"] for one in rig.statuses]
    assert "no_image" not in words, "they come, though none was served for 3 s"


def test_broken_labels_are_said_and_the_next_good_ones_are_taken(start):
    fake = FakeRetriever(["labels"])
    rig = start(fake).ready(labels=True)
    small = LABELS[:, :32].copy()
    rig.until(lambda: rig.says("bad_labels"), every=lambda: rig.send(labels=small))
    assert rig.last()["detail"].startswith("labels: expected 64x48 pixels of one channel")
    assert not fake.calls and not rig.places
    rig.until(lambda: rig.places and rig.says("ok"), every=lambda: rig.send(labels=LABELS))


def test_a_mask_is_used_and_a_broken_one_is_none(start):
    fake = FakeRetriever()
    rig = start(fake).ready()
    rig.until(lambda: rig.last().get("mask") == "True", every=lambda: rig.send(mask=MASK))
    np.testing.assert_array_equal(fake.calls[-1][3], MASK)
    rig.until(
        lambda: rig.says("ok") and rig.last()["mask"] == "False",
        every=lambda: rig.send(STAMP + 5, mask=MASK + 7),
    )
    assert fake.calls[-1][3] is None


def test_odometry_is_that_of_the_camera_at_the_images_stamp(start):
    fake = FakeRetriever()
    rig = start(fake, **{"retriever.sequence.length_m": 20.0}).ready()
    rig.until(lambda: rig.odom_pub.get_subscription_count() > 0)
    mount = StaticTransformBroadcaster(rig.robot)
    mount.sendTransform(messages.to_transform(MOUNT, "base_link", "eye", 0))

    def send():
        for ms in (-100, 100):
            stamp = STAMP + ms * 1_000_000
            message = Odometry(header=messages.header("odom", stamp), child_frame_id="base_link")
            message.pose.pose = messages.to_pose(se3.exp([ms / 10, 0, 0, 0, 0, 0]))
            rig.odom_pub.publish(message)
        rig.send()

    rig.until(lambda: fake.calls and fake.calls[-1][4] is not None, every=send)
    np.testing.assert_allclose(fake.calls[-1][4], MOUNT, atol=1e-9)
    rig.until(lambda: rig.last().get("odometry") == "True")


def test_hypotheses_for_rviz_look_along_the_line_of_sight(start):
    rig = start(FakeRetriever()).ready()
    drawn = rig.listen(PoseArray, f"/{rig.name}/hypotheses")
    said = rig.listen(DiagnosticArray, "/diagnostics")
    rig.until(lambda: drawn, every=rig.send)
    assert drawn[0].header == messages.header("map", STAMP) and len(drawn[0].poses) == 2
    found = messages.pose_from("pose", drawn[0].poses[0])
    np.testing.assert_allclose(found[:3, 3], POSES[0, :3, 3], atol=1e-9)
    np.testing.assert_allclose(found[:3, 0], POSES[0, :3, 2], atol=1e-9)
    np.testing.assert_allclose(found[:3, 2], -POSES[0, :3, 1], atol=1e-9)
    rig.until(lambda: any(one.status[0].name == rig.name for one in said), every=rig.send)


def test_newest_wins_and_compressed_images_are_taken(start):
    fake = FakeRetriever()
    rig = start(fake, image_transport="compressed").ready()

    def send(stamp=STAMP):
        header = messages.header("eye", stamp)
        rig.image_pub.publish(messages.to_compressed_image(PIXELS, header))

    rig.until(lambda: rig.says("ok"), every=send)
    np.testing.assert_array_equal(fake.calls[0][1], PIXELS)
    fake.delay_s = 0.5
    for number in range(1, 9):
        send(STAMP + number)
        time.sleep(0.02)
    stamps = lambda: [call[0] - STAMP for call in fake.calls]  # noqa: E731
    rig.until(lambda: 8 in stamps() and int(rig.last()["images_left_out"]) > 0)
    assert len(set(stamps())) < 9 and stamps() == sorted(stamps())


def test_what_the_retriever_refuses_is_said_and_the_next_image_is_served(start):
    fake = FakeRetriever()
    rig = start(fake).ready()
    fake.fault = InputError("image: expected 64 px or more, got 8x8")
    rig.until(lambda: rig.says("bad_image"), every=rig.send)
    assert rig.last()["detail"] == str(fake.fault) and not rig.places
    fake.fault = None
    rig.until(lambda: rig.places and rig.says("ok"), every=rig.send)
    rig.until(lambda: rig.says("bad_image"), every=lambda: rig.send(frame=""))
    rig.until(lambda: rig.says("no_image"))


def failing(error):
    def load(config):
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MapError("places: expected descriptors by mine, got none"), "bad_map"),
        (ModelError("mine: expected a model of places, got segmentation"), "bad_model"),
        (ConfigError("weight: expected 0 to 1, got 2"), "bad_config"),
    ],
)
def test_what_cannot_be_loaded_is_a_failed_transition_with_one_line(start, error, reason):
    rig = start(failing(error))
    rig.until(lambda: rig.says(reason))
    assert rig.last()["detail"] == str(error)
    assert rig.statuses[-1].level == DiagnosticStatus.ERROR
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize(
    ("options", "reason", "line"),
    [
        ({}, "bad_config", "map: expected the folder of a map, got ''"),
        ({"map": "/"}, "bad_config", "models: expected one or two models of places, got 0"),
        (
            {"map": "/no/such/map", "retriever.models": "mine"}, "bad_map",
            "/no/such/map: expected a map folder",
        ),
    ],
)  # fmt: skip
def test_a_map_that_is_none_is_one_line_and_another_may_be_named(start, options, reason, line):
    rig = start(open_retriever, **options)
    rig.until(lambda: rig.says(reason))
    assert rig.last()["detail"].startswith(line) and "\n" not in rig.last()["detail"]
    other = Parameter("map", value="/no/other/map")
    assert rig.node.set_parameters([other])[0].successful, "not configured: free to change"
    assert not rig.change(Transition.TRANSITION_CONFIGURE)


def test_the_whole_lifecycle_twice(start):
    fake = FakeRetriever(["labels"])
    rig = start(fake, autostart=False)
    rig.until(lambda: rig.says("unconfigured"))
    publishers = (rig.image_pub, rig.labels_pub, rig.mask_pub)
    for _ in range(2):
        assert rig.change(Transition.TRANSITION_CONFIGURE)
        rig.until(lambda: rig.says("inactive"))
        assert rig.labels_pub.get_subscription_count() == 0
        assert rig.change(Transition.TRANSITION_ACTIVATE)
        rig.places.clear()
        rig.until(lambda: rig.places, every=lambda: rig.send(labels=LABELS))
        assert rig.change(Transition.TRANSITION_DEACTIVATE)
        rig.until(lambda: not any(one.get_subscription_count() for one in publishers))
        assert rig.change(Transition.TRANSITION_CLEANUP)
        rig.until(lambda: rig.says("unconfigured"))
    assert rig.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
