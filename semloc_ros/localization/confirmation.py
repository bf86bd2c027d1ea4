"""Poses that wait for a second image, where nothing lets expect them.

One image can be sure of a wrong place: where buildings repeat themselves, hundreds of matches fit
a look-alike. Taken from the same spot, the next image says the same again and is no second
witness. So a pose is confirmed by one taken from elsewhere, to which odometry leads; or, as a
robot may stand, where most of the matches of both fit: of a look-alike it is the lesser part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.outcomes import Seen, Sighting, belief_of
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A fix as a belief at its own stamp; `is_clear` if one of the images that showed it was, and
    how many images in a row did not show it again."""

    pose: Belief
    is_clear: bool
    unsupported: int = 0


class Candidates:
    """The poses of one robot that wait."""

    def __init__(self) -> None:
        self._held: list[_Candidate] = []

    def forget(self) -> None:
        """A pose is believed, or all is forgotten."""
        self._held = []

    @property
    def is_fresh(self) -> bool:
        """Whether the last image showed one of them."""
        return any(one.unsupported == 0 for one in self._held)

    def poses(self, sighting: Sighting) -> tuple[FloatArray, ...]:
        """Where they put the base at the sighting: `map_from_base` (4, 4) each, newest first."""
        return tuple(_carried(one, sighting).map_from_base for one in reversed(self._held))

    def confirm(
        self, seen: Seen, expected: bool, motion: MotionConfig, limits: TrackingConfig
    ) -> bool:
        """Whether the fix is to be believed for one of them.

        `expected`: it agrees with what is believed too, so an image from the same spot will do.
        """
        at_once = expected or not limits.confirm_first
        return any(
            at_once or _moved(one, seen, limits) or (one.is_clear and seen.is_clear)
            for one in self._held
            if _agrees(one, seen, motion, limits)
        )

    def note(
        self, sighting: Sighting, seen: Seen | None, motion: MotionConfig, limits: TrackingConfig
    ) -> None:
        """After an image that led to no belief: its fix supports those that it agrees with, or
        waits itself.

        What `global_after` images in a row did not show, or is no longer known to 1-sigma of
        `lost_spread_m`, waits no more.
        """
        held, is_new = [], seen is not None
        for one in self._held:
            if seen is not None and _agrees(one, seen, motion, limits):
                held.append(replace(one, is_clear=one.is_clear or seen.is_clear, unsupported=0))
                is_new = False
            elif one.unsupported + 1 < limits.global_after:
                held.append(replace(one, unsupported=one.unsupported + 1))
        self._held = [
            one for one in held
            if _spread_m(_carried(one, sighting), motion) <= limits.lost_spread_m
        ]  # fmt: skip
        if seen is not None and is_new:
            self._held.append(_Candidate(belief_of(sighting, seen.fix), seen.is_clear))


def _carried(candidate: _Candidate, sighting: Sighting) -> Belief:
    return beliefs.carry(candidate.pose, sighting.stamp_ns, sighting.odom_from_base)


def _spread_m(belief: Belief, motion: MotionConfig) -> float:
    return beliefs.position_spread(beliefs.covariance(belief, motion))


def _agrees(
    candidate: _Candidate, seen: Seen, motion: MotionConfig, limits: TrackingConfig
) -> bool:
    carried, fix = _carried(candidate, seen.sighting), seen.fix
    return beliefs.agree(
        carried, fix.map_from_base, fix.covariance, motion, limits.agreement_chi2
    )


def _moved(candidate: _Candidate, seen: Seen, limits: TrackingConfig) -> bool:
    """Whether the robot has moved in between: by odometry, without it by the two fixes."""
    now = _carried(candidate, seen.sighting)
    blind = now.blind_s > 0.0
    there = seen.fix.map_from_base if blind else now.map_from_base
    way, angle = se3.pose_error(candidate.pose.map_from_base, there)
    return bool(way >= limits.confirm_way_m or np.degrees(angle) >= limits.confirm_turn_deg)
