"""Localization by features and labels on the street: single images, mapped in summer.

No odometry and no prior; an image without a pose counts in every recall. Gravity is that of a base
that stands level. Each label set is a labelled map and the label maps of the query runs:

    semloc map label out/benchmarks/street --labels out/street --out out/street19
    python benchmarks/street_methods.py --set 19 out/street19 out/street

A world's folder stands for its true labels; other folders hold TRAVERSAL/CAMERA/000000.png. A
share of the patches of the queries' label maps is spoilt (`--errors`); the map keeps its labels,
votes of many views.

Features and matches with the whole map are made once per image and ratio. They are the same for
all methods, so the milliseconds are those of what comes after.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import label_sets, pose_error, progress, report
from street_seasons import CONDITIONS, RECALLS, images_of, percent

from semloc_ros.config import LocalizerConfig
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.semantics import load_semantics
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping
from semloc_ros.types import Correspondences, Features, FloatArray, Frame, PosedImage, PoseEstimate

COLUMNS = (
    "labels", "errors", "method", "condition", "images",
    *(f"{m} m {d:.0f}° %" for m, d in RECALLS), "wrong %", "median cm", "ms",
)  # fmt: skip
PATCH_PX = 16  # width of what is spoilt in one piece
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
Row = tuple[float, float, float]  # position error (m), angle (rad), milliseconds


def main() -> None:
    """All methods on the same images and label maps; one table."""
    options = parsed()
    rows: list[Any] = []
    for number, (name, folder, labels) in enumerate(options.set):
        methods = {**(WITHOUT_LABELS if number == 0 else {}), **WITH_LABELS}
        chosen = {one: methods[one] for one in options.methods or methods if one in methods}
        bench = Bench(Path(folder), chosen, options)
        for condition in options.conditions:
            found = bench.run(condition, Path(labels))
            rows += [summary(name, *key, condition, values) for key, values in found.items()]
            report(condition, COLUMNS, rows[-len(found):], None)
    report("Street, single images", COLUMNS, rows + overall(rows), options.json)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = label_sets(__doc__ or "")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.3])
    parser.add_argument("--methods", nargs="+", choices=[*WITHOUT_LABELS, *WITH_LABELS])
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS, choices=CONDITIONS)
    parser.add_argument("--every", type=int, default=7, help="odd, to see both cameras")
    return parser.parse_args()


class Bench:
    """The methods in one labelled map."""

    def __init__(
        self, folder: Path, methods: dict[str, dict[str, Any]], options: argparse.Namespace
    ) -> None:
        self._options = options
        semantic_map = load_map(folder)
        semantics = load_semantics(semantic_map, LocalizerConfig().filter, seed=0)
        memory = Memory(Localizer(semantic_map))
        self._localizers = {}
        for name, changes in methods.items():
            config = from_mapping(LocalizerConfig, changes)
            localizer = Localizer(semantic_map, config, semantics)
            memory.serve(localizer, in_order=name != "P3P")
            self._localizers[name] = localizer
        self._memory = memory
        self._num_labels = semantic_map.label_histogram.shape[1]
        self._down = gravity(options.world)

    def run(self, condition: str, labels: Path) -> dict[tuple[float, str], list[Row]]:
        """Errors and times by share of spoilt labels and method."""
        rng = np.random.default_rng(0)
        found: dict[tuple[float, str], list[Row]] = {}
        images = images_of(self._options.world, condition)[:: self._options.every]
        with progress() as bar:
            for image in bar.track(images, description=condition):
                right = read_labels(label_file(labels, condition, image.name))
                for share, method, frame in self._tasks(image, right, rng):
                    row = measured(self._localizers[method], frame, image)
                    found.setdefault((share, method), []).append(row)
                self._memory.forget()
        return found

    def _tasks(
        self, image: PosedImage, right: NDArray[Any], rng: np.random.Generator
    ) -> Iterator[tuple[float, str, Frame]]:
        pixels, down = image.read(), self._down[image.name.split("/")[0]]
        frame = Frame(image.stamp_ns, pixels, image.camera, None, right, down)
        for share in self._options.errors:
            seen = dataclasses.replace(frame, labels=spoilt(right, share, self._num_labels, rng))
            for name in self._localizers:
                if name in WITH_LABELS or share == self._options.errors[0]:
                    yield share, name, seen


class Memory:
    """Features and whole-map matches of the image at hand, made once for several localizers."""

    def __init__(self, source: Localizer) -> None:
        self._extract, self._match = source._extractor.extract, source._matcher.match_map
        self._features: Features | None = None
        self._matches: dict[float | None, Correspondences] = {}

    def forget(self) -> None:
        """Another image comes."""
        self._features = None
        self._matches = {}

    def serve(self, localizer: Localizer, in_order: bool) -> None:
        """Let the localizer ask here; without order, samples are drawn uniformly."""

        def extract(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> Features:
            if self._features is None:
                self._features = self._extract(image, mask)
            return self._features

        def match_map(features: Features, ratio: float | None = None) -> Correspondences:
            if ratio not in self._matches:
                self._matches[ratio] = self._match(features, ratio)
            found = self._matches[ratio]
            same = np.ones(len(found))
            return found if in_order else dataclasses.replace(found, scores=same)

        localizer._extractor.extract = extract  # type: ignore[method-assign]
        localizer._matcher.match_map = match_map  # type: ignore[method-assign]


def measured(localizer: Localizer, frame: Frame, image: PosedImage) -> Row:
    """Errors, infinite without a pose, and the milliseconds after matching."""
    result = localizer.localize(frame)
    same = ("features", "matching")
    spent = sum(ms for stage, ms in result.stage_ms.items() if stage not in same)
    if not isinstance(result, PoseEstimate):
        return (np.inf, np.inf, spent)
    return (*pose_error(result.camera_from_map, image.camera_from_map), spent)


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


def spoilt(
    labels: NDArray[Any], share: float, num_labels: int, rng: np.random.Generator
) -> NDArray[Any]:
    """The label map (H, W) with a share of its patches wrong, each one label out of all."""
    height, width = labels.shape
    shape = (-(-height // PATCH_PX), -(-width // PATCH_PX))
    grown = np.ones((PATCH_PX, PATCH_PX), np.int64)
    wrong = np.kron(rng.random(shape) < share, grown)[:height, :width]
    other = np.kron(rng.integers(0, num_labels, shape), grown)[:height, :width]
    return np.where(wrong > 0, other, labels).astype(labels.dtype)


def summary(
    name: str, share: float, method: str, condition: str, values: list[Row]
) -> tuple[Any, ...]:
    """One row of the table."""
    metres, radians, spent = np.array(values).T
    degrees = np.degrees(radians)
    recalls = [percent((metres < m) & (degrees < d)) for m, d in RECALLS]
    wrong = np.isfinite(metres) & ((metres > 1.0) | (degrees > 5.0))
    labels, errors = ("", "") if method in WITHOUT_LABELS else (name, f"{share:.0%}")
    return (
        labels, errors, method, condition, len(values), *recalls, percent(wrong),
        100 * float(np.median(metres)), float(np.mean(spent)),
    )  # fmt: skip


def overall(rows: list[Any]) -> list[tuple[Any, ...]]:
    """A row over all conditions for each method: means weighted by images."""
    found = []
    for key in dict.fromkeys(row[:3] for row in rows):
        same = [row for row in rows if row[:3] == key]
        counts = np.array([row[4] for row in same])
        mean = [float(np.average([row[k] for row in same], weights=counts)) for k in (5, 6, 7, 8)]
        spent = float(np.average([row[10] for row in same], weights=counts))
        found.append((*key, "all", int(counts.sum()), *np.round(mean, 1), "", spent))
    return found


if __name__ == "__main__":
    main()
