"""Recordings through the localizer, or through variants of it, into folders of predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation import running
from semloc_ros.evaluation.ablation import PARTS, Settings, configured, write_variants
from semloc_ros.evaluation.faults import parse_faults
from semloc_ros.evaluation.metrics import recall_thresholds
from semloc_ros.evaluation.sources import KINDS, Job, named_sources, sources_of
from semloc_ros.evaluation.stream import LABELS


def predict_jobs(
    jobs: Mapping[str, Job], variants: Mapping[str, Settings], options: EvaluateConfig,
    folder: Path, say: Callable[[str], object] = lambda _: None,
) -> None:  # fmt: skip
    """All jobs, by condition, with the options into folder/CONDITION, or with those of each variant
    into folder/VARIANT/CONDITION; what was there of earlier runs is forgotten. `say` is told what
    is in work.

    Raises ConfigError or DatasetError, in one line, before anything long begins; ConfigError for a
    variant without something that none has.
    """
    runs = configured(variants, options) or {"": options}
    for one in runs.values():
        if not one.map:
            raise ConfigError(expected("--map", "the folder of a map", "none"))
        for job in jobs.values():  # before the map is read
            parse_faults(job.faults)
            sources_of(job, one)
    if variants:
        _check_parts(jobs.values(), variants, runs, options)
    recall_thresholds(options.evaluation)
    running.forget_runs(folder)
    for variant, one in runs.items():
        _predict_all(jobs, one, folder / variant, say)
    if variants:
        write_variants(folder, variants)


def _check_parts(
    jobs: Iterable[Job], variants: Mapping[str, Settings], runs: Mapping[str, EvaluateConfig],
    options: EvaluateConfig,
) -> None:  # fmt: skip
    """What a variant goes without must be there for one that goes with it."""
    every = [*runs.values(), options]
    there = {kind for job in jobs for one in every for kind in named_sources(job, one)}
    for name, one in runs.items():
        kept = (kind for kind in KINDS if not getattr(one.gets, kind))
        for kind in kept:
            if kind not in there:
                raise ConfigError(expected(f"--ablate {name}", f"a source of {kind}", "none"))
            if kind == LABELS and not any(map(_has_labels, every)):
                wanted = "a map with labels (semloc map label)"
                raise ConfigError(expected(f"--ablate {name}", wanted, "none"))
        for part in ("odometry", "gravity"):
            same = all(getattr(other, part) == "none" for other in every)
            if same and variants.get(name) == PARTS[f"no_{part}"]:
                wanted = f"{part} in another variant"
                raise ConfigError(expected(f"--ablate {name}", wanted, "none"))


def _has_labels(options: EvaluateConfig) -> bool:
    from semloc_ros.maps.storage import load_map

    semantic_map = load_map(Path(options.map).expanduser(), verify=False)
    return bool(semantic_map.label_histogram.shape[1])


def _predict_all(
    jobs: Mapping[str, Job], options: EvaluateConfig, folder: Path, say: Callable[[str], object]
) -> None:
    from semloc_ros.localization.parts import make_localizer
    from semloc_ros.maps.storage import load_map

    semantic_map = load_map(Path(options.map).expanduser())
    mapped = frozenset(semantic_map.view_stamps_ns.tolist())
    for name, job in jobs.items():
        say(f"{folder.name} {name}: {job.bag}")
        localizer = make_localizer(semantic_map, options)
        running.predict(replace(job, mapped_ns=mapped), localizer, options, folder / name)
