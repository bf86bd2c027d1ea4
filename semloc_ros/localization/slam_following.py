"""A SLAM beside us, followed: fixes of the base joined to its poses, and what comes of both.

The SLAM says poses of a body (the camera, or the base itself), the localizer those of the base;
`base_from_body` is the mount. Where the SLAM is slower than the localizer a fix waits until the
SLAM has reached its stamp.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import transport
from semloc_ros.localization.slam_alignment import Alignment, SlamAligner
from semloc_ros.localization.slam_track import Step
from semloc_ros.types import FloatArray

_WAITING = 50  # fixes that the SLAM has not reached
_RESTART_NS = 1_000_000_000  # a step back in time by more is a SLAM that started anew


@dataclass(frozen=True, slots=True)
class BaseOdometry:
    """`odom_from_base` (4, 4) in metres, without jumps; `covariance` (6, 6) of it in odom axes,
    which grows with the way; `twist` (6,) of the base in its own axes, m/s and rad/s."""

    stamp_ns: int
    odom_from_base: FloatArray
    covariance: FloatArray
    twist: FloatArray


@dataclass(frozen=True, slots=True)
class _Fix:
    stamp_ns: int
    map_from_body: FloatArray
    covariance: FloatArray


class SlamFollower:
    """Poses and fixes in the order in which they come; not thread-safe."""

    def __init__(self, config: SlamAlignmentConfig, seed: int = 0) -> None:
        self._config = config
        self._seed = seed
        self._odometry: BaseOdometry | None = None
        self.restart()

    def restart(self) -> None:
        """Forget where the SLAM's frame lies; odometry goes on where it stopped."""
        self._aligner = SlamAligner(self._config, self._seed)
        self._waiting: deque[_Fix] = deque(maxlen=_WAITING)
        self._odom_from_start: FloatArray | None = None
        self._odom_from_body: FloatArray = np.eye(4)
        self._fastest: FloatArray = np.zeros(2)
        self._stamp_ns: int | None = None
        self._slam_from_body: FloatArray = np.eye(4)
        self._base_from_body: FloatArray = np.eye(4)
        self._way_m = 0.0  # since the last fix
        self._fixed_at: FloatArray = np.zeros(3)
        self.last_fix_ns: int | None = None
        self.fixes = self.missed = self.jumps = self.frames = 0

    def add_pose(
        self, stamp_ns: int, slam_from_body: FloatArray, base_from_body: FloatArray
    ) -> BaseOdometry | None:
        """The next pose (4, 4) of the SLAM; the odometry up to it, None while the scale is not
        known or a frame is new."""
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns - _RESTART_NS:
            self._waiting.clear()  # their stamps are of another time
        step = self._aligner.add_pose(stamp_ns, slam_from_body)
        if step is Step.DROPPED:
            return None
        self.jumps += step is Step.JUMPED
        self.frames += step is Step.NEW_FRAME
        if step is Step.NEW_FRAME:
            self.last_fix_ns = None
        found = self._moved(base_from_body)
        self._stamp_ns, self._slam_from_body = stamp_ns, slam_from_body
        self._base_from_body = base_from_body
        self._settle()
        return found

    def add_fix(
        self, stamp_ns: int, map_from_base: FloatArray, covariance: FloatArray,
        base_from_body: FloatArray,
    ) -> None:
        """A fix (4, 4) of the base with its covariance (6, 6, see `geometry.uncertainty`)."""
        map_from_body = map_from_base @ base_from_body
        lever = map_from_body[:3, 3] - map_from_base[:3, 3]
        self._waiting.append(_Fix(stamp_ns, map_from_body, transport(covariance, lever)))
        self._settle()

    @property
    def aligner(self) -> SlamAligner:
        """What is known of the SLAM's frame."""
        return self._aligner

    @property
    def stamp_ns(self) -> int | None:
        """Of the newest pose of the SLAM."""
        return self._stamp_ns

    def pose(self) -> tuple[int, FloatArray, FloatArray] | None:
        """Stamp, `map_from_base` (4, 4) and covariance (6, 6) at the newest pose of the SLAM;
        what it has drifted since the last fix is in the covariance."""
        found = self._aligner.alignment
        if not isinstance(found, Alignment) or self._stamp_ns is None:
            return None
        body = found.map_from_slam.poses(self._slam_from_body[None])[0]
        base = body @ se3.inverse(self._base_from_body)
        spread = self._drifted(found.covariance, body[:3, 3] - self._fixed_at)
        return self._stamp_ns, base, transport(spread, base[:3, 3] - body[:3, 3])

    def _drifted(self, covariance: FloatArray, lever: FloatArray) -> FloatArray:
        """(6, 6) of a body `lever` (3,) from where the covariance (7, 7) is that of the body."""
        jacobian = np.eye(6, 7)
        jacobian[:3, 3:6] = -se3.hat(lever)
        jacobian[:3, 6] = lever
        spread: FloatArray = jacobian @ covariance @ jacobian.T
        return spread + np.diag(self._noise() * self._way_m**2)

    def _noise(self) -> FloatArray:
        """Variances (6,) of what the SLAM drifts in a metre."""
        config = self._config
        return np.repeat([config.drift**2, np.radians(config.drift_deg) ** 2], 3)

    def _settle(self) -> None:
        """Use the fixes whose stamps the SLAM has reached."""
        while self._waiting and self._stamp_ns is not None:
            if self._waiting[0].stamp_ns > self._stamp_ns:
                return
            fix = self._waiting.popleft()
            if not self._aligner.reaches(fix.stamp_ns):
                self.missed += 1
                continue
            found = self._aligner.add_fix(fix.stamp_ns, fix.map_from_body, fix.covariance)
            self.fixes += 1
            self.last_fix_ns, self._way_m = fix.stamp_ns, 0.0
            if isinstance(found, Alignment):
                here = found.map_from_slam.poses(self._slam_from_body[None])[0]
                self._fixed_at = here[:3, 3]

    def _moved(self, base_from_body: FloatArray) -> BaseOdometry | None:
        """Odometry of the base from that of the body; it begins where the base is."""
        sample = self._aligner.odometry
        if sample is None or self._stamp_ns is None:
            return None
        if self._odom_from_start is None:
            last = np.eye(4) if self._odometry is None else self._odometry.odom_from_base
            self._odom_from_start = last @ base_from_body
        seconds = (sample.stamp_ns - self._stamp_ns) * 1e-9
        self._way_m += float(se3.pose_error(self._odom_from_body, sample.odom_from_base)[0])
        before = self._odom_from_start @ self._odom_from_body @ se3.inverse(base_from_body)
        now = self._odom_from_start @ sample.odom_from_base @ se3.inverse(base_from_body)
        self._odom_from_body = sample.odom_from_base
        spread = self._spread(before, now)
        twist = se3.log(se3.inverse(before) @ now) / seconds
        speeds = np.linalg.norm(twist.reshape(2, 3), axis=1)
        self._fastest = np.maximum(self._fastest, speeds)
        self._odometry = BaseOdometry(sample.stamp_ns, now, spread, twist)
        return self._odometry

    def _spread(self, before: FloatArray, now: FloatArray) -> FloatArray:
        """(6, 6): grows with the root of the way, and across a gap by what the base can have moved
        at the fastest that it was seen to move."""
        way = float(np.linalg.norm(now[:3, 3] - before[:3, 3]))
        if self._odometry is None:
            return np.diag(self._noise() * way)
        assert self._stamp_ns is not None
        gap_s = max(self._stamp_ns - self._odometry.stamp_ns, 0) * 1e-9
        blind = np.repeat((self._fastest * gap_s) ** 2, 3)
        carried = transport(self._odometry.covariance, now[:3, 3] - before[:3, 3])
        return carried + np.diag(self._noise() * way + blind)
