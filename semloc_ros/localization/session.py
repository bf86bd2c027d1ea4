"""One robot's session: which frames get a prior, which fixes are believed, which state is shown.

    plan = session.plan(sighting)                       # with a prior, or over the whole map
    result = localizer.localize(frame, plan.prior)
    outcome = session.conclude(plan, result)            # standing, fix, map_from_odom

The node and every replay call these three lines. Methods are quick and thread-safe; the slow
call stands between them, and what happened meanwhile (a reset, an initial pose) makes its
result stale instead of being overwritten by it.

A fix is believed when it does not contradict the belief and is strong, or lies where a sharp
belief expects it; and when it agrees with the one before.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization import states
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.states import Reason, Standing
from semloc_ros.types import FloatArray, NoPose, Odometry, PoseEstimate, Prior, State


@dataclass(frozen=True, slots=True)
class Sighting:
    """Circumstances of one frame; `odom_from_base` (4, 4) at its stamp, None if unknown."""

    stamp_ns: int
    base_from_camera: FloatArray
    odom_from_base: FloatArray | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a frame is to be localized; `prior` None means over the whole map."""

    sighting: Sighting
    prior: Prior | None
    epoch: int


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
    """

    standing: Standing
    fix: Fix | None = None
    hypotheses: tuple[FloatArray, ...] = ()
    is_stale: bool = False


class Session:
    """State, belief and candidate of one robot; see the top of the file."""

    def __init__(
        self, tracking: TrackingConfig, motion: MotionConfig, expects_odometry: bool
    ) -> None:
        self._tracking = tracking
        self._motion = motion
        self._expects_odometry = expects_odometry
        self._lock = threading.Lock()
        self._epoch = 0
        self._standing = states.start()
        self._belief: Belief | None = None
        self._carried: Belief | None = None
        self._candidate: Belief | None = None
        self._map_from_odom: FloatArray | None = None
        self._given: tuple[FloatArray, FloatArray] | None = None
        self._misses = 0

    @property
    def standing(self) -> Standing:
        """State and reason, as published."""
        return self._standing

    @property
    def epoch(self) -> int:
        """Grows with each reset; given to `plan`, it makes what began before one stale."""
        return self._epoch

    @property
    def belief(self) -> Belief | None:
        """What is believed of the pose, None before the first fix."""
        return self._belief

    @property
    def map_from_odom(self) -> FloatArray | None:
        """(4, 4) by the last believed fix whose odometry was known; LOST leaves it as it was."""
        return self._map_from_odom

    @property
    def covariance(self) -> FloatArray | None:
        """(6, 6) of the belief at the last frame or tick, whichever came last; grows with the
        way and with blind time, also while LOST. None without a belief."""
        carried = self._carried
        return None if carried is None else beliefs.covariance(carried, self._motion)

    @property
    def spread_m(self) -> float | None:
        """1-sigma position spread by `covariance`."""
        found = self.covariance
        return None if found is None else beliefs.position_spread(found)

    def adjust(self, tracking: TrackingConfig, motion: MotionConfig) -> None:
        """New thresholds from now on."""
        with self._lock:
            self._tracking, self._motion = tracking, motion

    def plan(self, sighting: Sighting, epoch: int | None = None) -> Plan:
        """Carry the belief to the frame, and decide whether it guides the search.

        `epoch` is that of when the frame was taken up, if preparing it took time: after a
        reset since then the frame touches nothing, and its result will be stale.
        """
        with self._lock:
            if epoch is not None and epoch != self._epoch:
                return Plan(sighting, None, epoch)
            if self._given is not None:
                self._start_from_given(sighting)
            elif self._belief is not None:
                self._belief = beliefs.carry(
                    self._belief, sighting.stamp_ns, sighting.odom_from_base
                )
            self._carried = self._belief
            prior = None
            if self._belief is not None and self._is_guided():
                prior = beliefs.camera_prior(
                    self._belief, sighting.base_from_camera, self._motion
                )
            return Plan(sighting, prior, self._epoch)

    def conclude(self, plan: Plan, result: PoseEstimate | NoPose) -> Outcome:
        """Believe the result of the plan or not, and move the state."""
        with self._lock:
            if plan.epoch != self._epoch:
                return Outcome(self._standing, is_stale=True)
            if isinstance(result, NoPose):
                return self._missed(plan.sighting.stamp_ns, result.reason.value)
            fix = _fix_of(plan.sighting, result)
            if not self._is_believable(plan, fix, result):
                return self._hold(plan.sighting, fix)
            return self._believe(plan.sighting, fix)

    def refuse(self, reason: str, stamp_ns: int | None = None) -> Outcome:
        """A frame that could not even be tried."""
        with self._lock:
            self._standing = states.missed(self._standing, reason, stamp_ns)
            return Outcome(self._standing)

    def tick(
        self, now_ns: int, newest: Odometry | None = None, heard_ns: int | None = None
    ) -> Standing:
        """Let time pass: states age also when no image comes.

        A copy of the belief is carried to `now_ns` by the newest odometry: its spread counts.
        `heard_ns` is when the last image came, also one that waits for its turn.
        """
        with self._lock:
            if heard_ns is not None:
                self._standing = states.heard(self._standing, heard_ns)
            if self._belief is not None:
                self._carried = beliefs.carry_to_now(self._belief, now_ns, newest)
            spread = self.spread_m
            self._standing = states.aged(
                self._standing, now_ns, 0.0 if spread is None else spread, self._tracking
            )
            return self._standing

    def set_pose(self, map_from_base: FloatArray, covariance: FloatArray) -> None:
        """Start from a given pose (4, 4) with covariance (6, 6), taken as that of the next
        frame; frames from then on are guided by it."""
        with self._lock:
            self._forget(states.start(Reason.INITIAL_POSE))
            self._given = (map_from_base, covariance)

    def reset(self, reason: Reason) -> None:
        """Forget every belief: the next frame is searched over the whole map.

        After a jump of the clock odometry starts anew, so map_from_odom goes too.
        """
        with self._lock:
            self._forget(states.start(reason))
            if reason is Reason.CLOCK_JUMP:
                self._map_from_odom = None

    def _forget(self, standing: Standing) -> None:
        self._epoch += 1
        self._standing = standing
        self._belief = self._carried = self._candidate = self._given = None
        self._misses = 0

    def _start_from_given(self, sighting: Sighting) -> None:
        assert self._given is not None
        pose, covariance = self._given
        self._given = None
        self._belief = Belief(sighting.stamp_ns, pose, covariance, sighting.odom_from_base)
        if sighting.odom_from_base is not None:
            self._map_from_odom = pose @ se3.inverse(sighting.odom_from_base)

    def _is_guided(self) -> bool:
        """LOST, or with a candidate to confirm, the whole map; in a run of misses every other."""
        if self._standing.state is State.LOST or self._candidate is not None:
            return False
        late = self._misses - self._tracking.global_after
        return late < 0 or late % 2 == 1

    def _missed(self, stamp_ns: int, reason: str) -> Outcome:
        self._misses += 1
        self._candidate = None
        self._standing = states.missed(self._standing, reason, stamp_ns)
        return Outcome(self._standing)

    def _hold(self, sighting: Sighting, fix: Fix) -> Outcome:
        self._misses += 1
        self._candidate = _belief_of(sighting, fix)
        self._standing = states.missed(
            self._standing, Reason.UNCONFIRMED.value, sighting.stamp_ns
        )
        return Outcome(self._standing, hypotheses=(fix.map_from_base,))

    def _believe(self, sighting: Sighting, fix: Fix) -> Outcome:
        self._misses = 0
        self._candidate = None
        self._belief = self._carried = _belief_of(sighting, fix)
        if fix.map_from_odom is not None:
            self._map_from_odom = fix.map_from_odom
        self._standing = states.fixed(self._standing, fix.stamp_ns, self._flaw(fix))
        return Outcome(self._standing, fix)

    def _flaw(self, fix: Fix) -> Reason | None:
        if fix.spread_m > self._tracking.max_spread_m:
            return Reason.UNCERTAIN
        if self._expects_odometry and fix.map_from_odom is None:
            return Reason.NO_ODOMETRY
        return None

    def _is_believable(self, plan: Plan, fix: Fix, result: PoseEstimate) -> bool:
        """Confirmed by the last frame; or not against the belief, and strong or expected here.

        A guided fix is not against the belief: the localizer's gate has compared the two.
        """
        if self._is_confirmed(plan.sighting, fix):
            return True
        belief = self._belief
        agrees = plan.prior is not None or belief is None or self._agrees(belief, fix)
        expected = belief is not None and self._is_sharp(belief)
        strong = (
            len(result.inliers) >= self._tracking.bootstrap_inliers
            and fix.spread_m <= self._tracking.max_spread_m
        )
        return agrees and (strong or expected)

    def _is_sharp(self, belief: Belief) -> bool:
        spread = beliefs.position_spread(beliefs.covariance(belief, self._motion))
        return spread <= self._tracking.trusted_spread_m

    def _is_confirmed(self, sighting: Sighting, fix: Fix) -> bool:
        if self._candidate is None:
            return False
        carried = beliefs.carry(self._candidate, sighting.stamp_ns, sighting.odom_from_base)
        return self._agrees(carried, fix)

    def _agrees(self, belief: Belief, fix: Fix) -> bool:
        return beliefs.agree(
            belief, fix.map_from_base, fix.covariance, self._motion, self._tracking.agreement_chi2
        )


def _fix_of(sighting: Sighting, result: PoseEstimate) -> Fix:
    map_from_base, covariance = beliefs.base_of_camera(
        result.camera_from_map, result.covariance, sighting.base_from_camera
    )
    map_from_odom = None
    if sighting.odom_from_base is not None:
        map_from_odom = map_from_base @ se3.inverse(sighting.odom_from_base)
    spread = beliefs.position_spread(covariance)
    return Fix(sighting.stamp_ns, map_from_base, covariance, spread, map_from_odom)


def _belief_of(sighting: Sighting, fix: Fix) -> Belief:
    return Belief(fix.stamp_ns, fix.map_from_base, fix.covariance, sighting.odom_from_base)
