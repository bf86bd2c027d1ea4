"""From images with dynamic objects to a model file: what `semloc train dynamic` calls.

Two stages (Zhou et al., "Dynamic Objects Segmentation for Visual Localization in Urban
Environments", section IV): first on synthetic images, then, ten times slower, on synthetic ones
(m_synth), on real ones (m_real) or on half of each (m_mix).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semloc_ros.config.dynamic_learning import DynamicTrainingConfig, StageConfig
from semloc_ros.datasets.instance_sets import read_instance_images
from semloc_ros.errors import ConfigError, expected
from semloc_ros.learning.dynamic import DynamicProgram
from semloc_ros.learning.instance_samples import split_images
from semloc_ros.learning.loop import Tell, is_first, train
from semloc_ros.learning.programs import Origin, begun_with, training_folder
from semloc_ros.networks.detection import InstanceNetwork, make_instance_network
from semloc_ros.networks.instance_about import InstanceAbout
from semloc_ros.networks.model_files import save_model, start_from
from semloc_ros.options import flatten
from semloc_ros.types import InstanceImage

SYNTH, MIX, REAL = MODELS = ("synth", "mix", "real")
STAGES = ("stage1", "stage2")
_TRAIN, _VALIDATE = "train", "val"  # splits of Cityscapes

Split = tuple[list[InstanceImage], list[InstanceImage]]


@dataclass(frozen=True, slots=True)
class DynamicData:
    """Where images with dynamic objects come from (`instance_sets.read_instance_images`).

    `model` is one of `MODELS`. `validation` folders are held out; without, stretches of each run
    and clip are.
    """

    synthetic: tuple[Path, ...]
    real: tuple[Path, ...] = ()
    model: str = SYNTH
    validation: tuple[Path, ...] = ()


def train_dynamic(
    data: DynamicData, config: DynamicTrainingConfig, out: Path, seed: int,
    start: Path | None = None, stage1: Path | None = None, origin: Origin | None = None,
    tell: Tell | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train both stages and write the model to `out`; returns the numbers of the second.

    `start` holds weights to begin with (`model_files.start_from`); `stage1` is the model of a first
    stage to go on with, which every training leaves in its folder beside `out`. Raises SemlocError
    in one line for folders, weights or options that do not do.
    """
    kinds = _kinds(data, stage1 is None)
    splits = _splits(data, kinds, config, seed)
    folder = training_folder(out)
    if stage1 is None:
        stage1 = folder / f"{STAGES[0]}.safetensors"
        network = _network(config, seed, start)
        freeze = config.stage1.freeze_backbone and start is not None
        _run(network, [splits[SYNTH]], data, config, STAGES[0], freeze, start, folder, seed, tell)
        _save(stage1, network, data.synthetic, origin)
    network = _network(config, seed, stage1)
    chosen = [splits[kind] for kind in kinds if data.model in (MIX, kind)]
    found = _run(
        network, chosen, data, config, STAGES[1], config.stage2.freeze_backbone, stage1, folder,
        seed, tell,
    )  # fmt: skip
    _save(out, network, _used(data), origin)
    return found


def _kinds(data: DynamicData, both: bool) -> tuple[str, ...]:
    """Which of synthetic and real images the stages learn from."""
    if data.model not in MODELS:
        raise ConfigError(expected("--model", " or ".join(MODELS), data.model))
    synthetic = both or data.model != REAL
    kinds = tuple(
        kind for kind, wanted in ((SYNTH, synthetic), (REAL, data.model != SYNTH)) if wanted
    )
    for kind, name, folders in (
        (SYNTH, "--synthetic", data.synthetic), (REAL, "--real", data.real)
    ):
        if kind in kinds and not folders:
            raise ConfigError(expected(name, f"images, for --model {data.model}", "none"))
    return kinds


def _used(data: DynamicData) -> tuple[Path, ...]:
    """The folders that a model was trained on, in whichever stage."""
    return data.synthetic if data.model == SYNTH else (*data.synthetic, *data.real)


def _splits(
    data: DynamicData, kinds: Sequence[str], config: DynamicTrainingConfig, seed: int
) -> dict[str, Split]:
    """By kind the images to train on and those to validate with; given ones serve all kinds."""
    folders = {SYNTH: data.synthetic, REAL: data.real}
    sources = {
        kind: [read_instance_images(one, _TRAIN) for one in folders[kind]] for kind in kinds
    }
    if data.validation:
        held = [image for one in data.validation for image in read_instance_images(one, _VALIDATE)]
        return {
            kind: ([image for one in each for image in one], held)
            for kind, each in sources.items()
        }
    rng = {SYNTH: np.random.default_rng(seed), REAL: np.random.default_rng([seed, 1])}
    return {  # the same for all models that share a first stage
        kind: split_images(each, config.validation_share, config.blocks, rng[kind])
        for kind, each in sources.items()
    }


def _network(config: DynamicTrainingConfig, seed: int, start: Path | None) -> InstanceNetwork:
    network = make_instance_network(
        config.architecture, 2, config.short_side, torch.Generator().manual_seed(seed)
    )
    if start is not None:
        start_from(network, start)
    return network


def _run(
    network: InstanceNetwork, splits: Sequence[Split], data: DynamicData,
    config: DynamicTrainingConfig, stage: str, freeze: bool, start: Path | None, folder: Path,
    seed: int, tell: Tell | None,
) -> dict[str, float]:  # fmt: skip
    """One stage in a folder of its own; the network gets its best weights."""
    options: StageConfig = getattr(config, stage)
    network.set_backbone_frozen(freeze)
    same = _same(data, config, stage, seed, start)
    training = [images for images, _ in splits]
    held = _apart([images for _, images in splits])
    program = DynamicProgram(
        network, training, held, config, options.validation_samples, seed + STAGES.index(stage)
    )
    if options.epochs:
        steps = math.ceil(options.epochs * sum(map(len, training)) / options.batch)
        options = replace(options, iterations=steps)
    return train(program, options, folder / stage, seed, _told(tell, stage), same)


def _apart(kinds: Sequence[list[InstanceImage]]) -> list[InstanceImage]:
    """The validation images of all kinds, as many of each; given ones only once."""
    if len(kinds) == 1 or all(one is kinds[0] for one in kinds):
        return kinds[0]
    count = max(map(len, kinds))
    return [one[number * len(one) // count] for number in range(count) for one in kinds]


def _same(
    data: DynamicData, config: DynamicTrainingConfig, stage: str, seed: int, start: Path | None
) -> dict[str, Any]:
    """What a stage must share to go on where it stopped: see `programs.begun_with`."""
    shared = {
        name: value for name, value in flatten(config).items()
        if name.partition(".")[0] not in STAGES
    }  # fmt: skip
    options: StageConfig = getattr(config, stage)
    own = begun_with(_Stage(options), options, seed, start)
    folders = data.synthetic if stage == STAGES[0] else _used(data)
    model = "any" if stage == STAGES[0] else data.model
    names = (*folders, *data.validation)
    return {**shared, **own, "--model": model, "folders": " ".join(one.name for one in names)}


@dataclass(frozen=True, slots=True)
class _Stage:
    """As other trainings have their options."""

    training: StageConfig


def _told(tell: Tell | None, stage: str) -> Tell | None:
    if tell is None:
        return None
    number = STAGES.index(stage) + 1

    def told(done: int, total: int, numbers: dict[str, float]) -> None:
        tell(done, total, {"stage": float(number), **numbers})

    return told


def _save(
    out: Path, network: InstanceNetwork, folders: Sequence[Path], origin: Origin | None
) -> None:
    origin = origin or Origin()
    if is_first():
        save_model(out, network, InstanceAbout(
            out.stem, network.architecture, network.short_side, training=origin.command,
            data=", ".join(one.name for one in folders), licence=origin.licence,
        ))  # fmt: skip
