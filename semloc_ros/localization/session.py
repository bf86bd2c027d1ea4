"""One robot's session: which frames get a prior, which fixes are believed, which state is shown.

    plan = session.plan(sighting)                       # with a prior, or over the whole map
    result = localizer.localize(frame, plan.prior)
    outcome = session.conclude(plan, result, frame)     # standing, fix, map_from_odom

The node and every replay call these three lines. Nothing slow is done under the lock: the slow
calls stand between, and what happened meanwhile (a reset, an initial pose) makes their result
stale instead of being overwritten by it.

A fix is believed where the belief expects it: if it is strong, or the belief sharp. Elsewhere, and
so the first one too, it waits for a second image (`confirmation`). Where no fix is believed, labels
and odometry keep the pose (`label_tracking`); the method `pfsl` asks features only for a start.
"""

from __future__ import annotations

import threading

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization import states
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.confirmation import Candidates
from semloc_ros.localization.label_following import Known, follow
from semloc_ros.localization.label_tracking import LabelTracker, Tracked
from semloc_ros.localization.label_trust import LabelTrust
from semloc_ros.localization.outcomes import (
    Fix,
    Outcome,
    Plan,
    Seen,
    Sighting,
    Verdict,
    belief_of,
    fix_of_labels,
    seen_of,
)
from semloc_ros.localization.states import Reason, Standing
from semloc_ros.types import (
    FloatArray,
    Frame,
    NoPose,
    NoPoseReason,
    Odometry,
    PoseEstimate,
    State,
)


class Session:
    """State, belief and candidates of one robot; see the top of the file."""

    def __init__(
        self, tracking: TrackingConfig, motion: MotionConfig, expects_odometry: bool,
        method: str = "pnp", labels: LabelTracker | None = None,
    ) -> None:
        self._tracking = tracking
        self._motion = motion
        self._method = method
        self._expects_odometry = expects_odometry
        self._labels = labels  # of the thread that calls `conclude`, as is the next line
        self._labels_epoch = 0
        self._follows_labels = False
        self._trust = LabelTrust()
        self._contradicted = False
        self._lock = threading.Lock()
        self._epoch = 0
        self._standing = states.start()
        self._belief: Belief | None = None
        self._carried: Belief | None = None
        self._candidates = Candidates()
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

    def adjust(
        self, tracking: TrackingConfig, motion: MotionConfig, method: str | None = None
    ) -> None:
        """New thresholds, and another method, from the next frame on."""
        with self._lock:
            self._tracking, self._motion = tracking, motion
            self._method = method or self._method

    def pose_at(self, newest: Odometry) -> tuple[FloatArray, FloatArray] | None:
        """The belief carried by a newer odometry: `map_from_base` (4, 4) and covariance (6, 6);
        None without a belief, or one without odometry."""
        belief, motion = self._belief, self._motion
        if belief is None or belief.odom_from_base is None or newest.stamp_ns < belief.stamp_ns:
            return None
        carried = beliefs.carry(belief, newest.stamp_ns, newest.odom_from_base)
        return carried.map_from_base, beliefs.covariance(carried, motion)

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
            return Plan(sighting, prior, self._epoch, self._wants_pose())

    def conclude(
        self, plan: Plan, result: PoseEstimate | NoPose, frame: Frame | None = None
    ) -> Outcome:
        """Believe the result of the plan or not, ask the labels of the frame, and move the state.

        To be called by one thread.
        """
        with self._lock:
            if plan.epoch != self._epoch:
                return Outcome(self._standing, is_stale=True)
            verdict = self._judge(plan, result)
            belief = self._belief
            if self._labels_epoch != plan.epoch and self._labels is not None:
                self._labels.stop()
                self._labels_epoch = plan.epoch
        tracked = None if frame is None else self._follow(plan.sighting, verdict, frame, belief)
        with self._lock:
            if plan.epoch != self._epoch:
                return Outcome(self._standing, is_stale=True)
            doubt = None if tracked is None else self._doubt(plan.sighting, tracked)
            against = verdict.reason == NoPoseReason.AGAINST_PRIOR.value
            self._contradicted = tracked is not None and against
            if self._contradicted:  # features see another place, which is not known to be wrong
                doubt = doubt or Reason.UNCONFIRMED
            self._follows_labels = tracked is not None and doubt is None
            if verdict.believed and verdict.fix is not None:
                return self._believe(plan.sighting, verdict.fix)
            if tracked is not None:
                return self._by_labels(plan.sighting, verdict, tracked, doubt)
            return self._without_fix(plan.sighting, verdict)

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
        self._belief = self._carried = self._given = None
        self._candidates.forget()
        self._misses = 0
        self._trust.forget()
        self._follows_labels = self._contradicted = False

    def _start_from_given(self, sighting: Sighting) -> None:
        assert self._given is not None
        pose, covariance = self._given
        self._given = None
        self._belief = Belief(sighting.stamp_ns, pose, covariance, sighting.odom_from_base)
        if sighting.odom_from_base is not None:
            self._map_from_odom = pose @ se3.inverse(sighting.odom_from_base)

    def _is_guided(self) -> bool:
        """LOST, after an image with a candidate, or where features spoke against labels, the whole
        map; in a run of misses every other."""
        unsure = self._candidates.is_fresh or self._contradicted
        if self._standing.state is State.LOST or unsure:
            return False
        late = self._misses - self._tracking.global_after
        return late < 0 or late % 2 == 1

    def _wants_pose(self) -> bool:
        return not (self._method == "pfsl" and self._follows_labels)

    def _judge(self, plan: Plan, result: PoseEstimate | NoPose) -> Verdict:
        """A guided fix agrees: the localizer's gate has compared it with the belief."""
        if isinstance(result, NoPose):
            return Verdict(reason=result.reason.value)
        seen, belief = seen_of(plan.sighting, result, self._tracking), self._belief
        guided = plan.prior is not None
        agrees = belief is not None and (guided or self._agrees(belief, seen.fix))
        return Verdict(seen, self._is_believable(seen, agrees), agrees, Reason.UNCONFIRMED.value)

    def _follow(
        self, sighting: Sighting, verdict: Verdict, frame: Frame, belief: Belief | None
    ) -> Tracked | None:
        """What labels and odometry say where features do not, or are not to; slow, so no lock."""
        if self._labels is None:
            return None
        known = Known(
            self._method, self._tracking, self._motion, self._trust, belief, self._misses
        )
        return follow(self._labels, known, sighting, verdict, frame)

    def _doubt(self, sighting: Sighting, tracked: Tracked) -> Reason | None:
        belief, fix = self._belief, fix_of_labels(sighting, tracked)
        strays = belief is not None and not self._agrees(belief, fix)
        return self._trust.doubt(tracked, strays, self._tracking)

    def _by_labels(
        self, sighting: Sighting, verdict: Verdict, tracked: Tracked, doubt: Reason | None
    ) -> Outcome:
        """No fix of features is believed, but the particles were asked."""
        self._note_miss(sighting, verdict)
        fix = fix_of_labels(sighting, tracked)
        if doubt is None:
            flaw = Reason.NO_ODOMETRY if self._lacks_odometry(fix) else None
            return self._accept(sighting, fix, flaw or Reason.LABELS, tracked)
        disputed = self._trust.strayed or self._contradicted  # by odometry, or by features
        known = doubt in (Reason.UNCONFIRMED, Reason.UNCERTAIN) and not disputed
        if known and self._belief is not None:
            self._belief = self._carried = belief_of(sighting, fix)
        self._standing = states.missed(self._standing, doubt.value, sighting.stamp_ns)
        return Outcome(self._standing, hypotheses=tracked.hypotheses, tracked=tracked)

    def _without_fix(self, sighting: Sighting, verdict: Verdict) -> Outcome:
        self._note_miss(sighting, verdict)
        self._standing = states.missed(self._standing, verdict.reason, sighting.stamp_ns)
        return Outcome(self._standing, hypotheses=self._candidates.poses(sighting))

    def _note_miss(self, sighting: Sighting, verdict: Verdict) -> None:
        """A fix that is not believed waits for a second one."""
        self._misses += 1
        self._candidates.note(sighting, verdict.seen, self._motion, self._tracking)

    def _believe(self, sighting: Sighting, fix: Fix) -> Outcome:
        self._misses = 0
        self._candidates.forget()
        return self._accept(sighting, fix, self._flaw(fix) or Reason.OK)

    def _accept(
        self, sighting: Sighting, fix: Fix, reason: Reason, tracked: Tracked | None = None
    ) -> Outcome:
        """The fix is the belief from now on."""
        self._trust.forget()
        jump_m, jump_rad = self._jump(fix)
        self._belief = self._carried = belief_of(sighting, fix)
        if fix.map_from_odom is not None:
            self._map_from_odom = fix.map_from_odom
        self._standing = states.fixed(self._standing, fix.stamp_ns, reason)
        return Outcome(
            self._standing, fix, tracked=tracked, jump_m=jump_m, jump_rad=jump_rad
        )

    def _jump(self, fix: Fix) -> tuple[float | None, float | None]:
        """How far the fix lies from the belief, which odometry has carried to its stamp."""
        if self._belief is None:
            return None, None
        way, angle = se3.pose_error(self._belief.map_from_base, fix.map_from_base)
        return float(way), float(angle)

    def _lacks_odometry(self, fix: Fix) -> bool:
        return self._expects_odometry and fix.map_from_odom is None

    def _flaw(self, fix: Fix) -> Reason | None:
        if fix.spread_m > self._tracking.max_spread_m:
            return Reason.UNCERTAIN
        return Reason.NO_ODOMETRY if self._lacks_odometry(fix) else None

    def _is_believable(self, seen: Seen, agrees: bool) -> bool:
        """By the belief, or by what waits. LOST, a belief counts while odometry bounds it."""
        belief, limits = self._belief, self._tracking
        if belief is not None and agrees and self._spread_of(belief) <= limits.trusted_spread_m:
            return True
        known = belief is not None and (
            self._standing.state is not State.LOST
            or self._spread_of(belief) <= limits.refound_spread_m
        )
        alone = known or not limits.confirm_first
        if seen.is_strong and alone and (agrees or belief is None):
            return True
        return self._candidates.confirm(seen, agrees and known, self._motion, limits)

    def _spread_of(self, belief: Belief) -> float:
        return beliefs.position_spread(beliefs.covariance(belief, self._motion))

    def _agrees(self, belief: Belief, fix: Fix) -> bool:
        return beliefs.agree(
            belief, fix.map_from_base, fix.covariance, self._motion, self._tracking.agreement_chi2
        )
