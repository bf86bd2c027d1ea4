"""The side of slam_bridge that gives on images and depth without what moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.localization.companions import MASK, check_companion
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.loop import Loop
from semloc_ros.nodes.mask_join import MaskJoin, Taken
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.masked_images import marked, without_dynamic

IMAGE, DEPTH = "image", "depth"
_POLL_S = 0.2
_EVERY = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_IMAGE_ENCODINGS = (*messages.GRAY_ENCODINGS, *messages.COLOR_ENCODINGS)


class MaskSide:
    """Subscribed from construction until `close`; works in a thread of its own."""

    def __init__(
        self, node: Node, config: Callable[[], SlamBridgeNodeConfig], faults: Faults
    ) -> None:
        self._node, self._config, self._faults = node, config, faults
        self._join = MaskJoin()
        self._counts: Counter[str] = Counter()
        self._waited_s = 0.0
        self._mask = quiet_publisher(node, Image, "~/mask", 5)
        self._image = quiet_publisher(node, Image, "~/masked_image", 5)
        self._depth = quiet_publisher(node, Image, "~/depth", 5)
        kind = CompressedImage if config().image_transport == "compressed" else Image
        self._subscriptions = [
            node.create_subscription(of, topic, callback, _EVERY, event_callbacks=NO_EVENTS)
            for of, topic, callback in (
                (Image, MASK, self._join.add_mask),
                (kind, IMAGE, partial(self._join.add, IMAGE)),
                (Image, DEPTH, partial(self._join.add, DEPTH)),
            )
        ]
        self._loop = Loop(node, self._turn)
        self._loop.start()

    def close(self) -> None:
        """Stop the thread and unsubscribe; nothing is published afterwards."""
        self._loop.stop()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for publisher in (self._mask, self._image, self._depth):
            self._node.destroy_publisher(publisher)

    def forget(self) -> None:
        """Forget what waits, as after a jump of the clock."""
        self._join.clear()

    @property
    def values(self) -> dict[str, object]:
        """Numbers for the status since activation: images and depth images that came, those that
        had no mask, and those that were lost in the queue."""
        counts = {
            f"{kind}s{what}": self._counts[kind + what]
            for kind in (IMAGE, DEPTH) for what in ("", "_without_mask")
        }  # fmt: skip
        waited = {"images_lost": self._join.lost, "waited_ms": self._waited_s * 1e3}
        return {**counts, **waited}

    def _turn(self) -> None:
        config = self._config()
        slop_ns = round(config.mask_slop_ms * 1e6)
        taken = self._join.take(_POLL_S, config.mask_wait_ms / 1e3, slop_ns)
        if taken is None:
            return
        try:
            pixels, encoding = _pixels(taken)
        except InputError as error:
            self._faults.say(taken.kind, str(error))
            return
        self._counts[taken.kind] += 1
        self._waited_s = taken.waited_s
        mask = self._mask_of(taken, pixels)
        if mask is None:
            self._counts[f"{taken.kind}_without_mask"] += 1
            if config.without_mask == "drop":
                return
            mask = np.zeros(pixels.shape[:2], np.uint8)
        self._publish(taken, pixels, encoding, mask)

    def _mask_of(self, taken: Taken, pixels: NDArray[Any]) -> NDArray[np.uint8] | None:
        """The mask (H, W), 255 = dynamic; a broken one is none, and that there is none is said."""
        config = self._config()
        then = "goes on as it is" if config.without_mask == "pass" else "is dropped"
        try:
            if taken.mask is None:
                wanted = f"that of the {taken.kind} within {config.mask_wait_ms:g} ms"
                topic = self._node.resolve_topic_name(MASK)
                raise InputError(expected(MASK, wanted, f"none on {topic}"))
            mask = messages.companion_from(MASK, taken.mask)
            check_companion(MASK, mask, pixels)
        except InputError as error:
            self._faults.say(f"{taken.kind} {MASK}", f"{error}: it {then}")
            return None
        return mask.astype(np.uint8, copy=False)

    def _publish(
        self, taken: Taken, pixels: NDArray[Any], encoding: str, mask: NDArray[np.uint8]
    ) -> None:
        """Only what somebody wants, under the header of the image."""
        header, config = taken.message.header, self._config()
        if taken.kind == DEPTH:
            _send(self._depth, header, encoding, lambda: without_dynamic(pixels, mask))
            return
        _send(self._mask, header, "mono8", lambda: marked(mask, config.mask_marks))
        _send(self._image, header, encoding, lambda: without_dynamic(pixels, mask, config.fill))


def _pixels(taken: Taken) -> tuple[NDArray[Any], str]:
    """The pixels and their encoding, which stays as it is; compressed images become mono8 or
    rgb8."""
    message = taken.message
    if isinstance(message, CompressedImage):
        pixels = messages.image_from(message)
        return pixels, "mono8" if pixels.ndim == 2 else "rgb8"
    encodings = messages.DEPTH_ENCODINGS if taken.kind == DEPTH else _IMAGE_ENCODINGS
    return messages.pixels_from(taken.kind, message, encodings), message.encoding


def _send(
    publisher: Any, header: Header, encoding: str, make: Callable[[], NDArray[Any]]
) -> None:
    if publisher.get_subscription_count() > 0:
        publisher.publish(messages.to_image(make(), header, encoding))
