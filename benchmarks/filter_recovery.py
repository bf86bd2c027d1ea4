"""A robot that is carried off, and one whose labels fail: how soon the filter is right again, and
how often it claims to know what is false.

Drives through a street of labels (20 % wrong), odometry 5 % too short, and places as of retrieval
at each image: some poses near the truth, 30 % of them anywhere in the street. After 20 s the robot
is carried on by 40 m unseen, or its labels fail for 10 s. A belief is false if it is off by more
than 1 m or 5 degrees and claims a spread below 0.5 m, whole share of the weight, and labels that
fit (`FilterState.fit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from filter_calibration import HELD_OUT, POINTS_PER_M, START, Spoiling, table_for
from label_drive import ODOMETRY_HZ, SPEED, STEPS_PER_IMAGE, Drive, Errors
from label_street import BASE_FROM_CAMERA
from reporting import arguments, report

from semloc_ros.config import FilterConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_update import LabelView
from semloc_ros.localization.particle_filter import (
    FilterState,
    Hypotheses,
    Labels,
    ParticleFilter,
    Step,
)
from semloc_ros.types import FloatArray, Odometry

KIND, SCALE = Errors(0.2), 1.05
EVENT_S, BLACKOUT_S, CARRIED_M, SECONDS = 20.0, 10.0, 40.0, 50.0
PLACES, WRONG_PLACES, SHARE = 3, 0.3, 0.1
PLACE = np.diag(np.square([1.5, 1.5, 0.05, 0.01, 0.01, 0.15]))
CLAIMED_M, FALSE_M, FALSE_DEG, LEAST_SHARE, LEAST_FIT = 0.5, 1.0, 5.0, 0.8, 0.75
COLUMNS = ("what happens", "recovery s, median", "worst", "not recovered", "false beliefs",
           "without the fit", "certain and right")


@dataclass(frozen=True, slots=True)
class Moment:
    """What the filter believed after an image."""

    seconds: float
    error_m: float
    error_deg: float
    claimed_m: float
    share: float
    fit: float

    @property
    def is_right(self) -> bool:
        """Near the truth."""
        return self.error_m < FALSE_M and self.error_deg < FALSE_DEG

    @property
    def claims(self) -> bool:
        """It is sure, by its cloud."""
        return self.claimed_m < CLAIMED_M and self.share > LEAST_SHARE

    @property
    def is_certain(self) -> bool:
        """It is sure, and labels fit."""
        return self.claims and self.fit > LEAST_FIT


def main() -> None:
    """Each event over some seeds."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=300)
    options = parser.parse_args()
    config, street = FilterConfig(), HELD_OUT
    length = SECONDS * SPEED + CARRIED_M
    points = street.points(int(POINTS_PER_M * (length + 80.0)), length, np.random.default_rng(0))
    table = table_for(points, street, KIND, config, assumed=False)
    rows = []
    for event in ("nothing", "labels fail for 10 s", "carried off by 40 m"):
        runs = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            rng = np.random.default_rng(seed)
            drive = Drive.of(street, SECONDS, config.odometry, rng, SCALE)
            if event.startswith("carried"):
                drive = carried_off(drive)
            one = ParticleFilter(points, table, config, seed)
            runs.append(moments(one, drive, event.startswith("labels"), length, rng))
        rows.append((event, *summary(runs)))
    report("Recovery of the filter", COLUMNS, rows, options.json, seeds=options.seeds)


def carried_off(drive: Drive) -> Drive:
    """The robot is set down farther along the street; its wheels do not know."""
    truth = drive.truth.copy()
    truth[round(EVENT_S * ODOMETRY_HZ / STEPS_PER_IMAGE):, 0, 3] += CARRIED_M
    return Drive(drive.street, truth, drive.wheels)


def moments(
    one: ParticleFilter, drive: Drive, fails: bool, length: float, rng: np.random.Generator
) -> list[Moment]:
    """The belief after each image."""
    one.start(0, Odometry(0, drive.wheels[0]), [Fix(drive.truth[0], START)])
    found, spoils = [], Spoiling(KIND, 0, rng)
    for number, wheels in enumerate(drive.wheels):
        stamp = number * 10**9 // ODOMETRY_HZ
        odometry, seconds = Odometry(stamp, wheels), stamp / 1e9
        image, rest = divmod(number, STEPS_PER_IMAGE)
        dark = fails and EVENT_S <= seconds < EVENT_S + BLACKOUT_S
        if rest or dark:
            state = one.add(Step(stamp, odometry, None))
        else:
            one.add(Step(stamp, odometry, places(drive.truth[image], length, rng)))
            view = LabelView(spoils.ready(image, *drive.image(image)), BASE_FROM_CAMERA)
            state = one.add(Step(stamp, odometry, Labels((view,))))
        if not rest and state is not None:
            found.append(moment(one, state, drive.truth[image], seconds))
    return found


def places(truth: FloatArray, length: float, rng: np.random.Generator) -> Hypotheses:
    """Poses that retrieval might find: each is wrong by chance."""
    fixes = []
    for _ in range(PLACES):
        near = perturb(truth, rng.multivariate_normal(np.zeros(6), PLACE))
        if rng.random() < WRONG_PLACES:
            near = se3.make_pose(near[:3, :3], [rng.uniform(0.0, length), *near[1:3, 3]])
        fixes.append(Fix(near, PLACE))
    return Hypotheses(tuple(fixes), SHARE)


def moment(
    one: ParticleFilter, state: FilterState, truth: FloatArray, seconds: float
) -> Moment:
    """The heaviest cluster against the truth."""
    best = one.clusters()[0]
    error, turn = se3.pose_error(best.mean, truth)
    claimed = float(np.sqrt(np.trace(best.covariance[:2, :2])))
    fit = 1.0 if state.fit is None else state.fit
    return Moment(seconds, float(error), float(np.degrees(turn)), claimed, best.share, fit)


def summary(runs: list[list[Moment]]) -> tuple[Any, ...]:
    """One line of the table."""
    waits = []
    for run in runs:
        right = [one.seconds for one in run if one.seconds >= EVENT_S and one.is_right
                 and one.is_certain]
        waits.append(right[0] - EVENT_S if right else np.inf)
    every = [one for run in runs for one in run]
    false = np.mean([one.is_certain and not one.is_right for one in every])
    unfit = np.mean([one.claims and not one.is_right for one in every])
    good = np.mean([one.is_certain and one.is_right for one in every])
    return (
        float(np.median(waits)), float(np.max(waits)), int(np.isinf(waits).sum()),
        f"{false:.1%}", f"{unfit:.1%}", f"{good:.1%}",
    )


if __name__ == "__main__":
    main()
