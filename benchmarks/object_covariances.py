"""How honest the covariance of a pose by objects is, where their matches err alike.

    python3 benchmarks/object_covariances.py [--cases 200] [--json FILE]

A made-up room with nine pictures (`test/support/picture_room.py`), 640 x 480. Matches err by
`sigma` px, alike over a `part` of a picture; 5 % are wrong by up to 40 px. The normalized error of
an honest covariance has the mean 6, and 1 % of them are beyond 16.8. Poses stand for themselves,
without a prior; "not" are those that were refused, and why.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from reporting import ROOT, arguments, progress, report
from scipy.stats import chi2

from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import lift
from semloc_ros.types import FloatArray, PoseEstimate

sys.path.insert(0, str(ROOT / "test" / "support"))
import picture_room

COLUMNS = ("errors", "finds", "poses", "not", "mean", ">99%", "cm", "cm 95%", ">1 m", "cpu ms")
STUDIES: tuple[tuple[str, int, dict[str, float]], ...] = (
    ("1.5 px, part 0.3", 9, {}),
    ("the same, one find", 1, {}),
    ("part 0.15", 9, {"part": 0.15}),
    ("part 0.5", 9, {"part": 0.5}),
    ("said to be 0.5 px", 9, {"said": 0.5}),
    ("4 px", 9, {"sigma": 4.0}),
    ("30 % wrong", 9, {"outliers": 0.3}),
)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--cases", type=int, default=200)
    chosen = parser.parse_args()
    rows = []
    with progress() as bar:
        for name, most, errors in bar.track(STUDIES):
            rows.append([name, *study(chosen.cases, most, errors)])
    report("Poses by objects: normalized errors", COLUMNS, rows, chosen.json)


def study(cases: int, most: int, errors: dict[str, float]) -> list[Any]:
    """The row of that many images, each with no more than `most` finds."""
    rng = np.random.default_rng(5)
    hung = picture_room.room()
    objects, localizer = picture_room.objects_of(hung), ObjectLocalizer()
    squared, away, counts, spent = [], [], [], []
    refused: Counter[str] = Counter()
    while len(counts) < cases:
        pose = anywhere(rng)
        finds = picture_room.finds_in(rng, hung, pose, **errors)[:most]
        if not finds:
            continue
        counts.append(len(finds))
        frame = picture_room.frame_of(lift(finds, objects, 5))
        started = time.process_time()
        result = localizer.localize(frame)
        spent.append(1e3 * (time.process_time() - started))
        if isinstance(result, PoseEstimate):
            error = error_vector(se3.inverse(result.camera_from_map), se3.inverse(pose))
            squared.append(nees(error, result.covariance))
            away.append(float(np.linalg.norm(error[:3])))
        else:
            refused[result.reason.value] += 1
    cm = 100.0 * np.array(away)
    beyond = np.mean(np.array(squared) > chi2.ppf(0.99, 6))
    reasons = ", ".join(f"{count} {why}" for why, count in refused.most_common())
    return [
        f"{np.mean(counts):.1f}", len(away), reasons, f"{np.mean(squared):.1f}", f"{beyond:.3f}",
        f"{np.median(cm):.1f}", f"{np.quantile(cm, 0.95):.0f}", int((cm > 100).sum()),
        f"{np.median(spent):.0f}",
    ]  # fmt: skip


def anywhere(rng: np.random.Generator) -> FloatArray:
    """`camera_from_map` of a camera in the room that looks towards its walls."""
    eye = rng.uniform((1.5, 1.5, 1.2), (4.5, 5.0, 1.8))
    heading, rise = rng.uniform(-np.pi, 0.0), rng.uniform(-0.2, 0.2)
    forward = np.array([np.cos(heading), np.sin(heading), rise])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    return se3.inverse(se3.make_pose(axes, eye))


if __name__ == "__main__":
    main()
