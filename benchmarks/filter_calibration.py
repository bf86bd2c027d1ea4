"""Is the particle filter as sure as it is right? Drives with noisy odometry and wrong labels.

Each seed is a drive of its own (way, odometry's scale and noise, errors of labels). The error of
the heaviest cluster is compared with its covariance by NEES: in the plane (x, y, heading;
chi-square, 3 degrees of freedom) and in all six. Steps of one drive are not independent: the
bounds are those of the mean over as many independent values as there are seeds, at 95 %.

Errors of labels come in patches of pixels, drawn anew for each image. `--more` has others: patches
of a cell of `label_cells`, parts of the street that are wrong for `independent_m` of way, which is
what the filter is told, and parts that are wrong for ever.

The options were chosen on the streets `TUNED`; what is measured is `HELD_OUT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from label_drive import (
    CAMERA,
    ODOMETRY_HZ,
    SPEED,
    STEPS_PER_IMAGE,
    Drive,
    Errors,
    Street,
    spoiled,
)
from label_street import BASE_FROM_CAMERA, LABELS
from numpy.typing import NDArray
from reporting import arguments, report
from scipy.stats import chi2

from semloc_ros.config import FilterConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb
from semloc_ros.localization import label_statistics
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_images import LabelImage, label_image
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import LabelView, least_cosine2
from semloc_ros.localization.particle_filter import Labels, ParticleFilter, Step
from semloc_ros.types import FloatArray, Odometry

TUNED = Street(9.0, 12.0, 2.5, 2.0, 1), Street(14.0, 15.0, 4.0, 3.0, 3)
HELD_OUT = Street(6.0, 8.0, 1.6, 1.5, 2)
KINDS = tuple(Errors(wrong) for wrong in (0.0, 0.1, 0.2, 0.3))
MORE_KINDS = (
    Errors(0.2, CAMERA.width / FilterConfig().label_cells),
    Errors(0.2, HELD_OUT.along, FilterConfig().independent_m),
    Errors(0.2, 1.0, np.inf),
)
COLUMNS = ("wrong labels", "table", "NEES/3", "NEES/6", "in 50 %", "in 90 %", "in 95 %",
           "6: in 95 %", "heading", "median cm", "p95 cm", "claimed cm")
PLANE = np.array([0, 1, 5])
START = np.diag(np.square([0.3, 0.3, 0.02, 0.005, 0.005, 0.05]))
POINTS_PER_M = 420  # of the street
SETTLED_S = 10.0
TEACHER = 9_999  # the seed of the drive from which the confusion table is learned


def main() -> None:
    """Every kind of errors on the street that nothing was chosen on."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--more", action="store_true", help="other errors of labels instead")
    parser.add_argument("--assumed", action="store_true", help="the table is assumed, not learned")
    options = parser.parse_args()
    kinds = MORE_KINDS if options.more else KINDS
    config, street = FilterConfig(), HELD_OUT
    length = options.seconds * SPEED
    points = street.points(int(POINTS_PER_M * (length + 80.0)), length, np.random.default_rng(0))
    tables = [table_for(points, street, kind, config, options.assumed) for kind in kinds]
    found: dict[Errors, list[FloatArray]] = {kind: [] for kind in kinds}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        rng = np.random.default_rng(seed)
        drive = Drive.of(street, options.seconds, config.odometry, rng)
        seen = [drive.image(number) for number in range(len(drive.truth))]
        for kind, table in zip(kinds, tables, strict=True):
            one = ParticleFilter(points, table, config, seed)
            spoils = Spoiling(kind, seed, rng)
            found[kind].append(np.array(list(followed(one, drive, seen, spoils))))
    name = "assumed" if options.assumed else "learned"
    rows = [(str(kind), name, *numbers(values)) for kind, values in found.items()]
    bounds = {
        f"bounds of NEES/{dof}": "{:.2f} to {:.2f}".format(
            *chi2.ppf((0.025, 0.975), options.seeds * dof) / options.seeds / dof
        ) for dof in (3, 6)
    }
    report("Calibration of the filter", COLUMNS, rows, options.json, **bounds)


@dataclass(frozen=True, slots=True)
class Spoiling:
    """Errors of labels in the drive of that number."""

    kind: Errors
    drive: int
    rng: np.random.Generator

    def ready(self, number: int, labels: NDArray[np.uint8], there: FloatArray) -> LabelImage:
        """Image `number` with errors, for the filter."""
        way = number * STEPS_PER_IMAGE * SPEED / ODOMETRY_HZ
        wrong = spoiled(labels, there, self.kind, self.rng, self.drive, way)
        return label_image(CAMERA, wrong, np.ones(LABELS, np.bool_))


def followed(
    one: ParticleFilter, drive: Drive, seen: list[Any], spoils: Spoiling
) -> Iterator[tuple[float, ...]]:
    """After each image: NEES in the plane and in all, that of the heading alone, error and claimed
    error (m). The filter starts from about where the drive does."""
    start = perturb(drive.truth[0], spoils.rng.multivariate_normal(np.zeros(6), START))
    one.start(0, Odometry(0, drive.wheels[0]), [Fix(start, START)])
    for number, wheels in enumerate(drive.wheels):
        stamp = number * 10**9 // ODOMETRY_HZ
        image, rest = divmod(number, STEPS_PER_IMAGE)
        if rest:
            one.add(Step(stamp, Odometry(stamp, wheels), None))
            continue
        view = LabelView(spoils.ready(image, *seen[image]), BASE_FROM_CAMERA)
        one.add(Step(stamp, Odometry(stamp, wheels), Labels((view,))))
        if stamp < SETTLED_S * 1e9:
            continue
        best = one.clusters()[0]
        error, covariance = error_vector(best.mean, drive.truth[image]), best.covariance
        yield (
            nees(error[PLANE], covariance[np.ix_(PLANE, PLANE)]), nees(error, covariance),
            float(error[5] ** 2 / covariance[5, 5]),
            float(np.linalg.norm(error[:2])), float(np.sqrt(np.trace(covariance[:2, :2]))),
        )


def table_for(
    points: LabelPoints, street: Street, kind: Errors, config: FilterConfig, assumed: bool
) -> NDArray[np.float32]:
    """Log ratios: learned from a drive with errors of the same kind, or assumed."""
    if assumed:
        return label_statistics.assumed_table(label_statistics.label_shares(points), config.labels)
    rng = np.random.default_rng(TEACHER)
    drive = Drive.of(street, 30.0, config.odometry, rng)
    spoils = Spoiling(kind, TEACHER, rng)
    images = (
        (spoils.ready(number, *drive.image(number)),
         se3.inverse(drive.truth[number] @ BASE_FROM_CAMERA))
        for number in range(0, len(drive.truth), 3)
    )
    cosine = float(np.sqrt(least_cosine2(config)))
    counts = label_statistics.count_confusion(points, images, config.range_m, cosine)
    return label_statistics.learned_table(counts)


def numbers(values: list[FloatArray]) -> tuple[float, ...]:
    """One line of the table, from (steps, 5) of each drive."""
    plane, whole, heading, error, claimed = np.concatenate(values).T
    inside = [float((plane < chi2.ppf(share, 3)).mean()) for share in (0.5, 0.9, 0.95)]
    return (
        float(plane.mean()) / 3, float(whole.mean()) / 6, *inside,
        float((whole < chi2.ppf(0.95, 6)).mean()), float(heading.mean()),
        100 * float(np.median(error)),
        100 * float(np.percentile(error, 95)), 100 * float(np.median(claimed)),
    )


if __name__ == "__main__":
    main()
