"""A SLAM's poses without their jumps: a track in the SLAM's unit that only drifts.

After a loop closure a SLAM says that the camera is elsewhere than it said one image before; the
camera went on as it did. So across a jump the track goes on at the speed and turn rate of the
step before, and `track_from_slam` takes up the difference. A reset cannot be bridged where the
unit changes with it: a new track begins.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import numpy as np

from semloc_ros.config.slam import SlamJumpsConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.types import FloatArray, Odometry

_KEPT = 4096  # ways by stamp; poses are kept for 30 s
_LEAST_STEPS = 5  # before a speed can be called unlike those before


class Step(str, Enum):
    """What a pose is to those before it."""

    CONTINUES = "continues"
    JUMPED = "jumped"  # bridged: a loop closure
    NEW_FRAME = "new_frame"  # the first pose, a reset, or a jump that cannot be bridged
    DROPPED = "dropped"  # not newer than the last


class SlamTrack:
    """Poses `track_from_body`, and the way gone along them, in the SLAM's unit."""

    def __init__(self, config: SlamJumpsConfig) -> None:
        self._config = config
        self.track_from_slam: FloatArray
        self._jumped: bool  # by the last pose
        self._start_new()

    def add(self, stamp_ns: int, slam_from_body: FloatArray, scale: float | None) -> Step:
        """The next pose (4, 4); `scale` in metres per unit where it is known.

        A step back in time of more than a second is a SLAM that started anew.
        """
        last = self._last
        if last is not None and last.stamp_ns - 1_000_000_000 <= stamp_ns <= last.stamp_ns:
            return Step.DROPPED
        step = self._judged(stamp_ns, slam_from_body, scale)
        if step is Step.JUMPED and self._jumped:
            step = Step.NEW_FRAME  # it goes on at another speed: its unit is another
        self._jumped = step is Step.JUMPED
        if step is Step.NEW_FRAME:
            self._start_new()
        elif step is Step.JUMPED and scale is not None:
            self.track_from_slam = self._predicted(stamp_ns) @ se3.inverse(slam_from_body)
            self.bridged += self._slack(stamp_ns)[0] / scale
        self._append(stamp_ns, self.track_from_slam @ slam_from_body)
        return step

    def at(self, stamp_ns: int) -> tuple[FloatArray, float] | None:
        """`track_from_body` (4, 4) and the way gone so far, None where the track does not reach."""
        pose = self._poses.at(stamp_ns)
        if pose is None:
            return None
        stamps, ways = np.array(self._ways).T
        return pose, float(np.interp(stamp_ns - self._origin_ns, stamps, ways))

    @property
    def newest(self) -> tuple[FloatArray, float] | None:
        """`track_from_body` (4, 4) of the last pose, and the whole way."""
        return None if self._last is None else (self._last.odom_from_base, self._ways[-1][1])

    def _start_new(self) -> None:
        self.track_from_slam = np.eye(4)
        self.bridged = 0.0  # by how much the bridges may err together, in the SLAM's unit
        self._poses = OdometryBuffer(self._config.max_gap_s)
        self._ways: deque[tuple[int, float]] = deque(maxlen=_KEPT)
        self._before: Odometry | None = None
        self._last: Odometry | None = None
        self._origin_ns = 0
        self._jumped = False
        self._fastest, self._fastest_turn, self._steps = 0.0, 0.0, 0

    def _append(self, stamp_ns: int, track_from_body: FloatArray) -> None:
        sample = Odometry(stamp_ns, track_from_body)
        way = 0.0
        if self._last is None:
            self._origin_ns = stamp_ns
        else:
            seconds = (stamp_ns - self._last.stamp_ns) * 1e-9
            gone, turned = se3.pose_error(track_from_body, self._last.odom_from_base)
            way = self._ways[-1][1] + float(gone)
            self._fastest = max(self._fastest, float(gone) / seconds)
            self._fastest_turn = max(self._fastest_turn, float(turned) / seconds)
            self._steps += 1
        self._poses.add(sample)
        self._ways.append((stamp_ns - self._origin_ns, way))
        self._before, self._last = self._last, sample

    def _judged(self, stamp_ns: int, slam_from_body: FloatArray, scale: float | None) -> Step:
        last = self._last
        if last is None or stamp_ns < last.stamp_ns:
            return Step.NEW_FRAME
        seconds = (stamp_ns - last.stamp_ns) * 1e-9
        if seconds > self._config.max_gap_s:
            return Step.NEW_FRAME
        pose = self.track_from_slam @ slam_from_body
        if scale is None:
            return Step.NEW_FRAME if self._too_fast(pose, seconds) else Step.CONTINUES
        if self._before is None:
            return Step.CONTINUES
        off, turned = se3.pose_error(pose, self._predicted(stamp_ns))
        metres, radians = self._slack(stamp_ns)
        jumped = (
            off * scale > max(metres, self._config.jitter_m)
            or turned > max(radians, np.radians(self._config.jitter_deg))
        )
        return Step.JUMPED if jumped else Step.CONTINUES

    def _too_fast(self, pose: FloatArray, seconds: float) -> bool:
        """Whether a step is unlike any before it, where the unit of the SLAM is not known."""
        if self._steps < _LEAST_STEPS or self._last is None:
            return False
        gone, turned = se3.pose_error(pose, self._last.odom_from_base)
        factor, jitter = self._config.factor, np.radians(self._config.jitter_deg)
        too_far = gone > factor * self._fastest * seconds
        return bool(too_far or turned > factor * self._fastest_turn * seconds + jitter)

    def _slack(self, stamp_ns: int) -> tuple[float, float]:
        """Metres and radians by which the body can miss what is predicted for the stamp."""
        assert self._last is not None
        square = ((stamp_ns - self._last.stamp_ns) * 1e-9) ** 2
        turn = np.radians(self._config.max_turn_acceleration)
        return self._config.max_acceleration * square, float(turn * square)

    def _predicted(self, stamp_ns: int) -> FloatArray:
        """`track_from_body` if the body goes on as in the last step; needs one pose at least."""
        assert self._last is not None
        if self._before is None:
            return self._last.odom_from_base
        step_ns = self._last.stamp_ns - self._before.stamp_ns
        fraction = (stamp_ns - self._before.stamp_ns) / step_ns
        return se3.interpolate(self._before.odom_from_base, self._last.odom_from_base, fraction)
