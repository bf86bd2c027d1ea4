"""A real poster learned from one view: how exactly is it found in five others?

    python3 benchmarks/object_poster.py prepare --out out/poster
    semloc train objects --world out/poster/frames/view_1 --out out/poster.safetensors
    python3 benchmarks/object_poster.py judge --out out/poster --model out/poster.safetensors

The object is what lies in the middle of view 1 (HPatches v_churchill; `H_1_k` maps it to view k).
`prepare` writes a dataset folder of that view alone. `judge` fits a homography to the matches in
each other view, and tells by how many pixels of that view it puts the object's four corners beside
where they are, and the points of it that are in the view (`inside`), for each kind of match, and
for RootSIFT of both whole pictures with RANSAC. `whole view` is the path of features without a
network: the whole view is the box. Corners may lie far outside the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.config import FeaturesConfig, ObjectMatcherConfig
from semloc_ros.datasets.world_objects import world_map_objects
from semloc_ros.geometry import cameras
from semloc_ros.maps.objects import MapObjects, ObjectOfInterest
from semloc_ros.perception.features import RootSift
from semloc_ros.perception.object_features import FeatureMatcher
from semloc_ros.perception.object_refinement import (
    by_pixels,
    homography_of,
    on_homography,
    reference_of,
    view_of,
)
from semloc_ros.types import Camera, FloatArray, ObjectDetection
from semloc_ros.worlds.recording import frames

RUN, GROUP, NAME = "view_1", "views", "poster"
VIEWS = (2, 3, 4, 5, 6)
MARGIN = 0.08  # of view 1 that is not of the object, at each side
RATIO, ERROR_PX = 0.85, 3.0  # of the baseline
KINDS = (
    ("regression", "none"), ("regression", "homography"), ("regression", "photometric"),
    ("features", "none"), ("features", "homography"), ("features", "photometric"),
)  # fmt: skip
Image = NDArray[np.uint8]


def main() -> None:
    """Prepare or judge."""
    parser = arguments(__doc__ or "", "poster")
    parser.add_argument("what", choices=("prepare", "judge"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the one view")
    parser.add_argument("--model", type=Path, help="of `semloc train objects`")
    options = parser.parse_args()
    if options.what == "prepare":
        prepare(options.data, options.out)
        return
    rows = [baseline(options.data)]
    rows += [unaided(options.data, refine) for refine in ("homography", "photometric")]
    if options.model:
        objects = world_map_objects(options.out, RUN)
        rows += [judged(options.data, options.model, objects, *kind) for kind in KINDS]
    columns = ("matches", *(f"view {k}" for k in VIEWS), "median", "inside")
    report("Corners of the poster: mean error (px)", columns, rows, options.json)


def prepare(data: Path, out: Path) -> None:
    """The dataset folder of view 1, as `semloc world make` writes them."""
    image, run = picture(data, 1), out / "frames" / RUN
    height, width = image.shape[:2]
    left, top, right, bottom = area(image)
    camera = Camera("pinhole", width, height, float(width), float(width), (width - 1) / 2,
                    (height - 1) / 2)  # fmt: skip
    frames.write_view_tables(run, GROUP, [0], [camera], [np.eye(4)])
    for path, shown in (
        (frames.picture_path(run, GROUP, 0), image), (out / "objects" / f"{NAME}.png", cut(image)),
    ):  # fmt: skip
        frames.write_whole(path, encoded(shown[..., ::-1], path.suffix))
    u = (np.arange(left, right) - left + 0.5) / (right - left)
    v = (np.arange(top, bottom) - top + 0.5) / (bottom - top)
    truth = np.zeros((height, width, 3), np.uint16)  # OpenCV's order: v, u, id
    truth[top:bottom, left:right] = np.rint(
        np.stack([*np.meshgrid(v, u, indexing="ij"), np.ones((len(v), len(u))) / 65535], axis=2)
        * 65535
    )
    instances = np.where(truth[..., 2] > 0, 1, 0).astype(np.uint16)
    for kind, values in (("objects", truth), ("instances", instances)):
        frames.write_whole(frames.truth_path(run, GROUP, 0, kind), encoded(values, ".png"))
    pixels = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - 0.5
    rays = cameras.unproject(camera, pixels)
    corners = (rays / rays[:, 2:]).tolist()  # as if it hung a metre before the camera
    row = {"id": 1, "instance": 1, "image": f"objects/{NAME}.png", "corners_map": corners}
    frames.write_whole(run / "objects.json", json.dumps([row], indent=1).encode())


def judged(data: Path, model: Path, objects: MapObjects, matcher: str, refine: str) -> list[object]:
    """A row of the table: what a network finds, with this kind of match."""
    from semloc_ros.perception.objects import load_object_matcher

    ready = load_object_matcher(model, objects, ObjectMatcherConfig(matcher=matcher, refine=refine))
    width, height = size_of(data)

    def fit(image: Image) -> FloatArray | None:
        found = [one for one in ready.find(image) if len(one) >= 4]
        if not found:
            return None
        best = max(found, key=lambda one: one.score)
        return homography(best.points_uv * (width, height) - 0.5, best.points_image)

    return row(f"{matcher}, {refine}", data, fit)


def baseline(data: Path) -> list[object]:
    """RootSIFT of the object in view 1 and of all of the other view."""
    extract = RootSift(FeaturesConfig()).extract
    ours = extract(cut(picture(data, 1)))

    def fit(image: Image) -> FloatArray | None:
        theirs = extract(image)
        pairs = cv2.BFMatcher().knnMatch(
            ours.descriptors.astype(np.float32), theirs.descriptors.astype(np.float32), 2
        )
        good = [a for a, b in pairs if a.distance < RATIO * b.distance]
        if len(good) < 4:
            return None
        return homography(
            ours.keypoints[[one.queryIdx for one in good], :2],
            theirs.keypoints[[one.trainIdx for one in good], :2],
        )

    return row("RootSIFT + RANSAC", data, fit)


def unaided(data: Path, refine: str) -> list[object]:
    """A row of the table: features of the whole view, turned to the object and matched again."""
    config = ObjectMatcherConfig()
    matcher = FeatureMatcher(config.features, config.refinement)
    shown = cut(picture(data, 1))
    known = reference_of(ObjectOfInterest(NAME, shown, np.full(shown.shape[:2], 255, np.uint8), ()))
    width, height = size_of(data)

    def fit(image: Image) -> FloatArray | None:
        box = np.array([0.0, 0.0, image.shape[1] - 1, image.shape[0] - 1])
        none = np.empty((0, 2))
        whole = ObjectDetection(NAME, 1.0, box, none, none, np.empty(0), np.empty(0))
        view = view_of(image)
        found = matcher.match(whole, view, known)
        start = None if found is None else homography_of(found, config.refinement)
        if found is None or start is None:
            return None
        best = on_homography(found, *start)
        if refine == "photometric":
            options = config.refinement, config.points
            best = by_pixels(found, start[0], view, known, *options) or best
        return homography(best.points_uv * (width, height) - 0.5, best.points_image)

    return row(f"features of the whole view, {refine}", data, fit)


def row(name: str, data: Path, fit: Callable[[Image], FloatArray | None]) -> list[object]:
    """Of the table: mean error of the corners in each view; infinite where nothing is found."""
    left, top, _, _ = area(picture(data, 1))
    width, height = size_of(data)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    errors, inside = [], []
    for view in VIEWS:
        true = moved(np.loadtxt(data / f"H_1_{view}"), corners + (left, top))
        found = fit(picture(data, view))
        errors.append(np.inf if found is None else distance(moved(found, corners), true))
        inside.append(np.inf if found is None else seen_distance(found, data, view))
    return [name, *errors, float(np.median(errors)), float(np.median(inside))]


def seen_distance(found: FloatArray, data: Path, view: int) -> float:
    """Mean error of the object's points that are in the view."""
    left, top, _, _ = area(picture(data, 1))
    width, height = size_of(data)
    x, y = np.meshgrid(np.linspace(0, width - 1, 40), np.linspace(0, height - 1, 40))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    true = moved(np.loadtxt(data / f"H_1_{view}"), points + (left, top))
    most = np.array(picture(data, view).shape[1::-1]) - 1
    seen = ((true >= 0) & (true <= most)).all(axis=1)
    return distance(moved(found, points[seen]), true[seen])


def homography(points: FloatArray, seen: FloatArray) -> FloatArray | None:
    """From pixels of the object's picture to those of the view."""
    cv2.setRNGSeed(0)
    found, _ = cv2.findHomography(points, seen, cv2.USAC_MAGSAC, ERROR_PX, maxIters=10_000)
    return None if found is None else np.asarray(found)


def moved(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points (N, 2) by a homography."""
    there = np.c_[points, np.ones(len(points))] @ matrix.T
    return np.asarray(there[:, :2] / there[:, 2:])


def distance(points: FloatArray, others: FloatArray) -> float:
    """Mean of N distances."""
    return float(np.linalg.norm(points - others, axis=1).mean())


def picture(data: Path, view: int) -> Image:
    """RGB."""
    return np.asarray(cv2.imread(str(data / f"{view}.png"))[..., ::-1])


def area(image: Image) -> tuple[int, int, int, int]:
    """The object in view 1: left, top, right, bottom, pixels."""
    height, width = image.shape[:2]
    x, y = round(MARGIN * width), round(MARGIN * height)
    return x, y, width - x, height - y


def cut(image: Image) -> Image:
    """The object's picture, of view 1."""
    left, top, right, bottom = area(image)
    return np.ascontiguousarray(image[top:bottom, left:right])


def size_of(data: Path) -> tuple[int, int]:
    """Width and height of the object's picture."""
    height, width = cut(picture(data, 1)).shape[:2]
    return width, height


def encoded(image: NDArray[np.uint8] | NDArray[np.uint16], ending: str) -> bytes:
    """A file; `image` in OpenCV's order."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if ending == ".jpg" else []
    return bytes(cv2.imencode(ending, image, quality)[1].tobytes())


if __name__ == "__main__":
    main()
