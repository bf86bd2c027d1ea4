"""Real hand-held images with labels by clustering and odometry made from the true poses.

The map is that of frames 0-374; every third of frames 375-749 is a stream of 10 Hz. Odometry is the
motion of the given poses with noise of its own and, in a second run, 5 % too long. Methods:

- alone: PnP, each frame by itself;
- odometry: nothing but odometry after the first fix;
- pnp: the tracker, whose fixes are guided by the belief that odometry carries;
- pfsl: the particle filter, with labels and odometry alone after the first fix;
- auto: the tracker with labels where features fail;
- fused: the particle filter with the labels and a fix of each frame;
- wrong: the particle filter with labels and odometry, started by no fix but by a pose that is wrong
  by 10 cm and 5 degrees (one sigma) in each axis.

Images: as recorded (`all`); without any for 10 of the 12.5 seconds (`none`), or with blurred ones
for as long (`blurred`). Estimates are taken back to the given camera, as in redkitchen.py. All
frames count: one without a pose is a wrong one. The pose of a frame is the belief carried to it,
unless LOST. Methods that need no features after the start run five times, with other noise.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from redkitchen import BUILDER, LAST, LOCALIZER, MAPPING
from reporting import arguments, built, progress, report
from scipy.stats import chi2

from semloc_ros.config import (
    FilterConfig,
    LocalizerNodeConfig,
    OdometryNoiseConfig,
    ParticlesConfig,
    TrackingConfig,
)
from semloc_ros.datasets.seven_scenes import read_seven_scenes
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.belief import base_of_camera
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_learning import count_left_out
from semloc_ros.localization.label_tracking import LabelTracker
from semloc_ros.localization.odometry_noise import motion_covariance, moved
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.particles import gaussian
from semloc_ros.localization.parts import make_localizer, make_session
from semloc_ros.localization.semantics import label_points
from semloc_ros.localization.session import Session
from semloc_ros.maps import labelling
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception import cluster_labels
from semloc_ros.perception.cluster_labels import ClusterLabels
from semloc_ros.types import (
    Camera,
    FloatArray,
    Frame,
    LabelMap,
    NoPose,
    NoPoseReason,
    Odometry,
    PosedImage,
    PoseEstimate,
    Prior,
    State,
)

LABELS = 200
SEEDS = {"odometry": 5, "pfsl": 5, "wrong": 5}
WRONG_START = np.diag(np.r_[np.full(3, 0.1), np.full(3, np.radians(5.0))] ** 2)
EVERY = 3  # of the mapping images, one gives labels to points: neighbours look alike
# Random errors of visual-inertial odometry in the hand: 2 % of the way, half a degree per metre.
HAND = OdometryNoiseConfig(
    along=0.02, across=0.02, up=0.02, turn=0.01, turn_per_turn=0.02, tilt=0.01, scale_m=0.4
)
# The lengths of the filter are those of a street; in a room all of them are a tenth.
FILTER = FilterConfig(
    range_m=6.0, cell_m=1.0, group_m=2.0, standing_m=0.005, independent_m=0.2, odometry=HAND,
    particles=ParticlesConfig(bin_m=0.05),
)
ROBOT = LocalizerNodeConfig(
    features=LOCALIZER.features, pnp=LOCALIZER.pnp, filter=FILTER,
    tracking=TrackingConfig(labels_spread_m=0.05),
)
SCALES = (1.0, 1.05)
BREAK_S, BLUR_PX = 10.0, 8.0
FALSE_M, FALSE_RAD = 0.25, np.radians(10.0)
# The base is the given camera with its x axis forward, as the odometry's model has it.
BASE_FROM_GIVEN = se3.make_pose(
    np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3)
)
COLUMNS = (
    "images", "method", "odometry", "within 5 cm, 5 deg %", "available %", "median cm",
    "median deg", "worst cm", "worst deg", "no pose", "false %", "coverage95 %", "ms",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One frame of the stream: an image or None, its label map, truth of the base, odometry."""

    stamp_ns: int
    image: NDArray[np.uint8] | None
    labels: LabelMap | None
    map_from_base: FloatArray
    odom_from_base: FloatArray


@dataclass(frozen=True)
class Published:
    """What a robot was told at one frame; None where it was told nothing."""

    map_from_base: FloatArray | None
    covariance: FloatArray | None
    tracking: bool
    seconds: float = 0.0


NOTHING = Published(None, None, False)


def main() -> None:
    """Build or load the map, label it, run all streams, print."""
    parser = arguments(__doc__ or "", "redkitchen")
    parser.add_argument("--labels", type=int, default=LABELS, help="number of clusters")
    parser.add_argument("--methods", default="alone,odometry,pnp,pfsl,wrong,auto,fused")
    parser.add_argument("--images", default="all,none,blurred")
    parser.add_argument("--every", type=int, default=3, help="frame of the stream is used")
    options = parser.parse_args()
    mapping = read_seven_scenes(options.data, stop=MAPPING)
    given = read_seven_scenes(options.data, start=MAPPING, stop=LAST)[:: options.every]
    semantic_map = built(mapping, BUILDER, options.work / "redkitchen")
    model = cluster_labels.fit([one.read() for one in mapping[::10]], options.labels, seed=0)
    robot = Robot(labelled(semantic_map, mapping, model))
    rows = []
    for images in options.images.split(","):
        watched = watch(given, images, model)
        for method in options.methods.split(","):
            for scale in SCALES[:1] if method == "alone" else SCALES:
                streams = [
                    driven(watched, scale, seed) for seed in range(SEEDS.get(method, 1))
                ]
                told = [
                    one for seed, seen in enumerate(streams)
                    for one in robot.run(method, seen, seed)
                ]
                frames = [one for seen in streams for one in seen]
                rows.append((images, method, f"{scale:g}", *statistics(told, frames)))
    motions = [
        se3.pose_error(a.map_from_base, b.map_from_base) for a, b in pairwise(watched)
    ]
    way, turn = np.sum(motions, axis=0)
    report(
        "redkitchen, labels and odometry", COLUMNS, rows, options.json, labels=model.count,
        way_m=round(float(way), 2), turn_deg=round(float(np.degrees(turn))),
    )


def labelled(
    semantic_map: SemanticMap, mapping: Sequence[PosedImage], model: ClusterLabels
) -> SemanticMap:
    """The map with the labels of every third mapping image, and what they are worth."""
    camera = semantic_map.cameras[0]
    kept: dict[str, LabelMap] = {}
    with progress() as bar:
        for image in bar.track(mapping[::EVERY], description="labels of the map"):
            kept[image.name] = model.label(image.read())
    unknown = np.full_like(kept[mapping[0].name], np.iinfo(kept[mapping[0].name].dtype).max)
    assert unknown.shape == (camera.height, camera.width)

    def read(name: str) -> LabelMap:
        return kept.get(name, unknown)

    choose = partial(
        labelling.stationary_clusters, least_ratio=FILTER.labels.stationary_ratio
    )
    found = labelling.label_map(
        semantic_map, read, model.count, "clusters", choose_stationary=choose
    )
    points = label_points(found, found.label_stationary, FILTER, seed=0)
    confusion = count_left_out(found, points, read, FILTER)
    return dataclasses.replace(found, label_confusion=confusion)


def watch(given: Sequence[PosedImage], images: str, model: ClusterLabels) -> list[Seen]:
    """The frames with their labels and true odometry; the 10 s in the middle without an image
    (`none`) or with a blurred one (`blurred`)."""
    frames = []
    middle = 0.5 * (given[0].stamp_ns + given[-1].stamp_ns)
    with progress() as bar:
        for one in bar.track(given, description=f"images: {images}"):
            image: NDArray[np.uint8] | None = one.read()
            if abs(one.stamp_ns - middle) < 0.5e9 * BREAK_S and images != "all":
                image = _blurred(one.read()) if images == "blurred" else None
            truth = se3.inverse(BASE_FROM_GIVEN @ one.camera_from_map)
            labels = None if image is None else model.label(image)
            frames.append(Seen(one.stamp_ns, image, labels, truth, truth))
    return frames


def _blurred(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR_PX), np.uint8)


def driven(frames: Sequence[Seen], scale: float, seed: int) -> list[Seen]:
    """The frames with an odometry whose way is too long by `scale`, and noisy; odometry starts
    anywhere."""
    rng = np.random.default_rng(seed)
    noise = dataclasses.replace(HAND, scale=0.0)
    odom_from_base = np.eye(4)
    found = [dataclasses.replace(frames[0], odom_from_base=odom_from_base)]
    for before, now in pairwise(frames):
        motion = se3.inverse(before.map_from_base) @ now.map_from_base
        longer = motion.copy()
        longer[:3, 3] *= scale
        step = moved(longer[None], np.eye(4), motion_covariance(motion, noise), rng)[0]
        odom_from_base = odom_from_base @ step
        found.append(dataclasses.replace(now, odom_from_base=odom_from_base))
    return found


class Robot:
    """What localizes: one map, one localizer, and a new session for each run."""

    def __init__(self, semantic_map: SemanticMap) -> None:
        self._localizer = make_localizer(semantic_map, ROBOT)
        self._camera: Camera = semantic_map.cameras[0]
        refinement = semantic_map.manifest.build["refinement"]
        camera_from_given = np.array(refinement["camera_from_given_camera"])
        self._base_from_camera = BASE_FROM_GIVEN @ se3.inverse(camera_from_given)

    def run(self, method: str, frames: Sequence[Seen], seed: int) -> list[Published]:
        """What is published at each frame; `seed` chooses the wrong start."""
        self._localizer.method = method if method in ("pfsl", "auto") else "pnp"
        session = make_session(
            self._localizer, dataclasses.replace(ROBOT, method=self._localizer.method)
        )
        filtered = LabelTracker(
            self._localizer.semantics, self._localizer.view_centres, FILTER, seed=0
        )
        if method == "wrong":
            first = frames[0]
            start = gaussian(first.map_from_base, WRONG_START, 1, np.random.default_rng(seed))[0]
            fix = Fix(start, WRONG_START)
            filtered.start(first.stamp_ns, odometry_of(first), [fix])
        one: Callable[[Seen], Published] = {
            "alone": self._alone, "odometry": partial(self._carried, session),
            "fused": partial(self._fused, filtered),
            "wrong": partial(self._weighed, filtered, None),
        }.get(method, partial(self._tracked, session))
        told = []
        with progress() as bar:
            for seen in bar.track(frames, description=method):
                started = time.process_time()
                answer = one(seen)
                seconds = time.process_time() - started
                told.append(dataclasses.replace(answer, seconds=seconds))
        return told

    def _alone(self, seen: Seen) -> Published:
        result = self._localize(seen, None)
        if isinstance(result, NoPose):
            return NOTHING
        pose, covariance = base_of_camera(
            result.camera_from_map, result.covariance, self._base_from_camera
        )
        return Published(pose, covariance, True)

    def _carried(self, session: Session, seen: Seen) -> Published:
        started = session.belief is not None
        return self._tracked(session, dataclasses.replace(seen, image=None) if started else seen)

    def _fused(self, tracker: LabelTracker, seen: Seen) -> Published:
        fix = self._alone(seen)
        evidence = None
        if fix.map_from_base is not None and fix.covariance is not None:
            evidence = Fix(fix.map_from_base, fix.covariance)
            if not tracker.is_running:
                tracker.start(seen.stamp_ns, odometry_of(seen), [evidence])
        return self._weighed(tracker, evidence, seen)

    def _weighed(self, tracker: LabelTracker, fix: Fix | None, seen: Seen) -> Published:
        found = tracker.update(
            self._frame(seen), self._base_from_camera, odometry_of(seen), fix
        )
        if found is None:
            return NOTHING
        return Published(found.map_from_base, found.covariance, True)

    def _tracked(self, session: Session, seen: Seen) -> Published:
        newest = odometry_of(seen)
        if seen.image is None:
            session.tick(seen.stamp_ns, newest)
        else:
            plan = session.plan(
                Sighting(seen.stamp_ns, self._base_from_camera, seen.odom_from_base)
            )
            result = self._localize(seen, plan.prior) if plan.wants_pose else _not_asked(seen)
            session.conclude(plan, result, self._frame(seen))
        believed = session.pose_at(newest)
        if believed is None or session.standing.state is State.LOST:
            return NOTHING
        return Published(*believed, session.standing.state is State.TRACKING)

    def _localize(self, seen: Seen, prior: Prior | None) -> PoseEstimate | NoPose:
        if seen.image is None:
            return _not_asked(seen)
        return self._localizer.localize(self._frame(seen), prior)

    def _frame(self, seen: Seen) -> Frame:
        image = np.empty((0, 0), np.uint8) if seen.image is None else seen.image
        return Frame(seen.stamp_ns, image, self._camera, labels=seen.labels)


def odometry_of(seen: Seen) -> Odometry:
    """As a message."""
    return Odometry(seen.stamp_ns, seen.odom_from_base)


def _not_asked(seen: Seen) -> NoPose:
    return NoPose(seen.stamp_ns, NoPoseReason.NOT_ASKED, "")


def statistics(told: Sequence[Published], frames: Sequence[Seen]) -> tuple[object, ...]:
    """The rest of a row; a frame without a pose is infinitely wrong."""
    wrong = np.full((len(frames), 2), np.inf)
    covered = []
    for row, (one, seen) in enumerate(zip(told, frames, strict=True)):
        if one.map_from_base is None or one.covariance is None:
            continue
        wrong[row] = se3.pose_error(one.map_from_base, seen.map_from_base)
        error = error_vector(one.map_from_base, seen.map_from_base)
        covered.append(nees(error, one.covariance) < chi2.ppf(0.95, 6))
    position, rotation = wrong.T
    there = np.isfinite(position)
    tracking = np.array([one.tracking for one in told])
    false = tracking & ((position > FALSE_M) | (rotation > FALSE_RAD))
    within = (position <= 0.05) & (rotation <= np.radians(5.0))
    return (
        100 * float(within.mean()), 100 * float(tracking.mean()),
        100 * float(np.median(position)), float(np.degrees(np.median(rotation))),
        100 * float(position[there].max(initial=0.0)),
        float(np.degrees(rotation[there].max(initial=0.0))), int((~there).sum()),
        100 * float(false.mean()), 100 * float(np.mean(covered)),
        1e3 * float(np.mean([one.seconds for one in told])),
    )  # fmt: skip


if __name__ == "__main__":
    main()
