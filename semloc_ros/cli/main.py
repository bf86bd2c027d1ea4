"""`semloc`: the whole command line, put together from one module per command.

An expected fault is one red line and exit code 1; a bug keeps its traceback. The modules
imported here keep heavy libraries inside their functions: `semloc --help` must answer at once.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

import semloc_ros
from semloc_ros.cli import (
    config,
    dataset,
    demo,
    doctor,
    evaluate,
    labels,
    learn,
    map,
    mask,
    mask_quality,
    model,
    objects,
    pose,
    replay,
    train,
    world,
)
from semloc_ros.errors import SemlocError

app = typer.Typer(
    name="semloc",
    help="Where is this camera? Maps, worlds, replay and checks of semloc_ros.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("config")(config.show)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("labels")(labels.labels)
app.command("mask")(mask.mask)
app.command("mask-quality")(mask_quality.mask_quality)
_evaluate = typer.Typer(invoke_without_command=True, subcommand_metavar="[pose]")
_evaluate.callback()(evaluate.evaluate)
_evaluate.command("pose")(pose.study)
app.add_typer(_evaluate, name="evaluate")
app.add_typer(world.app, name="world")
app.add_typer(map.app, name="map")
app.add_typer(dataset.app, name="dataset")
app.add_typer(learn.app, name="learn")
app.add_typer(model.app, name="model")
app.add_typer(objects.app, name="objects")
app.add_typer(pose.app, name="pose")
app.add_typer(train.app, name="train")
app.command("replay", context_settings=replay.SETTINGS)(replay.replay)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(semloc_ros.__version__)
        raise typer.Exit()


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Where is this camera? Maps, worlds, replay and checks of semloc_ros."""


def main() -> None:
    """Entry point of the console script: runs the app and ends the process."""
    try:
        app()
    except SemlocError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "semloc_ros":
            raise
        _fail(_mend(error.name.split(".")[0]))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(line: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"semloc: {line}", style="red", markup=False)
    sys.exit(1)


def _mend(module: str) -> str:
    """What to install for a module that is not there."""
    extras = {
        "captum": "pose", "cv2": "opencv", "h5py": "datasets", "matplotlib": "demo",
        "embreex": "demo",
        "lightning_fabric": "torch", "onnx": "onnx", "onnxruntime": "onnx", "pycocotools": "masks",
        "rerun": "rerun", "safetensors": "torch", "skimage": "masks", "timm": "pose",
        "torch": "torch", "torchvision": "torch",
    }  # fmt: skip
    if module in extras:
        return f"{module} is not installed: pip install 'semloc_ros[{extras[module]}]'"
    return f"{module} is not installed: `semloc doctor` says what is missing"


if __name__ == "__main__":
    main()
