"""`semloc model`: the trained networks that there are, what they are, and export to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from semloc_ros.errors import ConfigError, expected

app = typer.Typer(help="Models: what there is, what they are; to ONNX.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """The models that come with this package, by the name that --labels and nodes take."""
    from semloc_ros.networks.manifest import model_folders, read_manifest
    from semloc_ros.networks.model_about import about_class
    from semloc_ros.perception.hybrids import list_hybrids, load_hybrid

    name_column, licence = Column("name", no_wrap=True), Column("licence", no_wrap=True)
    gives_column = Column("gives", min_width=11, overflow="fold")
    table = Table(name_column, gives_column, "network", "learned from", licence, box=SIMPLE)
    known: set[str] = set()  # a name is that of the first folder, as find_model takes it
    for folder in model_folders():
        for name, entry in read_manifest(folder).items():
            if name in known:
                continue
            known.add(name)
            gives = about_class(entry["kind"]).summary(entry)
            said = [str(entry[key]) for key in ("architecture", "data", "licence")]
            table.add_row(name, gives, *said)
    for name, path in list_hybrids().items():
        hybrid = load_hybrid(str(path))
        assert hybrid is not None, "a .yaml is a hybrid or a fault"
        table.add_row(name, "places", "hybrid", str(hybrid.learned.get("data", "")), "")
    if table.row_count:
        Console().print(table)
    else:
        print("none: `semloc train` makes them")


@app.command()
def info(
    model: str = typer.Argument(
        ..., help="A model or hybrid of this package by name, a .safetensors, or a hybrid's .yaml."
    ),
) -> None:
    """What one model is: all that its file says, as yaml."""
    import yaml

    from semloc_ros.networks.manifest import entry_of, find_model
    from semloc_ros.networks.model_about import read_about
    from semloc_ros.perception.hybrids import find_hybrid, load_hybrid

    hybrid = find_hybrid(model)
    if hybrid is not None:
        load_hybrid(str(hybrid))  # a broken one is refused
        said = yaml.safe_load(hybrid.read_text())
        print(_yaml({hybrid.stem: said}), end="")
        return
    path = find_model(model)
    _check_weights(path)
    about = read_about(path)
    print(_yaml({about.name: entry_of(about, path)}), end="")


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
    from semloc_ros.networks.manifest import entry_of, file_sha256
    from semloc_ros.networks.model_files import find_model, load_model

    if (min(size) < 1 and size != (0, 0)) or (out is not None and out.suffix != ".onnx"):
        wanted = "--size of 1 or more pixels, and a file .onnx as --out"
        raise ConfigError(expected("semloc model export", wanted, f"{size} and {out}"))
    path = find_model(model)
    _check_weights(path)
    target = path.with_suffix(".onnx") if out is None else out
    network, about = load_model(path)
    fixed = None if size == (0, 0) else (size[1], size[0])
    export_onnx(network, about, target, fixed, file_sha256(path))
    Console().print(
        f"{target}: {target.stat().st_size / 1e6:.1f} MB, {about.summary(entry_of(about, path))}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _yaml(said: dict[str, Any]) -> str:
    """Innermost lists and mappings in flow style: of names there may be hundreds."""
    import yaml

    return str(yaml.safe_dump(said, sort_keys=False, width=100, default_flow_style=None))


def _check_weights(path: Path) -> None:
    if path.suffix == ".onnx":
        raise ConfigError(expected("model", "a .safetensors file", path.name))
