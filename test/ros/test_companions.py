"""Masks, label maps and gravity by topic: what of them reaches the frame."""

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
    config = LocalizerNodeConfig(mask_wait_ms=100.0)
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
    assert joined([], 1000)[1] == "none" and joined([], 1000)[2] < 0.05
    place, kind, waited = joined([1000, 1100, 1200, 1300], 1100)
    assert (place, kind) == (2, "exact") and waited < 0.05, "later ones came meanwhile"
    place, kind, waited = joined([1000, 1100], 1150)
    assert (place, kind) == (2, "last") and waited > 0.09
    assert joined([900], 1150)[:2] == (0, "none"), "too old"
