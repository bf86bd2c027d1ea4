"""How far the place of an image lies from where it was taken: pose networks beside views found
again, on the street's query runs.

Of each model the best place counts. A pose network (`semloc train pose`) is of this map; models of
places need their descriptors in it (`semloc map places`):

    python benchmarks/place_errors.py --map out/benchmarks/street --places POSE gradients
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from place_starts import labels_of
from reporting import arguments, model_name, progress, report
from street_seasons import CONDITIONS, images_of, percent

from semloc_ros.config import RetrieverConfig
from semloc_ros.geometry import se3
from semloc_ros.perception.place_finding import PlaceFinder, open_finder
from semloc_ros.types import FloatArray, PosedImage

COLUMNS = (
    "places", "condition", "images", "median m", "90 % m", "within 5 m %", "10 m %", "25 m %",
    "median deg", "90 % deg", "ms",
)  # fmt: skip


def main() -> None:
    """One row for each model and condition."""
    options = parsed()
    finders = {
        name: open_finder(options.map, RetrieverConfig(models=name)) for name in options.places
    }
    rows: list[list[Any]] = []
    with progress() as bar:
        for condition in options.conditions:
            images = images_of(options.world, condition)[:: options.every]
            for name, finder in finders.items():
                named = f"{condition}, {model_name(name)}"
                errors = [
                    error_of(finder, image, condition, options)
                    for image in bar.track(images, description=named)
                ]
                rows.append(summary(model_name(name), condition, np.array(errors)))
    report("Street, the best place of single images", COLUMNS, rows, options.json)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=Path("out/street"))
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--places", nargs="+", required=True, help="models of places or of poses")
    parser.add_argument("--labels", type=Path, help="label maps of the runs")
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS, choices=CONDITIONS)
    parser.add_argument("--every", type=int, default=2, help="take every n-th query image")
    return parser.parse_args()


def error_of(
    finder: PlaceFinder, image: PosedImage, condition: str, options: argparse.Namespace
) -> tuple[float, float, float]:
    """Metres and degrees of the best place, and the milliseconds of finding it."""
    labels = labels_of(finder, image, condition, options)
    places = finder.retrieve(image.stamp_ns, image.read(), labels)
    truth = se3.inverse(image.camera_from_map)
    away, turned = se3.pose_error(places.map_from_camera[0], truth)
    return float(away), float(np.degrees(turned)), sum(finder.stage_ms.values())


def summary(name: str, condition: str, errors: FloatArray) -> list[Any]:
    """The row of the table, of errors (N, 3)."""
    metres, degrees, ms = errors.T
    return [
        name, condition, len(errors), float(np.median(metres)), float(np.quantile(metres, 0.9)),
        *(percent(metres <= most) for most in (5.0, 10.0, 25.0)),
        float(np.median(degrees)), float(np.quantile(degrees, 0.9)), float(np.median(ms)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
