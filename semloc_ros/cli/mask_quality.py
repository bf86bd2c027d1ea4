"""`semloc mask-quality`: how well a model finds what is dynamic, against true masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import DynamicConfig
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.evaluation.dynamic_quality import DynamicCounts
    from semloc_ros.evaluation.dynamic_sets import DynamicSet
    from semloc_ros.perception.dynamic_masks import DynamicSegmenter


def mask_quality(
    model: str = typer.Argument(..., help="A model by name or file, as `semloc mask` takes it."),
    data: list[Path] = typer.Argument(
        ..., help="Folders with truth: a world, Cityscapes, CamVid, clips in CDnet's form, masks "
        "of `semloc learn masks`, or any instances.json in COCO's format.",
    ),
    split: str = typer.Option("val", help="Of data sets that have some."),
    images: int = typer.Option(
        0, min=0, help="At most so many of each city, clip or traversal, evenly spread; 0: all."
    ),
    first: int = typer.Option(
        0, min=0, help="Clips: judge from this frame on; the model learned from those before."
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the model, e.g. score=0.7."
    ),
) -> None:
    """Precision, recall and F1 of a model's masks, in pixels and in objects, city by city.

    The masks are those of the model alone: without a margin around them or a limit of their size.
    """
    from semloc_ros.evaluation.dynamic_quality import COLUMNS, table_rows
    from semloc_ros.evaluation.dynamic_sets import read_dynamic_set
    from semloc_ros.perception.dynamic_masks import load_dynamic

    segmenter = load_dynamic(model, from_mapping(DynamicConfig, parse_assignments(set_)))
    sets = [read_dynamic_set(folder, split, first).spread(images) for folder in data]
    columns = (Column("data", overflow="fold"), Column("group", overflow="fold"), *COLUMNS)
    table = Table(*columns, title=segmenter.name, box=SIMPLE)
    for one in sets:
        for row in table_rows(_judged(segmenter, one), one.has_objects):
            shown = (f"{value:.1f}" if isinstance(value, float) else str(value) for value in row)
            table.add_row(one.name, *shown)
    Console().print(table)


def _judged(segmenter: DynamicSegmenter, one: DynamicSet) -> dict[str, DynamicCounts]:
    from semloc_ros.evaluation.dynamic_quality import judge

    with Progress(console=Console(stderr=True), transient=True) as bar:
        images = bar.track(one.images, description=one.name)
        return judge(lambda image: segmenter.segment(image.read()), images)

