"""A SLAM's frame aligned to the map: made-up SLAM trajectories of recorded drives.

Each drive of a street (`semloc world make`: true poses at 50 Hz, wheel odometry) is told by a SLAM
at 20 Hz in a frame of its own, with jitter, with drift, with loop closures that take the drift
back, with losses after which frame and unit are others, or by the robot's own wheels. Fixes come
at 2 Hz, 0.2 s late, err by 0.1 m and 0.6 deg (1 sigma an axis: 0.1 m, 0.35 deg) and lie anywhere
within some metres for a share of them; or they are those of a recorded run of the localizer.

An error is the distance from the truth of each pose of the SLAM as it comes, put into the map by
the alignment of that moment. Beside it the same by least squares of all fixes so far (Umeyama).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reporting import ROOT, arguments, progress, report

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.datasets.bags import odometry, poses
from semloc_ros.evaluation.predictions import load_run
from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import Similarity, fit_similarity
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.slam_alignment import Alignment, SlamAligner
from semloc_ros.localization.slam_track import Step
from semloc_ros.types import FloatArray

COLUMNS = ("SLAM", "wrong fixes", "method", "aligned", "median m", "p95 m", "max m", "> 1 m",
           "align s", "align m", "again s", "again m", "ms/fix")
PERIOD_NS = 50_000_000
FIX_NS, LATE_NS = 500_000_000, 200_000_000
SIGMAS = np.array([0.1, 0.1, 0.1, 0.006, 0.006, 0.006])
FAR = np.array([10.0, 10.0, 1.0, 0.5, 0.5, 0.5])
FAULT_M = 1.0


@dataclass(frozen=True)
class Drive:
    """True `map_from_base` (N, 4, 4) at `stamps` (N,), and that of the wheels."""

    stamps: NDArray[np.int64]
    truth: FloatArray
    wheels: FloatArray


@dataclass(frozen=True)
class Told:
    """What a SLAM says: poses (N, 4, 4) in its frame; `there` (N,) where it says one; `anew` the
    rows at which its frame is another."""

    slam: FloatArray
    there: NDArray[np.bool_]
    anew: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fixes:
    """Poses (M, 4, 4) of the base at `stamps` (M,) with covariances (M, 6, 6), and when each
    `arrives`."""

    stamps: NDArray[np.int64]
    arrives: NDArray[np.int64]
    map_from_base: FloatArray
    covariances: FloatArray


@dataclass
class Outcome:
    """Errors (m) where aligned, how many poses there were, time and way until aligned."""

    errors: list[float]
    poses: int
    first: list[tuple[float, float]]
    again: list[tuple[float, float]]
    seconds: list[float]


def main() -> None:
    """Every SLAM, every method, all drives of the street together."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "street")
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.1, 0.3])
    parser.add_argument(
        "--fixes", type=Path, help="recorded runs of the localizer instead: FOLDER/DRIVE/"
        "predictions.jsonl; --wrong is added to them"
    )
    parser.add_argument("--slam", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    names = sorted(one.parent.name for one in options.world.glob("*/metadata.yaml"))
    if options.fixes:
        names = [one for one in names if (options.fixes / one / "predictions.jsonl").exists()]
    drives = {name: read_drive(options.world / name) for name in names}
    rows = []
    with progress() as bar:
        for kind in bar.track(options.slam, description="SLAM"):
            make = KINDS[kind]
            for wrong in options.wrong:
                for method in METHODS:
                    if method == "aligner, scale 1" and kind not in METRIC:
                        continue
                    outcomes = [
                        judged(method, drive, make(drive, np.random.default_rng(row)),
                               fixes_of(drive, name, options.fixes, wrong, row))
                        for row, (name, drive) in enumerate(drives.items())
                    ]
                    rows.append((kind, f"{wrong:.0%}", method, *line(outcomes)))
    source = "recorded" if options.fixes else "made up"
    report("A SLAM's frame in the map", COLUMNS, rows, options.json, 150,
           drives=", ".join(names), fixes=source)


def read_drive(bag: Path) -> Drive:
    """Truth and wheels of a bag, every 50 ms."""
    stamps, truth = poses(bag, "/ground_truth/pose")
    samples = odometry(bag, "/odom")
    known = np.array([one.stamp_ns for one in samples])
    wheels = np.array([one.odom_from_base for one in samples])
    first, last = max(stamps[0], known[0]), min(stamps[-1], known[-1])
    wanted = np.arange(first, last, PERIOD_NS, dtype=np.int64)
    return Drive(wanted, between(stamps, truth, wanted), between(known, wheels, wanted))


def between(stamps: NDArray[np.int64], given: FloatArray, wanted: NDArray[np.int64]) -> FloatArray:
    """Poses (M, 4, 4) at the stamps wanted, interpolated."""
    after = np.clip(np.searchsorted(stamps, wanted), 1, len(stamps) - 1)
    fraction = (wanted - stamps[after - 1]) / (stamps[after] - stamps[after - 1])
    return se3.interpolate(given[after - 1], given[after], fraction)


def frame(generator: np.random.Generator) -> Similarity:
    """A frame that has nothing to do with the map's, 0.05 to 2 units a metre."""
    scale = np.exp(generator.uniform(np.log(0.05), np.log(2.0)))
    tangent = generator.normal(size=6) * [5, 5, 5, 1, 1, 1]
    return Similarity(np.asarray(scale), se3.exp(tangent))


def jittered(given: FloatArray, generator: np.random.Generator) -> FloatArray:
    """With 5 mm and 0.06 deg of noise on each pose (m)."""
    return perturb(given, generator.normal(size=(len(given), 6)) * np.repeat([0.005, 0.001], 3))


def drifted(
    given: FloatArray, generator: np.random.Generator, unit_drift: float = 0.003
) -> FloatArray:
    """Of drift as monocular SLAM has: the unit wanders by 0.3 %/√m, the heading by 0.15 deg/√m."""
    steps = se3.inverse(given[:-1]) @ given[1:]
    root = np.sqrt(np.linalg.norm(steps[:, :3, 3], axis=1))
    unit = np.exp(np.cumsum(generator.normal(size=len(steps)) * root * unit_drift))
    turns = np.zeros((len(steps), 6))
    turns[:, 3:] = generator.normal(size=(len(steps), 3)) * root[:, None] * [5e-4, 5e-4, 2.6e-3]
    steps = se3.make_pose(steps[:, :3, :3], steps[:, :3, 3] * unit[:, None]) @ se3.exp(turns)
    track = [given[0]]
    for step in steps:
        track.append(track[-1] @ step)
    return np.array(track)


def scaled(drive: Drive, generator: np.random.Generator) -> Told:
    """Frame and unit unknown, no drift."""
    slam = frame(generator).poses(jittered(drive.truth, generator))
    return Told(slam, np.ones(len(slam), dtype=bool))


def drifting(drive: Drive, generator: np.random.Generator) -> Told:
    """Frame and unit unknown, with drift."""
    slam = frame(generator).poses(jittered(drifted(drive.truth, generator), generator))
    return Told(slam, np.ones(len(slam), dtype=bool))


def closing(drive: Drive, generator: np.random.Generator) -> Told:
    """With drift, taken back at three moments: the poses jump to where they should be."""
    parts = np.array_split(np.arange(len(drive.truth)), 4)
    track = np.concatenate([drifted(drive.truth[one], generator) for one in parts])
    slam = frame(generator).poses(jittered(track, generator))
    return Told(slam, np.ones(len(slam), dtype=bool))


def resetting(gap: int) -> Callable[[Drive, np.random.Generator], Told]:
    """With drift, lost twice for `gap` poses: then frame and unit are others."""

    def made(drive: Drive, generator: np.random.Generator) -> Told:
        parts = np.array_split(np.arange(len(drive.truth)), 3)
        track = jittered(drifted(drive.truth, generator), generator)
        slam = np.concatenate([frame(generator).poses(track[one]) for one in parts])
        there = np.ones(len(slam), dtype=bool)
        anew = []
        for one in parts[1:]:
            there[one[0] : one[0] + gap] = False
            anew.append(int(one[0]) + gap)
        return Told(slam, there, tuple(anew))

    return made


def stereo(drive: Drive, generator: np.random.Generator) -> Told:
    """As `closing`, but its unit is the metre, and only the heading drifts."""
    parts = np.array_split(np.arange(len(drive.truth)), 4)
    track = [drifted(drive.truth[one], generator, 0.0) for one in parts]
    rigid = Similarity(np.asarray(1.0), frame(generator).rigid)
    slam = rigid.poses(jittered(np.concatenate(track), generator))
    return Told(slam, np.ones(len(slam), dtype=bool))


def wheels(drive: Drive, generator: np.random.Generator) -> Told:
    """The robot's recorded odometry; nothing is made up."""
    del generator
    return Told(drive.wheels, np.ones(len(drive.wheels), dtype=bool))


KINDS: dict[str, Callable[[Drive, np.random.Generator], Told]] = {
    "scale": scaled,
    "drift": drifting,
    "drift, closures": closing,
    "drift, lost 2 s": resetting(40),
    "drift, lost 0.2 s": resetting(4),
    "stereo, closures": stereo,
    "wheels": wheels,
}
METRIC = ("stereo, closures", "wheels")
METHODS = ("aligner", "aligner, scale 1", "least squares")


def fixes_of(drive: Drive, name: str, folder: Path | None, wrong: float, seed: int) -> Fixes:
    """Made up or recorded, some of them far off."""
    generator = np.random.default_rng(1000 + seed)
    if folder is None:
        stamps = np.arange(drive.stamps[0], drive.stamps[-1], FIX_NS, dtype=np.int64)
        true = between(drive.stamps, drive.truth, stamps)
        given = perturb(true, generator.normal(size=(len(stamps), 6)) * SIGMAS)
        covariances = np.repeat(np.diag(SIGMAS**2)[None], len(stamps), axis=0)
    else:
        run = load_run(folder / name).poses
        stamps, given, covariances = run.stamps_ns, run.map_from_base, run.covariances
    far = generator.random(len(stamps)) < wrong
    off = generator.normal(size=(len(stamps), 6)) * FAR * far[:, None]
    return Fixes(stamps, stamps + LATE_NS, perturb(given, off), covariances)


class LeastSquares:
    """All fixes so far, each as good as the other."""

    def __init__(self) -> None:
        self.slam: dict[int, FloatArray] = {}
        self.pairs: list[tuple[FloatArray, FloatArray]] = []
        self.found: Similarity | None = None

    def add_pose(self, stamp: int, slam_from_body: FloatArray) -> Step:
        """Kept for the fix of that stamp."""
        self.slam[stamp] = slam_from_body
        return Step.CONTINUES

    def add_fix(self, stamp: int, map_from_body: FloatArray, covariance: FloatArray) -> None:
        """Fitted anew, from five fixes on."""
        del covariance
        at = min(self.slam, key=lambda one: abs(one - stamp))
        if abs(at - stamp) <= PERIOD_NS:
            self.pairs.append((self.slam[at], map_from_body))
        if len(self.pairs) >= 5:
            here, there = (np.array(one) for one in zip(*self.pairs, strict=True))
            turns = there[:, :3, :3] @ np.swapaxes(here[:, :3, :3], 1, 2)
            self.found = fit_similarity(here[:, :3, 3], there[:, :3, 3], True, turns, 100.0)

    def current(self) -> Similarity | None:
        """`map_from_slam`, if there is one."""
        return self.found


class Aligner(SlamAligner):
    """Ours, asked as the other."""

    def current(self) -> Similarity | None:
        """`map_from_slam`, if it is known."""
        found = self.alignment
        return found.map_from_slam if isinstance(found, Alignment) else None


def judged(method: str, drive: Drive, told: Told, fixes: Fixes) -> Outcome:
    """Poses and fixes in the order in which they would come."""
    ours = Aligner(SlamAlignmentConfig(known_scale=method == "aligner, scale 1"))
    aligner = LeastSquares() if method == "least squares" else ours
    steps = np.linalg.norm(np.diff(drive.truth[:, :3, 3], axis=0), axis=1)
    way = np.append(0.0, np.cumsum(steps))
    found = Outcome([], 0, [], [], [])
    since: int | None = 0
    next_fix = 0
    for row, stamp in enumerate(drive.stamps):
        if row in told.anew:
            since = row
        if told.there[row]:
            aligner.add_pose(int(stamp), told.slam[row])
        while next_fix < len(fixes.stamps) and fixes.arrives[next_fix] <= stamp:
            start = time.perf_counter()
            aligner.add_fix(int(fixes.stamps[next_fix]), fixes.map_from_base[next_fix],
                            fixes.covariances[next_fix])
            found.seconds.append(time.perf_counter() - start)
            next_fix += 1
        if not told.there[row]:
            continue
        found.poses += 1
        current = aligner.current()
        if current is None:
            continue
        pose = current.poses(told.slam[row][None])[0]
        error = float(se3.pose_error(pose, drive.truth[row])[0])
        found.errors.append(error)
        if since is not None and error < FAULT_M:
            taken = (float(stamp - drive.stamps[since]) * 1e-9, float(way[row] - way[since]))
            (found.again if since else found.first).append(taken)
            since = None
    if since is not None:
        (found.again if since else found.first).append((np.inf, np.inf))
    return found


def line(outcomes: list[Outcome]) -> tuple[str | float, ...]:
    """Numbers of all drives together; times until aligned are medians."""
    errors = np.array([error for one in outcomes for error in one.errors] or [np.inf])
    share = len(errors) / sum(one.poses for one in outcomes)
    first = np.median([taken for one in outcomes for taken in one.first], axis=0)
    again = [taken for one in outcomes for taken in one.again]
    second = np.median(again, axis=0).tolist() if again else ["-", "-"]
    middle, high = np.percentile(errors, [50, 95])
    milliseconds = 1e3 * float(np.mean([one for found in outcomes for one in found.seconds]))
    return (f"{share:.1%}", float(middle), float(high), float(errors.max()),
            f"{np.mean(errors > FAULT_M):.2%}", *first.tolist(), *second, milliseconds)


if __name__ == "__main__":
    main()
