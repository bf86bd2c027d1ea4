"""`semloc dataset`: what the folder of a data set, or a bag, holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from semloc_ros.datasets.catalog import Format
    from semloc_ros.datasets.checking import Finding
    from semloc_ros.datasets.contents import DatasetContents

app = typer.Typer(help="Check data sets; list the formats that are read.", no_args_is_help=True)


@app.command()
def check(
    folder: Path = typer.Argument(help="Folder of a data set; or a bag, or a video."),
    out: Path = typer.Option(
        None, help="Contact sheet; the default is DIR.png in the current folder."
    ),
    sheet: bool = typer.Option(True, help="Draw the contact sheet."),
) -> None:
    """Recognize a data set, count what it holds, read a sample, and draw a contact sheet."""
    from semloc_ros.datasets.catalog import format_of, load
    from semloc_ros.datasets.checking import check_contents

    format_ = format_of(folder)
    contents = load(format_, folder)
    findings = check_contents(contents)
    _print_check(folder, format_, contents, findings)
    if sheet:
        _draw(format_, folder, contents, out)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


@app.command("list")
def list_() -> None:
    """The formats that are read, where the data is to be had, and its licence."""
    from semloc_ros.datasets.catalog import FORMATS

    console = Console(highlight=False, soft_wrap=True)
    for one in FORMATS:
        console.print(f"[bold]{one.name}[/]: {one.title}")
        console.print(f"    {one.source}; licence: {one.licence}", markup=False)


def _print_check(
    folder: Path, format_: Format, contents: DatasetContents, findings: list[Finding]
) -> None:
    console = Console()
    table = Table(title=f"{folder.resolve().name}: {format_.title}", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_row("licence", format_.licence)
    for kind, count in contents.counts.items():
        table.add_row(kind, str(count))
    table.add_section()
    for one in findings:
        mark = "[green]ok[/]" if one.passed else "[red]FAIL[/]"
        table.add_row(f"{one.check} {mark}", one.found)
    console.print(table)
    for warning in contents.warnings:
        console.print(f"note: {warning}", highlight=False, markup=False, soft_wrap=True)


def _draw(format_: Format, folder: Path, contents: DatasetContents, out: Path | None) -> None:
    from semloc_ros.datasets.contact_sheet import draw_contact_sheet

    name = folder.resolve().name
    picture = out or Path(f"{name}.png")
    draw_contact_sheet(f"{name} ({format_.name})", contents, picture)
    Console().print(f"{picture}: written", highlight=False)
