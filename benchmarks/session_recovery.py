"""A robot's session where places are often wrong: how soon it is right again, how often it errs.

The drives of `filter_recovery` (labels 20 % wrong, odometry 5 % too short; after 20 s the robot is
carried on by 40 m unseen, or sees nothing for 10 s), with the rules of the session: of every
second image features give a pose, in 30 % of the cases that of a wrong place, and as sure
as a right one (sigma 2 cm; 15 to 80 inliers, whether right or wrong). It goes through the
localizer's gate where the session hands it a prior. Wrong places lie anywhere in the street, or
always as far along it (`alike`: two streets that look the same), where odometry confirms them.

False are fixes that are off by more than 1 m or 5 degrees; the rate is that among the images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from filter_calibration import HELD_OUT, POINTS_PER_M, table_for
from filter_recovery import (
    BLACKOUT_S,
    CARRIED_M,
    EVENT_S,
    FALSE_DEG,
    FALSE_M,
    KIND,
    SCALE,
    SECONDS,
    WRONG_PLACES,
    carried_off,
)
from label_drive import CAMERA, ODOMETRY_HZ, SPEED, STEPS_PER_IMAGE, Drive, spoiled
from label_street import BASE_FROM_CAMERA, LABELS
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.config import FilterConfig, GateConfig, MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.gate import check_prior
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_tracking import LabelTracker
from semloc_ros.localization.outcomes import Outcome, Plan, Sighting
from semloc_ros.localization.semantics import Semantics
from semloc_ros.localization.session import Session
from semloc_ros.localization.stages import Refused
from semloc_ros.types import (
    Correspondences,
    FloatArray,
    Frame,
    NoPose,
    NoPoseReason,
    PoseEstimate,
)

SEEN, ALIKE_M, IMAGE_NS = 0.5, 25.0, 10**9 * STEPS_PER_IMAGE // ODOMETRY_HZ
SHARP = np.diag(np.square([0.02, 0.02, 0.02, 0.004, 0.004, 0.004]))
EVENTS = "nothing", "nothing is seen for 10 s", "carried off by 40 m"
COLUMNS = ("method", "wrong places", "what happens", "found again s, median", "worst",
           "not found", "false fixes", "by labels", "longest s", "fixes")


@dataclass(frozen=True, slots=True)
class Moment:
    """What the session said to an image: whether there was a fix, right or not, and by what."""

    seconds: float
    is_fix: bool
    is_right: bool
    by_labels: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What is the same in all drives of a method."""

    method: str
    alike: bool
    semantics: Semantics
    length: float

    def session(self, seed: int) -> Session:
        """A new one, with the default options."""
        centres = np.stack(np.broadcast_arrays(np.arange(0.0, self.length), 0.0, 1.6), axis=1)
        labels = LabelTracker(self.semantics, centres, FilterConfig(), seed)
        return Session(TrackingConfig(), MotionConfig(), True, self.method, labels)

    def place(self, truth: FloatArray, rng: np.random.Generator) -> FloatArray:
        """The base's pose, or that of a wrong place."""
        pose: FloatArray = perturb(truth, rng.multivariate_normal(np.zeros(6), SHARP))
        if rng.random() < WRONG_PLACES:
            pose[0, 3] = pose[0, 3] + ALIKE_M if self.alike else rng.uniform(0.0, self.length)
        return pose


def main() -> None:
    """Each event over some seeds."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=300)
    parser.add_argument("--methods", nargs="+", default=["auto", "pfsl"])
    parser.add_argument("--alike", action="store_true", help="wrong places are always as far off")
    options = parser.parse_args()
    length = SECONDS * SPEED + CARRIED_M
    points = HELD_OUT.points(
        int(POINTS_PER_M * (length + 80.0)), length, np.random.default_rng(0)
    )
    trials = [
        Trial(method, options.alike, semantics_of(points), length) for method in options.methods
    ]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows = [
        (trial.method, "alike" if trial.alike else "anywhere", event,
         *summary([moments(trial, event, seed) for seed in seeds]))
        for trial in trials for event in EVENTS
    ]
    report("Recovery of the session", COLUMNS, rows, options.json, seeds=options.seeds)


def semantics_of(points: LabelPoints) -> Semantics:
    """The street as a labelled map."""
    table = table_for(points, HELD_OUT, KIND, FilterConfig(), assumed=False)
    return Semantics(points, table, np.ones(LABELS, np.bool_), np.empty(0, np.int64))


def moments(trial: Trial, event: str, seed: int) -> list[Moment]:
    """What the session says to each image of a drive."""
    rng, session = np.random.default_rng(seed), trial.session(seed)
    drive = Drive.of(HELD_OUT, SECONDS, FilterConfig().odometry, rng, SCALE)
    if event == EVENTS[2]:
        drive = carried_off(drive)
    found = []
    for number, truth in enumerate(drive.truth):
        stamp, seconds = (number + 1) * IMAGE_NS, number * IMAGE_NS / 1e9
        labels = spoiled(*drive.image(number), KIND, rng)
        place, inliers = trial.place(truth, rng), int(rng.integers(15, 80))
        is_seen = rng.random() < SEEN
        if event == EVENTS[1] and EVENT_S <= seconds < EVENT_S + BLACKOUT_S:
            session.tick(stamp)
            continue
        wheels = drive.wheels[number * STEPS_PER_IMAGE]
        plan = session.plan(Sighting(stamp, BASE_FROM_CAMERA, wheels))
        result = by_features(plan, place if is_seen else None, inliers)
        outcome = session.conclude(plan, result, frame(stamp, labels))
        session.tick(stamp)
        found.append(moment(outcome, truth, seconds))
    return found


def frame(stamp: int, labels: NDArray[np.uint8]) -> Frame:
    """A frame with its label map; nobody looks at its image."""
    return Frame(stamp, np.zeros(labels.shape, np.uint8), CAMERA, labels=labels)


def by_features(plan: Plan, place: FloatArray | None, inliers: int) -> PoseEstimate | NoPose:
    """What a localizer says that finds this pose of the base, or none."""
    stamp = plan.sighting.stamp_ns
    if place is None or not plan.wants_pose:
        return NoPose(stamp, NoPoseReason.TOO_FEW_INLIERS, "")
    camera_from_map = se3.inverse(place @ BASE_FROM_CAMERA)
    rows = Correspondences(
        np.zeros((inliers, 2)), np.zeros((inliers, 3)), np.ones(inliers), np.ones(inliers),
        np.full(inliers, -1),
    )
    if plan.prior is not None:
        try:
            check_prior(camera_from_map, SHARP, plan.prior, GateConfig())
        except Refused as why:
            return NoPose(stamp, why.reason, "")
    return PoseEstimate(stamp, camera_from_map, SHARP, rows, 2 * inliers)


def moment(outcome: Outcome, truth: FloatArray, seconds: float) -> Moment:
    """The fix against the truth."""
    if outcome.fix is None:
        return Moment(seconds, False, False, False)
    error, turn = se3.pose_error(outcome.fix.map_from_base, truth)
    is_right = bool(error < FALSE_M and np.degrees(turn) < FALSE_DEG)
    return Moment(seconds, True, is_right, outcome.tracked is not None)


def summary(runs: list[list[Moment]]) -> tuple[Any, ...]:
    """One line of the table."""
    waits, longest = [], 0.0
    for run in runs:
        right = [one.seconds for one in run if one.seconds >= EVENT_S and one.is_right]
        waits.append(right[0] - EVENT_S if right else np.inf)
        series = 0
        for one in run:
            series = series + 1 if one.is_fix and not one.is_right else 0
            longest = max(longest, series * IMAGE_NS / 1e9)
    every = [one for run in runs for one in run]
    false = [one for one in every if one.is_fix and not one.is_right]
    return (
        float(np.median(waits)), float(np.max(waits)), int(np.isinf(waits).sum()),
        f"{len(false) / len(every):.1%}", sum(one.by_labels for one in false), longest,
        f"{np.mean([one.is_fix for one in every]):.1%}",
    )


if __name__ == "__main__":
    main()
