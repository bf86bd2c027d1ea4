"""Reading and writing tf: odometry at a stamp, the camera's mount, map to odom.

A transform that is missing is an InputError that names its frames, or None for odometry;
never an identity.
"""

from __future__ import annotations

import time
from typing import Protocol

from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformBroadcaster, TransformException, TransformListener

from semloc_ros.errors import InputError
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.nodes.messages import pose_from_transform, stamp_ns, to_transform
from semloc_ros.types import FloatArray, Odometry

_POLL_S = 0.004


class OdometrySource(Protocol):
    """Where `odom_from_base` comes from: `localization.OdometryBuffer`, `TfOdometry`."""

    @property
    def newest(self) -> Odometry | None: ...

    def at(self, stamp_ns: int, wait_s: float = 0.0) -> FloatArray | None: ...

    def covariance_near(self, stamp_ns: int) -> FloatArray | None: ...

    def clear(self) -> None: ...


class TransformReader:
    """The tf tree as poses; listens from construction until `close`."""

    def __init__(self, node: Node) -> None:
        self._buffer = Buffer(node=node)
        self._listener = TransformListener(self._buffer, node, spin_thread=False)

    def lookup(self, target: str, source: str, stamp_ns: int, wait_s: float) -> FloatArray:
        """`target_from_source` (4, 4) at the stamp, interpolated.

        Waits up to `wait_s` of real time for it; raises InputError with both frames.
        """
        stamp = Time(nanoseconds=stamp_ns)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                found = self._buffer.lookup_transform(target, source, stamp)
                return pose_from_transform(found.transform)
            except TransformException as error:
                if time.monotonic() >= deadline:
                    reason = " ".join(str(error).split())
                    raise InputError(f"tf from {source} to {target}: {reason}") from None
            time.sleep(_POLL_S)

    def newest(self, target: str, source: str) -> Odometry | None:
        """`target_from_source` at the latest stamp that tf has, None where it has none."""
        try:
            found = self._buffer.lookup_transform(target, source, Time())
        except TransformException:
            return None
        return Odometry(stamp_ns(found.header.stamp), pose_from_transform(found.transform))

    def clear(self) -> None:
        """Forget every transform, as after a jump of the clock; static ones come again."""
        self._buffer.clear()

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


class TfOdometry:
    """Odometry read from the tf tree."""

    def __init__(self, reader: TransformReader, odom_frame: str, base_frame: str) -> None:
        self._reader = reader
        self._frames = (odom_frame, base_frame)

    @property
    def newest(self) -> Odometry | None:
        """The latest that tf has."""
        return self._reader.newest(*self._frames)

    def at(self, stamp_ns: int, wait_s: float = 0.0) -> FloatArray | None:
        """`odom_from_base` (4, 4) at the stamp, None where tf does not have it."""
        try:
            return self._reader.lookup(*self._frames, stamp_ns, wait_s)
        except InputError:
            return None

    def covariance_near(self, stamp_ns: int) -> FloatArray | None:
        """None: tf has no covariance."""
        return None

    def clear(self) -> None:
        """The reader is cleared by its owner."""


class NoOdometry:
    """There is no odometry."""

    newest: Odometry | None = None

    def at(self, stamp_ns: int, wait_s: float = 0.0) -> FloatArray | None:
        """None."""
        return None

    def covariance_near(self, stamp_ns: int) -> FloatArray | None:
        """None."""
        return None

    def clear(self) -> None:
        """Nothing is kept."""


class OdometryOptions(Protocol):
    """The options of a node that say where its odometry comes from."""

    @property
    def odometry(self) -> str: ...

    @property
    def odometry_max_gap(self) -> float: ...

    @property
    def odom_frame(self) -> str: ...

    @property
    def base_frame(self) -> str: ...


def make_odometry(config: OdometryOptions, reader: TransformReader) -> OdometrySource:
    """Where odometry comes from; an `OdometryBuffer` is the node's to fill from its topic."""
    if config.odometry == "topic":
        return OdometryBuffer(config.odometry_max_gap)
    if config.odometry == "tf":
        return TfOdometry(reader, config.odom_frame, config.base_frame)
    return NoOdometry()


class MapBroadcaster:
    """Publishes the transform from the map; never the same stamp twice."""

    def __init__(self, node: Node, map_frame: str) -> None:
        self._broadcaster = TransformBroadcaster(node)
        self._map_frame = map_frame
        self._last_ns = 0

    def send(self, pose: FloatArray, child: str, stamp_ns: int) -> None:
        """`map_from_child` (4, 4). A stamp that was sent is skipped: tf listeners warn of it,
        and with a paused clock every tick would repeat it."""
        if stamp_ns == self._last_ns:
            return
        self._last_ns = stamp_ns
        self._broadcaster.sendTransform(to_transform(pose, self._map_frame, child, stamp_ns))
