"""Masks of moving things: which one an image gets."""

import numpy as np
import pytest
import rclpy

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.inputs import Inputs


def test_masks_are_joined_by_stamp(make_rig):
    rig = make_rig().track()
    robot = rig.robot
    mask = np.zeros((48, 64), np.uint8)
    mask[:12] = 255

    def masked_frame():
        stamp = robot.now_ns()
        message = messages.to_image(mask, messages.header("camera", stamp))
        robot.mask_pub.publish(message)
        robot.send_frame(stamp)

    robot.until(lambda: robot.last().get("mask") == "exact", every=masked_frame)
    assert float(robot.last()["masked_fraction"]) == 0.25
    np.testing.assert_array_equal(rig.fake.calls[-1][0].mask, mask)
    robot.until(lambda: robot.last().get("mask") == "none", every=robot.send_frame)


@pytest.fixture
def mask_of(ros):
    """`mask_of(sent_ms, image_ms)`: value and kind of the mask that an image gets when masks of
    these stamps came; a mask's first pixel rows count its place among them."""
    node = rclpy.create_node("mask_inputs")
    config = LocalizerNodeConfig()
    inputs = Inputs(node, config, Faults(node), None, lambda *given: None)

    def ask(sent_ms, image_ms, max_age_s=0.2):
        inputs.clear()
        for place, ms in enumerate(sent_ms, start=1):
            pixels = np.zeros((48, 64), np.uint8)
            pixels[:place] = 255
            header = messages.header("camera", ms * 1_000_000)
            inputs._store_mask(messages.to_image(pixels, header))
        mask, kind = inputs.mask_for(image_ms * 1_000_000, 0.01, max_age_s)
        return 0 if mask is None else int((mask[:, 0] > 0).sum()), kind

    yield ask
    inputs.close()
    node.destroy_node()


def test_the_mask_of_an_image_is_its_own_or_the_last_before_never_a_later_one(mask_of):
    assert mask_of([1000, 1100, 1200, 1300], 1100) == (2, "exact"), "later ones came meanwhile"
    assert mask_of([1000, 1100, 1200], 1150) == (2, "last")
    assert mask_of([1200, 1100], 1150) == (2, "last"), "in any order"
    assert mask_of([1200], 1150) == (0, "none"), "none from the future"
    assert mask_of([900], 1150) == (0, "none"), "too old"
    assert mask_of(range(1000, 1030), 1005) == (0, "none"), "only the last ones are kept"
