"""What nodes that run a network on each image have in common: newest wins, one thread, a status.

The executor's thread only stores images; the node's own thread works on the newest and publishes
under the image's header, so that what comes out is joined to the image by its stamp.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from semloc_ros.errors import InputError, SemlocError
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.lifecycle import INACTIVE, UNCONFIGURED, StagedNode
from semloc_ros.nodes.loop import Loop
from semloc_ros.nodes.newest import NEWEST, NO_EVENTS, Arrival, ImageStore, NewestImage
from semloc_ros.nodes.status import DIAGNOSTICS_S, StatusTopic

OK, BAD_IMAGE, NO_IMAGE = "ok", "bad_image", "no_image"
BAD_MAP, BAD_MODEL = "bad_map", "bad_model"
_POLL_S = 0.2
_SILENCE_S = 2.0  # without an image that is said


class Refused(InputError):
    """An image that is not worked on for a reason of its own: the word of the status and its level;
    a warning passes by itself and is not logged."""

    def __init__(self, reason: str, text: str, level: bytes = DiagnosticStatus.ERROR) -> None:
        super().__init__(text)
        self.reason, self.level = reason, level


@dataclass(frozen=True, slots=True)
class _Active:
    """What exists only while the node is active."""

    images: ImageStore
    subscription: Any
    loop: Loop
    timers: tuple[Any, ...]


class ImageNode(StagedNode):
    """A subclass gives `_work`, `_load` and `_unload`, and calls `_autostart`."""

    bad_file = BAD_MODEL

    def __init__(self, name: str, **node_options: Any) -> None:
        super().__init__(name, **node_options)
        self._faults = Faults(self)
        self._status = StatusTopic(self)
        self._active: _Active | None = None
        self._last_at_s = 0.0
        self._is_silent = False
        self._say_idle(UNCONFIGURED)

    @abstractmethod
    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        """Publish what is made of an image (H, W[, 3]), and return numbers for the status; with a
        `reason` among them that word is a warning, of what was published all the same.
        SemlocError refuses the image, as a bad one if it is not `Refused`."""

    @abstractmethod
    def _transport(self) -> str:
        """Kind of the image topic: raw or compressed."""

    def _image_store(self) -> ImageStore:
        """Where images wait until one is taken; made anew at each activation."""
        return NewestImage()

    def close(self) -> None:
        """Stop the thread; nothing is published afterwards."""
        active, self._active = self._active, None
        if active is None:
            return
        active.loop.stop()
        self.destroy_subscription(active.subscription)
        for timer in active.timers:
            self.destroy_timer(timer)

    def _begin(self) -> None:
        images = self._image_store()
        kind = CompressedImage if self._transport() == "compressed" else Image
        subscription = self.create_subscription(
            kind, "image", partial(self._store, images), NEWEST, event_callbacks=NO_EVENTS
        )
        loop = Loop(self, partial(self._turn, images))
        timer = self.create_timer(DIAGNOSTICS_S, self._diagnose, clock=self._steady)
        self._last_at_s, self._is_silent = time.monotonic(), False
        self._active = _Active(images, subscription, loop, (timer,))
        loop.start()

    def _store(self, images: ImageStore, message: Image | CompressedImage) -> None:
        self._last_at_s, self._is_silent = time.monotonic(), False
        images.store(message)

    def _turn(self, images: ImageStore) -> None:
        arrival = images.take(_POLL_S)
        if arrival is None:
            return
        header = arrival.message.header
        try:
            values = self._timed(arrival)
        except SemlocError as error:
            fault = error if isinstance(error, Refused) else Refused(BAD_IMAGE, str(error))
            if fault.level == DiagnosticStatus.ERROR:
                self._faults.say(fault.reason, str(error))
            self._say(fault.level, fault.reason, header, detail=str(error))
            return
        reason = str(values.pop("reason", OK))
        level = DiagnosticStatus.OK if reason == OK else DiagnosticStatus.WARN
        self._say(level, reason, header, **values, images_left_out=images.replaced)

    def _timed(self, arrival: Arrival) -> dict[str, object]:
        image = messages.image_from(arrival.message)
        if not messages.frame_of(arrival.message.header.frame_id):
            raise InputError("image.header.frame_id: expected a frame, got ''")
        values = self._work(image, arrival.message.header)
        return {**values, "latency_ms": (time.monotonic() - arrival.at_s) * 1e3}

    def _diagnose(self) -> None:
        """Once a second; that no image comes is said once."""
        if time.monotonic() - self._last_at_s > _SILENCE_S and not self._is_silent:
            self._is_silent = True
            self._say_idle(NO_IMAGE, f"nothing on {self.resolve_topic_name('image')}")
        self._status.publish_diagnostics()

    def _say(self, level: bytes, reason: str, header: Header, **values: object) -> None:
        stamp = messages.stamp_ns(header.stamp)
        self._status.publish(level, reason, {"reason": reason, "stamp": stamp, **values})

    def _say_idle(self, reason: str, detail: str = "") -> None:
        bad = reason not in (UNCONFIGURED, INACTIVE, NO_IMAGE)
        level = DiagnosticStatus.ERROR if bad else DiagnosticStatus.WARN
        now = self.get_clock().now().nanoseconds
        header = messages.header("", now)
        self._say(level, reason, header, detail=detail)
