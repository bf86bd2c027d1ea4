"""A straight drive along x through one session, whose features say what the test wants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.outcomes import Outcome, Sighting
from semloc_ros.localization.session import Session
from semloc_ros.types import (
    Correspondences,
    FloatArray,
    NoPose,
    NoPoseReason,
    PoseEstimate,
)

SECOND = 1_000_000_000
BASE_FROM_CAMERA = se3.exp([0.3, -0.1, 0.5, -1.2, 1.2, -1.2])
SHARP = np.diag([0.01**2] * 3 + [0.002**2] * 3)
ODOM_FROM_MAP = se3.exp([5, 2, 0, 0, 0, 1])


def estimate(
    map_from_base: FloatArray, inliers: int = 100, covariance: FloatArray = SHARP,
    share: float = 0.5,
) -> PoseEstimate:
    """The base at a pose (4, 4), by so many inliers, which are that share of the matches."""
    rows = Correspondences(
        np.zeros((inliers, 2)), np.zeros((inliers, 3)), np.ones(inliers), np.ones(inliers),
        np.full(inliers, -1),
    )
    camera_from_map = se3.inverse(map_from_base @ BASE_FROM_CAMERA)
    return PoseEstimate(0, camera_from_map, covariance, rows, round(inliers / share))


def nothing(reason: NoPoseReason = NoPoseReason.TOO_FEW_MATCHES) -> NoPose:
    """No pose at all."""
    return NoPose(0, reason, "")


class Drive:
    """Frames every 0.1 s, and 0.12 m apart unless `way_m` is set to something else."""

    def __init__(self, odometry: bool = True, **tracking: object) -> None:
        self.session = Session(TrackingConfig(**tracking), MotionConfig(), odometry)  # type: ignore[arg-type]
        self.odometry, self.step = odometry, 0
        self.way_m, self.x, self.heading = 0.12, 0.0, 0.0

    def truth(self) -> FloatArray:
        """map_from_base (4, 4) of the newest frame."""
        return se3.exp([self.x, 0, 0, 0, 0, 0]) @ se3.exp([0, 0, 0, 0, 0, self.heading])

    def frame(self, result: Callable[[FloatArray], PoseEstimate | NoPose]) -> Outcome:
        """One frame; `result` takes the true map_from_base and gives what the localizer says."""
        self.step += 1
        self.x += self.way_m
        stamp = self.step * SECOND // 10
        odom = ODOM_FROM_MAP @ self.truth() if self.odometry else None
        self.plan = self.session.plan(Sighting(stamp, BASE_FROM_CAMERA, odom))
        outcome = self.session.conclude(self.plan, result(self.truth()))
        self.session.tick(stamp)
        return outcome

    def start(self) -> Outcome:
        """Two frames, of which the second gives the first believed fix."""
        self.frame(estimate)
        outcome = self.frame(estimate)
        assert outcome.fix is not None
        return outcome
