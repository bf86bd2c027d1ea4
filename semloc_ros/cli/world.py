"""`semloc world`: synthetic worlds with exact truth."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import GalleryConfig
from semloc_ros.options import from_mapping

app = typer.Typer(help="Synthetic worlds with exact truth.", no_args_is_help=True)
make = typer.Typer(
    help="Make a world: bags of a mapping run and a query run.", no_args_is_help=True
)
app.add_typer(make, name="make")


@make.command("gallery")
def gallery(
    out: Path = typer.Option(..., help="Folder of the world: mapping/ and query/ are bags."),
    seed: int = typer.Option(GalleryConfig().seed, help="Seed of the whole world."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the gallery, e.g. columns=3."
    ),
) -> None:
    """Rooms with paintings, driven through twice by a robot with a camera and wheels."""
    from semloc_ros.worlds.recording.gallery import make_gallery

    config = from_mapping(GalleryConfig, {"seed": seed, **parse_assignments(set_)})
    with _bar() as bar:
        task = bar.add_task("gallery", total=None)
        written = make_gallery(
            config, out, lambda done, total: bar.update(task, completed=done, total=total)
        )
    Console().print(f"{out}: {'written' if written else 'is there already'}", highlight=False)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
