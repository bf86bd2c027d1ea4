"""Localization by objects of interest, and by structure beside it, on images whose poses are known.

    python3 benchmarks/objects.py --map MAP --model NAME=FILE [--model …]
        --test FOLDER [--test NAME=FOLDER,FOLDER …]
        [--matcher regression,features] [--refine photometric] [--structure] [--fused]
        [--true-finds 1] [--true-objects WORLD/frames/views] [--every 1] [--figures OUT] [--json …]

`--test` are kapture folders, or several that are judged as one; those of `semloc world make` also
have the truth of their objects.
MAP has objects (`semloc learn objects`). `--true-objects` takes the objects from that traversal of
a world instead, as they truly hang there, so that no map is needed but for `--structure`.
`--true-finds 1` is no network: finds made of the truth, that err by 1 px. Every image stands for
itself, without a prior. A row of the table is one method on one folder; recalls and false finds are
those of the detections, and "<3 cm" is the share of ALL images within 3 cm and 5°.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from reporting import arguments, progress, report

from semloc_ros.config import LocalizerConfig, ObjectMatcherConfig
from semloc_ros.datasets.kapture import read_kapture_set
from semloc_ros.datasets.world_objects import world_map_objects, world_object_images
from semloc_ros.evaluation import object_figures
from semloc_ros.evaluation.object_quality import (
    Calibration,
    JudgedImage,
    calibration,
    judge_finds,
    judge_pose,
    localized,
    summary,
)
from semloc_ros.evaluation.object_truth import Errors, true_finds
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import lift
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects
from semloc_ros.maps.storage import load_map
from semloc_ros.types import (
    Frame,
    NoPose,
    ObjectDetection,
    PictureObjects,
    PosedImage,
    PoseEstimate,
)

Found = tuple[list[ObjectDetection], dict[str, float]]  # and milliseconds by stage
Find = Callable[["TestImage"], Found]
Localize = Callable[[Frame], PoseEstimate | NoPose]
_CM = (1.5, 3, 5, 10, 25, 100)
COLUMNS = (
    "images", "method", *(f"<{limit:g} cm" for limit in _CM), "cm", "deg", "recall", "false",
    "match px", "sigma", "ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TestImage:
    """An image whose pose is known, and its true objects, if they are."""

    posed: PosedImage
    truth: PictureObjects | None


@dataclass(frozen=True, slots=True)
class Method:
    """What localizes: finds objects, if it does, and what makes a pose of the frame."""

    find: Find | None
    localize: Localize


def main() -> None:
    """Judge every method on every folder."""
    options = parsed()
    objects = map_objects(options)
    methods = all_methods(options, objects)
    judged: dict[str, dict[str, list[JudgedImage]]] = {}
    for name, folders in map(test_set, options.test):
        images = [one for folder in folders for one in test_images(folder, options.every)]
        hung = true_objects(folders[0], objects)
        judged[name] = {
            label: judge(f"{name}: {label}", method, images, objects, hung)
            for label, method in methods.items()
        }
    rows = [
        row(name, label, images)
        for name, by_method in judged.items()
        for label, images in by_method.items()
    ]
    report("Localization by objects", COLUMNS, rows, options.json, 170)
    if options.figures:
        draw(judged, options.figures)


def parsed() -> argparse.Namespace:
    """The arguments, and a line for what cannot be done."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--map", type=Path, help="a map with objects")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--test", action="append", required=True)
    parser.add_argument("--matcher", default="regression", help="regression, features, or both")
    parser.add_argument("--refine", default="photometric", help="of none,homography,photometric")
    parser.add_argument("--structure", action="store_true", help="features of the map as well")
    parser.add_argument("--fused", action="store_true", help="features and objects together, too")
    parser.add_argument("--true-finds", type=float, action="append", default=[], metavar="PX")
    parser.add_argument("--true-objects", type=Path, metavar="WORLD/frames/RUN")
    parser.add_argument("--every", type=int, default=1, help="only each n-th image")
    parser.add_argument("--figures", type=Path, help="folder for figures")
    options = parser.parse_args()
    if options.map is None and (options.structure or options.fused or not options.true_objects):
        parser.error("--map: expected a map with objects, or --true-objects and no structure")
    return options


def map_objects(options: argparse.Namespace) -> MapObjects:
    """Those that finds are lifted by."""
    if options.true_objects:
        run = options.true_objects.resolve()
        return world_map_objects(run.parents[1], run.name)
    return load_objects(options.map)


def test_set(named: str) -> tuple[str, list[Path]]:
    """Name and folders of a `--test`."""
    name, _, folders = named.rpartition("=")
    found = [Path(one) for one in folders.split(",")]
    return name or title(found[0]), found


def true_objects(folder: Path, objects: MapObjects) -> MapObjects:
    """As they hang in the test images: the world's, or else those of the map."""
    if not (folder / "objects.json").is_file():
        return objects
    return world_map_objects(folder.resolve().parents[1], folder.name)


def all_methods(options: argparse.Namespace, objects: MapObjects) -> dict[str, Method]:
    """By the name in the table."""
    localizer = ObjectLocalizer(LocalizerConfig())
    methods: dict[str, Method] = {}
    for sigma in options.true_finds:
        rng = np.random.default_rng(0)
        methods[f"truth + {sigma:g} px"] = Method(exact(sigma, rng), localizer.localize)
    for named in options.model:
        name, file = named.split("=", 1)
        for matcher in options.matcher.split(","):
            for refine in options.refine.split(","):
                find = network(Path(file), objects, matcher, refine)
                methods[f"{name} {matcher} {refine}"] = Method(find, localizer.localize)
    if options.structure or options.fused:
        structure = Localizer(load_map(options.map), LocalizerConfig())
        if options.fused:
            for label, method in list(methods.items()):
                methods[f"{label} + structure"] = replace(method, localize=structure.localize)
        methods["structure"] = Method(None, structure.localize)
    return methods


def exact(sigma_px: float, rng: np.random.Generator) -> Find:
    """Finds made of the truth."""
    errors = Errors(sigma_px, sigma_px / 2)
    return lambda image: (true_finds(image.truth, errors, rng) if image.truth else [], {})


def network(file: Path, objects: MapObjects, matcher: str, refine: str) -> Find:
    """Finds of a model."""
    from semloc_ros.perception.objects import load_object_matcher

    config = ObjectMatcherConfig(matcher=matcher, refine=refine)
    ready = load_object_matcher(file, objects, config)

    def find(image: TestImage) -> Found:
        posed = image.posed
        return ready.find(posed.read(), camera=posed.camera), ready.stage_ms

    return find


def test_images(folder: Path, every: int) -> list[TestImage]:
    """Images with poses of a kapture folder, with their truth, if it is a world's."""
    truths: dict[str, Callable[[], PictureObjects]] = {}
    if (folder / "objects.json").is_file():
        inside = len(folder.resolve().name) + 1
        shown = world_object_images(folder)
        truths = {one.name[inside:]: one.read_objects for one in shown}
    found = read_kapture_set(folder)
    images = [*found.mapping, *found.queries][::every]
    return [
        TestImage(one, truths[one.name]() if one.name in truths else None) for one in images
    ]


def judge(
    name: str, method: Method, images: Sequence[TestImage], objects: MapObjects, hung: MapObjects
) -> list[JudgedImage]:
    """One method on all images."""
    found = []
    with progress() as bar:
        for image in bar.track(images, description=name):
            found.append(judged_image(method, image, objects, hung))
    return found


def judged_image(
    method: Method, image: TestImage, objects: MapObjects, hung: MapObjects
) -> JudgedImage:
    """One image: find, lift, localize."""
    posed, matches = image.posed, None
    detections, spent = method.find(image) if method.find else ([], {})
    if method.find:
        matches = lift(detections, objects, posed.stamp_ns)
    result = method.localize(Frame(posed.stamp_ns, posed.read(), posed.camera, objects=matches))
    finds = judge_finds(detections, hung, posed)
    return judge_pose(posed, result, finds, image.truth if method.find else None, spent)


def row(name: str, label: str, images: Sequence[JudgedImage]) -> list[object]:
    """Of the table."""
    numbers = summary(images)
    shares = [f"{100 * share:.0f} %" for share in localized(images, [one / 100 for one in _CM])]
    honest = calibration([find for one in images for find in one.finds])
    spent = sum(value for key, value in numbers.items() if key.startswith("ms_"))
    return [
        name, label, *shares, numbers["position_cm"], numbers["rotation_deg"], numbers["recall"],
        numbers["false"], numbers["match_px"], honest.normalized if honest else float("nan"), spent,
    ]  # fmt: skip


def draw(judged: dict[str, dict[str, list[JudgedImage]]], out: Path) -> None:
    """Curves, calibration and stages, as PNG."""
    out.mkdir(parents=True, exist_ok=True)
    object_figures.localized_figure(judged).savefig(out / "localized.png")
    methods = list(dict.fromkeys(label for one in judged.values() for label in one))
    every = {
        label: [image for one in judged.values() for image in one.get(label, [])]
        for label in methods
    }
    honest: dict[str, Calibration] = {}
    for label, images in every.items():
        found = calibration([find for one in images for find in one.finds])
        if found:
            honest[label] = found
    if honest:
        object_figures.sigma_figure(honest).savefig(out / "sigma.png")
    stages = {
        label: {
            name.removeprefix("ms_"): value
            for name, value in summary(images).items()
            if name.startswith("ms_")
        }
        for label, images in every.items()
    }
    object_figures.stages_figure(stages).savefig(out / "stages.png")


def title(folder: Path) -> str:
    """Of a set: the world's name, or the folder's."""
    whole = folder.resolve()
    return whole.parents[1].name if whole.parent.name == "frames" else whole.name


if __name__ == "__main__":
    main()
