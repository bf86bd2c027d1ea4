"""`semloc world`: synthetic worlds with exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import ClipConfig, GalleryConfig, StreetConfig, WorldPairsConfig
from semloc_ros.options import from_mapping

app = typer.Typer(help="Synthetic worlds with exact truth.", no_args_is_help=True)
make = typer.Typer(
    help="Make a world; a run that was stopped goes on where it was.", no_args_is_help=True
)
app.add_typer(make, name="make")

OUT = typer.Option(..., help="Folder of the world.")
SET = typer.Option([], "--set", metavar="NAME=VALUE", help="An option of the world, e.g. speed=1.")
OUTPUT = "bags: ROS 2 bags | frames: dataset folders with the truth of every pixel | both"
SIX = "summer,autumn,winter,rain,dusk,night"


@make.command("gallery")
def gallery(
    out: Path = OUT,
    seed: int | None = typer.Option(None, help="Seed of the whole world."),
    light: str | None = typer.Option(
        None, help="Light of the query run: day, evening, half, spots, daylight or night."
    ),
    crowd: int | None = typer.Option(None, help="Visitors in the query run: 0 none to 3 crowded."),
    output: str = typer.Option("bags", help=OUTPUT),
    set_: list[str] = SET,
) -> None:
    """Rooms with paintings, driven through twice by a robot with a camera, wheels and an IMU."""
    from semloc_ros.worlds.recording.gallery import make_gallery

    values = _given(seed=seed, light=light, crowd=crowd)
    config = from_mapping(GalleryConfig, {**values, **parse_assignments(set_)})
    with _told("gallery", out) as (progress, words):
        words.append(make_gallery(config, out, progress, output))


@make.command("street")
def street(
    out: Path = OUT,
    conditions: str = typer.Option(SIX, help="Conditions of the query runs, split by commas."),
    seed: int | None = typer.Option(None, help="Seed of the whole world."),
    output: str = typer.Option("both", help=OUTPUT),
    set_: list[str] = SET,
) -> None:
    """A street driven round by a car: mapped in summer, and again in each condition."""
    from semloc_ros.worlds.recording.street import make_street

    config = from_mapping(StreetConfig, {**_given(seed=seed), **parse_assignments(set_)})
    with _told("street", out) as (progress, words):
        words.append(make_street(config, out, _names(conditions), progress, output))


@make.command("clips")
def clips(
    out: Path = OUT,
    conditions: str = typer.Option("summer", help="Of the street's clips; '' leaves them out."),
    seed: int | None = typer.Option(None, help="Seed of both worlds."),
    set_: list[str] = SET,
) -> None:
    """Clips of static cameras in street and gallery with true moving masks, in CDnet's layout."""
    from semloc_ros.worlds.recording.clips import make_clips

    config = from_mapping(ClipConfig, {**_given(seed=seed), **parse_assignments(set_)})
    with _told("clips", out) as (progress, words):
        words.append(make_clips(config, out, _names(conditions), progress))


@app.command("sheet")
def sheet(
    world: Path = typer.Argument(..., help="Folder of a world with frames, or of clips."),
    out: Path = typer.Option(..., help="The picture to write (png or jpg)."),
    frames: int = typer.Option(4, min=1, max=40, help="Frames of each traversal or clip."),
    truth: bool = typer.Option(True, help="Labels, depth, instances and motion beside them."),
) -> None:
    """Draw a contact sheet of a world: frames of every traversal and their truth."""
    from semloc_ros.worlds.recording.sheet import draw_sheet

    draw_sheet(world, out, frames, truth)
    Console().print(f"{out}: written", highlight=False)


@app.command("pairs")
def pairs(
    world: Path = typer.Argument(..., help="Folder of a world with frames."),
    a: str = typer.Option(..., help="A traversal, e.g. mapping."),
    b: str = typer.Option(..., help="Another one, e.g. winter."),
    out: Path = typer.Option(..., help="New folder, in the layout of cross-season data sets."),
    set_: list[str] = SET,
) -> None:
    """Write where frames of two traversals show the same points: for training on seasons."""
    from semloc_ros.worlds.pair_files import write_pairs

    config = from_mapping(WorldPairsConfig, parse_assignments(set_))
    with _bar(f"{a} and {b}") as progress:
        number = write_pairs(world, a, b, out, config, progress)
    Console().print(f"{out}: {number} pairs", highlight=False)


@app.command("labels")
def labels(
    world: Path = typer.Argument(..., help="Folder of a world with frames."),
    out: Path = typer.Option(..., help="New folder: TRAVERSAL/CAMERA/NNNNNN.png, labels.json."),
    kind: str = typer.Option(
        "classes", help="classes: the 19 of Cityscapes | subclasses: parts of a street's things"
    ),
    errors: float = typer.Option(
        0.0, help="Share of the pixels of each image that get a wrong label, in patches."
    ),
    seed: int = typer.Option(0, help="Of the wrong labels."),
    traversals: str = typer.Option("", help="Only these, split by commas."),
) -> None:
    """Write the label maps of a world's frames: true ones, or with a chosen share of errors."""
    from semloc_ros.worlds.label_files import write_label_maps

    with _bar("labels") as progress:
        number = write_label_maps(
            world, kind, out, progress, errors=errors, seed=seed, traversals=_names(traversals)
        )
    Console().print(f"{out}: {number} label maps", highlight=False)


class _Tell(Protocol):
    """Hears how many of how many are done, and what is being done."""

    def __call__(self, done: int, total: int, doing: str = "", /) -> None: ...


def _given(**values: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in values.items() if value is not None}


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


@contextmanager
def _told(what: str, out: Path) -> Iterator[tuple[_Tell, list[bool]]]:
    """A progress bar; afterwards, what came of it: whether something was written."""
    written: list[bool] = []
    with _bar(what) as progress:
        yield progress, written
    line = f"{out}: {'written' if written[0] else 'is there already'}"
    Console().print(line, highlight=False)


@contextmanager
def _bar(what: str) -> Iterator[_Tell]:
    """A progress bar on stderr; it turns while a world is built, which takes its time."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int, doing: str = "") -> None:
            text = f"{what}: {doing}" if doing else what
            bar.update(task, completed=done, total=total, description=text)

        yield tell
