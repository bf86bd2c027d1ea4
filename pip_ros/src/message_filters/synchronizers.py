"""Filters that put out one message of each input, of equal or nearly equal stamps."""

import threading
from collections.abc import Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.time import Time

from message_filters.filters import SimpleFilter, stamp_of

Queue = dict[int, Any]


class TimeSynchronizer(SimpleFilter):
    """Puts out sets of messages with exactly the same stamp, one of each input."""

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        """`queue_size` messages of each input wait for their partners; the oldest are dropped."""
        super().__init__()
        self.queue_size = queue_size
        # Reentrant: a callback may, in the same thread, bring about the next message.
        self.lock = threading.RLock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Take messages from filters, in the order of the callback's arguments."""
        self.queues: list[Queue] = [{} for _ in fs]
        self.input_connections = [
            source.registerCallback(self.add, queue, index)
            for index, (source, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input; calls the callbacks if it completes a set."""
        stamp = Time.from_msg(msg.header.stamp).nanoseconds
        with self.lock:
            self._store(stamp, msg, my_queue)
            if all(stamp in queue for queue in self.queues):
                self._emit([stamp] * len(self.queues))

    def _store(self, stamp: int, msg: Any, queue: Queue) -> None:
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _emit(self, stamps: Sequence[int]) -> None:
        """Take the messages of these stamps out of the queues and hand them on."""
        self.signalMessage(
            *[queue.pop(stamp) for queue, stamp in zip(self.queues, stamps, strict=True)]
        )


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Puts out sets of messages whose stamps lie within `slop` seconds, one of each input.

    Each message is used once. A new message takes the partners nearest to it.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        allow_headerless: bool = False,
    ) -> None:
        """`allow_headerless` takes the time of arrival of messages without a header."""
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input; calls the callbacks if it completes a set."""
        time = stamp_of(msg, self.allow_headerless, "message_filters_approx")
        if time is None:
            return
        stamp = time.nanoseconds
        with self.lock:
            self._store(stamp, msg, my_queue)
            if stamp not in my_queue:
                return
            candidates = [
                [stamp] if queue is my_queue else self._near(stamp, queue) for queue in self.queues
            ]
            stamps = _first_within(candidates, stamp, stamp, self.slop.nanoseconds)
            if stamps is not None:
                self._emit(stamps)

    def _near(self, stamp: int, queue: Queue) -> list[int]:
        """The stamps of a queue within the slop, nearest first."""
        slop = self.slop.nanoseconds
        return sorted(
            (other for other in queue if abs(other - stamp) <= slop),
            key=lambda other: abs(other - stamp),
        )


def _first_within(
    candidates: Sequence[Sequence[int]], low: int, high: int, slop: int
) -> list[int] | None:
    """One of each list so that all stamps lie less than `slop` apart; earlier entries preferred.

    A partial choice that is too wide already is given up, which keeps long queues cheap.
    """
    if high - low >= slop:
        return None
    if not candidates:
        return []
    for stamp in candidates[0]:
        rest = _first_within(candidates[1:], min(low, stamp), max(high, stamp), slop)
        if rest is not None:
            return [stamp, *rest]
    return None
