"""Newest wins: a callback stores the image, a thread takes it when it is free."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# rclpy waits for QoS events one by one, at each turn of the executor; nothing that is offered
# can be incompatible with best effort and volatile, so there is nothing to wait for
NO_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image message and when it came (`time.monotonic`)."""

    message: Image | CompressedImage
    at_s: float


class ImageStore(Protocol):
    """Where images wait for the thread that works on them."""

    replaced: int

    def store(self, message: Image | CompressedImage) -> None: ...

    def take(self, timeout_s: float) -> Arrival | None: ...


class NewestImage:
    """One image, replaced by the next. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._image: Arrival | None = None
        self.replaced = 0  # images that nobody took

    def store(self, message: Image | CompressedImage) -> None:
        """Keep this image instead of the one before."""
        with self._changed:
            self.replaced += self._image is not None
            self._image = Arrival(message, time.monotonic())
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Arrival | None:
        """The newest image that was not taken yet, or None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._image is not None, timeout_s)
            image, self._image = self._image, None
            return image
