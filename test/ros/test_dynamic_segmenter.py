"""The node `dynamic_segmenter` over DDS: a mask for each image, from a network that is slow."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from semloc_ros.errors import InputError, ModelError
from semloc_ros.nodes import messages
from semloc_ros.nodes.dynamic_segmenter import DynamicSegmenterNode
from semloc_ros.types import Instances

PIXELS = np.random.default_rng(0).integers(1, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
NUMBERS = np.zeros((48, 64), np.uint16)
NUMBERS[8:24, 16:40] = 3
STAMP = 1_700_000_000_000_000_000
_names = itertools.count()


class FakeSegmenter:
    """Finds the same in every image, after a while; keeps what it was given."""

    name, computed_by, classes = "fake", "nothing", ("box",)

    def __init__(self, delay_s=0.0):
        self.delay_s, self.fault, self.images = delay_s, None, []

    def segment(self, image):
        self.images.append(image)
        time.sleep(self.delay_s)
        if self.fault is not None:
            raise self.fault
        return Instances(NUMBERS[: image.shape[0], : image.shape[1]], np.ones(3, np.float32))


class Rig(ImageNodeRig):
    """The segmenter with a camera, whose stamps go on by 10 ms with each image."""

    def __init__(self, name, load, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: DynamicSegmenterNode(
            load, parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"],
        ), parameters.get("image_transport"))  # fmt: skip
        self.masks, self.stamp = self.listen(Image, f"/{name}/mask"), STAMP

    def ready(self):
        self.until(lambda: self.says("inactive"))
        self.until(lambda: self.image_pub.get_subscription_count() > 0)
        return self

    def send(self, step_ns=10_000_000, pixels=PIXELS, frame="eye"):
        self.stamp += step_ns
        self.image_pub.publish(messages.to_image(pixels, messages.header(frame, self.stamp)))


@pytest.fixture
def start(ros):
    """`start(segmenter or opener, **parameters)`: a running node with its camera."""
    rigs = []

    def begin(opened, **parameters):
        load = opened if callable(opened) else lambda config: opened
        given = {"model": "fake", "dynamic.dilation": 0.0, **parameters}
        rigs.append(Rig(f"dynamic_{next(_names)}", load, given))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


def test_masks_have_the_images_stamp_frame_and_size(start):
    rig = start(FakeSegmenter()).ready()
    masked = rig.listen(Image, f"/{rig.name}/masked_image")
    numbers = rig.listen(Image, f"/{rig.name}/instances")
    rig.until(lambda: rig.masks and masked and numbers and rig.says("ok"), every=rig.send)
    message = rig.masks[0]
    assert (message.encoding, message.width, message.height) == ("mono8", 64, 48)
    assert message.header.frame_id == "eye"
    assert messages.stamp_ns(message.header.stamp) > STAMP
    np.testing.assert_array_equal(messages.image_from(message), (NUMBERS > 0) * 255)
    assert numbers[-1].encoding == "16UC1"
    np.testing.assert_array_equal(messages.companion_from("labels", numbers[-1]), NUMBERS)
    blank = np.where(NUMBERS[..., None] > 0, 0, PIXELS)
    np.testing.assert_array_equal(messages.image_from(masked[-1]), blank)
    last = rig.last()
    assert last["model"] == "fake" and 0.0 <= float(last["age_s"]) < 1.5
    assert float(last["masked_fraction"]) == pytest.approx(0.125)
    assert last["objects_left_out"] == "0"
    assert float(last["network_ms"]) >= 0 and float(last["latency_ms"]) > 0
    assert rig.statuses[-1].level == DiagnosticStatus.OK


def test_what_the_cap_leaves_out_is_said(start):
    rig = start(FakeSegmenter(), **{"dynamic.mask_max_fraction": 0.1}).ready()
    rig.until(lambda: rig.masks and rig.says("ok"), every=rig.send)
    assert not messages.image_from(rig.masks[-1]).any()
    assert rig.last()["objects_left_out"] == "1"


def test_every_image_has_a_mask_while_the_network_is_slow(start):
    slow = FakeSegmenter(delay_s=0.5)
    rig = start(slow, **{"propagation.max_age": 60.0}).ready()
    rig.until(lambda: rig.says("no_mask"), every=rig.send)
    assert rig.statuses[-1].level == DiagnosticStatus.WARN
    assert rig.last()["detail"] == "mask: expected one of the network, got none yet"
    rig.until(lambda: rig.masks, every=rig.send)
    asked, before = len(slow.images), len(rig.masks)
    rig.until(lambda: len(rig.masks) >= before + 12, every=rig.send)
    assert len(slow.images) - asked < 12, "more masks than runs of the network"
    stamps = [messages.stamp_ns(one.header.stamp) for one in rig.masks]
    assert stamps == sorted(set(stamps))


def test_an_old_mask_is_none_and_that_is_said(start):
    segmenter = FakeSegmenter()
    rig = start(segmenter).ready()
    rig.until(lambda: rig.masks, every=rig.send)
    segmenter.fault = InputError("network: expected sense, got none")
    rig.until(
        lambda: rig.last().get("network_fault") or rig.says("old_mask"), every=rig.send
    )
    rig.until(lambda: rig.says("old_mask"), every=lambda: rig.send(step_ns=2_000_000_000))
    assert rig.statuses[-1].level == DiagnosticStatus.ERROR
    wanted = "mask: expected one of at most 1.5 s, got network: expected sense, got none"
    assert rig.last()["detail"] == wanted
    said = int(rig.last()["stamp"])
    assert said not in [messages.stamp_ns(one.header.stamp) for one in rig.masks]
    segmenter.fault = None
    rig.until(lambda: rig.says("ok"), every=rig.send)


@pytest.mark.parametrize("what", ["clock", "size"])
def test_a_clock_that_jumps_back_and_another_size_start_afresh(start, what):
    segmenter = FakeSegmenter()
    rig = start(segmenter).ready()
    rig.until(lambda: rig.masks, every=rig.send)
    segmenter.delay_s = 0.4
    pixels = PIXELS[:32] if what == "size" else PIXELS
    if what == "clock":
        rig.stamp -= 100 * 10**9
    rig.until(lambda: rig.says("no_mask"), every=lambda: rig.send(pixels=pixels))
    rig.masks.clear()
    rig.until(lambda: rig.says("ok") and rig.masks, every=lambda: rig.send(pixels=pixels))
    assert rig.masks[-1].height == len(pixels)
    assert messages.stamp_ns(rig.masks[-1].header.stamp) <= rig.stamp


def test_bad_images_are_said_and_the_next_good_one_is_masked(start):
    rig = start(FakeSegmenter()).ready()
    torn = Image(encoding="mono8", width=8, height=8, step=8, data=b"1")
    torn.header = messages.header("eye", STAMP)
    rig.until(
        lambda: rig.says("bad_image") and "image.data: expected" in rig.last()["detail"],
        every=lambda: rig.image_pub.publish(torn),
    )
    rig.until(
        lambda: "at least 16x16" in rig.last().get("detail", ""),
        every=lambda: rig.send(pixels=PIXELS[:8]),
    )
    assert not rig.masks and rig.statuses[-1].level == DiagnosticStatus.ERROR
    rig.until(lambda: rig.masks and rig.says("ok"), every=rig.send)


def test_a_bad_model_is_a_failed_transition_and_can_be_mended(start):
    opened = []

    def load(config):
        if config.model == "fake":
            raise ModelError("fake: expected a model, got none")
        opened.append(config.model)
        return FakeSegmenter()

    rig = start(load)
    rig.until(lambda: rig.says("bad_model"))
    assert rig.last()["detail"] == "fake: expected a model, got none"
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED
    assert rig.node.set_parameters([Parameter("model", value="other")])[0].successful
    for _ in range(2):
        assert rig.change(Transition.TRANSITION_CONFIGURE)
        assert rig.change(Transition.TRANSITION_ACTIVATE)
        rig.masks.clear()
        rig.until(lambda: rig.masks, every=rig.send)
        assert rig.change(Transition.TRANSITION_DEACTIVATE)
        rig.until(lambda: rig.image_pub.get_subscription_count() == 0)
        assert rig.change(Transition.TRANSITION_CLEANUP)
    assert opened == ["other"] * 2
    assert rig.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
