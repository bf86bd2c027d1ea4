"""`semloc objects`: what of a map's objects of interest is in images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import ObjectMatcherConfig
from semloc_ros.errors import ConfigError, DatasetError, InputError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.types import ObjectDetection

app = typer.Typer(help="Objects of interest of a map, in images.", no_args_is_help=True)

ReadImage = Callable[[], NDArray[np.uint8]]


@app.callback()
def _group() -> None:
    """So that `find` is a word of the command line, though it is the only one."""


@app.command("find")
def find(
    source: Path = typer.Argument(
        ..., help="An image; a folder of images, a kapture folder or a world; a video; a bag."
    ),
    model: str = typer.Option(..., help="A model of objects, by name or file."),
    map: Path = typer.Option(
        None, help="The map that has the objects: their pictures, for outlines, for the matcher "
        "features and for refine photometric."
    ),
    out: Path = typer.Option(None, help="Folder of the images with the finds drawn in."),
    masks: Path = typer.Option(
        None, help="Folder of masks by the images' names (semloc mask): no matches where they are "
        "not 0."
    ),
    json_: Path = typer.Option(None, "--json", help="Also the finds, with their matches."),
    pattern: str = typer.Option("*", help="Folder: which of the images, e.g. *.color.jpg."),
    topic: str = typer.Option("/camera/image_raw", help="Bag: the images."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the matcher, e.g. matcher=features, "
        "refine=none or score=0.7.",
    ),
) -> None:  # fmt: skip
    """Find a map's objects in images, and draw what was found: OUT/a/b.png for a/b.jpg.

    Each match is a dot, the redder the farther right and the greener the farther down in the
    object's picture; outlines are those that the matches say.
    """
    from semloc_ros.maps.object_files import load_objects
    from semloc_ros.perception.object_overlays import draw_finds
    from semloc_ros.perception.objects import load_object_matcher

    objects = None if map is None else load_objects(map)
    given = parse_assignments(set_)
    if map is None:
        given = {"refine": "homography"} | given
        Console(stderr=True).print("no --map: pixels do not check what is found")
    matcher = load_object_matcher(model, objects, from_mapping(ObjectMatcherConfig, given))
    images = _images(source, topic, pattern)
    _check_apart(source, out)
    rows: dict[str, list[dict[str, Any]]] = {}
    refused: dict[str, list[ObjectDetection]] = {}
    with Progress(console=Console(stderr=True)) as bar:
        for name, read in bar.track(images.items(), description="objects"):
            image = read()
            finds = matcher.find(image, None if masks is None else _mask(masks, name))
            rows[name], refused[name] = [_row(one) for one in finds], matcher.refused
            if out is not None:
                _write(out / f"{name}.png", draw_finds(image, finds, objects))
    _tell(rows, refused)
    if json_ is not None:
        write_text(json_, json.dumps(rows, indent=1) + "\n")


def _images(source: Path, topic: str, pattern: str) -> Mapping[str, ReadImage]:
    from semloc_ros.datasets import bag_contents
    from semloc_ros.datasets.image_sources import named_images
    from semloc_ros.datasets.static_clips import VIDEOS
    from semloc_ros.evaluation.events import image_topic_of
    from semloc_ros.maps.image_files import read_image

    if bag_contents.recognize(source):
        topic = image_topic_of(source, topic)
    elif source.is_file() and source.suffix.lower() not in VIDEOS:
        return {source.stem: lambda: read_image(source)}
    return named_images(source, topic, pattern)


def _check_apart(source: Path, out: Path | None) -> None:
    """Pictures among the images would be searched the next time, or overwrite them."""
    if out is None:
        return
    folder = source.resolve() if source.is_dir() else source.resolve().parent
    inside = source.is_dir() and folder in out.resolve().parents
    if inside or folder == out.resolve():
        raise ConfigError(expected("--out", f"a folder outside of {folder}", str(out)))


def _mask(masks: Path, name: str) -> NDArray[np.uint8]:
    import cv2

    path = masks / f"{name}.png"
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 2 or found.dtype != np.uint8:
        got = "none" if found is None else f"{found.dtype} of shape {found.shape}"
        raise DatasetError(expected(str(path), "a mask of one channel of 8 bits", got))
    return np.asarray(found, np.uint8)


def _row(one: ObjectDetection) -> dict[str, Any]:
    """A find as JSON: matches are rows of u v of the reference image, x y of the image, sigma."""
    matches = np.column_stack([one.points_uv, one.points_image, one.sigmas_px])
    return {
        "name": one.name, "score": round(one.score, 4), "box": np.round(one.box, 2).tolist(),
        "matches": np.round(matches, 5).tolist(),
    }  # fmt: skip


def _tell(
    rows: Mapping[str, list[dict[str, Any]]], refused: Mapping[str, list[ObjectDetection]]
) -> None:
    console = Console()
    for name, finds in rows.items():
        said = ", ".join(
            f"{one['name']} {one['score']:.2f} ({len(one['matches'])} matches)" for one in finds
        )
        kept = {one["name"] for one in finds}
        against = ", ".join(
            f"{one.name} {one.score:.2f}" for one in refused[name] if one.name not in kept
        )
        against = against and f"; left out, not confirmed: {against}"
        console.print(f"{name}: {said or 'nothing'}{against}", highlight=False, soft_wrap=True)


def _write(path: Path, drawn: NDArray[np.uint8]) -> None:
    import cv2

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(path), np.ascontiguousarray(drawn[:, :, ::-1]))
    except OSError:
        written = False
    if not written:
        raise InputError(expected(str(path), "a file that can be written", "none"))


def write_text(path: Path, text: str) -> None:
    """With its folders; InputError, in one line, where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        wanted = "a file that can be written"
        raise InputError(expected(str(path), wanted, error.strerror)) from None
