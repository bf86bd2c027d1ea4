"""When the particles are started and from where, what they are told of a frame, and when they stop.

    known = Known(...)                              # what the session knew when the frame came
    tracked = follow(labels, known, sighting, verdict, frame)

Slow, so a session calls it without its lock.
"""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization import fix_update
from semloc_ros.localization.belief import Belief
from semloc_ros.localization.label_tracking import LabelTracker, Tracked
from semloc_ros.localization.label_trust import LabelTrust
from semloc_ros.localization.outcomes import Sighting, Verdict, belief_of, fix_of_labels
from semloc_ros.localization.places import usable_places
from semloc_ros.types import Frame, Places


@dataclass(frozen=True, slots=True)
class Known:
    """What a session knows of its robot: the belief carried to the frame, if any, and how many
    frames in a row had no fix that was believed."""

    method: str
    tracking: TrackingConfig
    motion: MotionConfig
    trust: LabelTrust
    belief: Belief | None
    misses: int


def follow(
    labels: LabelTracker, known: Known, sighting: Sighting, verdict: Verdict, frame: Frame
) -> Tracked | None:
    """What labels and odometry say where features do not, or are not to."""
    if known.method not in ("auto", "pfsl"):
        labels.stop()
        return None
    fix = verdict.fix
    pose = None if fix is None else fix_update.Fix(fix.map_from_base, fix.covariance)
    if pose is not None and verdict.believed and known.method == "auto":
        labels.stop()  # where features fail again it starts from what is believed then
        return None
    places, _ = usable_places(frame)
    if pose is not None and verdict.believed and not verdict.agrees:
        labels.start(sighting.stamp_ns, sighting.odometry, [pose])
    elif labels.is_running and known.trust.takes_search(known.tracking):
        labels.start_anywhere(
            sighting.stamp_ns, sighting.odometry, sighting.base_from_camera, places
        )
    elif not labels.is_running and not _start(labels, known, sighting, frame, places, fix is None):
        return None
    agreeing = pose if verdict.agrees else None
    rivals = [] if pose is None or verdict.agrees else [pose]
    tracked = labels.update(
        frame, sighting.base_from_camera, sighting.odometry, agreeing, rivals,
        _rivals_of(places, labels, known),
    )
    if fix is not None and pose is not None and verdict.believed and tracked is not None:
        found = belief_of(sighting, fix_of_labels(sighting, tracked))
        chi2 = known.tracking.agreement_chi2
        if not beliefs.agree(found, fix.map_from_base, fix.covariance, known.motion, chi2):
            # the fix could not move the particles to itself
            labels.start(sighting.stamp_ns, sighting.odometry, [pose])
    return tracked


def _rivals_of(places: Places | None, labels: LabelTracker, known: Known) -> Places | None:
    """The places of which particles are drawn now; where there are none it is not the moment."""
    if places is None or not labels.draws_rivals:
        return None
    is_due = known.trust.takes_rivals(known.belief is not None, known.tracking)
    return places if is_due else None


def _start(
    labels: LabelTracker, known: Known, sighting: Sighting, frame: Frame,
    places: Places | None, nothing_seen: bool,
) -> bool:
    """From the belief, or from anywhere: with places at once, without them after some frames. It
    takes seconds in a large map, so not blindly while features may be about to know."""
    if frame.labels is None:
        return False
    stamp, odometry, belief = sighting.stamp_ns, sighting.odometry, known.belief
    if belief is not None:
        spread = beliefs.covariance(belief, known.motion)
        labels.start(stamp, odometry, [fix_update.Fix(belief.map_from_base, spread)])
    elif nothing_seen and (places is not None or known.misses >= known.tracking.global_after):
        labels.start_anywhere(stamp, odometry, sighting.base_from_camera, places)
    return labels.is_running
