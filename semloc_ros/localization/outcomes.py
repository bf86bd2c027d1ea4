"""What goes into a robot's session, and what comes out of it: values of one frame."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config import TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.label_tracking import Tracked
from semloc_ros.localization.states import Standing
from semloc_ros.types import FloatArray, Odometry, PoseEstimate, Prior


@dataclass(frozen=True, slots=True)
class Sighting:
    """Circumstances of one frame; `odom_from_base` (4, 4) at its stamp, None if unknown, with
    the covariance (6, 6) that its message gives it, if any."""

    stamp_ns: int
    base_from_camera: FloatArray
    odom_from_base: FloatArray | None
    odometry_covariance: FloatArray | None = None

    @property
    def odometry(self) -> Odometry | None:
        """The odometry at the stamp, None if unknown."""
        if self.odom_from_base is None:
            return None
        return Odometry(self.stamp_ns, self.odom_from_base, self.odometry_covariance)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a frame is to be localized; `prior` None means over the whole map, and without
    `wants_pose` its features are not asked at all."""

    sighting: Sighting
    prior: Prior | None
    epoch: int
    wants_pose: bool = True


@dataclass(frozen=True, slots=True)
class Fix:
    """A believed pose of the base: (4, 4), (6, 6), and what follows for odometry, if known."""

    stamp_ns: int
    map_from_base: FloatArray
    covariance: FloatArray
    spread_m: float
    map_from_odom: FloatArray | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a frame led to.

    `hypotheses` are poses `map_from_base` that wait for a second one; `is_stale` says that
    the session was reset while the frame was in work, so that its result counts for nothing.
    `tracked` is what the particles say, where they were asked; `jump_m`, `jump_rad` how far the
    fix lies from where the odometry since the last one puts the robot.
    """

    standing: Standing
    fix: Fix | None = None
    hypotheses: tuple[FloatArray, ...] = ()
    is_stale: bool = False
    tracked: Tracked | None = None
    jump_m: float | None = None
    jump_rad: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The fix that one image gave, and its evidence: `is_strong`, enough inliers for a sharp pose,
    and `is_clear`, most of its matches besides."""

    sighting: Sighting
    fix: Fix
    is_strong: bool
    is_clear: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of a frame's result: what was seen if it has a fix, whether that is believed,
    and whether it agrees with a belief."""

    seen: Seen | None = None
    believed: bool = False
    agrees: bool = False
    reason: str = ""

    @property
    def fix(self) -> Fix | None:
        """The fix that was seen, believed or not."""
        return None if self.seen is None else self.seen.fix


def fix_of(sighting: Sighting, result: PoseEstimate) -> Fix:
    """The fix of the base that a pose of the camera is."""
    map_from_base, covariance = beliefs.base_of_camera(
        result.camera_from_map, result.covariance, sighting.base_from_camera
    )
    return _fix(sighting, map_from_base, covariance)


def seen_of(sighting: Sighting, result: PoseEstimate, limits: TrackingConfig) -> Seen:
    """The fix of a result with its evidence."""
    fix, inliers = fix_of(sighting, result), len(result.inliers)
    strong = inliers >= limits.bootstrap_inliers and fix.spread_m <= limits.max_spread_m
    clear = strong and inliers >= limits.confirm_share * result.num_matches
    return Seen(sighting, fix, strong, clear)


def fix_of_labels(sighting: Sighting, tracked: Tracked) -> Fix:
    """The fix that the particles are."""
    return _fix(sighting, tracked.map_from_base, tracked.covariance)


def belief_of(sighting: Sighting, fix: Fix) -> Belief:
    """What is believed of the pose if the fix is."""
    return Belief(fix.stamp_ns, fix.map_from_base, fix.covariance, sighting.odom_from_base)


def _fix(sighting: Sighting, map_from_base: FloatArray, covariance: FloatArray) -> Fix:
    map_from_odom = None
    if sighting.odom_from_base is not None:
        map_from_odom = map_from_base @ se3.inverse(sighting.odom_from_base)
    spread = beliefs.position_spread(covariance)
    return Fix(sighting.stamp_ns, map_from_base, covariance, spread, map_from_odom)
