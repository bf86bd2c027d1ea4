"""`semloc train`: networks from worlds, data sets and pairs of bags."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config.dynamic_learning import DYNAMIC_PRESETS, DynamicTrainingConfig
from semloc_ros.config.learning import (
    FGSN_PRESETS,
    SEGMENTATION_PRESETS,
    FgsnTrainingConfig,
    SegmentationTrainingConfig,
)
from semloc_ros.config.object_learning import OBJECT_PRESETS, ObjectTrainingConfig
from semloc_ros.config.places_learning import (
    PLACES_PRESETS,
    HybridTrainingConfig,
    PlacesTrainingConfig,
)
from semloc_ros.config.pose_learning import POSE_PRESETS, PoseTrainingConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import flatten, from_mapping, load_yaml

if TYPE_CHECKING:
    from semloc_ros.learning.programs import Origin

Config = TypeVar("Config")

app = typer.Typer(help="Train networks; a training that was stopped goes on.", no_args_is_help=True)

_OUT = typer.Option(..., help="The model, NAME.safetensors; its log goes to NAME.training/.")
_START = typer.Option(
    None, "--start", help="Weights to begin with: a model of ours, or .pth of torchvision."
)
_PRESET = typer.Option("small", help="small (the worlds, a processor) or paper.")
_CONFIG = typer.Option(
    None, "--config", help="A file of options instead of a preset, as those in config/training."
)
_SEED = typer.Option(0, min=0, help="The same seed, data and processor give the same weights.")
_SET = typer.Option(
    [], "--set", metavar="NAME=VALUE", help="An option, e.g. training.iterations=2000"
)
_LABELS = typer.Option(
    "truth", help="The true ones of worlds, or a model that makes them: a name, or a file."
)
_LICENCE = typer.Option("", help="Of the data, kept in the model.")
_VALIDATION = typer.Option(
    [], help="A folder that is held out; without, stretches of the others are."
)


@dataclass(frozen=True, slots=True)
class _Told:
    """The options of every training."""

    out: Path = _OUT
    start: Path = _START
    preset: str = _PRESET
    config_file: Path = _CONFIG
    seed: int = _SEED
    set_: list[str] = _SET
    licence: str = _LICENCE

    def config(self, kind: type[Config], presets: Mapping[str, Mapping[str, Any]]) -> Config:
        """--set over --config or --preset; ConfigError for what is none."""
        if self.preset not in presets:
            raise ConfigError(expected("--preset", " or ".join(presets), self.preset))
        file = self.config_file
        first = presets[self.preset] if file is None else flatten(load_yaml(kind, file))
        return from_mapping(kind, {**first, **parse_assignments(self.set_)})

    @property
    def model(self) -> Path:
        """--out; ConfigError if it is no name of a model."""
        if self.out.suffix != ".safetensors":
            raise ConfigError(expected("--out", "NAME.safetensors", str(self.out)))
        return self.out

    def origin(self, data: str = "") -> Origin:
        """What the model keeps of how it was made, `data` by name."""
        from semloc_ros.learning.programs import Origin

        return Origin(_command(), data, self.licence)


def _training(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given `told`, the options of every training, before its own: for typer they
    are parameters like those."""
    shared = inspect.signature(_Told, eval_str=True).parameters
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    def run(**values: Any) -> None:
        command(_Told(**{name: values.pop(name) for name in shared}), **values)

    taken = [one.replace(kind=one.KEYWORD_ONLY) for one in (*shared.values(), *own)]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in taken}
    app.command()(run)
    return command


@_training
def fgsn(
    told: _Told,
    pairs: list[Path] = typer.Argument(
        ..., help="Folders of pairs (`semloc world pairs`, `semloc learn correspondences`, "
        "cross-season data sets)."
    ),
    only: str = typer.Option("*", help="Pairs whose reference image has such a name: */place[123]"),
) -> None:
    """Train a fine-grained segmentation network (Larsson et al., ICCV 2019)."""
    config = told.config(FgsnTrainingConfig, FGSN_PRESETS)
    from semloc_ros.learning.programs import train_fgsn

    data = ", ".join(path.name for path in pairs)
    with _watched() as bar:
        found = train_fgsn(
            pairs, config, told.model, told.seed, told.start, told.origin(data),
            _teller(bar), only,
        )  # fmt: skip
    _say(told.out, found, "L_corr")


@_training
def segmentation(
    told: _Told,
    images: Path = typer.Argument(..., help="A world with truth, CamVid or Cityscapes."),
    run: list[str] = typer.Option([], "--run", help="Of a world: a traversal; the default is all."),
) -> None:
    """Train a network for the 19 classes of Cityscapes."""
    config = told.config(SegmentationTrainingConfig, SEGMENTATION_PRESETS)
    from semloc_ros.learning.programs import train_segmentation

    with _watched() as bar:
        found = train_segmentation(
            images, run, config, told.model, told.seed, told.start,
            told.origin(images.name), _teller(bar),
        )  # fmt: skip
    _say(told.out, found, "cross-entropy")


@_training
def places(
    told: _Told,
    folders: list[Path] = typer.Argument(
        ..., help="Worlds, kapture folders, or images named @east@north@…; worlds of one seed are "
        "one place."
    ),
    input_: str = typer.Option("rgb", "--input", help="rgb or labels."),
    labels: str = _LABELS,
    label_files: Path = typer.Option(
        None, help="Where label maps of a model are kept, also for other trainings; the default is "
        "NAME.training/labels."
    ),
    validation: list[Path] = _VALIDATION,
) -> None:
    """Train descriptors of places, from images or label maps (NetVLAD, CVPR 2016)."""
    config = told.config(PlacesTrainingConfig, PLACES_PRESETS)
    if input_ not in ("rgb", "labels"):
        raise ConfigError(expected("--input", "rgb or labels", input_))
    from semloc_ros.learning.place_programs import PlaceData, train_places

    data = PlaceData(tuple(folders), tuple(validation), input_, labels, label_files)
    named = ", ".join(folder.name for folder in folders)
    with _watched() as bar:
        shown = bar.add_task("label maps", visible=input_ == "labels" and labels != "truth")
        found = train_places(
            data, config, told.model, told.seed, told.start, told.origin(named),
            _teller(bar), lambda: bar.advance(shown),
        )  # fmt: skip
    _say(told.out, found, "1 - recall")


@app.command()
def hybrid(
    folders: list[Path] = typer.Argument(
        ..., help="As of `places`: places that neither model was trained on."
    ),
    semantic: str = typer.Option(..., help="Model of places from labels: a name, or a file."),
    rgb: str = typer.Option(..., help="Model of places from images."),
    out: Path = typer.Option(..., help="The hybrid, NAME.yaml."),
    labels: str = typer.Option(
        None, help="truth or a model, as of `places`; the default is what the semantic model was "
        "trained on."
    ),
    label_files: Path = typer.Option(None, help="Where label maps of a model are kept."),
    set_: list[str] = _SET,
) -> None:
    """Learn how much each of two descriptors of places counts in a hybrid, on validation data."""
    if out.suffix != ".yaml":
        raise ConfigError(expected("--out", "NAME.yaml", str(out)))
    config = from_mapping(HybridTrainingConfig, parse_assignments(set_))
    from semloc_ros.learning.hybrid_programs import train_hybrid

    with _bar() as bar:
        task = bar.add_task("descriptors", total=None)
        found = train_hybrid(
            folders, (semantic, rgb), labels, label_files, config, out, _command(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    Console().print(
        f"{out}: weight {found.weight:.2f} of the semantic one; recall@1 of {found.queries} "
        f"queries {found.hybrid['recall']:.3f}, semantic {found.semantic['recall']:.3f}, "
        f"rgb {found.rgb['recall']:.3f}", highlight=False, soft_wrap=True,
    )  # fmt: skip


@_training
def dynamic(
    told: _Told,
    synthetic: list[Path] = typer.Option(
        [], help="Worlds with truth, or any of --real; may be given often."
    ),
    real: list[Path] = typer.Option(
        [], help="Masks of `semloc learn masks`, a json file in COCO's format, or Cityscapes; may "
        "be given often."
    ),
    model: str = typer.Option(
        "synth", help="What stage 2 learns from: synth, real, or mix, half of each."
    ),
    stage1: Path = typer.Option(
        None, help="Begin with stage 2, from the stage1.safetensors of another training."
    ),
    validation: list[Path] = _VALIDATION,
) -> None:
    """Train a network for dynamic objects, in two stages (Zhou et al., Mask R-CNN)."""
    config = told.config(DynamicTrainingConfig, DYNAMIC_PRESETS)
    from semloc_ros.learning.dynamic_programs import DynamicData, train_dynamic

    data = DynamicData(tuple(synthetic), tuple(real), model, tuple(validation))
    with _watched() as bar:
        found = train_dynamic(
            data, config, told.model, told.seed, told.start, stage1, told.origin(), _teller(bar),
        )  # fmt: skip
    _say(told.out, found, "1 - F1")


@_training
def pose(
    told: _Told,
    folders: list[Path] = typer.Argument(
        ..., help="Of one map: a world or a traversal of it, a kapture folder, a scene of "
        "Cambridge Landmarks."
    ),
    masks: str = typer.Option(
        "", help="What moves is zero in all images: truth (of a world), a folder of `semloc mask`, "
        "or a model; the default is nothing."
    ),
    mask_files: Path = typer.Option(
        None, help="Where masks of a model are kept, also for other trainings; the default is "
        "NAME.training/masks."
    ),
    validation: list[Path] = typer.Option(
        [], help="A folder that is held out, such as a traversal (of kapture and Cambridge the "
        "queries); without, stretches of the others are."
    ),
) -> None:
    """Train a network that tells the camera's pose from one image (Cimarelli et al., AVSS 2019)."""
    config = told.config(PoseTrainingConfig, POSE_PRESETS)
    from semloc_ros.learning.pose_programs import PoseData, train_pose

    data = PoseData(tuple(folders), tuple(validation), masks, mask_files)
    with _watched() as bar:
        shown = bar.add_task("masks", total=None, visible=masks not in ("", "truth"))
        found = train_pose(
            data, config, told.model, told.seed, told.start, told.origin(),
            _teller(bar), lambda: bar.advance(shown),
        )  # fmt: skip
    _say(told.out, found, "loss")


@_training
def objects(
    told: _Told,
    map_: Path = typer.Argument(
        None, metavar="[MAP]", help="A map with objects (`semloc learn objects`), with --images."
    ),
    images: Path = typer.Option(None, help="The folder or bag that the map was built from."),
    world: list[Path] = typer.Option(
        [], help="Worlds with truth, or traversals WORLD/frames/TRAVERSAL: instead of a map, or "
        "more images of its objects; may be given often."
    ),
    validation: list[Path] = typer.Option(
        [], help="Worlds or traversals that are held out; without, see validation_share."
    ),
    occluders: list[Path] = typer.Option(
        [], help="Worlds or other images with instances (as of `dynamic`), whose people are pasted "
        "over images."
    ),
    head: str = typer.Option("", help="dense, homography or points3d: what stands in --set head."),
) -> None:
    """Train a network for objects of interest (Weinzaepfel et al., CVPR 2019)."""
    config = told.config(ObjectTrainingConfig, OBJECT_PRESETS)
    if head:
        config = from_mapping(ObjectTrainingConfig, {**flatten(config), "head": head})
    if (map_ is None) != (images is None):
        raise ConfigError(expected("MAP", "a map and its --images", "one without the other"))
    from semloc_ros.learning.object_programs import ObjectData, train_objects

    data = ObjectData(map_, images, tuple(world), tuple(validation), tuple(occluders))
    with _watched() as bar:
        found = train_objects(
            data, config, told.model, told.seed, told.start, told.origin(), _teller(bar)
        )
    _say(told.out, found, "error")


def _command() -> str:
    return " ".join(["semloc", *sys.argv[1:]])


@contextmanager
def _watched() -> Iterator[Progress]:
    """The bar; who stops a training is told that nothing is lost."""
    with _bar() as bar:
        try:
            yield bar
        except KeyboardInterrupt:
            bar.console.print("stopped: the same command goes on from the last validation")
            raise


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not _is_first()
    )


def _is_first() -> bool:
    """Of the processes that torchrun started the first speaks."""
    return os.environ.get("RANK", "0") == "0"


def _teller(bar: Progress) -> Any:
    task = bar.add_task("training", total=None)

    def tell(done: int, total: int, numbers: dict[str, float]) -> None:
        bar.update(task, completed=done, total=total)
        told = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        bar.console.print(f"{done}: {told}", highlight=False, soft_wrap=True)

    return tell


def _say(out: Path, found: dict[str, float], score: str) -> None:
    Console(quiet=not _is_first()).print(
        f"{out}: {score} {found['best_score']:.3f} at iteration {found['best_iteration']:.0f}, "
        f"{found['seconds']:.0f} s", highlight=False, soft_wrap=True,
    )  # fmt: skip
