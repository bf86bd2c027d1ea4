"""`semloc learn`: what networks are trained with, made from recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.learn_masks import masks
from semloc_ros.cli.learn_objects import objects
from semloc_ros.config.correspondences import CorrespondencesConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.datasets.map_pairs import MapPairs, Sighting
    from semloc_ros.types import CameraImage, PosedImage

app = typer.Typer(help="Make what networks are trained with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make what networks are trained with."""


app.command()(masks)
app.command()(objects)


@app.command()
def correspondences(
    map: Path = typer.Option(..., help="Folder of the map of the place."),
    a: Path = typer.Option(..., help="Bag of the reference recording, such as the mapping run."),
    b: Path = typer.Option(..., help="Bag of another recording of the place."),
    out: Path = typer.Option(..., help="New folder, in the layout of cross-season data sets."),
    poses_a: str = typer.Option(
        "", help="Poses of the base in the map: a topic of the bag, /tf, a TUM file, or a folder "
        "of predictions of `semloc evaluate`. Without, each image is localized by itself.",
    ),
    poses_b: str = typer.Option("", help="The same of the other bag."),
    image_topic: str = typer.Option("/camera/image_raw", help="Images; else with /compressed."),
    info_topic: str = typer.Option("/camera/camera_info", help="Intrinsics."),
    base_frame: str = typer.Option("base_link", help="Of the poses, if they name no other."),
    map_frame: str = typer.Option("map", help="Name of the map's frame in the bags."),
    every: int = typer.Option(1, min=1, help="Use every n-th image of a."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option, e.g. points=both or distance_m=1.",
    ),
) -> None:
    """Find where two recordings of one place show the same points: for training on seasons."""
    from semloc_ros.datasets.map_pairs import MapPairs, write_map_pairs
    from semloc_ros.maps.pair_files import PairFolder
    from semloc_ros.maps.storage import load_map

    config = from_mapping(CorrespondencesConfig, parse_assignments(set_))
    names = a.resolve().stem, b.resolve().stem
    if names[0] == names[1]:
        raise ConfigError(expected("--a and --b", "bags of different names", names[0]))
    folder = PairFolder(out)
    images_a, images_b = (
        _images(bag, image_topic, info_topic, poses, base_frame, map_frame)
        for bag, poses in ((a, poses_a), (b, poses_b))
    )
    pairs = MapPairs(load_map(map), config)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        seen_a = _sightings(pairs, images_a[::every], names[0], bar)
        seen_b = _sightings(pairs, images_b, names[1], bar)
        task = bar.add_task("pairs", total=None)
        written = write_map_pairs(
            seen_a, seen_b, names, pairs, config, folder,
            lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    for name, seen, images in ((names[0], seen_a, images_a[::every]), (names[1], seen_b, images_b)):
        _say(f"{name}: {len(seen)} of {len(images)} images in the map")
    middle = f", median {int(np.median(written))} points" if written else ""
    _say(f"{out}: {len(written)} pairs{middle}")


def _images(
    bag: Path, image_topic: str, info_topic: str, poses: str, base_frame: str, map_frame: str
) -> list[CameraImage] | list[PosedImage]:
    """The images of a bag, with poses if some are given."""
    from semloc_ros.datasets.bags import images, images_at, posed_images, topics
    from semloc_ros.datasets.tum import read_tum
    from semloc_ros.evaluation.events import image_topic_of
    from semloc_ros.evaluation.recording import POSES

    topic = image_topic_of(bag, image_topic)
    if not poses:
        return images(bag, topic, info_topic)
    if poses in topics(bag):
        return posed_images(
            bag, topic, info_topic, poses, base_frame=base_frame, map_frame=map_frame
        )
    path = Path(poses) / POSES if Path(poses).is_dir() else Path(poses)
    if not path.is_file():
        wanted = f"a topic of {bag}, a TUM file or a folder with {POSES}"
        raise ConfigError(expected(f"poses {poses}", wanted, "none of them"))
    return images_at(bag, topic, info_topic, *read_tum(path), base_frame=base_frame)


def _sightings(
    pairs: MapPairs, images: list[CameraImage] | list[PosedImage], name: str, bar: Progress
) -> list[Sighting]:
    """Those that are in the map."""
    from semloc_ros.types import PosedImage

    found: list[Sighting | None] = []
    task = bar.add_task(name, total=len(images))
    for image in images:
        if isinstance(image, PosedImage):
            found.append(pairs.posed(image))
        else:
            found.append(pairs.localized(image))
        bar.advance(task)
    return [one for one in found if one is not None]


def _say(line: str) -> None:
    Console().print(line, highlight=False, soft_wrap=True)
