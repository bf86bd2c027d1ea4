"""Localization by objects of interest, and by structure beside it, on images whose poses are known.

    python3 benchmarks/objects.py --map MAP --model NAME=FILE [--model …]
        --test FOLDER [--test NAME=FOLDER,FOLDER …] [--every 1] [--most 0] [--score 0.5]
        [--matcher regression,features] [--refine photometric] [--structure] [--fused]
        [--true-finds 1] [--true-objects WORLD/frames/views] [--figures OUT] [--json …]

`--test` are kapture folders, or several that are judged as one; those of `semloc world make` also
have the truth of their objects.
MAP has objects (`semloc learn objects`). `--true-objects` takes the objects from that traversal of
a world instead, as they truly hang there, so that no map is needed but for `--structure`.
A matcher may name its refinement, as in `--matcher regression:none,features:photometric`. `given`
is the network told which objects are where in the image (true names, boxes and masks), so that only
its matches are judged, all of them. `--true-finds 1` is no network: finds made of the truth, that
err by 1 px. Every image stands for itself, without a prior. A row of the table is one method on one
folder; recalls and false finds are those of the detections, and "<3 cm" is the share of ALL images
within 3 cm and 5°. A second table has matches by what they were said to err by.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from object_methods import GIVEN, Find, TestImage, exact, kinds_of, networks, test_images
from reporting import arguments, progress, report

from semloc_ros.config import LocalizerConfig
from semloc_ros.datasets.world_objects import world_map_objects
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
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import lift
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects
from semloc_ros.maps.storage import load_map
from semloc_ros.networks import object_detection
from semloc_ros.types import Frame, NoPose, PoseEstimate

Localize = Callable[[Frame], PoseEstimate | NoPose]
Judged = dict[str, dict[str, list[JudgedImage]]]  # by test and method
_CM = (1.5, 3, 5, 10, 25, 100)
_GROUPS = 5  # of matches by their sigmas
COLUMNS = (
    "images", "method", *(f"<{limit:g} cm" for limit in _CM), "cm", "deg", "recall", "false",
    "match px", "match uv", "sigma", "ms",
)  # fmt: skip
GROUPED = ("method", "part", "said px", "68 % within px", "error / said")


@dataclass(frozen=True, slots=True)
class Method:
    """What localizes: finds objects, if it does, and what makes a pose of the frame; `network` and
    `kind` of its matches, for the figures; `are_true` are finds that were given."""

    find: Find | None
    localize: Localize
    network: str
    kind: str = ""
    are_true: bool = False


def main() -> None:
    """Judge every method on every folder."""
    options = parsed()
    object_detection.LEAST_SCORE = min(object_detection.LEAST_SCORE, options.score)
    objects = map_objects(options)
    methods = all_methods(options, objects)
    judged: Judged = {}
    for name, folders in map(test_set, options.test):
        images = test_images(folders, options.every, options.most)
        judged[name] = judge(name, methods, images, objects, true_objects(folders[0], objects))
    rows = [
        row(name, label, images)
        for name, by_method in judged.items()
        for label, images in by_method.items()
    ]
    report("Localization by objects", COLUMNS, rows, options.json, 180)
    honest = {label: found for label in methods if (found := said(judged, label))}
    path = options.json and options.json.with_name(f"{options.json.stem}_sigma.json")
    report("Matches by their sigmas", GROUPED, grouped(honest), path)
    if options.figures:
        draw(judged, methods, honest, options.figures)


def parsed() -> argparse.Namespace:
    """The arguments, and a line for what cannot be done."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--map", type=Path, help="a map with objects")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--test", action="append", required=True)
    parser.add_argument("--matcher", default="regression", help="of regression,features,given")
    parser.add_argument("--refine", default="photometric", help="of none,homography,photometric")
    parser.add_argument("--score", type=float, default=0.5, help="least score of a find")
    parser.add_argument("--structure", action="store_true", help="features of the map as well")
    parser.add_argument("--fused", action="store_true", help="features and objects together, too")
    parser.add_argument("--true-finds", type=float, action="append", default=[], metavar="PX")
    parser.add_argument("--true-objects", type=Path, metavar="WORLD/frames/RUN")
    parser.add_argument("--every", type=int, default=1, help="only each n-th image")
    parser.add_argument("--most", type=int, default=0, help="of the images of a test, evenly")
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
        find = exact(sigma, np.random.default_rng(0))
        methods[f"truth + {sigma:g} px"] = Method(find, localizer.localize, f"truth + {sigma:g} px")
    for named in options.model:
        name, file = named.split("=", 1)
        kinds = kinds_of(options.matcher, options.refine)
        for kind, find in networks(Path(file), objects, kinds, options.score).items():
            are_true = kind.startswith(GIVEN)
            methods[f"{name} {kind}"] = Method(find, localizer.localize, name, kind, are_true)
    if options.structure or options.fused:
        structure = Localizer(load_map(options.map), LocalizerConfig())
        if options.fused:
            for label, method in list(methods.items()):
                kind = f"{method.kind} + structure"
                more = replace(method, localize=structure.localize, kind=kind)
                methods[f"{label} + structure"] = more
        methods["structure"] = Method(None, structure.localize, "structure")
    return methods


def judge(
    name: str, methods: dict[str, Method], images: Sequence[Callable[[], TestImage]],
    objects: MapObjects, hung: MapObjects,
) -> dict[str, list[JudgedImage]]:  # fmt: skip
    """All methods on each image, which is read once."""
    found: dict[str, list[JudgedImage]] = {label: [] for label in methods}
    with progress() as bar:
        for read in bar.track(images, description=name):
            image = read()
            for label, method in methods.items():
                found[label].append(judged_image(method, image, objects, hung))
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
    finds = judge_finds(detections, hung, posed, method.are_true)
    return judge_pose(posed, result, finds, image.truth if method.find else None, spent)


def row(name: str, label: str, images: Sequence[JudgedImage]) -> list[object]:
    """Of the table."""
    numbers = summary(images)
    shares = [f"{100 * share:.0f} %" for share in localized(images, [one / 100 for one in _CM])]
    honest = calibration([find for one in images for find in one.finds])
    spent = sum(value for key, value in numbers.items() if key.startswith("ms_"))
    return [
        name, label, *shares, numbers["position_cm"], numbers["rotation_deg"], numbers["recall"],
        numbers["false"], numbers["match_px"], numbers["match_uv"],
        honest.normalized if honest else float("nan"), spent,
    ]  # fmt: skip


def said(judged: Judged, label: str) -> Calibration | None:
    """What a method said of its matches, of all tests, and how they err."""
    images = [image for one in judged.values() for image in one[label]]
    return calibration([find for one in images for find in one.finds], _GROUPS)


def grouped(honest: dict[str, Calibration]) -> list[list[object]]:
    """Rows of the table by sigmas."""
    return [
        [label, f"{number} of {_GROUPS}", float(sigma), float(error), float(error / sigma)]
        for label, one in honest.items()
        for number, (sigma, error) in enumerate(zip(one.sigmas, one.errors, strict=True), 1)
    ]


def draw(
    judged: Judged, methods: dict[str, Method], honest: dict[str, Calibration], out: Path
) -> None:
    """Curves, calibration and stages, as PNG."""
    out.mkdir(parents=True, exist_ok=True)
    object_figures.localized_figure(panels(judged, methods)).savefig(out / "localized.png")
    plain = {label: one for label, one in honest.items() if methods[label].kind.endswith("none")}
    if honest:  # what the networks themselves say, if that is there
        object_figures.sigma_figure(plain or honest).savefig(out / "sigma.png")
    stages = {}
    for label in methods:
        numbers = summary([image for one in judged.values() for image in one[label]])
        spent = {name: value for name, value in numbers.items() if name.startswith("ms_")}
        stages[label] = {name.removeprefix("ms_"): value for name, value in spent.items()}
    object_figures.stages_figure(stages).savefig(out / "stages.png")


def panels(judged: Judged, methods: dict[str, Method]) -> Judged:
    """What is drawn side by side, and its lines: of several networks each of them in a panel for
    each test and kind of match; of one network all tests in a panel for each kind."""
    is_one = len({one.network for one in methods.values()}) == 1
    found: Judged = {}
    for name, by_method in judged.items():
        for label, images in by_method.items():
            kind = methods[label].kind or methods[label].network
            if is_one and len(judged) > 1:
                found.setdefault(kind, {})[name] = images
            elif len({one.kind for one in methods.values()}) > 1 and not is_one:
                found.setdefault(f"{name}, {kind}", {})[methods[label].network] = images
            else:
                found.setdefault(name, {})[label] = images
    return found


def title(folder: Path) -> str:
    """Of a set: the world's name, or the folder's."""
    whole = folder.resolve()
    return whole.parents[1].name if whole.parent.name == "frames" else whole.name


if __name__ == "__main__":
    main()
