"""What places are worth to one image of which nothing is known: features alone, single images.

The points of `places.views` views that places name are matched, and where that gives no sure pose
those of `matching.candidate_views` views that get most votes of features. No prior, no odometry, no
second image: an image without a pose counts in every recall. The map has the descriptors of the
models of places; a pose network (`semloc train pose`) is one of this map:

    semloc map places out/benchmarks/street --model MODEL --images out/street/frames/mapping
    python benchmarks/place_starts.py --map out/benchmarks/street --places MODEL OTHER

`nearest` is the best there could be: the views nearest to the truth. `--labels` is what models of
label maps get, TRAVERSAL/CAMERA/000000.png.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from reporting import arguments, model_name, pose_error, progress, report
from street_seasons import CONDITIONS, images_of, percent

from semloc_ros.config import LocalizerConfig, RetrieverConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping
from semloc_ros.perception.place_finding import PlaceFinder, open_finder
from semloc_ros.types import Frame, LabelMap, Places, PosedImage, PoseEstimate

COLUMNS = (
    "places", "views", "condition", "images", "fixes %", "0.5 m 5° %", "wrong %", "ms", "places ms",
)  # fmt: skip
NONE, NEAREST = "none", "nearest"
_RIGHT_M, _RIGHT_DEG, _WRONG_M = 0.5, 5.0, 5.0
Row = tuple[bool, float, float, float, float]  # fix, metres, degrees, ms of it, ms of the places


def main() -> None:
    """One row for each source of places, number of views and condition."""
    options = parsed()
    semantic_map = load_map(options.map)
    sources = {name: source(name, options) for name in [NONE, *options.places, NEAREST]}
    rows: list[list[Any]] = []
    with progress() as bar:
        for views in options.views:
            given = {"method": "pnp", "places.views": views}
            localizer = Localizer(semantic_map, from_mapping(LocalizerConfig, given))
            for condition in options.conditions:
                images = [one for one in images_of(options.world, condition)
                          if one.name.startswith(f"{options.camera}/")][:: options.every]
                found: dict[str, list[Row]] = {name: [] for name in sources}
                for image in bar.track(images, description=f"{condition}, {views} views"):
                    for name, finder in sources.items():
                        frame = seen(image, name, finder, semantic_map, condition, options)
                        found[name].append(tried(localizer, *frame, image))
                rows += [
                    summary(model_name(name), views, condition, one) for name, one in found.items()
                ]
    report("Street, single images, places", COLUMNS, rows, options.json)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=Path("out/street"))
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--places", nargs="*", default=["gradients"], help="models")
    parser.add_argument("--labels", type=Path, help="label maps of the runs")
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS[1:], choices=CONDITIONS)
    parser.add_argument("--views", nargs="+", type=int, default=[LocalizerConfig().places.views])
    parser.add_argument("--camera", default="camera_left")
    parser.add_argument("--every", type=int, default=3, help="take every n-th query image")
    return parser.parse_args()


def source(name: str, options: argparse.Namespace) -> PlaceFinder | None:
    """What finds the places of a name."""
    if name in (NONE, NEAREST):
        return None
    return open_finder(options.map, RetrieverConfig(models=name))


def labels_of(
    finder: PlaceFinder, image: PosedImage, condition: str, options: argparse.Namespace
) -> LabelMap | None:
    """The label map of an image, if it is read."""
    if "labels" not in finder.needs:
        return None
    return read_labels(options.labels / condition / Path(image.name).with_suffix(".png"))


def seen(
    image: PosedImage, name: str, finder: PlaceFinder | None, semantic_map: SemanticMap,
    condition: str, options: argparse.Namespace,
) -> tuple[Frame, float]:  # fmt: skip
    """The frame with its places, and the milliseconds that these took."""
    frame = Frame(image.stamp_ns, image.read(), image.camera)
    if name == NEAREST:
        return replace(frame, places=nearest(image, semantic_map)), 0.0
    if finder is None:
        return frame, 0.0
    labels = labels_of(finder, image, condition, options)
    began = time.process_time()
    places = finder.retrieve(image.stamp_ns, frame.image, labels)
    return replace(frame, places=places), 1e3 * (time.process_time() - began)


def nearest(image: PosedImage, semantic_map: SemanticMap) -> Places:
    """The ten views that lie nearest to the truth, in metres and tens of degrees."""
    poses = se3.inverse(np.asarray(semantic_map.camera_from_map))
    away, turned = se3.pose_error(poses, se3.inverse(image.camera_from_map))
    apart = np.hypot(away, np.degrees(turned) / 10.0)
    best = np.argsort(apart)[:10]
    return Places(image.stamp_ns, poses[best], -apart[best], best.astype(np.int64))


def tried(localizer: Localizer, frame: Frame, places_ms: float, image: PosedImage) -> Row:
    """What became of a frame."""
    began = time.process_time()
    result = localizer.localize(frame)
    took = 1e3 * (time.process_time() - began)
    if not isinstance(result, PoseEstimate):
        return False, np.inf, np.inf, took, places_ms
    metres, turned = pose_error(result.camera_from_map, image.camera_from_map)
    return True, metres, float(np.degrees(turned)), took, places_ms


def summary(name: str, views: int, condition: str, rows: list[Row]) -> list[Any]:
    """The row of the table."""
    found, metres, degrees, took, places_ms = (np.array(one) for one in zip(*rows, strict=True))
    right = (metres <= _RIGHT_M) & (degrees <= _RIGHT_DEG)
    return [
        name, views, condition, len(rows), percent(found), percent(right),
        percent(found & (metres > _WRONG_M)), float(np.median(took)), float(np.median(places_ms)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
