"""Localization by features and labels on the street: single images, mapped in summer.

No odometry and no prior; an image without a pose counts in every recall. Gravity is that of a base
that stands level. Each label set is a labelled map and the label maps of the query runs, both made
with the same share of errors:

    semloc world labels out/street --kind subclasses --errors 0.2 --out out/sub20
    semloc map label out/benchmarks/street --labels out/sub20/mapping --out out/map_sub20
    python benchmarks/street_methods.py --set sub20 out/map_sub20 out/sub20

A world's folder stands for its true labels; other folders hold TRAVERSAL/CAMERA/000000.png.
Methods without labels run once. The maps must be the same but for their labels: features and
matches with the whole map are made once per image and ratio, for all of them, so the milliseconds
are those of what comes after.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import poselib
from numpy.typing import NDArray
from reporting import label_sets, pose_error, progress, report
from street_seasons import CONDITIONS, RECALLS, images_of, percent

from semloc_ros.config import LocalizerConfig, PnpConfig
from semloc_ros.errors import MapError, expected
from semloc_ros.geometry import se3
from semloc_ros.localization.frame_matches import FrameMatches
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.match_filters import MatchScorer
from semloc_ros.localization.pnp import MINIMAL_SAMPLE, poselib_camera
from semloc_ros.localization.semantics import Semantics, load_semantics
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping
from semloc_ros.types import Correspondences, Features, FloatArray, Frame, PosedImage, PoseEstimate

COLUMNS = (
    "labels", "method", "condition", "images", "fixes %",
    *(f"{m} m {d:.0f}° %" for m, d in RECALLS), "wrong %", "median cm", "ms",
)  # fmt: skip
DOWN_BASE = np.array([0.0, 0.0, -1.0])
WITHOUT_LABELS: dict[str, dict[str, Any]] = {
    "P3P": {"method": "pnp", "matching.ratio": 0.9},  # samples uniformly, as in the papers
    "pnp": {"method": "pnp"},
}
WITH_LABELS: dict[str, dict[str, Any]] = {
    "ssmc": {"method": "ssmc"},
    "gsmc ordered": {"method": "gsmc", "gsmc.sampler": "ordered"},
    "gsmc weighted": {"method": "gsmc", "gsmc.sampler": "weighted"},
    "auto": {"method": "auto"},
}
# position error (m), angle (rad), milliseconds, inliers, share of the matches that are inliers
Row = tuple[float, float, float, float, float]
Key = tuple[str, str]  # label set and method


def main() -> None:
    """All methods on the same images; the table so far after each condition."""
    options = parsed()
    bench = Bench(options)
    rows: list[Any] = []
    everything: dict[Key, list[Row]] = {}
    for condition in options.conditions:
        found = bench.run(condition)
        for key, values in found.items():
            everything.setdefault(key, []).extend(values)
        rows += [summary(key, condition, values) for key, values in found.items()]
        report("Street, single images", COLUMNS, rows + overall(rows), options.json)
    if options.figure is not None:
        draw_inliers(everything, options.figure)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = label_sets(__doc__ or "")
    parser.add_argument(
        "--methods", nargs="+", choices=[*WITHOUT_LABELS, *WITH_LABELS],
        default=[*WITHOUT_LABELS, "ssmc", "gsmc ordered"],
    )
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS[1:], choices=CONDITIONS)
    parser.add_argument("--camera", default="camera_left")
    parser.add_argument("--every", type=int, default=10, help="take every n-th query image")
    parser.add_argument("--figure", type=Path, help="inliers of all images, as Figure 4 of FGSN")
    return parser.parse_args()


class Bench:
    """The methods in all labelled maps."""

    def __init__(self, options: argparse.Namespace) -> None:
        maps = {name: load_map(Path(folder)) for name, folder, _ in options.set}
        check_same(list(maps.values()))
        self._options = options
        self._labels = {name: Path(labels) for name, _, labels in options.set}
        source = Localizer(next(iter(maps.values())))
        self._memory = Memory(source)
        self._localizers: dict[Key, Localizer] = {}
        for number, (name, semantic_map) in enumerate(maps.items()):
            semantics = load_semantics(semantic_map, LocalizerConfig().filter, seed=0)
            known = {**(WITHOUT_LABELS if number == 0 else {}), **WITH_LABELS}
            for method in (one for one in options.methods if one in known):
                localizer = like(source, semantic_map, semantics, known[method])
                if method == "P3P":
                    localizer._sampled_pose = sampled_uniformly  # type: ignore[method-assign]
                self._localizers[name, method] = localizer
        self._down = gravity(options.world)

    def run(self, condition: str) -> dict[Key, list[Row]]:
        """Errors and times by label set and method."""
        options = self._options
        found: dict[Key, list[Row]] = {key: [] for key in self._localizers}
        images = [one for one in images_of(options.world, condition)
                  if one.name.startswith(f"{options.camera}/")]
        with progress() as bar:
            for image in bar.track(images[:: options.every], description=condition):
                frame = self._frame(image)
                for (name, method), localizer in self._localizers.items():
                    labels = read_labels(label_file(self._labels[name], condition, image.name))
                    seen = dataclasses.replace(frame, labels=labels)
                    found[name, method].append(measured(localizer, seen, image))
                self._memory.forget()
        return found

    def _frame(self, image: PosedImage) -> Frame:
        down = self._down[image.name.split("/")[0]]
        return Frame(image.stamp_ns, image.read(), image.camera, down_camera=down)


def check_same(maps: Sequence[SemanticMap]) -> None:
    """MapError unless all maps have the same points and descriptors."""
    for name in ("points_map.npy", "descriptors.npy"):
        sums = {one.manifest.files[name].sha256 for one in maps}
        if len(sums) > 1:
            raise MapError(expected(name, "the same in all maps", f"{len(sums)} different"))


class Memory:
    """Features and whole-map matches of the image at hand, made once for all localizers `like`
    the one that is given."""

    def __init__(self, source: Localizer) -> None:
        self._extract, self._match = source._extractor.extract, source._matcher.match_map
        source._extractor.extract = self.extract  # type: ignore[method-assign]
        source._matcher.match_map = self.match_map  # type: ignore[method-assign]
        self.forget()

    def forget(self) -> None:
        """Another image comes."""
        self._features: Features | None = None
        self._matches: dict[float | None, Correspondences] = {}

    def extract(self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> Features:
        """The features of the image at hand."""
        if self._features is None:
            self._features = self._extract(image, mask)
        return self._features

    def match_map(self, features: Features, ratio: float | None = None) -> Correspondences:
        """Its matches with the whole map."""
        if ratio not in self._matches:
            self._matches[ratio] = self._match(features, ratio)
        return self._matches[ratio]


def like(
    source: Localizer, semantic_map: SemanticMap, semantics: Semantics | None,
    changes: dict[str, Any],
) -> Localizer:
    """A localizer with other labels and options and the same features and matcher, since to index
    a map takes seconds."""
    config = from_mapping(LocalizerConfig, changes)
    localizer = copy.copy(source)
    localizer.method, localizer.semantics, localizer._config = config.method, semantics, config
    localizer._scorer = MatchScorer(semantic_map, config)
    return localizer


def sampled_uniformly(
    _method: str, seen: FrameMatches, matches: Correspondences
) -> FloatArray | None:
    """`camera_from_map` (4, 4), or None: plain RANSAC, which is deaf to the matches' scores."""
    if len(matches) <= MINIMAL_SAMPLE:
        return None
    pnp = PnpConfig()
    options = {"max_reproj_error": pnp.max_error_px, "max_iterations": pnp.max_iterations}
    found, _ = poselib.estimate_absolute_pose(
        matches.points_image, matches.points_map, poselib_camera(seen.frame.camera), options, {}
    )
    pose = se3.make_pose(found.R, found.t)
    return pose if np.isfinite(pose).all() else None


def measured(localizer: Localizer, frame: Frame, image: PosedImage) -> Row:
    """Errors, infinite without a pose, and the milliseconds after matching."""
    result = localizer.localize(frame)
    same = ("features", "matching")
    spent = sum(ms for stage, ms in result.stage_ms.items() if stage not in same)
    if not isinstance(result, PoseEstimate):
        return (np.inf, np.inf, spent, 0.0, 0.0)
    error = pose_error(result.camera_from_map, image.camera_from_map)
    return (*error, spent, float(len(result.inliers)), result.score)


def draw_inliers(found: dict[Key, list[Row]], path: Path) -> None:
    """How many inliers, and which share of the matches, of how many images."""
    from semloc_ros.evaluation.label_figures import inlier_figure, save_figure

    counts, ratios = (
        {
            method if method in WITHOUT_LABELS else f"{name} {method}": [row[at] for row in rows]
            for (name, method), rows in found.items()
        }
        for at in (3, 4)
    )
    save_figure(inlier_figure(counts, ratios), path)


def gravity(world: Path) -> dict[str, FloatArray]:
    """Down in the axes of each camera of a base that stands level."""
    cameras = json.loads((world / "world.json").read_text())["cameras"]
    return {
        camera["name"]: np.array(camera["base_from_camera"])[:3, :3].T @ DOWN_BASE
        for camera in cameras
    }


def label_file(labels: Path, condition: str, name: str) -> Path:
    """The label map of an image; the truth, in the folder of a world."""
    if (labels / "world.json").is_file():
        truth = labels / "frames" / condition / "truth"
        return (truth / name).with_suffix(".labels.png")
    return (labels / condition / name).with_suffix(".png")


def summary(key: Key, condition: str, values: list[Row]) -> tuple[Any, ...]:
    """One row of the table."""
    name, method = key
    metres, radians, spent = np.array(values).T[:3]
    degrees = np.degrees(radians)
    recalls = [percent((metres < m) & (degrees < d)) for m, d in RECALLS]
    fixes = np.isfinite(metres)
    wrong = fixes & ((metres > 1.0) | (degrees > 5.0))
    return (
        "none" if method in WITHOUT_LABELS else name, method, condition, len(values),
        percent(fixes), *recalls, percent(wrong), 100 * float(np.median(metres)),
        float(np.mean(spent)),
    )  # fmt: skip


def overall(rows: list[Any]) -> list[tuple[Any, ...]]:
    """A row over all conditions for each method: means weighted by images."""
    found = []
    for key in dict.fromkeys(row[:2] for row in rows):
        same = [row for row in rows if row[:2] == key]
        counts = np.array([row[3] for row in same])
        mean = [float(np.average([row[k] for row in same], weights=counts)) for k in range(4, 9)]
        spent = float(np.average([row[10] for row in same], weights=counts))
        found.append((*key, "all", int(counts.sum()), *np.round(mean, 1), "", spent))
    return found


if __name__ == "__main__":
    main()
