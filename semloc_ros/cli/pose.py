"""`semloc evaluate pose` and `semloc pose saliency`: pose networks with and without masks, and what
they look at."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config.pose_learning import POSE_PRESETS, PoseTrainingConfig
from semloc_ros.config.pose_study import PoseStudyConfig, SaliencyConfig
from semloc_ros.errors import ConfigError, DatasetError, ModelError, expected
from semloc_ros.options import flatten, from_mapping, load_yaml

if TYPE_CHECKING:
    from semloc_ros.datasets.pose_views import PoseView
    from semloc_ros.evaluation.pose_errors import Study
    from semloc_ros.evaluation.pose_page import Look

app = typer.Typer(help="Pose networks: what they look at.", no_args_is_help=True)

_WHAT_MOVES = "What moves: truth (of a world), a folder of `semloc mask`, or a model."
_MODEL = "A model of `semloc train pose`. Repeatable."


@app.callback()
def _group() -> None:
    """Pose networks: what they look at."""


def study(
    test: list[Path] = typer.Argument(
        None, help="Test images: a world's traversal; of a kapture folder or Cambridge Landmarks "
        "the queries."
    ),
    out: Path = typer.Option(Path("out/pose_study"), help="Folder of the results."),
    masks: str = typer.Option("", help=f"{_WHAT_MOVES} Required, but not with --errors."),
    model: list[Path] = typer.Option([], help=_MODEL),
    train: list[Path] = typer.Option(
        [], help="Train on these folders, for each seed without masks and with; goes on where it "
        "was stopped. Repeatable."
    ),
    seeds: str = typer.Option("0 1 2", help="Of the trainings."),
    start: Path = typer.Option(None, help="Weights that trainings begin with."),
    preset: str = typer.Option("small", help="Of the training: small or paper."),
    config_file: Path = typer.Option(None, "--config", help="Options of the training, instead."),
    train_set: list[str] = typer.Option(
        [], metavar="NAME=VALUE", help="An option of the training, e.g. architecture=googlenet."
    ),
    errors: Path = typer.Option(None, help="Judge this errors.csv again; no network is run."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the study, e.g. pictures=0 (no "
        "saliency, which takes longest), saliency.samples=140, resamples=5000. Repeatable."
    ),
) -> None:
    """Train and test with and without masks: UT/UT, UT/MT, MT/UT and MT/MT, with one report."""
    from semloc_ros.evaluation.pose_errors import read_errors, write_errors
    from semloc_ros.evaluation.pose_study import judged

    config = from_mapping(PoseStudyConfig, parse_assignments(set_))
    if errors is not None:
        if test or model or train:
            raise ConfigError(expected("--errors", "no images or models beside it", "both"))
        found = read_errors(errors)
        with _written_to(out):
            out.mkdir(parents=True, exist_ok=True)
        numbers = judged(found, config)
        _tell(found, numbers, config)
        _write(found, numbers, config, out)
        return
    options, of_seeds = _training(preset, config_file, train_set), _seeds(seeds)
    _check_before(test or [], masks, config, out)
    words = ("unmasked", "masked") if train else ()
    _check_models([*model, *(_file(out, word, seed) for word in words for seed in of_seeds)], model)
    views = _views(test, masks, out / "masks")
    if train:
        data = _split(train, views)
        model = [*model, *_train(data, masks, options, of_seeds, start, out)]
    found, architectures = _run(model, views)
    with _written_to(out):
        write_errors(found, out / "errors.csv")
    numbers = judged(found, config)
    _tell(found, numbers, config)
    _write(found, numbers, config, out, _look(model, found, views, config), architectures)


@app.command()
def saliency(
    data: list[Path] = typer.Argument(..., help="Images, as of `semloc evaluate pose`."),
    model: list[Path] = typer.Option([], help=f"{_MODEL} Required; .safetensors."),
    masks: str = typer.Option(
        "", help=f"{_WHAT_MOVES} Required if a model was trained with masks; without, no outline "
        "and no share of movers."
    ),
    out: Path = typer.Option(Path("saliency.png"), help="The figure, PNG or SVG."),
    image: list[str] = typer.Option([], help="The name of an image in the data. Repeatable."),
    images: int = typer.Option(3, min=1, help="Without --image: so many, evenly spread."),
    mask_files: Path = typer.Option(
        Path("out/masks"), help="Where masks of a model are kept."
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of saliency: steps, rule, samples, "
        "noise, baseline, batch, largest_gap or seed; e.g. samples=140. Repeatable."
    ),
) -> None:
    """What of an image makes the pose that each model tells: a row an image, side by side.

    Models that were trained with masks see masked images.
    """
    config = from_mapping(SaliencyConfig, parse_assignments(set_))
    import_module("captum")
    from semloc_ros.datasets.pose_views import masked_views, read_pose_views
    from semloc_ros.evaluation.pose_figures import saliency_figure
    from semloc_ros.evaluation.pose_page import look_of
    from semloc_ros.evaluation.pose_runs import look

    _check_look(model, masks, out)
    views = masked_views(_chosen(read_pose_views(data, queries=True), image, images), masks,
                         mask_files)  # fmt: skip
    with _bar("saliency", 2 * len(model) * len(views), " maps") as tell:
        found = look_of(*look(model, views, config, tell=tell), config)
    try:
        saliency_figure(found.rows).savefig(out)
    except (OSError, ValueError) as error:
        wanted = "a picture that can be written"
        raise ConfigError(expected(f"--out {out}", wanted, error)) from None
    console = Console(soft_wrap=True, highlight=False)
    for name, network, pixels, contributions, _, _, gap, of_all in found.lines:
        movers = f"movers {pixels} of the pixels, {contributions} of the contributions; "
        gaps = f"gap {gap} of the change, {of_all} of all contributions"
        console.print(f"{name}: {network}: {movers if masks else ''}{gaps}")
    for doubt in found.doubts:
        console.print(doubt, style="yellow")


def _training(preset: str, file: Path | None, given: Sequence[str]) -> PoseTrainingConfig:
    if preset not in POSE_PRESETS:
        raise ConfigError(expected("--preset", " or ".join(POSE_PRESETS), preset))
    first: Mapping[str, Any] = POSE_PRESETS[preset]
    if file is not None:
        first = flatten(load_yaml(PoseTrainingConfig, file))
    return from_mapping(PoseTrainingConfig, {**first, **parse_assignments(given)})


def _seeds(text: str) -> list[int]:
    try:
        found = [int(word) for word in text.split()]
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise ConfigError(expected("--seeds", "different numbers, as 0 1 2", repr(text)))
    return found


def _check_before(test: Sequence[Path], masks: str, config: PoseStudyConfig, out: Path) -> None:
    """What would otherwise end the command after hours of training."""
    from semloc_ros.evaluation.pose_study import share_bounds

    if not test:
        raise ConfigError(expected("TEST", "folders of test images (or --errors)", "none"))
    if not masks:
        raise ConfigError(expected("--masks", "truth, a folder or a model", "none"))
    share_bounds(config.masked_shares)
    if config.pictures:
        import_module("captum")
    with _written_to(out):
        out.mkdir(parents=True, exist_ok=True)


@contextmanager
def _written_to(out: Path) -> Iterator[None]:
    """What cannot be written is said in one line."""
    try:
        yield
    except OSError as error:
        wanted = "a folder that can be written"
        raise ConfigError(expected(f"--out {out}", wanted, error)) from None


def _file(out: Path, word: str, seed: int) -> Path:
    return out / "models" / f"{word}_{seed}.safetensors"


def _check_models(tested: Sequence[Path], given: Sequence[Path]) -> None:
    """Models that are given are ones of poses, and all that are tested have names of their own."""
    from semloc_ros.networks.backends import said_of
    from semloc_ros.networks.pose_about import PoseAbout

    for path in given:
        about = said_of(path)
        if not isinstance(about, PoseAbout):
            raise ModelError(expected(str(path), f"a model of {PoseAbout.gives}", "another"))
    names = [path.stem for path in tested]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ModelError(expected("--model", "files of different names", f"two {twice[0]}"))


def _check_look(model: Sequence[Path], masks: str, out: Path) -> None:
    """What would otherwise end the command after saliency is computed."""
    from matplotlib.figure import Figure

    from semloc_ros.networks.backends import said_of
    from semloc_ros.networks.pose_about import PoseAbout

    if not model:
        raise ConfigError(expected("--model", "one or more", "none"))
    _check_models(model, model)
    for path in model:
        if path.suffix != ".safetensors":
            raise ModelError(expected(str(path), "a .safetensors, which has gradients", "another"))
        about = said_of(path)
        if isinstance(about, PoseAbout) and about.masked and not masks:
            wanted = f"truth, a folder or a model, as {path.name} was trained with masks"
            raise ConfigError(expected("--masks", wanted, "none"))
    kinds = Figure().canvas.get_supported_filetypes()
    if out.suffix[1:].lower() not in kinds or out.is_dir():
        raise ConfigError(expected(f"--out {out}", "a picture, .png or .svg", "another"))
    with _written_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)


def _views(folders: Sequence[Path], masks: str, files: Path) -> list[PoseView]:
    from semloc_ros.datasets.pose_views import masked_views, read_pose_views

    views = read_pose_views(folders, queries=True)
    with _bar("masks of test images", len(views)) as tell:
        return masked_views(views, masks, files, tell)


def _split(train: Sequence[Path], test: Sequence[PoseView]) -> tuple[Path, ...]:
    """The folders to train on, if they are of the map of the test images, and have none of them."""
    from semloc_ros.datasets.pose_views import check_one_map, read_pose_views

    check_one_map([*train, *dict.fromkeys(view.folder for view in test)])
    tested = {view.where for view in test}
    shared = [view.where for view in read_pose_views(train) if view.where in tested]
    if shared:
        wanted = "no images that are tested"
        raise DatasetError(expected("--train", wanted, f"{len(shared)}, as {shared[0]}"))
    return tuple(train)


def _train(
    folders: tuple[Path, ...], masks: str, options: PoseTrainingConfig, seeds: Sequence[int],
    start: Path | None, out: Path,
) -> list[Path]:  # fmt: skip
    """One network without masks and one with for each seed; their files."""
    from semloc_ros.learning.pose_programs import PoseData, train_pose
    from semloc_ros.learning.programs import Origin

    origin, files = Origin(" ".join(["semloc", *sys.argv[1:]])), []
    for seed in seeds:
        for word, used in (("unmasked", ""), ("masked", masks)):
            path = _file(out, word, seed)
            data = PoseData(folders, (), used, out / "masks")
            console = Console(stderr=True)
            if not console.is_terminal:
                console.print(f"training: {path.stem}", highlight=False)
            with Progress(console=console, transient=True) as bar:
                task = bar.add_task(path.stem, total=None)
                made = bar.add_task("masks", total=None, visible=used not in ("", "truth"))
                found = train_pose(
                    data, options, path, seed, start, origin, _Teller(bar, task),
                    partial(bar.advance, made),
                )  # fmt: skip
            Console().print(
                f"{path}: score {found['best_score']:.3f} at iteration "
                f"{found['best_iteration']:.0f}", highlight=False, soft_wrap=True,
            )  # fmt: skip
            files.append(path)
    return files


class _Teller:
    """Moves a bar as a training goes on."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: int, total: int, numbers: dict[str, float]) -> None:
        self._bar.update(self._task, completed=done, total=total)


def _run(model: Sequence[Path], views: Sequence[PoseView]) -> tuple[Study, list[str]]:
    """The errors of all models, and their architectures."""
    from semloc_ros.evaluation.pose_runs import open_models, run_models

    models = open_models(model)
    with _bar("test images", len(views)) as tell:
        found = run_models(models, views, tell)
    return found, [one.about.architecture for one in models.values()]


def _look(
    model: Sequence[Path], found: Study, views: Sequence[PoseView], config: PoseStudyConfig
) -> Look | None:
    """The saliency of the first network (.safetensors) without masks and of the first with them;
    says so if there is none."""
    from semloc_ros.evaluation.pose_page import look_of
    from semloc_ros.evaluation.pose_runs import look, pictures_of
    from semloc_ros.evaluation.pose_study import OWN_SIDE

    if not config.pictures:
        return None
    able = {path.stem: path for path in model if path.suffix == ".safetensors"}
    both = [[able[name] for name in found.models(one) if name in able] for one in OWN_SIDE]
    if not all(both):
        Console(soft_wrap=True).print(
            "No saliency: it needs a .safetensors of each training, as .onnx has no gradients.",
            style="yellow",
        )  # fmt: skip
        return None
    first = [paths[0] for paths in both]
    chosen = [views[row] for row in pictures_of(found.masked_share, config.pictures)]
    with _bar("saliency", 2 * len(first) * len(chosen), " maps (none: --set pictures=0)") as tell:
        rows, looks = look(first, chosen, config.saliency, tell=tell)
    seen = look_of(rows, looks, config.saliency, "saliency.")
    for doubt in seen.doubts:
        Console(soft_wrap=True, highlight=False).print(doubt, style="yellow")
    return seen


def _tell(found: Study, numbers: Mapping[str, Any], config: PoseStudyConfig) -> None:
    """The table on the terminal."""
    from semloc_ros.evaluation.pose_page import error_table, verdict
    from semloc_ros.evaluation.pose_study import doubts

    header, rows = error_table(numbers)
    table = Table(*header[:-1], box=None)  # a terminal has no room for each network
    for row in rows:
        table.add_row(*row[:-1])
    console = Console()
    console.print(table)
    for doubt in doubts(found, numbers, config):
        console.print(doubt, style="yellow", soft_wrap=True)
    console.print(verdict(numbers), soft_wrap=True, highlight=False)


def _write(
    found: Study, numbers: dict[str, Any], config: PoseStudyConfig, out: Path,
    look: Look | None = None, architectures: Sequence[str] = (),
) -> None:  # fmt: skip
    """metrics.json and report.html."""
    from semloc_ros.evaluation.metrics import write_metrics
    from semloc_ros.evaluation.pose_page import write_study

    with _written_to(out):
        write_metrics(numbers, out / "metrics.json")
        write_study(out / "report.html", found, numbers, config, look, architectures)
    Console().print(f"report: {out / 'report.html'}", soft_wrap=True, highlight=False)


def _chosen(views: list[PoseView], names: Sequence[str], count: int) -> list[PoseView]:
    if not names:
        import numpy as np

        places = np.linspace(0, len(views) - 1, min(count, len(views))).round().astype(int)
        return [views[place] for place in places]
    by_name = {view.image.name: view for view in views}
    for name in names:
        if name not in by_name:
            raise ConfigError(expected("--image", f"a name like {next(iter(by_name))}", name))
    return [by_name[name] for name in names]


@contextmanager
def _bar(words: str, total: int, what: str = "") -> Iterator[Any]:
    """A bar, and what moves it by one; off a terminal a line with `what` there are so many of."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.print(f"{words}: {total}{what}")
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(words, total=total)
        yield lambda: bar.advance(task)
