"""What the place retriever receives beside images: labels and masks by stamp, and odometry."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import TimeJump
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from semloc_ros.config import PlaceRetrieverNodeConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.localization.companions import LABELS
from semloc_ros.nodes.camera_odometry import CameraOdometry
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.image_node import Refused
from semloc_ros.nodes.joined_images import JoinedImages
from semloc_ros.nodes.mask_input import JUMP_BACK, RECENT, MaskInput, pixels_of
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.types import FloatArray, LabelMap

NO_LABELS, BAD_LABELS = "no_labels", "bad_labels"


class PlaceInputs:
    """The subscriptions beside the images', from construction until `close`.

    `needs` are the kinds without which an image has no places; `images` waits for those.
    """

    def __init__(
        self, node: Node, config: PlaceRetrieverNodeConfig, faults: Faults, needs: Collection[str]
    ) -> None:
        self._node, self._config = node, config
        self._needs_labels = LABELS in needs
        needed = LABELS if self._needs_labels else ""
        self.images = JoinedImages(needed, config.labels_wait_ms / 1e3)
        asked = config.retriever.sequence.length_m > 0
        self._odometry = CameraOdometry(node, config, faults) if asked else None
        self._masks = MaskInput(node, self.images, faults, config.mask_wait_ms)
        self._labels = None
        if self._needs_labels:
            self._labels = node.create_subscription(
                Image, LABELS, partial(self.images.add, LABELS), RECENT, event_callbacks=NO_EVENTS
            )
        self._jumps = node.get_clock().create_jump_callback(
            JUMP_BACK, post_callback=self._on_jump
        )

    def labels(self, stamp_ns: int, image: NDArray[np.uint8]) -> LabelMap | None:
        """The label map (H, W) of the image of that stamp, None where none is needed.

        Raises Refused, with the status's reason, where it has not come or is none.
        """
        if not self._needs_labels:
            return None
        message = self.images.find(LABELS, stamp_ns)
        if message is None:
            wanted = f"those of an image within {self._config.labels_wait_ms:g} ms"
            topic = self._node.resolve_topic_name(LABELS)
            raise Refused(NO_LABELS, expected(LABELS, wanted, f"none on {topic}"))
        try:
            return pixels_of(LABELS, message, image)
        except InputError as error:
            raise Refused(BAD_LABELS, str(error)) from None

    def mask(self, stamp_ns: int, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """As of `MaskInput.of`."""
        return self._masks.of(stamp_ns, image)

    def odom_from_camera(self, header: Header) -> FloatArray | None:
        """The camera's pose (4, 4) in the frame of odometry at the image's stamp, if it is known
        and asked for."""
        return None if self._odometry is None else self._odometry.at(header)

    def close(self) -> None:
        """Unsubscribe."""
        self._jumps.unregister()
        self._masks.close()
        if self._labels is not None:
            self._node.destroy_subscription(self._labels)
        if self._odometry is not None:
            self._odometry.close()

    def _on_jump(self, _: TimeJump) -> None:
        """See `MaskInput`, which does the same for images."""
        if self._odometry is not None:
            self._odometry.clear()
