"""Where the frame of a SLAM lies in the map, from the localizer's fixes.

Pairs of fixes give similarities in closed form (Umeyama, 1991; see `fit_similarity`), the one that
most fixes agree with is kept (RANSAC) and refined by least squares with the covariances of the
fixes, weighted anew in each round (Cauchy). A fix counts the less the further the SLAM has gone
since: its drift is added to the fix. So the alignment is that of here and now.

`body` is the same in both, the SLAM and the fixes: where the scale is not known it must be the
camera, as the arm from camera to base has no known length in the SLAM's unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import Similarity
from semloc_ros.localization.slam_fit import AlignedFixes, best_of_pairs, refined
from semloc_ros.localization.slam_track import SlamTrack, Step
from semloc_ros.types import FloatArray, Odometry

_LATEST_SHARE = 0.75  # of the fixes since a jump that nothing else told of, to believe in it


class NotAlignedReason(str, Enum):
    """Why it is not known where the SLAM's frame lies."""

    NO_SLAM = "no_slam"
    TOO_FEW_FIXES = "too_few_fixes"
    FIXES_DISAGREE = "fixes_disagree"
    TOO_LITTLE_WAY = "too_little_way"
    SCALE_UNCERTAIN = "scale_uncertain"
    POSE_UNCERTAIN = "pose_uncertain"


@dataclass(frozen=True, slots=True)
class NotAligned:
    """Why, in a word and in numbers."""

    reason: NotAlignedReason
    detail: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """`map_from_slam`, metres per unit of the SLAM.

    `covariance` (7, 7): of the position (m) and turn (rad, about map axes) of the body at its
    newest pose, as everywhere, and of the logarithm of the scale. `inliers` of `fixes` agree;
    they lie `apart_m` from each other at most.
    """

    map_from_slam: Similarity
    covariance: FloatArray
    inliers: int
    fixes: int
    apart_m: float


@dataclass(frozen=True, slots=True)
class _Fix:
    """A fix and the track (see `SlamTrack`) at its stamp."""

    track_from_body: FloatArray
    way: float
    bridged: float
    map_from_body: FloatArray
    covariance: FloatArray


class SlamAligner:
    """Takes poses of the SLAM and fixes in the order in which they come; not thread-safe."""

    def __init__(self, config: SlamAlignmentConfig, seed: int = 0) -> None:
        self._config = config
        self._generator = np.random.default_rng(seed)
        self._track = SlamTrack(config.jumps)
        self._fixes: list[_Fix] = []
        self._against = 0
        self._odom_from_body: FloatArray = np.eye(4)
        self._odometry: Odometry | None = None
        self._map_from_track: Similarity | None = None
        self._last_scale: float | None = None  # of this track, unless fixes spoke against it
        self._spread: tuple[FloatArray, int, float] = (np.zeros((7, 7)), 0, 0.0)
        self._why = NotAligned(NotAlignedReason.NO_SLAM, "no pose has come")

    def add_pose(self, stamp_ns: int, slam_from_body: FloatArray) -> Step:
        """The next pose of the SLAM (4, 4). A new frame forgets all fixes."""
        before = self._track.newest
        step = self._track.add(stamp_ns, slam_from_body, self._scale)
        if step is Step.NEW_FRAME:
            self._last_scale = None
        if step is not Step.DROPPED:
            self._move(stamp_ns, None if step is Step.NEW_FRAME else before)
        if step is Step.NEW_FRAME:
            self._fixes.clear()
            self._against = 0
            self._fail(NotAlignedReason.TOO_FEW_FIXES, "none since the SLAM's frame is new")
        return step

    def add_fix(
        self, stamp_ns: int, map_from_body: FloatArray, covariance: FloatArray
    ) -> Alignment | NotAligned:
        """A fix (4, 4) with its covariance (6, 6, see `types`), of a stamp up to 30 s ago.

        One at whose stamp the SLAM has no pose changes nothing.
        """
        at = self._track.at(stamp_ns)
        if at is not None:
            one = _Fix(at[0], at[1], self._track.bridged, map_from_body, covariance)
            self._keep(one)
            self._align()
        return self.alignment

    def reaches(self, stamp_ns: int) -> bool:
        """Whether the SLAM has a pose at that stamp, so that a fix of it counts."""
        return self._track.at(stamp_ns) is not None

    @property
    def alignment(self) -> Alignment | NotAligned:
        """What is known now."""
        if self._map_from_track is None:
            return self._why
        covariance, inliers, apart = self._spread
        map_from_slam = self._map_from_track.after(self._track.track_from_slam)
        return Alignment(map_from_slam, covariance, inliers, len(self._fixes), apart)

    @property
    def odometry(self) -> Odometry | None:
        """The way of the body up to its newest pose, in metres and without jumps, in a frame that
        begins anywhere. None while the scale is not known; then it goes on where it stopped, with
        a gap in time. A scale that was known stays so where fixes get few, not where they
        disagree."""
        return self._odometry

    def _move(self, stamp_ns: int, before: tuple[FloatArray, float] | None) -> None:
        """Odometry goes on from `before`, the track one pose ago, if it is the same track."""
        newest, scale = self._track.newest, self._scale or self._last_scale
        if before is None or newest is None or scale is None:
            self._odometry = None
            return
        step = se3.inverse(before[0]) @ newest[0]
        step[:3, 3] *= scale
        self._odom_from_body = self._odom_from_body @ step
        self._odometry = Odometry(stamp_ns, self._odom_from_body)

    @property
    def _scale(self) -> float | None:
        if self._config.known_scale:
            return 1.0
        return None if self._map_from_track is None else float(self._map_from_track.scale)

    def _keep(self, fix: _Fix) -> None:
        """Beside those of the window; one fix for each place the body stood at."""
        scale = self._scale or _rough_scale(self._fixes)
        near = self._config.fix_step_m
        if len(self._fixes) > 1 and abs(fix.way - self._fixes[-2].way) * scale < near:
            del self._fixes[-1]
        self._fixes.append(fix)
        oldest = fix.way - self._config.window_m / scale
        kept = [one for one in self._fixes if one.way >= oldest]
        self._fixes = kept[-self._config.max_fixes :]

    def _align(self) -> None:
        if len(self._fixes) < self._config.min_fixes:
            wanted = f"{len(self._fixes)} of {self._config.min_fixes}"
            self._fail(NotAlignedReason.TOO_FEW_FIXES, wanted)
            return
        found = self._from_last() or self._from_pairs(self._fixes)
        newest = found is not None and bool(found[1].agrees[-1])
        self._against = 0 if newest else self._against + 1
        if self._against >= self._config.against:
            found = self._from_latest()
        if found is None:
            self._fail(NotAlignedReason.FIXES_DISAGREE, f"{len(self._fixes)} fixes")
        else:
            self._judge(*found)

    def _from_last(self) -> tuple[Similarity, AlignedFixes] | None:
        """Refined from the last alignment, while most fixes agree with it."""
        if self._map_from_track is None:
            return None
        return self._checked(self._map_from_track, self._arrays(self._fixes))

    def _from_latest(self) -> tuple[Similarity, AlignedFixes] | None:
        """From the fixes in a row that disagree with those before: if they agree by themselves
        the SLAM's frame is new, and those before are forgotten."""
        latest = self._fixes[-self._against :]
        anew = self._from_pairs(latest)
        if anew is None or anew[1].agrees.mean() < _LATEST_SHARE:
            return None
        self._fixes, self._against = latest, 0
        return anew

    def _from_pairs(self, fixes: list[_Fix]) -> tuple[Similarity, AlignedFixes] | None:
        arrays = self._arrays(fixes)
        start = best_of_pairs(arrays, self._config, self._generator)
        return None if start is None else self._checked(start, arrays)

    def _checked(
        self, start: Similarity, arrays: AlignedFixes
    ) -> tuple[Similarity, AlignedFixes] | None:
        found = refined(start, arrays, self._config)
        if found is None:
            return None
        agrees = found[1].agrees
        least = max(self._config.min_fixes, self._config.min_share * len(agrees))
        return found if agrees.sum() >= least else None

    def _arrays(self, fixes: list[_Fix]) -> AlignedFixes:
        newest = self._track.newest
        assert newest is not None
        way = np.array([newest[1] - one.way for one in fixes])
        bridged = np.array([self._track.bridged - one.bridged for one in fixes])
        return AlignedFixes.of(
            np.array([one.track_from_body for one in fixes]),
            np.array([one.map_from_body for one in fixes]),
            np.array([one.covariance for one in fixes]),
            way, bridged, self._scale or _rough_scale(fixes), self._config,
        )

    def _judge(self, found: Similarity, fixes: AlignedFixes) -> None:
        """Keep what was found if it is sure enough."""
        newest = self._track.newest
        assert newest is not None
        here = found.points(newest[0][None, :3, 3])[0]
        covariance = fixes.covariance(found, here, self._config.known_scale)
        positions = fixes.map_from_body[fixes.agrees, :3, 3]
        apart = float(np.linalg.norm(positions - positions[0], axis=1).max())
        sigma_m = float(np.sqrt(np.trace(covariance[:3, :3])))
        turn = float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance[3:6, 3:6])[-1])))
        scale = float(np.sqrt(covariance[6, 6]))
        config, reason = self._config, NotAlignedReason
        free = not config.known_scale
        faults: list[tuple[bool, NotAlignedReason, Callable[[], str]]] = [
            (free and apart < config.min_way_m, reason.TOO_LITTLE_WAY, lambda: f"{apart:.2f} m"),
            (free and scale > config.max_sigma_scale, reason.SCALE_UNCERTAIN,
             lambda: f"{scale:.1%}"),
            (sigma_m > config.max_sigma_m or turn > config.max_sigma_deg, reason.POSE_UNCERTAIN,
             lambda: f"{sigma_m:.2f} m, {turn:.1f} deg"),
        ]
        for wrong, why, detail in faults:
            if wrong:
                self._fail(why, detail())
                return
        self._map_from_track = found
        self._last_scale = float(found.scale)
        self._spread = covariance, int(fixes.agrees.sum()), apart

    def _fail(self, reason: NotAlignedReason, detail: str) -> None:
        self._map_from_track = None
        if reason is NotAlignedReason.FIXES_DISAGREE:
            self._last_scale = None
        self._why = NotAligned(reason, detail)


def _rough_scale(fixes: list[_Fix]) -> float:
    """Metres per unit: the median over steps of a third of all fixes, 1 where nothing moved."""
    apart = max(len(fixes) // 3, 1)
    ratios = [
        metres / units
        for one, other in zip(fixes, fixes[apart:], strict=False)
        for metres in [float(se3.pose_error(one.map_from_body, other.map_from_body)[0])]
        for units in [float(se3.pose_error(one.track_from_body, other.track_from_body)[0])]
        if units > 0 and metres > 0
    ]
    return float(np.median(ratios)) if ratios else 1.0
