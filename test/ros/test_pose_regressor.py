"""The node `pose_regressor` over DDS: images and masks in, coarse poses out, faults in one line."""

from __future__ import annotations

import dataclasses
import itertools
import threading

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from pose_models import ABOUT, Telling
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, PointCloud2

from semloc_ros.errors import MapError, ModelError
from semloc_ros.localization.place_clouds import places_from
from semloc_ros.nodes import messages
from semloc_ros.nodes.pose_regressor import PoseRegressorNode, load
from semloc_ros.perception.pose_prior import PoseRegressor

PIXELS = np.random.default_rng(0).integers(0, 255, (72, 96, 3), np.uint8)
MASK = np.full((72, 96), 255, np.uint8)
STAMP = 1_700_000_000_123_456_789
ROW = [1.0, 2.0, 0.5, 0.0, 0.0, 1.0, 1.0]
_names = itertools.count()


class Rig(ImageNodeRig):
    """The regressor with a robot."""

    def __init__(self, name, load, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: PoseRegressorNode(
            load, parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"]
        ))  # fmt: skip
        self.mask_pub = self.robot.create_publisher(Image, "mask", 5)
        self.poses = self.listen(PoseWithCovarianceStamped, f"/{name}/pose")
        self.places = self.listen(PointCloud2, f"/{name}/places")

    def ready(self):
        self.until(lambda: self.says("inactive") and self.image_pub.get_subscription_count())
        return self

    def send(self, pixels=PIXELS, stamp=STAMP, mask=None):
        """The image, before it its mask."""
        header = messages.header("eye", stamp)
        if mask is not None:
            self.mask_pub.publish(messages.to_image(mask, header))
        self.image_pub.publish(messages.to_image(pixels, header))


@pytest.fixture
def start(ros):
    """`start(backend or opener, **parameters)`: a running node with its robot."""
    rigs = []

    def begin(told, **parameters):
        opened = told if callable(told) else lambda config: PoseRegressor(told)
        rigs.append(Rig(f"regressor_{next(_names)}", opened, parameters))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


def test_the_pose_and_the_place_have_the_images_stamp_and_the_maps_frame(start):
    rig = start(Telling(ROW), map_frame="house").ready()
    rig.until(lambda: rig.places and rig.poses and rig.says("ok"), every=rig.send)
    pose = rig.poses[0]
    assert pose.header == messages.header("house", STAMP)
    covariance = np.array(pose.pose.covariance).reshape(6, 6)
    np.testing.assert_allclose(covariance, np.diag(np.square(ABOUT.spread)))
    places = places_from(rig.places[0], "house")
    assert places.stamp_ns == STAMP and places.views.tolist() == [-1]
    found = messages.pose_from("pose", pose.pose.pose)
    np.testing.assert_allclose(found[:3, 3], [11.0, -2.0, 2.0])
    np.testing.assert_allclose(places.map_from_camera[0], found, atol=1e-5)
    np.testing.assert_allclose(places.spreads, [[np.sqrt(12.5), 0.3]], rtol=1e-6)
    last = rig.last()
    assert (last["model"], last["mask"], last["spread_m"]) == ("here", "False", "3.5355")
    assert float(last["latency_ms"]) > 0 and float(last["network_ms"]) >= 0
    assert last["stamp"] == str(STAMP) and rig.statuses[-1].level == DiagnosticStatus.OK


def test_a_model_of_masked_images_gets_the_mask_of_the_image(start):
    told = Telling(ROW, dataclasses.replace(ABOUT, masked=True))
    rig = start(told).ready()
    rig.until(rig.mask_pub.get_subscription_count)
    rig.until(lambda: rig.last().get("mask") == "True", every=lambda: rig.send(mask=MASK))
    assert not told.seen[-1].any(), "all of it is masked"
    assert rig.says("ok")
    later = messages.header("eye", STAMP + 5).stamp
    rig.until(
        lambda: rig.last()["stamp"] == str(STAMP + 5) and rig.poses[-1].header.stamp == later,
        every=lambda: rig.send(stamp=STAMP + 5),
    )
    assert rig.last()["mask"] == "False" and told.seen[-1].any(), "it is seen as it is"
    assert rig.says("no_mask") and "here" in rig.last()["detail"]
    assert rig.statuses[-1].level == DiagnosticStatus.WARN
    small = MASK[:30].copy()
    rig.until(
        lambda: rig.says("no_mask") and rig.last()["stamp"] == str(STAMP + 9),
        every=lambda: rig.send(stamp=STAMP + 9, mask=small),
    )
    assert rig.last()["mask"] == "False", "a broken one is none"


def test_a_mask_of_a_slow_network_is_waited_for_while_masks_come(start):
    rig = start(Telling(ROW, dataclasses.replace(ABOUT, masked=True))).ready()
    rig.until(rig.mask_pub.get_subscription_count)
    rig.until(lambda: rig.last().get("mask") == "True", every=lambda: rig.send(mask=MASK))
    late = messages.to_image(MASK, messages.header("eye", STAMP + 9))
    rig.send(stamp=STAMP + 9)
    threading.Timer(0.3, rig.mask_pub.publish, [late]).start()
    rig.until(lambda: rig.last()["stamp"] == str(STAMP + 9))
    assert rig.last()["mask"] == "True"


def test_other_models_do_not_listen_to_masks(start):
    rig = start(Telling(ROW)).ready()
    rig.until(lambda: rig.says("ok"), every=rig.send)
    assert rig.mask_pub.get_subscription_count() == 0


def test_a_bad_image_or_answer_is_one_line_and_the_next_one_is_served(start):
    told = Telling(ROW)
    rig = start(told).ready()
    empty = np.zeros((0, 0, 3), np.uint8)
    rig.until(lambda: rig.says("bad_image"), every=lambda: rig.send(empty))
    assert not rig.poses and "\n" not in rig.last()["detail"]
    for image, words in ((PIXELS // 255, "some contrast"), (PIXELS[:30, :30], "at least 32x32")):
        rig.until(lambda w=words: w in rig.last()["detail"], every=lambda i=image: rig.send(i))
        assert not rig.poses and not told.seen and rig.says("bad_image")
    told.row = [np.nan] * 7
    rig.until(lambda: "pose: expected" in rig.last().get("detail", ""), every=rig.send)
    assert not rig.poses and not rig.places, "what is no pose is not published"
    told.row = ROW
    rig.until(lambda: rig.poses and rig.says("ok"), every=rig.send)


def test_a_pose_beyond_the_map_is_a_warning(start):
    regressor = PoseRegressor(Telling([100.0, *ROW[1:]]))
    views = np.tile(np.eye(4), (2, 1, 1))
    views[:, :3, 3] = [[0.0, -10.0, 1.5], [30.0, 0.0, 1.5]]
    regressor.check_in_map(views)
    rig = start(lambda config: regressor).ready()
    rig.until(lambda: rig.poses and rig.says("outside_map"), every=rig.send)
    assert "65.0 m beyond" in rig.last()["detail"], "110 m, and 30 and three sigma are the map's"
    assert rig.statuses[-1].level == DiagnosticStatus.WARN


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelError("m: expected a model of a pose, got one of places"), "bad_model"),
        (MapError("map: expected views around 1.0, 2.0, got others"), "bad_map"),
    ],
)
def test_what_cannot_be_opened_is_said_and_can_be_tried_again(start, error, reason):
    faults = [error]

    def opened(config):
        if faults:
            raise faults.pop()
        return PoseRegressor(Telling(ROW))

    rig = start(opened)
    rig.until(lambda: rig.says(reason))
    assert rig.last()["detail"] == str(error)
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED
    assert rig.change(Transition.TRANSITION_CONFIGURE)
    assert rig.change(Transition.TRANSITION_ACTIVATE)
    rig.until(lambda: rig.poses, every=rig.send)


@pytest.mark.parametrize(
    ("options", "reason", "line"),
    [
        ({}, "bad_config", "model: expected the name or the file of a model of poses, got ''"),
        ({"model": "/none.safetensors"}, "bad_model", "/none.safetensors: expected a "),
        ({"model": "places_edges_street"}, "bad_model", "expected a model of a pose, got one of"),
    ],
)
def test_a_model_that_is_none_is_one_line_and_the_node_lives(start, options, reason, line):
    rig = start(load, **options)
    rig.until(lambda: rig.says(reason))
    assert line in rig.last()["detail"] and "\n" not in rig.last()["detail"]
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED


def test_after_cleanup_nothing_comes_and_activation_begins_again(start):
    rig = start(Telling(ROW)).ready()
    rig.until(lambda: rig.poses, every=rig.send)
    assert rig.change(Transition.TRANSITION_DEACTIVATE)
    assert rig.change(Transition.TRANSITION_CLEANUP)
    rig.until(lambda: rig.image_pub.get_subscription_count() == 0)
    rig.poses.clear()
    assert rig.change(Transition.TRANSITION_CONFIGURE)
    assert rig.change(Transition.TRANSITION_ACTIVATE)
    assert not rig.poses
    rig.until(lambda: rig.poses, every=rig.send)
