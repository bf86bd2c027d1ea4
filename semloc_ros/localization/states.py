"""The published state of the localizer as a value, and the rules by which it changes.

    UNINITIALIZED ─ start ─► BOOTSTRAPPING ─ fixed ─► TRACKING ◄─ fixed ─┐
                                                        │ aged           │
                                                        ▼                │
                                                     DEGRADED ─ aged ─► LOST

Every rule is a function from a `Standing` to the next; none reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from semloc_ros.config import TrackingConfig
from semloc_ros.types import State

_NANOSECONDS = 1e9


class Reason(str, Enum):
    """Reason words of a state, besides those of `NoPoseReason`."""

    OK = "ok"
    UNCONFIGURED = "unconfigured"
    BAD_MAP = "bad_map"
    BAD_CONFIG = "bad_config"
    INACTIVE = "inactive"
    WAITING_FOR_IMAGE = "waiting_for_image"
    NO_IMAGE = "no_image"
    BAD_IMAGE = "bad_image"
    NO_CAMERA_INFO = "no_camera_info"
    BAD_CAMERA_INFO = "bad_camera_info"
    MISSING_TRANSFORM = "missing_transform"
    NO_ODOMETRY = "no_odometry"
    INITIAL_POSE = "initial_pose"
    GLOBAL_LOCALIZATION = "global_localization"
    LABELS = "labels"
    LABELS_DISAGREE = "labels_disagree"
    FEW_LABELS = "few_labels"
    UNCONFIRMED = "unconfirmed"
    UNCERTAIN = "uncertain"
    SPREAD = "spread"
    OLD_FIX = "old_fix"
    CLOCK_JUMP = "clock_jump"
    PAUSED = "paused"


_WELL = (Reason.OK, Reason.LABELS)  # reasons of TRACKING: features, or labels on odometry


@dataclass(frozen=True, slots=True)
class Standing:
    """State, why, the stamp of the last believed fix, and when an image was there last."""

    state: State = State.UNINITIALIZED
    reason: str = Reason.UNCONFIGURED.value
    last_fix_ns: int | None = None
    last_frame_ns: int | None = None

    def fix_age_s(self, now_ns: int) -> float | None:
        """Age of the last believed fix in seconds, None if there is none; never below zero,
        as a camera's clock may be a little ahead."""
        if self.last_fix_ns is None:
            return None
        return max(now_ns - self.last_fix_ns, 0) / _NANOSECONDS


def start(reason: Reason = Reason.WAITING_FOR_IMAGE) -> Standing:
    """A map is there, no belief yet."""
    return Standing(State.BOOTSTRAPPING, reason.value)


def fixed(standing: Standing, stamp_ns: int, reason: Reason = Reason.OK) -> Standing:
    """A fix was believed: TRACKING, or DEGRADED where the reason is a flaw (UNCERTAIN,
    NO_ODOMETRY)."""
    state = State.TRACKING if reason in _WELL else State.DEGRADED
    seen = _latest(standing.last_frame_ns, stamp_ns)
    return Standing(state, reason.value, stamp_ns, seen)


def heard(standing: Standing, now_ns: int) -> Standing:
    """An image came, whether or not it is tried: the camera is not silent."""
    return replace(standing, last_frame_ns=_latest(standing.last_frame_ns, now_ns))


def missed(standing: Standing, reason: str, stamp_ns: int | None = None) -> Standing:
    """A frame gave no fix that is believed: the state stays, the reason is that of the frame."""
    if standing.state is State.UNINITIALIZED:
        return standing
    last = _latest(standing.last_frame_ns, stamp_ns)
    return replace(standing, reason=reason, last_frame_ns=last)


def aged(standing: Standing, now_ns: int, spread_m: float, config: TrackingConfig) -> Standing:
    """What time does: TRACKING to DEGRADED to LOST, by the fix's age and the belief's spread.

    `spread_m` is the 1-sigma position spread of the belief carried on to `now_ns`.
    """
    if standing.last_fix_ns is None:  # nothing was believed yet, nothing ages
        return standing
    state = _worse(standing.state, _state_of_age(standing, now_ns, spread_m, config))
    reason = standing.reason
    if state is not State.TRACKING and _silent(standing, now_ns, config):
        reason = Reason.NO_IMAGE.value
    elif state is State.LOST and spread_m > config.lost_spread_m:
        reason = Reason.SPREAD.value
    elif state is not State.TRACKING and reason in [one.value for one in _WELL]:
        reason = Reason.OLD_FIX.value  # images come, but none was done since
    return replace(standing, state=state, reason=reason)


def _state_of_age(
    standing: Standing, now_ns: int, spread_m: float, config: TrackingConfig
) -> State:
    age = standing.fix_age_s(now_ns) or 0.0
    if age > config.lost_after or spread_m > config.lost_spread_m:
        return State.LOST
    return State.DEGRADED if age > config.degraded_after else State.TRACKING


def _latest(a: int | None, b: int | None) -> int | None:
    return max((ns for ns in (a, b) if ns is not None), default=None)


def _worse(a: State, b: State) -> State:
    return max(a, b, key=list(State).index)


def _silent(standing: Standing, now_ns: int, config: TrackingConfig) -> bool:
    if standing.last_frame_ns is None:
        return True
    return (now_ns - standing.last_frame_ns) / _NANOSECONDS > config.degraded_after
