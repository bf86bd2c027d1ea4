"""A plain visual odometry of one camera, with and without masks of what moves.

Corners (Shi-Tomasi) are tracked from image to image (pyramidal Lucas-Kanade, there and back), the
motion between two images is that of the essential matrix (OpenCV's USAC or RANSAC), and its length
is that of the truth: one camera knows no scale. No wheels, no gyro, no map, no mending of the past.
Corners under a mask are not used, and tracks that come under one are dropped. A step without a
motion takes that of the step before it.

Drift is KITTI's: over all stretches of an eighth, a quarter and a half of the way, the error at
their ends by their length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mask_gains import (
    NONE,
    TRUE,
    Mask,
    MaskOf,
    masks_by_name,
    part_of,
    share_under,
    under,
    won_back,
)
from numpy.typing import NDArray
from reporting import arguments, progress, report

from semloc_ros.datasets.world_folder import MOVING, read_true_masks
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.types import Camera, FloatArray, PosedImage

ReadMask = Callable[[PosedImage], Mask]
MOST, FEW = 400, 250  # corners; with less tracks, new ones are sought
LEAST = 12  # inliers that a motion needs
APART, WINDOW, LEVELS = 12, (21, 21), 3  # pixels between corners; of Lucas-Kanade
FARTHEST = 1e4  # of what counts in front of both images, in lengths of the step
BACK_PX, ERROR_PX = 0.7, 1.0  # there and back; from the epipolar line
STRETCHES = (0.125, 0.25, 0.5)  # of the way
COLUMNS = (
    "masks", "drift %", "deg/m", "end m", "step deg", "step cm", "inliers %", "on moving %",
    "no motion %",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """The motion between two images: `second_from_first` (4, 4) with a translation of length 1,
    None if there is none; how many tracks; the pixels in the second image of those that fit."""

    second_from_first: FloatArray | None
    tracks: int
    inliers: FloatArray

    @property
    def inlier_ratio(self) -> float:
        """Share of the tracks that fit the motion; 0 without one."""
        return len(self.inliers) / max(self.tracks, 1)


@dataclass(slots=True)
class Tracker:
    """Corners followed through the images of one camera; `method` is usac or ransac."""

    camera: Camera
    method: str = "usac"
    seed: int = 0
    _gray: NDArray[np.uint8] | None = None
    _points: FloatArray = field(default_factory=lambda: np.empty((0, 2)))

    def step(self, image: NDArray[np.uint8], mask: Mask | None = None) -> Step | None:
        """The motion from the image before to this one (H, W[, 3]); None for the first."""
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
        found = None if self._gray is None else self._follow(gray, mask)
        if len(self._points) < FEW:
            self._points = np.concatenate([self._points, self._corners(gray, mask)])
        self._gray = gray
        return found

    def _follow(self, gray: NDArray[np.uint8], mask: Mask | None) -> Step:
        before, now = tracked(self._gray, gray, self._points)
        free = np.ones(len(now), bool) if mask is None else ~under(mask, now)
        before, self._points = before[free], now[free]
        pose, inliers = self._motion(before, self._points)
        return Step(pose, len(self._points), self._points[inliers])

    def _motion(
        self, before: FloatArray, now: FloatArray
    ) -> tuple[FloatArray | None, NDArray[np.bool_]]:
        none = np.zeros(len(now), bool)
        if len(now) < LEAST:
            return None, none
        order = np.random.default_rng(self.seed).permutation(len(now))
        one, two = (cameras.undistort_points(self.camera, each[order]) for each in (before, now))
        kind = {"usac": cv2.USAC_MAGSAC, "ransac": cv2.RANSAC}[self.method]
        lens = cameras.intrinsic_matrix(self.camera)
        essential, fit = cv2.findEssentialMat(one, two, lens, kind, 0.999, ERROR_PX)
        if essential is None or essential.shape != (3, 3):
            return None, none
        _, turn, way, fit, _ = cv2.recoverPose(
            essential, one, two, lens, distanceThresh=FARTHEST, mask=fit
        )
        inliers = none.copy()
        inliers[order] = fit.ravel() > 0
        if inliers.sum() < LEAST:
            return None, none
        return se3.make_pose(turn, way.ravel()), inliers

    def _corners(self, gray: NDArray[np.uint8], mask: Mask | None) -> FloatArray:
        free = np.full(gray.shape, 255, np.uint8) if mask is None else 255 - mask
        for u, v in np.rint(self._points).astype(int):
            cv2.circle(free, (int(u), int(v)), APART, 0, -1)
        found = cv2.goodFeaturesToTrack(gray, MOST - len(self._points), 0.01, APART, mask=free)
        return np.empty((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)


def tracked(
    one: NDArray[np.uint8], two: NDArray[np.uint8], points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Of pixels (N, 2) of an image those that are found in another and back, and where: (M, 2)."""
    if not len(points):
        return points, points
    start = points.astype(np.float32).reshape(-1, 1, 2)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(one, two, start, None, None, None, WINDOW, LEVELS)
    back, again, _ = cv2.calcOpticalFlowPyrLK(two, one, there, None, None, None, WINDOW, LEVELS)
    height, width = two.shape
    moved = there.reshape(-1, 2).astype(np.float64)
    good = (seen.ravel() > 0) & (again.ravel() > 0)
    good &= np.linalg.norm((back - start).reshape(-1, 2), axis=1) < BACK_PX
    good &= ((moved > 1) & (moved < (width - 2, height - 2))).all(1)
    return points[good], moved[good]


@dataclass(frozen=True, slots=True)
class Drive:
    """What an odometry made of N images: `poses` (N, 4, 4), camera_from_start; of the N - 1 steps
    errors (degrees, metres), share of inliers, share of them on people and vehicles, which had no
    motion, and how much of the second image moves. The `way` (N,) metres is the true one."""

    poses: FloatArray
    truth: FloatArray
    way: FloatArray
    turn_deg: FloatArray
    shift_m: FloatArray
    inliers: FloatArray
    on_moving: FloatArray
    failed: NDArray[np.bool_]
    moving: FloatArray

    def stretches(self) -> FloatArray:
        """Of all stretches (M, 2): error at the end in percent of the length, degrees by metre."""
        rows = []
        for share in STRETCHES:
            length = share * self.way[-1]
            ends = np.searchsorted(self.way, self.way + length)
            for first, last in enumerate(ends):
                if last < len(self.way):
                    rows.append(self._apart(first, int(last), length))
        return np.array(rows)

    def _apart(self, first: int, last: int, length: float) -> tuple[float, float]:
        est, true = (one[last] @ se3.inverse(one[first]) for one in (self.poses, self.truth))
        shift, turn = se3.pose_error(se3.inverse(est), se3.inverse(true))
        return 100 * float(shift) / length, float(np.degrees(turn)) / length

    @property
    def end_m(self) -> float:
        """How far off the last image is, of the first one's place and direction."""
        whole = self._apart(0, len(self.way) - 1, float(self.way[-1]))
        return whole[0] / 100 * float(self.way[-1])


def drive(
    images: Sequence[PosedImage], mask_of: MaskOf, true_of: MaskOf, moving_of: ReadMask,
    method: str = "usac", seed: int = 0, tell: Callable[[], None] = lambda: None,
) -> Drive:  # fmt: skip
    """The odometry of the images of one camera in their order, by masks that it is given, and true
    ones of people and vehicles and of what moves of them to judge it."""
    tracker = Tracker(images[0].camera, method, seed)
    truth = np.stack([image.camera_from_map for image in images])
    truth = truth @ se3.inverse(truth[0])
    poses, rows, last = [np.eye(4)], [], np.eye(4)
    for number, image in enumerate(images):
        pixels = image.read()
        step = tracker.step(pixels, mask_of(image, pixels))
        if step is not None:
            true = truth[number] @ se3.inverse(truth[number - 1])
            last = last if step.second_from_first is None else step.second_from_first
            last = scaled(last, float(np.linalg.norm(true[:3, 3])))
            poses.append(last @ poses[-1])
            shift, turn = se3.pose_error(se3.inverse(last), se3.inverse(true))
            share = share_under(true_of(image, pixels), step.inliers)
            moving, failed = (moving_of(image) > 0).mean(), step.second_from_first is None
            rows.append((np.degrees(turn), shift, step.inlier_ratio, share, failed, moving))
        tell()
    centres = se3.inverse(truth)[:, :3, 3]
    way = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(centres, axis=0), axis=1))]
    columns = np.array(rows, np.float64).T
    return Drive(np.stack(poses), truth, way, *columns[:4], columns[4] > 0, columns[5])


def scaled(pose: FloatArray, length: float) -> FloatArray:
    """The motion with a translation of that length; of one that has none it stays 0."""
    now = float(np.linalg.norm(pose[:3, 3]))
    return se3.make_pose(pose[:3, :3], pose[:3, 3] * (length / now if now > 0 else 0.0))


def row_of(name: str, drives: Sequence[Drive]) -> tuple[Any, ...]:
    """Means over the same drive with several seeds; inliers on what moves over steps with any."""
    parts = [one.stretches().mean(0) for one in drives]
    drift = [part[0] for part in parts]
    return (
        name, f"{np.mean(drift):.2f} ± {np.std(drift):.2f}",
        float(np.mean([part[1] for part in parts])),
        float(np.mean([one.end_m for one in drives])),
        float(np.mean([rms(one.turn_deg) for one in drives])),
        100 * float(np.mean([rms(one.shift_m) for one in drives])),
        100 * float(np.mean([one.inliers.mean() for one in drives])),
        100 * float(np.mean([np.nanmean(one.on_moving) for one in drives])),
        100 * float(np.mean([one.failed.mean() for one in drives])),
    )  # fmt: skip


def rms(values: FloatArray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def gains(found: Mapping[str, Sequence[Drive]]) -> dict[str, str]:
    """What masks win, a line by loss; steps are means over the seeds."""
    losses = {
        "turn of a step, deg": lambda one: one.turn_deg,
        "shift of a step, cm": lambda one: 100 * one.shift_m,
        "outliers among the tracks": lambda one: 1 - one.inliers,
    }
    moving = found[NONE][0].moving
    subsets = {"": moving >= 0, ", most moving quarter": moving >= np.quantile(moving, 0.75)}
    means = [f"{100 * moving[chosen].mean():.1f} %" for chosen in subsets.values()]
    lines = {"of the images moves: all, most moving quarter": ", ".join(means)}
    for (loss, take), (subset, chosen) in product(losses.items(), subsets.items()):
        steps = {
            name: np.mean([take(one)[chosen] for one in drives], 0)
            for name, drives in found.items()
        }
        words = won_back(steps)
        lines[loss + subset] = "; ".join(f"{name}: {text}" for name, text in words.items())
    drifts = {
        name: np.array([one.stretches()[:, 0].mean() for one in drives])
        for name, drives in found.items()
    }
    return lines | {"drift, %": drift_won_back(drifts)}


def drift_won_back(drifts: Mapping[str, FloatArray]) -> str:
    """The same of drifts (seeds,). One drive has too few stretches for a test: true masks win if
    they do with every seed."""
    none, true = drifts[NONE], drifts[TRUE]
    if not (true < none).all():
        return f"{TRUE}: {none.mean():.2f} to {true.mean():.2f}; the share won back is undefined"
    parts = [
        f"{name}: {100 * (none.mean() - one.mean()) / (none.mean() - true.mean()):.0f} % won back"
        for name, one in drifts.items() if name not in (NONE, TRUE)
    ]  # fmt: skip
    return "; ".join([f"{TRUE}: {none.mean():.2f} to {true.mean():.2f}", *parts])


def main() -> None:
    parser = arguments(str(__doc__).splitlines()[0])
    parser.add_argument("--frames", type=Path, required=True, help="kapture folder with truth")
    parser.add_argument("--masks", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--part", default="", metavar="FIRST:LAST", help="these images only")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    parser.add_argument("--seeds", type=int, default=1, help="drives with other random numbers")
    parser.add_argument("--method", choices=("usac", "ransac"), default="usac")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    images = part_of(read_kapture(given.frames), given.part)[:: given.every]
    masks = masks_by_name(given.masks, given.frames)
    moving_of = read_true_masks(given.frames, MOVING)
    found: dict[str, list[Drive]] = {}
    with progress() as bar:
        for name, mask_of in masks.items():
            tell = partial(bar.advance, bar.add_task(name, total=given.seeds * len(images)))
            found[name] = [
                drive(images, mask_of, masks[TRUE], moving_of, given.method, seed, tell)
                for seed in range(given.seeds)
            ]
    rows = [row_of(name, drives) for name, drives in found.items()]
    way = found[NONE][0].way[-1]
    about = f"Visual odometry, {given.frames.name}: {len(images)} images, {way:.0f} m"
    report(about, COLUMNS, rows, given.json, 150, **gains(found))


if __name__ == "__main__":
    main()
