"""RANSAC with few inliers: what the order and the weights by labels buy, side by side.

A camera in a street of labelled points gets matches of which 5 or 10 % are right; its label map
has 20 % wrong patches. Each method is given the same matches, and ends by itself:

- PoseLib with uniform samples, and with progressive sampling (PROSAC) by scores that know nothing;
- PoseLib on the matches whose labels agree (SSMC);
- PoseLib's progressive sampling in the order of GSMC's scores, ended by its own rule;
- growing lists in the order of GSMC's scores (`semantic_ransac.ordered_pose`);
- P3P on samples drawn with GSMC's scores as weights (Toft et al., ECCV 2018).

Recall is the share of frames nearer than 0.25 m and 2 degrees. The time is that of the estimator;
what the scores cost stands below the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import poselib
from label_street import BASE_FROM_CAMERA, CAMERA, DOWN, LABELS, label_map, street
from numpy.typing import NDArray
from reporting import arguments, pose_error, report

from semloc_ros.config import GravityConsistencyConfig, PnpConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.consistency import consistent_matches
from semloc_ros.localization.gravity_consistency import Gravity, GravityConsistency
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.pnp import estimate_pose, poselib_camera
from semloc_ros.localization.semantic_ransac import ordered_pose, weighted_pose
from semloc_ros.types import Correspondences, FloatArray

COLUMNS = ("inliers", "method", "recall", "median cm", "median deg", "median ms", "mean ms")
CONFIG, GRAVITY = PnpConfig(max_iterations=100_000), GravityConsistencyConfig()
NEAR_M, NEAR_DEG = 0.25, 2.0
Method = Callable[[Correspondences, FloatArray, NDArray[np.bool_]], FloatArray | None]


def main() -> None:
    """All methods on the same frames."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--matches", type=int, default=500)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    points = street(100_000, 400.0, rng)
    scorer = GravityConsistency(points, GRAVITY, 0.5)
    rows: list[Any] = []
    spent: list[float] = []
    for share in (0.05, 0.1):
        results: dict[str, list[tuple[float, float, float]]] = {}
        for _ in range(options.frames):
            one = frame(points, options.matches, share, rng)
            frame_results(one, scorer, results, spent)
        rows += [summary(share, name, values) for name, values in results.items()]
    facts = {
        "speed-up at equal recall": ", ".join(speed_ups(rows)),
        "GSMC scores": f"{1e3 * np.median(spent):.0f} ms for {options.matches} matches x "
        f"{GRAVITY.angles} angles, 100,000 points (fastest {1e3 * min(spent):.0f} ms)",
    }
    report("RANSAC with few inliers", COLUMNS, rows, options.json, **facts)


def frame(
    points: LabelPoints, count: int, share: float, rng: np.random.Generator
) -> tuple[FloatArray, Correspondences, NDArray[np.uint8], NDArray[np.int64]]:
    """`map_from_camera`, matches, label map and the label of each point of the map."""
    turn = rng.normal(0, 1, 6) * (30.0, 2.0, 0.1, 0.02, 0.02, 0.3)
    pose = se3.make_pose(np.eye(3), turn[:3]) @ se3.exp([0, 0, 0, *turn[3:]]) @ BASE_FROM_CAMERA
    positions = points.values[:, :3].astype(np.float64) + points.origin
    pixels, seen = cameras.project(CAMERA, se3.transform(se3.inverse(pose), positions))
    near = np.linalg.norm(positions - pose[:3, 3], axis=1) < 60.0
    visible = np.flatnonzero(seen & near & cameras.inside_image(CAMERA, pixels))
    at = rng.choice(visible, count)
    good = rng.random(count) < share
    ids = np.where(good, at, rng.integers(0, len(points), count))
    ones = np.ones(count)
    matches = Correspondences(
        pixels[at] + rng.normal(0, 0.7, (count, 2)), positions[ids], ones, ones, ids
    )
    return pose, matches, label_map(pose, rng, 0.2), points.labels.astype(np.int64)


def frame_results(
    one: tuple[FloatArray, Correspondences, NDArray[np.uint8], NDArray[np.int64]],
    scorer: GravityConsistency, results: dict[str, list[tuple[float, float, float]]],
    spent: list[float],
) -> None:
    """Append position error, angle and seconds of each method."""
    pose, matches, labels, point_labels = one
    image = label_image(CAMERA, labels, np.ones(LABELS, np.bool_), GRAVITY.stride_px)
    gravity = Gravity(pose[:3, :3].T @ DOWN, DOWN, float(pose[2, 3]), 0.1)
    start = time.perf_counter()
    scores = scorer.scores(CAMERA, image, matches, gravity).scores
    spent.append(time.perf_counter() - start)
    agree = consistent_matches(matches, labels, point_labels, np.ones(LABELS, np.bool_))
    for name, method in methods().items():
        start = time.perf_counter()
        found = method(matches, scores, agree)
        seconds = time.perf_counter() - start
        error = (np.inf, np.inf) if found is None else pose_error(found, se3.inverse(pose))
        results.setdefault(name, []).append((*error, seconds))


def methods() -> dict[str, Method]:
    """Name and estimator."""
    rng = np.random.default_rng(1)
    return {
        "PoseLib, uniform": lambda matches, scores, agree: uniform(matches),
        "PoseLib, PROSAC without knowledge": lambda matches, scores, agree: estimate_pose(
            CAMERA, with_scores(matches, rng.random(len(matches))), CONFIG, 0
        ),
        "PoseLib, uniform, after SSMC": lambda matches, scores, agree: uniform(
            matches.select(agree)
        ),
        "PoseLib, PROSAC by GSMC": lambda matches, scores, agree: estimate_pose(
            CAMERA, with_scores(matches, scores), CONFIG, 0
        ),
        "growing lists by GSMC": lambda matches, scores, agree: ordered_pose(
            CAMERA, matches, scores, CONFIG, 0
        ),
        "growing lists by GSMC, after SSMC": lambda matches, scores, agree: ordered_pose(
            CAMERA, matches.select(agree), scores[agree], CONFIG, 0
        ),
        "weighted samples by GSMC": lambda matches, scores, agree: weighted_pose(
            CAMERA, matches, scores, CONFIG, rng
        ),
    }


def uniform(matches: Correspondences) -> FloatArray | None:
    """PoseLib's RANSAC as it is."""
    options = {"max_reproj_error": CONFIG.max_error_px, "max_iterations": CONFIG.max_iterations}
    found, _ = poselib.estimate_absolute_pose(
        matches.points_image, matches.points_map, poselib_camera(CAMERA), options, {}
    )
    return se3.make_pose(found.R, found.t)


def with_scores(matches: Correspondences, scores: FloatArray) -> Correspondences:
    """The matches in another order of trust."""
    return Correspondences(
        matches.points_image, matches.points_map, matches.sigmas_px, scores, matches.point_ids
    )


def summary(
    share: float, name: str, values: list[tuple[float, float, float]]
) -> tuple[Any, ...]:
    """One row."""
    metres, radians, seconds = np.array(values).T
    near = (metres < NEAR_M) & (np.degrees(radians) < NEAR_DEG)
    return (
        f"{share:.0%}", name, float(near.mean()), 100 * float(np.median(metres)),
        float(np.degrees(np.median(radians))), 1e3 * float(np.median(seconds)),
        1e3 * float(seconds.mean()),
    )


def speed_ups(rows: list[Any]) -> list[str]:
    """How many times faster than PoseLib's uniform the fastest is that finds as many poses."""
    words = []
    for share in sorted({row[0] for row in rows}):
        same = [row for row in rows if row[0] == share]
        base = next(row for row in same if row[1] == "PoseLib, uniform")
        best = min((row for row in same if row[2] >= base[2]), key=lambda row: row[6])
        words.append(f"{share}: {base[6] / best[6]:.1f} ({best[1]})")
    return words


if __name__ == "__main__":
    main()
