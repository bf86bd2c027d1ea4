"""Images in their order, each with the mask of its stamp, or without once it has waited.

A SLAM wants every image, so unlike elsewhere none is replaced by a newer one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sensor_msgs.msg import Image

from semloc_ros.nodes import messages

_QUEUED = 30  # images of a kind; beyond, the oldest is lost
_MASKS = 60
_FLOW_S = 2.0  # without a mask for longer, none is waited for
_BACK_NS = 1_000_000_000  # masks whose stamps fall by more begin anew, as those of a bag that loops


@dataclass(frozen=True, slots=True)
class Taken:
    """A message of a kind, its mask if one came in time, and how long it waited."""

    kind: str
    message: Any
    mask: Image | None
    waited_s: float


class MaskJoin:
    """Keeps what waits, by the name of its kind; thread-safe. Masks come in order: once a later
    one is there, that of an image is not waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[str, deque[tuple[int, Any, float]]] = {}
        self._masks: OrderedDict[int, Image] = OrderedDict()
        self._before: dict[str, int] = {}  # stamp of the last image that went
        self._came_s = float("-inf")
        self.lost = 0  # as they came faster than they went

    def add_mask(self, message: Image) -> None:
        """Keep the mask of the images of its stamp. Where stamps fall back without a jump of the
        clock, the masks of before are forgotten: the later ones would say that none is to come."""
        stamp = messages.stamp_ns(message.header.stamp)
        with self._changed:
            if stamp < max(self._masks, default=stamp) - _BACK_NS:
                self._masks.clear()
                self._before.clear()
            self._masks[stamp] = message
            if len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
            self._came_s = time.monotonic()
            self._changed.notify_all()

    def add(self, kind: str, message: Any) -> None:
        """Keep an image behind those of its kind."""
        with self._changed:
            queue = self._queues.setdefault(kind, deque())
            queue.append((messages.stamp_ns(message.header.stamp), message, time.monotonic()))
            if len(queue) > _QUEUED:
                queue.popleft()
                self.lost += 1
            self._changed.notify_all()

    def take(self, timeout_s: float, wait_s: float, slop_ns: int) -> Taken | None:
        """The next image that has its mask or has waited for `wait_s`, None after the timeout. A
        mask belongs to an image if their stamps differ by no more than `slop_ns`, and no neighbour
        of its kind is nearer."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                patience = deadline
                for kind, queue in self._queues.items():
                    if not queue:
                        continue
                    stamp, message, at_s = queue[0]
                    mask = self._mask(kind, stamp, slop_ns)
                    until = at_s + wait_s if self._lacks(stamp + slop_ns, now) else now
                    if mask is not None or now >= until:
                        queue.popleft()
                        self._before[kind] = stamp
                        return Taken(kind, message, mask, now - at_s)
                    patience = min(patience, until)
                if now >= deadline:
                    return None
                self._changed.wait(patience - now)

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        with self._changed:
            self._queues.clear()
            self._masks.clear()
            self._before.clear()

    def _mask(self, kind: str, stamp_ns: int, slop_ns: int) -> Image | None:
        if stamp_ns in self._masks:
            return self._masks[stamp_ns]
        nearest = min(self._masks, key=lambda one: abs(one - stamp_ns), default=None)
        if nearest is None or abs(nearest - stamp_ns) > slop_ns:
            return None
        neighbours = [stamp for stamp, _, _ in islice(self._queues[kind], 1, 2)]
        neighbours += [self._before[kind]] if kind in self._before else []
        if any(abs(nearest - one) < abs(nearest - stamp_ns) for one in neighbours):
            return None
        return self._masks[nearest]

    def _lacks(self, stamp_ns: int, now_s: float) -> bool:
        """Whether a mask of up to that stamp is still to be expected."""
        flows = now_s - self._came_s < _FLOW_S
        return flows and max(self._masks, default=0) <= stamp_ns
