"""`semloc map label`: labels of a map's points, from label maps of its images."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.labels import write_labels
from semloc_ros.config import FilterConfig, LabellerConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.maps.label_sets import LabelSet
    from semloc_ros.maps.labelling import ChooseStationary, ReadLabels
    from semloc_ros.maps.semantic_map import SemanticMap


_LABELLER = "labeller."  # before the names of a model's options


class Stationary(str, enum.Enum):
    """How it is known which labels stay where they are."""

    CITYSCAPES = "cityscapes"
    ALL = "all"
    LEARNED = "learned"
    FILE = "file"


def label(
    folder: Path,
    labels: str = typer.Option(
        ..., help="Label maps: PNG, named as the views; a world's folder, for its truth; or a "
        "model, by name or file, that labels --images.",
    ),
    images: Path = typer.Option(
        None, help="With a model: the map's images, as a folder, a kapture folder or a bag."
    ),
    count: int | None = typer.Option(
        None, min=1, max=65534,
        help="How many labels; the default is as in labels.json or the model, or 19.",
    ),
    stationary: Stationary | None = typer.Option(
        None, help="Which labels stay; the default is file if labels.json or the model says so, "
        "cityscapes for 19 labels, else learned.",
    ),
    out: Path | None = typer.Option(
        None, help="Folder of the labelled map; the default is the map."
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the filter, e.g. labels.least_votes=3"
        ", or with a model of the labeller, e.g. labeller.backend=torch.",
    ),
) -> None:
    """Give the map's points the labels of its images, through their tracks.

    Label maps hold one 8-bit or 16-bit number per pixel, the largest (255 or 65535) for unknown;
    that of the view a/b.jpg is LABELS/a/b.png. What is kept: the votes of each point, which labels
    stay, and how sure pixels are of the labels of points.
    """
    from semloc_ros.localization.semantics import load_semantics
    from semloc_ros.maps.storage import check_replaceable, load_map, save_map

    config, labeller = _options(set_)
    check_replaceable(out or folder)
    semantic_map = load_map(folder)
    if images is None and not Path(labels).is_dir():
        wanted = "a folder, or --images beside a model"
        raise ConfigError(expected(f"--labels {labels}", wanted, "neither"))
    with TemporaryDirectory() as scratch:
        made = labels
        if images is not None:
            made = label_views(labels, images, semantic_map, labeller, Path(scratch))
        read, known = labels_of_views(Path(made), semantic_map)
        number = count or (19 if known is None else len(known))
        choose = _chooser(stationary, known, number, labels, config)
        name = Path(labels).name
        done = _labelled(semantic_map, read, number, name, choose, config)
    save_map(done, out or folder, places_of=folder)
    labelled = load_map(out or folder, verify=False)
    semantics = load_semantics(labelled, config, seed=0)
    assert semantics is not None
    _tell(labelled, semantics.points.labels, out or folder)


def _options(assignments: list[str]) -> tuple[FilterConfig, LabellerConfig]:
    """The filter's options, and the model's, which have a word before their names."""
    given = parse_assignments(assignments)
    labeller = take_labeller(given)
    return from_mapping(FilterConfig, given), labeller


def take_labeller(given: dict[str, Any]) -> LabellerConfig:
    """The options of the labeller, taken out of all that were given."""
    of_model = [name for name in given if name.startswith(_LABELLER)]
    values = {name.removeprefix(_LABELLER): given.pop(name) for name in of_model}
    return from_mapping(LabellerConfig, values)


def label_views(
    model: str, images: Path, semantic_map: SemanticMap, config: LabellerConfig, folder: Path
) -> str:
    """Label the images of a map's views into a folder: they are read twice."""
    from semloc_ros.datasets.view_images import read_views
    from semloc_ros.perception.label_model import load_labeller

    views = read_views(images, semantic_map)
    write_labels(load_labeller(model, config), views, folder)
    return str(folder)


def labels_of_views(
    labels: Path, semantic_map: SemanticMap
) -> tuple[ReadLabels, LabelSet | None]:
    """What reads the label map of a view, and what the labels are, if that is known."""
    from semloc_ros.datasets import world_folder
    from semloc_ros.maps import label_sets
    from semloc_ros.maps.image_files import read_labels

    if world_folder.recognize(labels):
        views = world_folder.read_view_labels(labels, semantic_map)
        return (lambda name: views[name]()), label_sets.cityscapes()
    read: ReadLabels = lambda name: read_labels((labels / name).with_suffix(".png"))  # noqa: E731
    return read, label_sets.find_label_set(labels)


def _chooser(
    how: Stationary | None, known: LabelSet | None, count: int, labels: str, config: FilterConfig
) -> ChooseStationary:
    from semloc_ros.maps import labelling

    flags = None if known is None or len(known) != count else known.stationary
    if how is None:
        default = Stationary.CITYSCAPES if count == 19 and known is None else Stationary.LEARNED
        how = Stationary.FILE if flags is not None else default
    if how is Stationary.LEARNED:
        return partial(
            labelling.stationary_clusters, least_ratio=config.labels.stationary_ratio
        )
    if how is Stationary.FILE and flags is None:
        wanted, got = f"{count} labels", "none" if known is None else f"{len(known)}"
        if known is not None and len(known) == count:
            wanted, got = "which of the labels stay", "that it is not known"
        raise ConfigError(expected(f"{labels}: labels.json", wanted, got))
    fixed: NDArray[np.bool_] = np.ones(count, np.bool_)
    if how is Stationary.CITYSCAPES:
        fixed = labelling.stationary_classes(count)
    elif how is Stationary.FILE and flags is not None:
        fixed = flags
    return lambda in_matches, in_pixels: fixed


def _labelled(
    semantic_map: SemanticMap, read: ReadLabels, count: int, source: str,
    choose: ChooseStationary, config: FilterConfig,
) -> SemanticMap:
    """The map with all arrays of labels."""
    from semloc_ros.localization.label_learning import count_left_out
    from semloc_ros.localization.semantics import label_points
    from semloc_ros.maps import labelling

    with counting_bar() as bar:
        labelled = labelling.label_map(
            semantic_map, read, count, source, teller(bar, "labels"), choose
        )
        points = label_points(labelled, labelled.label_stationary, config, seed=0)
        confusion = count_left_out(labelled, points, read, config, teller(bar, "confusion"))
    return dataclasses.replace(labelled, label_confusion=confusion)


def _tell(labelled: SemanticMap, sure: NDArray[Any], folder: Path) -> None:
    from semloc_ros.maps import labelling

    voted = (labelling.mode(labelled.label_histogram) != labelling.NO_LABEL).sum()
    counts = np.asarray(labelled.label_confusion, np.float64)
    right = np.trace(counts) / max(counts.sum(), 1.0)
    lines = [
        f"{folder}: {voted} of {labelled.num_points} points labelled, {len(sure)} sure and "
        f"stationary",
        f"stationary labels: {labelled.label_stationary.sum()} of {len(labelled.label_stationary)}"
        f", {len(np.unique(sure))} of them at points",
        f"pixels of other views that say the same: {100 * right:.1f} %",
    ]
    for line in lines:
        Console().print(line, highlight=False, soft_wrap=True)


def counting_bar() -> Progress:
    """A bar on stderr that counts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True))


def teller(bar: Progress, name: str) -> Callable[[int, int], None]:
    """A line of the bar: what is to be called with how many are done, and of how many."""
    task = bar.add_task(name)
    return lambda done, total: bar.update(task, completed=done, total=total)
