"""A short history of one filter's messages."""

from bisect import bisect_left, bisect_right
from typing import Any

from rclpy.time import Time

from message_filters.filters import SimpleFilter, stamp_of


class Cache(SimpleFilter):
    """Keeps the newest `cache_size` messages, sorted by stamp, and passes them on."""

    def __init__(
        self, f: SimpleFilter, cache_size: int = 1, allow_headerless: bool = False
    ) -> None:
        """`allow_headerless` stores messages without a header under their time of arrival."""
        super().__init__()
        self.cache_size = cache_size
        self.cache_msgs: list[Any] = []
        self.cache_times: list[Time] = []
        self.allow_headerless = allow_headerless
        self.connectInput(f)

    def connectInput(self, f: SimpleFilter) -> None:
        """Take messages from a filter."""
        self.incoming_connection = f.registerCallback(self.add)

    def add(self, msg: Any) -> None:
        """Store a message, drop the oldest beyond the size, pass the message on."""
        stamp = stamp_of(msg, self.allow_headerless, "message_filters_cache")
        if stamp is None:
            return
        position = bisect_right(self.cache_times, stamp.nanoseconds, key=_nanoseconds)
        self.cache_times.insert(position, stamp)
        self.cache_msgs.insert(position, msg)
        if len(self.cache_msgs) > self.cache_size:
            del self.cache_msgs[0], self.cache_times[0]
        self.signalMessage(msg)

    def getInterval(self, from_stamp: Time, to_stamp: Time) -> list[Any]:
        """The messages from one time to another, both included."""
        assert from_stamp <= to_stamp
        first = bisect_left(self.cache_times, from_stamp.nanoseconds, key=_nanoseconds)
        end = bisect_right(self.cache_times, to_stamp.nanoseconds, key=_nanoseconds)
        return self.cache_msgs[first:end]

    def getElemAfterTime(self, stamp: Time) -> Any | None:
        """The oldest message at or after a time, or None."""
        position = bisect_left(self.cache_times, stamp.nanoseconds, key=_nanoseconds)
        return self.cache_msgs[position] if position < len(self.cache_msgs) else None

    def getElemBeforeTime(self, stamp: Time) -> Any | None:
        """The newest message at or before a time, or None."""
        position = bisect_right(self.cache_times, stamp.nanoseconds, key=_nanoseconds)
        return self.cache_msgs[position - 1] if position else None

    def getLastestTime(self) -> Time | None:
        """The newest stamp, or None."""
        return self.cache_times[-1] if self.cache_times else None

    def getOldestTime(self) -> Time | None:
        """The oldest stamp, or None."""
        return self.cache_times[0] if self.cache_times else None

    def getLast(self) -> Any | None:
        """The newest message, or None."""
        return self.cache_msgs[-1] if self.cache_msgs else None


def _nanoseconds(stamp: Time) -> int:
    return stamp.nanoseconds
