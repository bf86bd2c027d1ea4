"""Masks of images by their stamps, for nodes that wait for images in `joined_images`."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from semloc_ros.errors import InputError
from semloc_ros.localization.companions import MASK, check_companion
from semloc_ros.localization.serving import CLOCK_JUMP_BACK_NS
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.joined_images import JoinedImages
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.types import LabelMap

JUMP_BACK = JumpThreshold(
    min_forward=None, min_backward=Duration(nanoseconds=-CLOCK_JUMP_BACK_NS)
)
RECENT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class MaskInput:
    """The subscription to `mask`, from construction until `close`; masks are kept in `images`,
    which forget everything when the clock is set back: it belongs to no image any more."""

    def __init__(self, node: Node, images: JoinedImages, faults: Faults, wait_ms: float) -> None:
        self._node, self._images, self._faults = node, images, faults
        self._jumps = node.get_clock().create_jump_callback(
            JUMP_BACK, post_callback=lambda _: images.clear()
        )
        self._wait_s = wait_ms / 1e3
        self._subscription = node.create_subscription(
            Image, MASK, partial(images.add, MASK), RECENT, event_callbacks=NO_EVENTS
        )

    def of(self, stamp_ns: int, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The mask (H, W) of the image of that stamp, if there is one; a broken one is none."""
        message = self._images.find(MASK, stamp_ns, self._wait_s)
        try:
            return None if message is None else pixels_of(MASK, message, image).astype(np.uint8)
        except InputError as error:
            self._faults.say(MASK, str(error))
            return None

    def close(self) -> None:
        """Unsubscribe."""
        self._jumps.unregister()
        self._node.destroy_subscription(self._subscription)


def pixels_of(kind: str, message: Image, image: NDArray[np.uint8]) -> LabelMap:
    """Pixels (H, W) of what belongs to an image; InputError if they do not fit it."""
    pixels = messages.companion_from(kind, message)
    check_companion(kind, pixels, image)
    return pixels
