"""A tree of coordinate frames over time: stores transforms, answers lookups between any two.

Follows the behaviour of tf2's C++ BufferCore: each frame has one parent at a time, links are
interpolated, time zero means the newest time that all links of the way have in common.
"""

import math
import threading

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

from tf2_py.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_py.rigid import IDENTITY, Pose, compose, inverse
from tf2_py.time_cache import StaticCache, TimeCache, seconds

MAX_DEPTH = 1000
_logger = get_logger("tf2_buffer")


class BufferCore:
    """Frames and transforms; every method may be called from any thread."""

    def __init__(self, cache_time: Duration | None = None) -> None:
        """`cache_time` is how far back transforms are kept, 10 s unless given."""
        self._cache_ns = 10_000_000_000 if cache_time is None else cache_time.nanoseconds
        self._caches: dict[str, TimeCache | StaticCache] = {}
        self._authorities: dict[str, str] = {}
        self._frames: set[str] = set()
        # Waiting lookups sleep on it until new data arrives.
        self._changed = threading.Condition(threading.RLock())

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Store a transform that holds at its stamp."""
        self._insert(transform, authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Store a transform that holds at any time."""
        self._insert(transform, authority, is_static=True)

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        with self._changed:
            for cache in self._caches.values():
                cache.clear()

    def lookup_transform_core(
        self, target_frame: str, source_frame: str, time: Time
    ) -> TransformStamped:
        """The transform that takes coordinates in the source frame to the target frame.

        Raises a TransformException. Does not wait.
        """
        stamp, pose = self._lookup(target_frame, source_frame, stamp_ns(time))
        return _message(stamp, target_frame, source_frame, pose)

    def lookup_transform_full_core(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> TransformStamped:
        """From the source frame at one time to the target frame at another, by a frame at rest."""
        with self._changed:
            for name in (target_frame, source_frame, fixed_frame):
                self._check_frame(name)
            _, source = self._lookup(fixed_frame, source_frame, stamp_ns(source_time))
            stamp, target = self._lookup(target_frame, fixed_frame, stamp_ns(target_time))
        return _message(stamp, target_frame, source_frame, compose(target, source))

    def can_transform_core(
        self, target_frame: str, source_frame: str, time: Time
    ) -> tuple[bool, str]:
        """Whether the lookup would succeed now, and why not."""
        try:
            self._lookup(target_frame, source_frame, stamp_ns(time))
        except TransformException as fault:
            return False, str(fault)
        return True, ""

    def can_transform_full_core(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> tuple[bool, str]:
        """Whether the full lookup would succeed now, and why not."""
        try:
            with self._changed:
                for name in (target_frame, source_frame, fixed_frame):
                    self._check_frame(name)
                self._lookup(fixed_frame, source_frame, stamp_ns(source_time))
                self._lookup(target_frame, fixed_frame, stamp_ns(target_time))
        except TransformException as fault:
            return False, str(fault)
        return True, ""

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """The newest time at which the lookup succeeds; zero where all links are static."""
        with self._changed:
            self._check_frame(target_frame)
            self._check_frame(source_frame)
            return Time(nanoseconds=self._latest_common(target_frame, source_frame))

    def all_frames_as_string(self) -> str:
        """One line a frame."""
        with self._changed:
            lines = [
                f"Frame {frame} exists with parent {cache.latest()[1] or 'NO_PARENT'}.\n"
                for frame, cache in self._caches.items()
            ]
        return "".join(lines)

    def all_frames_as_yaml(self) -> str:
        """A YAML map: frame to its parent, broadcaster and newest transform."""
        with self._changed:
            return "".join(
                f"{frame}:\n  parent: '{cache.latest()[1]}'\n"
                f"  broadcaster: '{self._authorities[frame]}'\n"
                f"  most_recent_transform: {seconds(cache.latest()[0])}\n"
                for frame, cache in self._caches.items()
                if cache.latest()[1] is not None
            )

    def _frameExists(self, frame_id: str) -> bool:
        with self._changed:
            return frame_id in self._frames

    def _getFrameStrings(self) -> list[str]:
        with self._changed:
            return sorted(self._frames)

    def _insert(self, transform: TransformStamped, authority: str, is_static: bool) -> None:
        header = transform.header
        parent = header.frame_id.removeprefix("/")
        child = transform.child_frame_id.removeprefix("/")
        shift, turn = transform.transform.translation, transform.transform.rotation
        length = math.hypot(turn.x, turn.y, turn.z, turn.w)
        fault = _fault_of(parent, child, (length, shift.x, shift.y, shift.z))
        if fault:
            _logger.error(f"transform {parent!r} to {child!r} from {authority!r} ignored: {fault}")
            return
        rotation = (turn.x / length, turn.y / length, turn.z / length, turn.w / length)
        pose = (shift.x, shift.y, shift.z, *rotation)
        with self._changed:
            cache = self._caches.get(child)
            if cache is None or cache.is_static != is_static:
                cache = StaticCache() if is_static else TimeCache(self._cache_ns)
                self._caches[child] = cache
            self._frames.update((parent, child))
            self._authorities[child] = authority
            stored = cache.insert(stamp_ns(header.stamp), parent, pose)
            self._changed.notify_all()
        if not stored:
            _logger.warning(
                f"transform of {child!r} from {authority!r} ignored: older than the buffer reaches",
                throttle_duration_sec=10.0,
            )

    def _lookup(self, target: str, source: str, time_ns: int) -> tuple[int, Pose]:
        """(stamp, target_from_source)."""
        with self._changed:
            if target == source:
                cache = self._caches.get(target)
                return (time_ns or (cache.latest()[0] if cache else 0)), IDENTITY
            self._check_frame(target)
            self._check_frame(source)
            time_ns = time_ns or self._latest_common(target, source)
            try:
                return time_ns, self._walk(target, source, time_ns)
            except ExtrapolationException as fault:
                raise ExtrapolationException(f"{fault}, from [{source}] to [{target}]") from None

    def _check_frame(self, name: str) -> None:
        if not name or name.startswith("/"):
            wrong = "starts with a slash" if name else "is empty"
            raise InvalidArgumentException(f"frame id {name!r} {wrong}")
        if name not in self._frames:
            raise LookupException(f"frame {name!r} does not exist")

    def _walk(self, target: str, source: str, time_ns: int) -> Pose:
        """target_from_source: up from the source, then up from the target until both ways meet.

        A link without data at that time may lie above the meeting point and then does not matter.
        """
        # frame -> frame_from_source, for the source's ancestors
        reached, missing = {source: IDENTITY}, None
        frame, pose = source, IDENTITY
        while frame != target and frame in self._caches:
            try:
                frame, link = self._at(frame, time_ns)
            except ExtrapolationException as fault:
                missing = fault
                break
            pose = compose(link, pose)
            reached[frame] = pose
            self._check_depth(len(reached))
        frame, back, depth = target, IDENTITY, 0
        while frame not in reached:
            if frame not in self._caches:
                raise missing or self._unconnected(target, source)
            frame, link = self._at(frame, time_ns)
            back = compose(link, back)
            depth += 1
            self._check_depth(depth)
        return compose(inverse(back), reached[frame]) if depth else reached[frame]

    def _at(self, frame: str, time_ns: int) -> tuple[str, Pose]:
        try:
            return self._caches[frame].at(time_ns)
        except ExtrapolationException as fault:
            raise ExtrapolationException(f"transform of [{frame}]: {fault}") from None

    def _latest_common(self, target: str, source: str) -> int:
        """The oldest of the newest times of the links between two frames, static ones aside."""
        # frame -> oldest newest time on the way to it, for the source's ancestors
        reached, frame, oldest = {source: math.inf}, source, math.inf
        while frame != target:
            stamp, parent = self._latest(frame)
            if parent is None:
                break
            frame, oldest = parent, min(oldest, stamp)
            reached[frame] = oldest
            self._check_depth(len(reached))
        frame, oldest, depth = target, math.inf, 0
        while frame not in reached:
            stamp, parent = self._latest(frame)
            if parent is None:
                raise self._unconnected(target, source)
            frame, oldest, depth = parent, min(oldest, stamp), depth + 1
            self._check_depth(depth)
        common = min(oldest, reached[frame])
        return 0 if math.isinf(common) else int(common)

    def _latest(self, frame: str) -> tuple[float, str | None]:
        cache = self._caches.get(frame)
        if cache is None:
            return math.inf, None
        stamp, parent = cache.latest()
        return stamp or math.inf, parent

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise LookupException(f"the tree has a loop:\n{self.all_frames_as_string()}")

    @staticmethod
    def _unconnected(target: str, source: str) -> ConnectivityException:
        return ConnectivityException(
            f"no chain of transforms joins {source!r} and {target!r}: they are in separate trees"
        )


def stamp_ns(time: object) -> int:
    """Nanoseconds of an rclpy Time or a builtin_interfaces/Time message."""
    if hasattr(time, "sec"):
        return time.sec * 1_000_000_000 + time.nanosec
    if hasattr(time, "nanoseconds"):
        return time.nanoseconds
    raise TypeError(f"time: expected rclpy.time.Time or a Time message, got {type(time).__name__}")


def _fault_of(parent: str, child: str, numbers: tuple[float, ...]) -> str | None:
    """Why a transform of (quaternion's length, x, y, z) cannot be stored, or None."""
    if not parent or not child:
        return "a frame id is empty"
    if parent == child:
        return "a frame cannot be its own parent"
    if not all(map(math.isfinite, numbers)):
        return "it holds numbers that are not finite"
    if numbers[0] == 0.0:
        return "its quaternion is zero"
    return None


def _message(stamp: int, target: str, source: str, pose: Pose) -> TransformStamped:
    message = TransformStamped()
    header, shift = message.header, message.transform.translation
    turn = message.transform.rotation
    header.stamp.sec, header.stamp.nanosec = divmod(stamp, 1_000_000_000)
    header.frame_id = target
    message.child_frame_id = source
    shift.x, shift.y, shift.z, turn.x, turn.y, turn.z, turn.w = pose
    return message
