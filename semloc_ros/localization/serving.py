"""From a frame to what is published of it: the part of a robot's loop that is no ROS.

The node's worker and the replay of a bag call the same `serve`, check stamps by the same
`StampCheck`, and join masks, labels, places and objects by the same `Companions`; so a bag is
judged with what the robot runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from semloc_ros.errors import InputError, expected
from semloc_ros.localization.companions import LABELS, MASK, OBJECTS, PLACES
from semloc_ros.localization.outcomes import Outcome, Sighting
from semloc_ros.localization.reports import (
    labelled_fraction,
    masked_fraction,
    num_finds,
    spreads_of,
    tracked_values,
    values_of,
)
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.types import Frame, NoPose, NoPoseReason, PoseEstimate, Prior

TICK_NS = 200_000_000  # how often time is let pass when nothing else happens
CLOCK_JUMP_BACK_NS = 100_000_000  # less is jitter of a clock's publisher
_STAMP_JUMP_BACK_NS = 1_000_000_000
_MAX_AHEAD_NS = 1_000_000_000  # the clocks of a robot's machines differ by less
_NOTHING_BESIDE: Mapping[str, object] = {
    "mask": "none", "masked_fraction": 0.0, "labels": "none", "labelled_fraction": 0.0,
    "places": "none", "places_count": 0, "objects": "none", "objects_count": 0, "gravity": False,
}  # fmt: skip


class FrameLocalizer(Protocol):
    """`localization.localizer.Localizer`."""

    def localize(self, frame: Frame, prior: Prior | None = None) -> PoseEstimate | NoPose: ...


class Untried(Exception):
    """A frame that cannot be tried: the reason word, and one line for the log."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


@dataclass(frozen=True, slots=True)
class Served:
    """What became of a frame; `values` are those of its status, without the times."""

    result: PoseEstimate | NoPose
    outcome: Outcome
    values: dict[str, object]


def serve(
    localizer: FrameLocalizer,
    session: Session,
    frame: Frame,
    sighting: Sighting,
    kinds: Mapping[str, str],
    epoch: int | None = None,
) -> Served:
    """Plan, localize, conclude. `kinds` says which MASK, LABELS, PLACES and OBJECTS the frame has;
    `epoch` is that of the session when the frame was taken up."""
    plan = session.plan(sighting, epoch)
    result: PoseEstimate | NoPose = NoPose(frame.stamp_ns, NoPoseReason.NOT_ASKED, "")
    if plan.wants_pose:
        result = localizer.localize(frame, plan.prior)
    outcome = session.conclude(plan, result, frame)
    values = {
        "stamp": frame.stamp_ns,
        **values_of(result),
        "guided": plan.prior is not None,
        **tracked_values(outcome),
        **_about(frame, kinds),
        "fix_age_s": outcome.standing.fix_age_s(frame.stamp_ns),
        **spreads_of(session),
    }
    return Served(result, outcome, values)


def refuse(session: Session, untried: Untried, stamp_ns: int, now_ns: int) -> Served:
    """A frame that could not be tried; its time counts as `now_ns`, as its stamp may be what is
    wrong with it."""
    outcome = session.refuse(untried.reason.value, now_ns)
    nothing = NoPose(stamp_ns, NoPoseReason.BAD_IMAGE, untried.text)
    values = {
        "stamp": stamp_ns,
        **values_of(nothing),
        **_NOTHING_BESIDE,
        "fix_age_s": outcome.standing.fix_age_s(now_ns),
        **tracked_values(outcome),
        **spreads_of(session),
    }
    return Served(nothing, outcome, values)


class StampCheck:
    """Stamps of one camera's images: a time, not in the future, and not far before the last."""

    def __init__(self) -> None:
        self._last_ns = 0

    def check(self, stamp_ns: int, now_ns: int) -> None:
        """Raise Untried (BAD_IMAGE, or CLOCK_JUMP after which the stamp is the last one)."""
        if stamp_ns == 0:
            raise Untried(Reason.BAD_IMAGE, "image.header.stamp: expected a time, got 0")
        try:
            check_not_ahead("image", stamp_ns, now_ns)
        except InputError as error:
            raise Untried(Reason.BAD_IMAGE, str(error)) from None
        last, self._last_ns = self._last_ns, stamp_ns
        if stamp_ns < last - _STAMP_JUMP_BACK_NS:
            seconds = f"{(last - stamp_ns) / 1e9:.1f} s before the last"
            text = expected("image.header.stamp", "stamps that do not jump back", seconds)
            raise Untried(Reason.CLOCK_JUMP, text)

    def forget(self) -> None:
        """The clock was set back: earlier stamps are right from now on."""
        self._last_ns = 0


def check_not_ahead(name: str, nanoseconds: int, now_ns: int) -> None:
    """InputError for a stamp more than 1 s after now (0: no clock has ticked yet)."""
    ahead = nanoseconds - now_ns
    if now_ns > 0 and ahead > _MAX_AHEAD_NS:
        raise InputError(
            expected(f"{name}.header.stamp", "no future time", f"{ahead / 1e9:.1f} s ahead")
        )


def _about(frame: Frame, kinds: Mapping[str, str]) -> dict[str, object]:
    """Status values of what a frame has besides its image."""
    return {
        "mask": kinds.get(MASK, "none"),
        "masked_fraction": masked_fraction(frame.mask),
        "labels": kinds.get(LABELS, "none"),
        "labelled_fraction": labelled_fraction(frame.labels),
        "places": kinds.get(PLACES, "none"),
        "places_count": 0 if frame.places is None else len(frame.places),
        "objects": kinds.get(OBJECTS, "none"),
        "objects_count": num_finds(frame.objects),
        "gravity": frame.down_camera is not None,
    }
