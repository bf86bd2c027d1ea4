"""Images and what belongs to them by stamp: the newest image that has what it needs wins."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from sensor_msgs.msg import CompressedImage, Image

from semloc_ros.nodes import messages
from semloc_ros.nodes.newest import Arrival

_MOST_BYTES = 64_000_000  # of images that wait: 70 of 640 x 480, as a network takes its time
_KEPT = 40  # messages of a kind, that may belong to one of them
_FLOW_S = 2.0  # without one for longer, none is waited for


class JoinedImages:
    """Keeps images and their companions, by the name of their kind; thread-safe.

    `needed` names the kind without which an image is of no use, "" none: an image is taken when
    that has come. Each time that no image gets it for `wait_s` while images wait, the oldest is
    taken without, so that it can be said; the others may still get theirs.
    """

    def __init__(self, needed: str, wait_s: float) -> None:
        self._changed = threading.Condition()
        self._images: deque[Arrival] = deque()
        self._needed, self._wait_s = needed, wait_s
        self._flows: dict[str, _Flow] = {}
        self._bytes, self._since_s = 0, 0.0  # of the images, and when their wait began
        self.replaced = 0  # images that nobody took

    def store(self, message: Image | CompressedImage) -> None:
        """Keep this image too, if those before it may still get what is needed; else instead."""
        with self._changed:
            now = time.monotonic()
            if not self._images:
                self._since_s = now
            self._images.append(Arrival(message, now))
            self._bytes += len(message.data)
            most_bytes = _MOST_BYTES if self._needed else 0
            while self._bytes > most_bytes and len(self._images) > 1:
                self._drop_oldest()
                self.replaced += 1
            self._changed.notify_all()

    def add(self, kind: str, message: Image) -> None:
        """Keep what belongs to the image of its stamp."""
        with self._changed:
            self._flows.setdefault(kind, _Flow()).add(message)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Arrival | None:
        """The newest image that has what is needed, or None after the timeout; older ones are
        gone, newer ones may still get theirs."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (chosen := self._chosen()) is None:
                remaining = min(deadline, self._patience()) - time.monotonic()
                if time.monotonic() >= deadline:
                    return None
                self._changed.wait(max(remaining, 0.0))
            while self._drop_oldest() is not chosen:
                self.replaced += 1
            self._since_s = time.monotonic()
            return chosen

    def find(self, kind: str, stamp_ns: int, wait_s: float = 0.0) -> Image | None:
        """What belongs to the image of that stamp. Waits for it, but only while such messages
        come, and not once a later one is there."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            flow = self._flows.setdefault(kind, _Flow())
            while flow.lacks(stamp_ns) and (remaining := deadline - time.monotonic()) > 0:
                self._changed.wait(remaining)
            return flow.messages.get(stamp_ns)

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        with self._changed:
            self._images.clear()
            self._flows.clear()
            self._bytes = 0

    def _drop_oldest(self) -> Arrival:
        oldest = self._images.popleft()
        self._bytes -= len(oldest.message.data)
        return oldest

    def _chosen(self) -> Arrival | None:
        if not self._images:
            return None
        if not self._needed:
            return self._images[-1]
        there = self._flows.get(self._needed, _Flow()).messages
        for image in reversed(self._images):
            if messages.stamp_ns(image.message.header.stamp) in there:
                return image
        return self._images[0] if time.monotonic() >= self._patience() else None

    def _patience(self) -> float:
        """When images have waited long enough for what is needed."""
        return self._since_s + self._wait_s if self._images else float("inf")


class _Flow:
    """One kind of companions by stamp, in the order of arrival."""

    def __init__(self) -> None:
        self.messages: OrderedDict[int, Image] = OrderedDict()
        self.came_s = float("-inf")

    def add(self, message: Image) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        self.messages.pop(stamp, None)  # of equal stamps the one that came last
        self.messages[stamp] = message
        if len(self.messages) > _KEPT:
            self.messages.popitem(last=False)
        self.came_s = time.monotonic()

    def lacks(self, stamp_ns: int) -> bool:
        """Whether the one of that stamp is still to be expected."""
        flows = time.monotonic() - self.came_s < _FLOW_S
        return flows and not any(stamp >= stamp_ns for stamp in self.messages)
