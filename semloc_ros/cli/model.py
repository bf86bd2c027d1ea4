"""`semloc model`: the trained networks that there are, and their export to ONNX."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from semloc_ros.errors import ConfigError, expected

app = typer.Typer(help="Models: what there is, and export to ONNX.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """The models that come with this package, by the name that --labels and nodes take."""
    from semloc_ros.networks.manifest import model_folders, read_manifest

    table = Table("name", "labels", "network", "learned from", "licence")
    known: set[str] = set()  # a name is that of the first folder, as find_model takes it
    for folder in model_folders():
        for name, entry in read_manifest(folder).items():
            if name in known:
                continue
            known.add(name)
            labels = f"{entry['labels']} {entry['kind']}"
            said = [str(entry[key]) for key in ("architecture", "data", "licence")]
            table.add_row(name, labels, *said)
    if table.row_count:
        Console().print(table)
    else:
        print("none: `semloc train` makes them")


@app.command()
def export(
    model: str = typer.Argument(..., help="A model of this package by name, or a .safetensors."),
    out: Path = typer.Option(None, help="The .onnx file; beside the model's if not given."),
    size: tuple[int, int] = typer.Option(
        (0, 0), metavar="WIDTH HEIGHT", help="For one image of this size; else of any, any number."
    ),
) -> None:
    """Write a network as ONNX, for onnxruntime and TensorRT: robots then need no torch."""
    from semloc_ros.networks.export import export_onnx
    from semloc_ros.networks.model_files import find_model, load_model

    if (min(size) < 1 and size != (0, 0)) or (out is not None and out.suffix != ".onnx"):
        wanted = "--size of 1 or more pixels, and a file .onnx as --out"
        raise ConfigError(expected("semloc model export", wanted, f"{size} and {out}"))
    path = find_model(model)
    if path.suffix == ".onnx":
        raise ConfigError(expected("model", "a .safetensors file", path.name))
    target = path.with_suffix(".onnx") if out is None else out
    network, about = load_model(path)
    export_onnx(network, about, target, None if size == (0, 0) else (size[1], size[0]))
    Console().print(
        f"{target}: {target.stat().st_size / 1e6:.1f} MB, {about.num_labels} labels, "
        f"every {about.label_stride} px", highlight=False, soft_wrap=True,
    )  # fmt: skip
