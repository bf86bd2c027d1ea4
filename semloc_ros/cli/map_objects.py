"""`semloc map objects`: what a map knows of objects, shown and mended."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from semloc_ros.cli.learn_objects import draw_sheet
from semloc_ros.errors import ConfigError, DatasetError, expected

if TYPE_CHECKING:
    from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
    from semloc_ros.types import FloatArray

app = typer.Typer(help="Objects of interest of a map.", no_args_is_help=True)


@app.command("list")
def list_(folder: Path = typer.Argument(..., metavar="MAP", help="Folder of the map.")) -> None:
    """What objects a map has, where they hang, how large they are and which views saw them."""
    from semloc_ros.maps.object_files import load_objects

    columns = ("", "object", "title", "instance", "middle (m)", "size (m)", "views")
    table = Table(*columns, title=str(folder))
    for row, one in enumerate(load_objects(folder).objects):
        for number, instance in enumerate(one.instances):
            first = (str(row), one.name, one.title) if number == 0 else ("", "", "")
            table.add_row(*first, *_place(number, instance))
    Console().print(table)


@app.command()
def move(
    folder: Path = typer.Argument(..., metavar="MAP", help="Folder of the map."),
    name: str = typer.Argument(..., help="The object that hangs elsewhere now."),
    instance: int = typer.Option(0, min=0, help="Which of its places, as `list` numbers them."),
    map: Path = typer.Option(None, help="A newer map of the place, in the same frame."),
    kapture: Path = typer.Option(
        None, help="Newer images with poses in the map: a kapture folder."
    ),
    corners: Path = typer.Option(
        None, help="JSON file: where the corners of the reference image are now, four times x, y, "
        "z in metres: top left, top right, bottom right, bottom left.",
    ),
    motion: Path = typer.Option(
        None, help="JSON file: 4x4 matrix, the object's motion in the map: new from old."
    ),
    before: Path = typer.Option(
        None, help="JSON file to write: the corners where it hung until now. --corners takes it, "
        "if the move was wrong.",
    ),
) -> None:
    """Say where an object hangs now. Only its place changes: no network is trained anew."""
    from semloc_ros.cli.objects import write_text
    from semloc_ros.learning.object_annotation import CORNERS
    from semloc_ros.maps.object_files import load_objects, save_objects

    objects = load_objects(folder)
    one = _named(objects, name)
    if instance >= len(one.instances):
        wanted = f"0 to {len(one.instances) - 1} for {name}"
        raise ConfigError(expected("--instance", wanted, instance))
    given = [source for source in (map, kapture, corners, motion) if source is not None]
    if len(given) != 1:
        wanted = "one of --map, --kapture, --corners, --motion"
        raise ConfigError(expected("source", wanted, len(given) or "none"))
    old = one.instances[instance]
    if before is not None and before.exists():
        raise ConfigError(expected("--before", "a file that is not there yet", str(before)))
    new = replace(old, map_from_uv=_new_place(one, instance, map, kapture, corners, motion))
    if before is not None:
        write_text(before, json.dumps(old.points_map(CORNERS).tolist()) + "\n")
    places = (*one.instances[:instance], new, *one.instances[instance + 1 :])
    changed = replace(one, instances=places)
    save_objects(folder, replace(objects, objects=tuple(
        changed if other is one else other for other in objects.objects
    )))  # fmt: skip
    far = float(np.linalg.norm(_middle(new) - _middle(old)))
    _say(f"{folder}: {name} hangs at {_text(_middle(new))}, {100 * far:.1f} cm from where it was")


@app.command()
def sheet(
    folder: Path = typer.Argument(..., metavar="MAP", help="Folder of the map."),
    images: Path = typer.Option(
        ..., help="The map's images, as a folder, a kapture folder or a bag."
    ),
    out: Path = typer.Option(..., help="Picture file (.png, .svg or .pdf)."),
) -> None:
    """Draw what the map's images show of its objects, to be checked by eye."""
    from semloc_ros.maps.object_files import load_objects
    from semloc_ros.maps.storage import load_map

    draw_sheet(load_map(folder), load_objects(folder), images, out)


def objects_text(folder: Path, verify: bool) -> str:
    """For `semloc map info`: how many objects there are, after checking that they are whole."""
    from semloc_ros.maps.object_files import has_objects, load_objects

    if not has_objects(folder):
        return "none"
    found = load_objects(folder, verify).objects
    places = sum(len(one.instances) for one in found)
    return f"{len(found)}" + (f", at {places} places" if places > len(found) else "")


def _named(objects: MapObjects, name: str) -> ObjectOfInterest:
    if name not in objects.names:
        near = difflib.get_close_matches(name, objects.names, n=1, cutoff=0.0)
        wanted = f"one of the map's {len(objects.names)}"
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(expected("object", wanted, name) + hint)
    return objects.objects[objects.names.index(name)]


def _new_place(
    one: ObjectOfInterest, number: int, map: Path | None, kapture: Path | None,
    corners: Path | None, motion: Path | None,
) -> FloatArray:
    """(4, 3) `map_from_uv`, of whichever source there is."""
    from semloc_ros.geometry import se3
    from semloc_ros.learning import object_moves
    from semloc_ros.maps.kapture import read_kapture
    from semloc_ros.maps.storage import load_map

    old = one.instances[number].map_from_uv
    if corners is not None:
        return object_moves.place_from_corners(_matrix(corners, (4, 3)))
    if motion is not None:
        return se3.check_pose(str(motion), _matrix(motion, (4, 4))) @ old
    if map is not None:
        images = iter(object_moves.features_of_map(load_map(map)))
    else:
        assert kapture is not None
        images = iter(object_moves.features_of_images(read_kapture(kapture)))
    found = object_moves.find_move(one, number, images)
    _say(f"{one.name}: {found.images} images, {found.matches} matches, {found.error_px:.2f} px")
    return np.asarray(found.new_from_old @ old)


def _matrix(path: Path, shape: tuple[int, int]) -> FloatArray:
    """The numbers of a JSON file; DatasetError for others."""
    try:
        found = np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.float64)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split()) if path.exists() else "no such file"
        raise DatasetError(expected(str(path), f"numbers {shape}", reason)) from None
    if found.shape != shape or not np.isfinite(found).all():
        raise DatasetError(expected(str(path), f"finite numbers {shape}", found.shape))
    return found


def _place(number: int, instance: ObjectInstance) -> tuple[str, str, str, str]:
    sides = np.array([[0.0, 0.5], [1.0, 0.5], [0.5, 0.0], [0.5, 1.0]])
    left, right, top, bottom = instance.points_map(sides)
    size = f"{np.linalg.norm(right - left):.2f} x {np.linalg.norm(bottom - top):.2f}"
    return str(number), _text(_middle(instance)), size, str(len(instance.sightings))


def _middle(instance: ObjectInstance) -> FloatArray:
    return np.asarray(instance.points_map(np.array([[0.5, 0.5]]))[0])


def _text(point: FloatArray) -> str:
    return " ".join(f"{value:.3f}" for value in point)


def _say(line: str) -> None:
    Console().print(line, highlight=False, soft_wrap=True)
