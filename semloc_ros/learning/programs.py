"""From folders to a model file: what `semloc train` calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semloc_ros import classes
from semloc_ros.config.learning import (
    FgsnTrainingConfig,
    LoopConfig,
    SegmentationTrainingConfig,
)
from semloc_ros.errors import ConfigError, expected
from semloc_ros.learning.fgsn import FgsnProgram, stationary
from semloc_ros.learning.labelled_sources import read_labelled
from semloc_ros.learning.loop import Tell, is_first, train
from semloc_ros.learning.pairs import read_pairs, split_by_place
from semloc_ros.learning.segmentation import SegmentationProgram
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.model_files import ModelAbout, save_model, start_from
from semloc_ros.networks.segmentation import SegmentationNetwork, make_network
from semloc_ros.options import flatten

# what does not change what is learned, or only for how long
_FREE = ("iterations", "workers", "threads", "accelerator", "devices")
_LAST_LAYERS = {"classifier.weight", "auxiliary_classifier.weight"}


@dataclass(frozen=True, slots=True)
class Origin:
    """What the file of a model says of where it comes from: the command, the data, a licence."""

    command: str = ""
    data: str = ""
    licence: str = ""


def train_fgsn(
    folders: Sequence[Path], config: FgsnTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
    only: str = "*",
) -> dict[str, float]:  # fmt: skip
    """Train on pairs and write the model to `out`; returns the numbers of `loop.train`.

    `start` holds weights to begin with (`model_files.start_from`), `only` chooses among the pairs
    (`pairs.read_pairs`). State and log go to a folder beside `out`. Raises SemlocError in one line
    for folders, weights or options that do not do, and for a state of other ones.
    """
    split = split_by_place(
        read_pairs(folders, only), config.validation_share, config.place_blocks,
        np.random.default_rng(seed),
    )  # fmt: skip
    network, same, _ = _begin(config, config.clusters, seed, start)
    same["pairs"] = " ".join([*(folder.name for folder in folders), only])
    program = FgsnProgram(network, split, config, seed)
    found = train(program, config.training, training_folder(out), seed, tell, same)
    names = tuple(f"cluster {number}" for number in range(config.clusters))
    fixed = stationary(program, split, config.stationary_ratio)
    if is_first():
        save_model(out, network, _about(out, network, "clusters", names, fixed, origin))
    return found


def train_segmentation(
    folder: Path, runs: Sequence[str], config: SegmentationTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train the 19 classes on labelled images and write the model to `out`, as `train_fgsn`."""
    training, validation = read_labelled(folder, runs, seed)
    network, same, taken = _begin(config, len(classes.NAMES), seed, start)
    same["images"] = " ".join([folder.name, *runs])
    program = SegmentationProgram(
        network, training, validation, config, seed, knows=set(taken) >= _LAST_LAYERS
    )
    found = train(program, config.training, training_folder(out), seed, tell, same)
    fixed = tuple(number not in classes.MOVABLE for number in range(len(classes.NAMES)))
    if is_first():
        save_model(out, network, _about(out, network, "classes", classes.NAMES, fixed, origin))
    return found


def training_folder(out: Path) -> Path:
    """Where the state and the log of the training of a model lie."""
    return out.with_name(out.stem + ".training")


def _begin(
    config: FgsnTrainingConfig | SegmentationTrainingConfig, num_labels: int, seed: int,
    start: Path | None,
) -> tuple[SegmentationNetwork, dict[str, Any], list[str]]:  # fmt: skip
    """The network to train, what a training must share to go on where another stopped, and the
    names of the weights that are from `start`."""
    same = begun_with(config, config.training, seed, start)
    network = make_network(config.architecture, num_labels, torch.Generator().manual_seed(seed))
    return network, same, [] if start is None else start_from(network, start)


def begun_with(
    config: object, training: LoopConfig, seed: int, start: Path | None
) -> dict[str, Any]:
    """What a training must share to go on where another stopped: names and values.

    Raises ConfigError for options that need a start, and a start that is not there.
    """
    if training.freeze_batchnorm and start is None:
        wanted = "--start, whose statistics would be kept"
        raise ConfigError(expected("training.freeze_batchnorm", wanted, "none"))
    free = {f"training.{name}" for name in _FREE}
    same = {name: value for name, value in flatten(config).items() if name not in free}
    return {**same, "--seed": seed, "--start": "none" if start is None else sealed(start)}


def sealed(path: Path) -> str:
    """What a file is known by; ConfigError if it cannot be read."""
    try:
        return f"sha256 {sha256(path.read_bytes()).hexdigest()[:12]}"
    except OSError as error:
        raise ConfigError(expected(str(path), "a file that can be read", error)) from None


def _about(
    out: Path, network: SegmentationNetwork, kind: str, names: tuple[str, ...],
    fixed: tuple[bool, ...], origin: Origin | None,
) -> ModelAbout:  # fmt: skip
    origin = origin or Origin()
    return ModelAbout(
        name=out.stem, architecture=network.architecture, num_labels=network.num_labels, kind=kind,
        names=names, stationary=fixed, normalization=IMAGENET, training=origin.command,
        data=origin.data, licence=origin.licence,
    )  # fmt: skip
