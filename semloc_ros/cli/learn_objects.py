"""`semloc learn objects`: objects that were marked once, found in all images of a map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config.object_annotation import AnnotationConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.learning.object_annotation import Propagated, Propagator
    from semloc_ros.maps.objects import MapObjects
    from semloc_ros.maps.semantic_map import SemanticMap


def objects(
    folder: Path = typer.Argument(..., metavar="MAP", help="Folder of the map."),
    images: Path = typer.Option(
        None, help="The map's images, as a folder, a kapture folder or a bag."
    ),
    objects: Path = typer.Option(
        None, help="JSON file of marks: for each object an image and a polygon or a mask."
    ),
    masks: Path = typer.Option(None, help="Folder of the PNG masks that the file names."),
    world: Path = typer.Option(
        None, help="Instead of marks: a world's folder, whose objects are known exactly."
    ),
    traversal: str = typer.Option("mapping", help="World: whose objects."),
    sheet: Path = typer.Option(None, help="Also a contact sheet, to be checked by eye."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option, e.g. min_matches=10.",
    ),
) -> None:
    """Find marked planar objects in all images of a map, and keep them in MAP/objects/.

    One mark for each object, in any one image, will do. What the map knew of objects before is
    replaced.
    """
    from semloc_ros.learning.object_annotation import Propagator
    from semloc_ros.maps.object_files import save_objects
    from semloc_ros.maps.storage import load_map

    config = from_mapping(AnnotationConfig, parse_assignments(set_))
    if (objects is None) == (world is None):
        got = "both" if world else "neither"
        raise ConfigError(expected("source", "--objects with --images, or --world", got))
    semantic_map = load_map(folder)
    propagator = Propagator(semantic_map, config)
    if objects is not None:
        found = _marked(semantic_map, propagator, images, objects, masks)
    else:
        from semloc_ros.datasets.world_objects import world_map_objects

        found = propagator.sighted(world_map_objects(world, traversal))
    save_objects(folder, found)
    views = {
        sighting.view for one in found.objects for instance in one.instances
        for sighting in instance.sightings
    }  # fmt: skip
    said = f"{len(found)} objects, seen in {len(views)} of {semantic_map.num_views} views"
    _say(f"{folder}: {said}")
    if sheet is not None:
        draw_sheet(semantic_map, found, images, sheet)


def draw_sheet(
    semantic_map: SemanticMap, found: MapObjects, images: Path | None, path: Path
) -> None:
    """Write the contact sheet of some objects; ConfigError without the map's images."""
    from semloc_ros.datasets.view_images import read_views
    from semloc_ros.learning.object_sheet import draw_object_sheet

    if images is None:
        raise ConfigError(expected("--images", "the map's images, for the sheet", "none"))
    draw_object_sheet(semantic_map, found, read_views(images, semantic_map), path)
    _say(f"{path}: written")


def _marked(
    semantic_map: SemanticMap, propagator: Propagator, images: Path | None, objects: Path,
    masks: Path | None,
) -> MapObjects:
    from semloc_ros.datasets.view_images import read_views
    from semloc_ros.learning.annotation_files import read_marks
    from semloc_ros.learning.object_instances import merge_marks

    if images is None:
        raise ConfigError(expected("--images", "the map's images", "none"))
    marks = read_marks(objects, semantic_map, masks)
    readers = read_views(images, semantic_map)
    found = [
        propagator.propagate(mark, readers[semantic_map.view_names[mark.view]]())
        for mark in track(marks, "objects", console=Console(stderr=True), transient=True)
    ]
    merged = merge_marks(found)
    Console().print(_table(semantic_map, found))
    return merged


def _table(semantic_map: SemanticMap, found: Sequence[Propagated]) -> Table:
    columns = ("object", "marked in", "points", "off plane", "views", "error", "outline")
    title = "median errors; outline: how far homographies and the plane put corners apart"
    table = Table(*columns, title=title)
    for one in found:
        errors = [fit.error_px for fit in one.fits] or [np.nan]
        outlines = [fit.outline_px for fit in one.fits] or [np.nan]
        name = one.mark.entry
        table.add_row(
            name if one.mark.name == name else f"{name} ({one.mark.name})", str(one.mark.view),
            str(one.points), f"{1e3 * one.planarity_m:.1f} mm",
            f"{len(one.fits)} of {semantic_map.num_views}",
            f"{np.median(errors):.2f} px", f"{np.median(outlines):.2f} px",
        )  # fmt: skip
    return table


def _say(line: str) -> None:
    Console().print(line, highlight=False, soft_wrap=True)
