"""The stored transforms from one frame to its parent, over time or static."""

from bisect import bisect_left, bisect_right

from tf2_py.exceptions import ExtrapolationException
from tf2_py.rigid import Pose, interpolate

Link = tuple[str, Pose]


def seconds(stamp_ns: int) -> str:
    """A time for an error message."""
    return f"{stamp_ns / 1e9:.6f}"


class StaticCache:
    """One transform that holds at any time."""

    is_static = True

    def __init__(self) -> None:
        self._link: Link | None = None

    def insert(self, stamp_ns: int, parent: str, pose: Pose) -> bool:
        """Replace the transform."""
        self._link = (parent, pose)
        return True

    def at(self, stamp_ns: int) -> Link:
        """(parent, parent_from_frame), the same at any time."""
        assert self._link is not None
        return self._link

    def latest(self) -> tuple[int, str | None]:
        """Time 0, which means any time, and the parent."""
        assert self._link is not None
        return 0, self._link[0]

    def clear(self) -> None:
        """Static transforms outlive a clear."""


class TimeCache:
    """Transforms sorted by time, at most `duration_ns` older than the newest."""

    is_static = False

    def __init__(self, duration_ns: int) -> None:
        self._duration_ns = duration_ns
        self._stamps: list[int] = []
        self._links: list[Link] = []

    def insert(self, stamp_ns: int, parent: str, pose: Pose) -> bool:
        """Store a transform; False where it is older than the cache reaches."""
        stamps, links = self._stamps, self._links
        if stamps:
            oldest = stamps[-1] - self._duration_ns
            expired = bisect_left(stamps, oldest)
            del stamps[:expired], links[:expired]
            if stamp_ns < oldest:
                return False
        position = bisect_left(stamps, stamp_ns)
        if position < len(stamps) and stamps[position] == stamp_ns:
            links[position] = (parent, pose)
        else:
            stamps.insert(position, stamp_ns)
            links.insert(position, (parent, pose))
        return True

    def at(self, stamp_ns: int) -> Link:
        """(parent, parent_from_frame) at a time, interpolated between its neighbours.

        Raises ExtrapolationException outside the stored times. Where the frame changed its parent
        between the neighbours, the older one holds.
        """
        stamps, links = self._stamps, self._links
        if not stamps:
            raise ExtrapolationException("there is no data")
        position = bisect_right(stamps, stamp_ns)
        if position and stamps[position - 1] == stamp_ns:
            return links[position - 1]
        if position == 0 or position == len(stamps):
            raise ExtrapolationException(self._outside(stamp_ns))
        (parent, before), (next_parent, after) = links[position - 1], links[position]
        if parent != next_parent:
            return parent, before
        start = stamps[position - 1]
        fraction = (stamp_ns - start) / (stamps[position] - start)
        return parent, interpolate(before, after, fraction)

    def latest(self) -> tuple[int, str | None]:
        """The newest time and the parent then; (0, None) where nothing is stored."""
        return (self._stamps[-1], self._links[-1][0]) if self._stamps else (0, None)

    def clear(self) -> None:
        """Forget everything."""
        self._stamps.clear()
        self._links.clear()

    def _outside(self, stamp_ns: int) -> str:
        first, last = self._stamps[0], self._stamps[-1]
        if first == last:
            return f"extrapolation at time {seconds(stamp_ns)}: only {seconds(first)} is stored"
        if stamp_ns > last:
            return (
                f"extrapolation into the future at time {seconds(stamp_ns)}: "
                f"the latest data is at {seconds(last)}"
            )
        return (
            f"extrapolation into the past at time {seconds(stamp_ns)}: "
            f"the earliest data is at {seconds(first)}"
        )
