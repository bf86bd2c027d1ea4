"""From folders to a model file: what `semloc train` calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from semloc_ros import classes
from semloc_ros.config.learning import FgsnTrainingConfig, SegmentationTrainingConfig
from semloc_ros.learning.fgsn import FgsnProgram, stationary
from semloc_ros.learning.labelled_sources import read_labelled
from semloc_ros.learning.loop import Tell, train
from semloc_ros.learning.pairs import read_pairs, split_by_place
from semloc_ros.learning.segmentation import SegmentationProgram
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.model_files import ModelAbout, save_model, start_from
from semloc_ros.networks.segmentation import SegmentationNetwork, make_network

LABEL_STRIDE = 4  # pixels: scores are interpolated from 8 to 4, and the best label repeated


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
    (`pairs.read_pairs`). State and log go to a folder beside `out`. Raises SemlocError in one line for folders, weights or options that do not do.
    """
    split = split_by_place(
        read_pairs(folders, only), config.validation_share, config.place_blocks,
        np.random.default_rng(seed),
    )  # fmt: skip
    network = _network(config.architecture, config.clusters, seed, start)
    program = FgsnProgram(network, split, config, seed)
    found = train(program, config.training, training_folder(out), seed, tell)
    names = tuple(f"cluster {number}" for number in range(config.clusters))
    fixed = stationary(program, split, config.stationary_ratio)
    save_model(out, network, _about(out, network, "clusters", names, fixed, origin))
    return found


def train_segmentation(
    folder: Path, runs: Sequence[str], config: SegmentationTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train the 19 classes on labelled images and write the model to `out`, as `train_fgsn`."""
    training, validation = read_labelled(folder, runs, seed)
    network = _network(config.architecture, len(classes.NAMES), seed, start)
    program = SegmentationProgram(network, training, validation, config, seed)
    found = train(program, config.training, training_folder(out), seed, tell)
    fixed = tuple(number not in classes.MOVABLE for number in range(len(classes.NAMES)))
    save_model(out, network, _about(out, network, "classes", classes.NAMES, fixed, origin))
    return found


def training_folder(out: Path) -> Path:
    """Where the state and the log of the training of a model lie."""
    return out.with_name(out.stem + ".training")


def _network(
    architecture: str, num_labels: int, seed: int, start: Path | None
) -> SegmentationNetwork:
    network = make_network(architecture, num_labels, torch.Generator().manual_seed(seed))
    if start is not None:
        start_from(network, start)
    return network


def _about(
    out: Path, network: SegmentationNetwork, kind: str, names: tuple[str, ...],
    fixed: tuple[bool, ...], origin: Origin | None,
) -> ModelAbout:  # fmt: skip
    origin = origin or Origin()
    return ModelAbout(
        name=out.stem, architecture=network.architecture, num_labels=network.num_labels, kind=kind,
        names=names, stationary=fixed, normalization=IMAGENET, label_stride=LABEL_STRIDE,
        training=origin.command, data=origin.data, licence=origin.licence,
    )  # fmt: skip
