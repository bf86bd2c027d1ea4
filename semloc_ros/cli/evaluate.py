"""`semloc evaluate`: a bag through the localizer that the robot runs, and how good it was."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from semloc_ros.cli.ablation import parse_variants, show_variants
from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import flatten, from_mapping

if TYPE_CHECKING:
    from semloc_ros.evaluation.ablation import Settings
    from semloc_ros.evaluation.comparison import Change
    from semloc_ros.evaluation.conditions import Condition
    from semloc_ros.evaluation.exports import Format
    from semloc_ros.evaluation.sources import Job

WORSE = 3  # exit code
_TRUTH = "/ground_truth/pose"
_console = Console(highlight=False)
_LABELS = typer.Option(
    "", metavar="SOURCE", help="Label maps: a topic, a model (name or file), a folder of "
    "STAMP.png, a world's dataset folder, or LABELS@FRAMES; {name} in it is the condition.",
)  # fmt: skip
_PLACES = typer.Option(
    "", metavar="SOURCE", help="Places of each image: a topic, or MODEL[,MODEL], with which "
    "the map was described (semloc map places), or a model of poses that was trained in it; "
    "oracle or oracle=SHARE: made from the truth.",
)  # fmt: skip
_OBJECTS = typer.Option(
    "", metavar="SOURCE", help="Matches of objects of interest: a topic, or a model (name or "
    "file) of objects of the map (semloc learn objects).",
)  # fmt: skip
_MASKS = typer.Option(
    "", metavar="SOURCE", help="Masks of what moves: a topic, or a model (name or file)."
)
_WITH = typer.Option(
    [], "--with", metavar="PATH", help="A bag of what was recorded beside the images: topics "
    "of --masks, --labels, --places and --objects that --bag does not have. Each message comes "
    "with the image of exactly its stamp; {name} is the condition. Repeatable.",
)  # fmt: skip


def evaluate(
    context: typer.Context,
    bag: list[str] = typer.Option(
        [], metavar="[NAME=]PATH", help="A bag to localize; NAME is its condition. Repeatable."
    ),
    map: Path | None = typer.Option(None, help="Folder of the map."),
    truth: str | None = typer.Option(
        None, help="True poses of the base in the map: a topic, /tf, or a TUM file.",
        show_default=_TRUTH,
    ),
    labels: str = _LABELS,
    places: str = _PLACES,
    objects: str = _OBJECTS,
    masks: str = _MASKS,
    with_: list[str] = _WITH,
    config: Path | None = typer.Option(
        None, help="Parameters of the localizer, as the node takes them (yaml)."
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="A parameter, e.g. features.max_features=2000."
    ),
    inject: list[str] = typer.Option(
        [], help="Faults, e.g. 'drop=0.2 blackout@10s=3s kidnap@40s'. Repeatable."
    ),
    ablate: list[str] = typer.Option(
        [], metavar="VARIANTS", help="Compare variants of the localizer, as pnp,auto,no_masks or "
        "NAME=PARAMETER=VALUE,…; each is held against the first. Repeatable.",
    ),
    predictions: Path | None = typer.Option(
        None, help="Judge this folder of predictions again; nothing is localized."
    ),
    baseline: Path | None = typer.Option(
        None, help=f"metrics.json to compare with, frame by frame: exit code {WORSE} if worse."
    ),
    out: Path = typer.Option(Path("out/evaluation"), help="Folder of the results."),
    export: list[str] = typer.Option(
        [], metavar="FORMAT",
        help="Write the fixes to export/ too: tum, kitti, aachen, cmu or robotcar. Repeatable.",
    ),
    rerun: Path | None = typer.Option(
        None, help="Write a recording for rerun's viewer, out.rrd; needs the extra `rerun`."
    ),
    report: bool = typer.Option(True, help="Write report.html too."),
) -> None:
    """Localize recordings without ROS, the same way each time, and judge every frame."""
    if context.invoked_subcommand:
        _refuse_options_before(context)
        return
    from semloc_ros.evaluation.ablation import read_variants
    from semloc_ros.evaluation.conditions import load_conditions
    from semloc_ros.evaluation.sources import Job

    options, formats = _options(config, set_, map), _formats(export)
    variants = parse_variants(ablate)
    if variants and baseline is not None:
        raise ConfigError(expected("--ablate", "no --baseline beside it", "both"))
    _check_before(out, baseline, rerun)
    if predictions is None:
        predictions = out / "predictions"
        options = replace(options, evidence=options.evidence or rerun is not None)
        beside = tuple(Path(one) for one in with_)
        job = Job(
            Path(), truth or _TRUTH, tuple(inject), labels=labels, places=places, objects=objects,
            masks=masks, beside=beside,
        )  # fmt: skip
        _predict(_jobs(_bags(bag), job), variants, options, predictions)
    elif any((bag, inject, truth, labels, places, objects, masks, with_, ablate)):
        wanted = (
            "no --bag, --with, --truth, --labels, --places, --objects, --masks, --inject or "
            "--ablate beside it"
        )
        raise ConfigError(expected("--predictions", wanted, "both"))
    if variants := read_variants(predictions):
        _judge_variants(predictions, variants, options, formats, out, rerun, report)
        return
    conditions = load_conditions(predictions, options.evaluation)
    changes = _judge(conditions, options, out, baseline, report)
    _write_more(conditions, options, formats, out / "export", rerun)
    if any(change.is_worse for change in changes):
        raise typer.Exit(WORSE)


def _refuse_options_before(context: typer.Context) -> None:
    """Options of this command do nothing for another one behind them."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            wanted = f"options behind {context.invoked_subcommand}"
            raise ConfigError(expected("evaluate", wanted, f"--{name.strip('_')} before it"))


def _judge_variants(
    predictions: Path, variants: dict[str, Settings], options: EvaluateConfig,
    formats: list[Format], out: Path,
    rerun: Path | None, report: bool,
) -> None:  # fmt: skip
    """Each variant held against the first, and its files."""
    from semloc_ros.evaluation.ablation import judge_variants

    judged = judge_variants(predictions, variants, options.evaluation)
    show_variants(judged, options, out, report, _console)
    for variant in judged:
        named = rerun and rerun.with_stem(f"{rerun.stem}_{variant.name}")
        _write_more(variant.conditions, options, formats, out / "export" / variant.name, named)


def _options(config: Path | None, assignments: list[str], map_: Path | None) -> EvaluateConfig:
    """--set over --config over the defaults."""
    given = _parameters(config) if config is not None else {}
    of_file = flatten(from_mapping(EvaluateConfig, given))
    named = {**of_file, **flatten_assignments(parse_assignments(assignments))}
    options = from_mapping(EvaluateConfig, named)
    return options if map_ is None else replace(options, map=str(map_))


def _check_before(out: Path, baseline: Path | None, rerun: Path | None) -> None:
    """What would otherwise end the command after hours of computing."""
    if baseline is not None:
        from semloc_ros.evaluation.comparison import read_baseline

        read_baseline(baseline)
    if rerun is not None:
        import_module("rerun")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        wanted = "a folder that can be written"
        raise ConfigError(expected(f"--out {out}", wanted, error)) from None


def flatten_assignments(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names of what --set gave, so that they replace those of a file."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten_assignments(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _parameters(path: Path) -> Mapping[str, Any]:
    """Of a plain yaml file, or of one of ROS parameters: `/**: ros__parameters:`."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(expected(str(path), "a readable yaml file", reason)) from None
    if not isinstance(values, Mapping):
        raise ConfigError(expected(str(path), "keys and values", type(values).__name__))
    for inner in values.values():
        if isinstance(inner, Mapping) and isinstance(inner.get("ros__parameters"), Mapping):
            found: Mapping[str, Any] = inner["ros__parameters"]
            return found
    return values


def _formats(words: list[str]) -> list[Format]:
    from semloc_ros.evaluation.exports import Format

    names = [form.value for form in Format]
    for word in words:
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1, cutoff=0.0)[0]
            raise ConfigError(f"--export: {word!r}: unknown format, did you mean {near}?")
    return [Format(word) for word in words]


def _bags(words: list[str]) -> dict[str, Path]:
    """Bags by condition; without a name that of the file."""
    if not words:
        raise ConfigError(expected("--bag", "a bag (or --predictions)", "none"))
    found: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or "/" in name:
            name, path = Path(word).resolve().stem, word
        if name in found or not name:
            raise ConfigError(expected("--bag", "conditions of different names", repr(name)))
        found[name] = Path(path)
    return found


def _jobs(bags: Mapping[str, Path], job: Job) -> dict[str, Job]:
    """What is to be predicted, by condition: the same of each bag."""
    return {
        name: replace(
            job, bag=bag, labels=job.labels.replace("{name}", name),
            beside=tuple(Path(str(one).replace("{name}", name)) for one in job.beside),
        )
        for name, bag in bags.items()
    }  # fmt: skip


def _predict(
    jobs: Mapping[str, Job], variants: Mapping[str, Settings], options: EvaluateConfig,
    folder: Path,
) -> None:  # fmt: skip
    from semloc_ros.evaluation.variants import predict_jobs

    with _console.status("") as status:
        predict_jobs(jobs, variants, options, folder, status.update)


def _write_more(
    conditions: list[Condition], options: EvaluateConfig, formats: list[Format], exports: Path,
    rerun: Path | None,
) -> None:  # fmt: skip
    """What --export and --rerun ask for."""
    from semloc_ros.evaluation.exports import export

    for form in formats:
        for one in conditions:
            export(one, form, exports)
    if rerun is not None:
        _write_rerun(conditions, options, rerun)


def _judge(
    conditions: list[Condition], options: EvaluateConfig, out: Path, baseline: Path | None,
    report: bool,
) -> list[Change]:  # fmt: skip
    from semloc_ros.evaluation.comparison import read_baseline
    from semloc_ros.evaluation.metrics import write_metrics
    from semloc_ros.evaluation.verdict import verdict

    before = None if baseline is None else read_baseline(baseline)
    metrics, changes = verdict(conditions, options.evaluation, before)
    write_metrics(metrics, out / "metrics.json")
    _print(metrics, changes)
    if report:
        _write_report(conditions, metrics, options, changes, out / "report.html")
    return changes


def _write_report(
    conditions: list[Condition], metrics: Mapping[str, Any], options: EvaluateConfig,
    changes: list[Change], path: Path,
) -> None:  # fmt: skip
    from semloc_ros.evaluation.overview import write_overview

    write_overview(path, conditions, metrics, _points(options), changes)
    _console.print(f"report: {path}")


def _write_rerun(conditions: list[Condition], options: EvaluateConfig, path: Path) -> None:
    """One file, or of several conditions one each, with their names in it."""
    from semloc_ros.evaluation.rerun_log import write_rerun

    for one in conditions:
        named = path if len(conditions) == 1 else path.with_stem(f"{path.stem}_{one.name}")
        write_rerun(named, one, _points(options))
        _console.print(f"recording: {named}")


def _points(options: EvaluateConfig) -> Any:
    """Points of the map, None without one."""
    from semloc_ros.maps.storage import load_map

    if not options.map:
        return None
    return load_map(Path(options.map).expanduser(), verify=False).points_map


_RECALLS = 2  # more do not fit into a terminal; the report has all
_COLUMNS = (
    ("frames", "frames", 1.0),
    ("availability", "fixes\n%", 100.0),
    ("position_median_m", "median\ncm", 100.0),
    ("position_p95_m", "p95\ncm", 100.0),
    ("rotation_median_deg", "median\n°", 1.0),
    ("false_fix_rate", "false\n%", 100.0),
    ("coverage95", "in 95\n%", 100.0),
    ("latency_p95_ms", "p95\nms", 1.0),
)


def _print(metrics: Mapping[str, Any], changes: list[Change]) -> None:
    from semloc_ros.evaluation.metrics import recall_words
    from semloc_ros.evaluation.verdict import doubts

    table = Table(box=None, padding=(0, 1, 0, 0))  # all columns within 80 characters
    keys = [key for key in metrics["all"] if key.startswith("recall_")][:_RECALLS]
    recalls = [(key, f"{recall_words(key)} %".replace(", ", "\n"), 100.0) for key in keys]
    columns = (*_COLUMNS[:2], *recalls, *_COLUMNS[2:])
    for heading in ("", *(heading for _, heading, _ in columns)):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = dict(metrics["conditions"])
    if len(rows) > 1:
        rows["all"] = metrics["all"]
    for name, numbers in rows.items():
        cells = [_cell(numbers.get(key), scale) for key, _, scale in columns]
        table.add_row(name, *cells)
    _console.print(table)
    for doubt in doubts(metrics["all"]):
        _console.print(doubt, style="yellow")
    for one in changes:
        word = one.word.upper() if one.is_worse else one.word
        _console.print(
            f"{word:8}{one.key}: {one.baseline:.4g} → {one.now:.4g}"
            f" ({one.frames} frames, p = {one.probability:.2g})"
        )


def _cell(value: float | None, scale: float) -> str:
    from semloc_ros.evaluation.verdict import short

    return "–" if value is None else short(value * scale)
