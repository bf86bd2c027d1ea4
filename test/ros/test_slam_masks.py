"""The node `slam_bridge` over DDS: images, depth and masks in, the same without what moves out."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from image_node_rig import ImageNodeRig
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from semloc_ros.nodes import messages
from semloc_ros.nodes.slam_bridge import SlamBridgeNode

PIXELS = np.random.default_rng(0).integers(1, 255, (48, 64, 3), np.uint8)
MASK = np.zeros((48, 64), np.uint8)
MASK[10:30, 20:40] = 255
MOVES = MASK == 255
STAMP = 1_700_000_000_123_456_789
_names = itertools.count()


class Rig(ImageNodeRig):
    """The bridge's side of masks, with a camera and a segmenter."""

    def __init__(self, name, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: SlamBridgeNode(
            parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"]
        ), parameters.get("image_transport"))  # fmt: skip
        make = self.robot.create_publisher
        self.mask_pub, self.depth_pub = make(Image, "mask", 5), make(Image, "depth", 5)
        self.images = self.listen(Image, f"/{name}/masked_image")
        self.masks = self.listen(Image, f"/{name}/mask")
        self.depths = self.listen(Image, f"/{name}/depth")
        self.sent = 0

    def ready(self):
        publishers = (self.image_pub, self.mask_pub, self.depth_pub)
        self.until(lambda: all(one.get_subscription_count() for one in publishers))
        topics = [f"/{self.name}/{one}" for one in ("masked_image", "mask", "depth")]
        self.until(lambda: all(self.robot.count_publishers(one) for one in topics))
        return self

    def header(self, later_ns=0):
        return messages.header("eye", STAMP + self.sent + later_ns)

    def send(self, pixels=PIXELS, encoding="bgr8", mask=MASK):
        """An image and then its mask; each call another stamp."""
        self.sent += 1
        self.image_pub.publish(messages.to_image(pixels, self.header(), encoding))
        if mask is not None:
            self.mask_pub.publish(messages.to_image(mask, self.header()))

    def send_depth(self, pixels, encoding, later_ns=0):
        self.depth_pub.publish(messages.to_image(pixels, self.header(later_ns), encoding))


@pytest.fixture
def start(ros):
    """`start(**parameters)`: a running bridge that aligns nothing."""
    rigs = []

    def begin(**parameters):
        given = {"align": False, **parameters}
        rigs.append(Rig(f"masks_{next(_names)}", given))
        return rigs[-1].ready()

    yield begin
    for rig in rigs:
        rig.close()


def array(message, kind=np.uint8):
    channels = len(message.data) // np.dtype(kind).itemsize // message.width // message.height
    shape = (message.height, message.width, channels)[: 2 + (channels > 1)]
    return np.frombuffer(message.data, kind).reshape(shape)


def flows(rig, **send):
    """Until masks come, so that they are waited for."""
    rig.until(lambda: int(rig.last().get("images", 0)) > 0, every=lambda: rig.send(**send))
    rig.until(lambda: rig.images and (array(rig.images[-1])[..., 0][MOVES] == 128).all(),
              every=lambda: rig.send(**send))  # fmt: skip


def stamps_of(found, after):
    """Stamps of what was sent after so many others, which may still come."""
    stamps = [messages.stamp_ns(one.header.stamp) - STAMP for one in found]
    return [one for one in stamps if one > after]


def test_what_moves_is_filled_in_the_images_own_encoding(start):
    rig = start(mask_wait_ms=2000.0)
    flows(rig)
    found, mask = rig.images[-1], rig.masks[-1]
    assert found.encoding == "bgr8" and found.header.frame_id == "eye"
    assert (array(found)[~MOVES] == PIXELS[~MOVES]).all() and (array(found)[MOVES] == 128).all()
    assert mask.encoding == "mono8" and (array(mask) == MASK).all()
    assert set(stamps_of(rig.images, 0)) & set(stamps_of(rig.masks, 0))
    rig.until(lambda: rig.last()["state"] == "OFF")
    assert rig.last()["reason"] == "no_alignment"


def test_marks_and_fill_can_be_changed(start):
    rig = start(mask_wait_ms=2000.0)
    flows(rig)
    changes = [Parameter("mask_marks", value="static"), Parameter("fill", value=0)]
    assert all(one.successful for one in rig.node.set_parameters(changes))
    rig.until(lambda: rig.images[-1].encoding == "mono8" and 255 in array(rig.masks[-1])[~MOVES],
              every=lambda: rig.send(PIXELS[..., 0].copy(), "mono8"))  # fmt: skip
    assert (array(rig.images[-1])[MOVES] == 0).all()
    assert (array(rig.masks[-1]) == 255 - MASK).all()


@pytest.mark.parametrize(("kind", "encoding"), [(np.uint16, "16UC1"), (np.float32, "32FC1")])
def test_depth_has_none_where_something_moves(start, kind, encoding):
    rig = start(mask_wait_ms=2000.0, mask_slop_ms=1.0)
    flows(rig)
    depth = np.full((48, 64), 1.5e3, kind)

    def send():
        rig.send()
        rig.send_depth(depth, encoding, later_ns=900_000)

    rig.until(lambda: rig.depths and (array(rig.depths[-1], kind)[MOVES] == 0).all(), every=send)
    assert rig.depths[-1].encoding == encoding
    assert (array(rig.depths[-1], kind)[~MOVES] == 1500).all()


def test_without_a_mask_the_image_passes_and_that_is_said(start):
    rig, said = start(mask_wait_ms=50.0), []
    rig.node._faults.say = lambda reason, text: said.append(text)
    flows(rig)
    rig.until(lambda: (array(rig.images[-1]) == PIXELS).all() and not array(rig.masks[-1]).any(),
              every=lambda: rig.send(mask=None))  # fmt: skip
    line = "mask: expected that of the image within 50 ms, got none on /mask: it goes on as it is"
    assert line in said
    rig.until(lambda: int(rig.last()["images_without_mask"]) > 0)
    small = MASK[:, :32].copy()
    rig.until(lambda: any("64x48 pixels of one channel" in one for one in said),
              every=lambda: rig.send(mask=small))  # fmt: skip


def test_without_a_mask_the_image_is_dropped_if_that_is_wanted(start):
    rig = start(mask_wait_ms=50.0, without_mask="drop")
    flows(rig)
    before, sent = int(rig.last()["images_without_mask"]), rig.sent
    rig.until(lambda: int(rig.last()["images_without_mask"]) > before + 2,
              every=lambda: rig.send(mask=None))  # fmt: skip
    assert not stamps_of(rig.images, sent) and not stamps_of(rig.masks, sent)
    rig.until(lambda: stamps_of(rig.images, sent), every=rig.send)


def test_every_image_goes_on_in_order(start):
    rig = start(mask_wait_ms=3000.0)
    flows(rig)
    first = rig.sent + 1
    for _ in range(8):
        rig.send(mask=None)
        time.sleep(0.02)
    for later in range(first, first + 8):
        header = messages.header("eye", STAMP + later)
        rig.mask_pub.publish(messages.to_image(MASK, header))
        time.sleep(0.02)
    rig.until(lambda: len(stamps_of(rig.images, first - 1)) >= 8)
    assert stamps_of(rig.images, first - 1) == list(range(first, first + 8))
    assert all((array(one)[MOVES] == 128).all() for one in rig.images[-8:])


def test_compressed_images_are_taken_and_broken_ones_are_one_line(start):
    rig, said = start(image_transport="compressed", mask_wait_ms=2000.0), []
    rig.node._faults.say = lambda reason, text: said.append(text)

    def send():
        rig.sent += 1
        message = messages.to_compressed_image(PIXELS, rig.header())
        rig.image_pub.publish(message)
        rig.mask_pub.publish(messages.to_image(MASK, rig.header()))

    rig.until(lambda: rig.images and (array(rig.images[-1])[MOVES] == 128).all(), every=send)
    assert rig.images[-1].encoding == "rgb8"
    assert (array(rig.images[-1])[~MOVES] == PIXELS[~MOVES]).all()
    bad = messages.to_compressed_image(PIXELS, rig.header())
    bad.data = b"nothing"
    rig.until(lambda: any("a readable compressed image" in one for one in said),
              every=lambda: rig.image_pub.publish(bad))  # fmt: skip
    rig.depths.clear()
    line = "depth.encoding: expected 16UC1 or 32FC1, got 'mono8'"
    rig.until(lambda: line in said,
              every=lambda: rig.send_depth(MASK, "mono8"))  # fmt: skip
    assert not rig.depths
