"""`semloc labels`: label maps of images, by any model; and what the other commands share of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import LabellerConfig
from semloc_ros.errors import ConfigError, MapError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.perception.label_model import Labeller
    from semloc_ros.types import LabelMap

ReadImage = Callable[[], NDArray[np.uint8]]
Label = Callable[[NDArray[np.uint8]], "LabelMap"]

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def labels(
    model: str = typer.Argument(
        ..., help="A model of this package by name, or a file: .safetensors, .onnx, .npz (clusters)"
    ),
    images: Path = typer.Argument(..., help="Folder of images, those in folders inside too; a bag"),
    out: Path = typer.Option(..., help="Folder of the label maps, and of labels.json."),
    colors: Path = typer.Option(None, help="Folder of the same in colours, to look at."),
    pattern: str = typer.Option("*", help="Folder: which of the images, e.g. *.color.jpg."),
    topic: str = typer.Option("/camera/image_raw", help="Bag: the images."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the labeller, e.g. backend=torch."
    ),
) -> None:
    """Label images by a network, or by clusters that `semloc map clusters` learned.

    The label map of a/b.jpg is OUT/a/b.png, as `semloc map label` takes it; that of a bag's image
    OUT/STAMP.png, as `semloc evaluate --labels` does.
    """
    from semloc_ros.datasets import bag_contents
    from semloc_ros.perception.label_model import load_labeller

    config = from_mapping(LabellerConfig, parse_assignments(set_))
    if bag_contents.recognize(images):
        named = _images_of_bag(images, topic)
    else:
        named = readers_of(images, images_of(images, pattern, out))
    labeller = load_labeller(model, config)
    write_labels(labeller, named, out)
    if colors is not None:
        _write_colors(labeller, named, out, colors)
    tell_written(out, len(named), labeller.count)


def images_of(folder: Path, pattern: str, out: Path) -> list[Path]:
    """The images below a folder, by name; MapError without any, or if label maps would lie among
    them or fall on each other."""
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise MapError(expected("--out", f"a folder outside of {folder}", str(out)))
    paths = sorted(path for path in folder.rglob(pattern) if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise MapError(expected(str(folder), f"images ({pattern})", "none"))
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.with_suffix(""), path)
        if first != path:
            wanted = "images whose names differ by more than the ending"
            raise MapError(expected(str(folder), wanted, f"{first.name} and {path.name}"))
    return paths


def readers_of(folder: Path, paths: Iterable[Path]) -> dict[str, ReadImage]:
    """By its name below the folder what reads each image."""
    from semloc_ros.maps.image_files import image_reader

    return {str(path.relative_to(folder)): image_reader(path) for path in paths}


def write_labels(labeller: Labeller, images: Mapping[str, ReadImage], out: Path) -> None:
    """The label maps of the images, and what their numbers mean; MapError where it cannot."""
    from semloc_ros.maps import label_sets

    write_label_maps(labeller.label, images, out)
    (out / label_sets.FILE_NAME).write_text(label_sets.to_json(labeller.about), encoding="utf-8")


def write_label_maps(label: Label, images: Mapping[str, ReadImage], out: Path) -> None:
    """The label map of the image `a/b.jpg` to OUT/a/b.png. Raises MapError where it cannot."""
    import cv2

    with Progress(console=Console(stderr=True)) as bar:
        for name, read in bar.track(images.items(), description="label maps"):
            target = (out / name).with_suffix(".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(target), label(read())):
                raise MapError(expected(str(target), "a file that can be written", "none"))


def _write_colors(labeller: Labeller, names: Iterable[str], labels: Path, out: Path) -> None:
    """The label maps in `labels` as people look at them; MapError where it cannot."""
    import cv2

    from semloc_ros.maps.image_files import read_labels
    from semloc_ros.perception.label_colors import colorize, palette

    table = palette(labeller.about)
    for name in names:
        source = (labels / name).with_suffix(".png")
        target = (out / name).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(target), colorize(read_labels(source), table)[:, :, ::-1]):
            raise MapError(expected(str(target), "a file that can be written", "none"))


def tell_written(out: Path, written: int, count: int) -> None:
    """The line at the end."""
    line = f"{out}: {written} label maps of {count} labels"
    Console().print(line, highlight=False, soft_wrap=True)


def _images_of_bag(bag: Path, topic: str) -> dict[str, ReadImage]:
    from semloc_ros.datasets.view_images import topic_images
    from semloc_ros.evaluation.events import image_topic_of

    found = topic_images(bag, image_topic_of(bag, topic))
    if not found:
        raise ConfigError(expected(f"{bag} {topic}", "images", "no messages"))
    return {f"{stamp}.jpg": read for stamp, read in found.items()}
