"""From folders of posed images to a model file: what `semloc train pose` calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from semloc_ros.config.pose_learning import PoseLoopConfig, PoseTrainingConfig
from semloc_ros.datasets.pose_views import (
    PoseView,
    check_one_map,
    masked_views,
    read_pose_views,
    seal_of,
    split_pose_views,
)
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.learning.loop import Tell, is_first, train
from semloc_ros.learning.pose import PoseProgram
from semloc_ros.learning.pose_samples import PosePictures, normalization_of, poses_of
from semloc_ros.learning.programs import Origin, begun_with, training_folder
from semloc_ros.networks.model_files import save_model, start_from
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_regression import make_pose_network

_FILES = "masks"  # where masks of a model lie, in the folder of the training
_UNKNOWN_SPREAD = (1.0,) * 6  # until the network is trained
_FREE = ("memory_mb", "training.epochs")  # change nothing of what is learned, or only how long
TellMasks = Callable[[], None]  # one more image has its mask


@dataclass(frozen=True, slots=True)
class PoseData:
    """Where posed images of one map come from, and what masks them.

    `validation` folders are held out, also from a world in `folders` that they are a part of;
    without, stretches of `folders` are. `masks` as of `pose_views.masked_views`; those of a model
    are remembered in `mask_files`, None for the folder of the training.
    """

    folders: tuple[Path, ...]
    validation: tuple[Path, ...] = ()
    masks: str = ""
    mask_files: Path | None = None


def train_pose(
    data: PoseData, config: PoseTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
    tell_masks: TellMasks = lambda: None,
) -> dict[str, float]:  # fmt: skip
    """Train a pose network and write the model to `out`; the numbers of `loop.train`.

    `start` as of `programs.train_fgsn`. State and log go to a folder beside `out`. Raises
    SemlocError in one line for folders, masks, weights or options that do not do.
    """
    same = begun_with(config, config.training, seed, start)
    same = {name: value for name, value in same.items() if name not in _FREE}
    folders = (*data.folders, *data.validation)
    same |= {"folders": " ".join(one.name for one in folders), "--masks": seal_of(data.masks)}
    training, validation = read_pose_split(data, config, seed)
    if len(training) < 2:  # batch normalization learns nothing from one
        raise DatasetError(expected("images", "two or more to train on", len(training)))
    about = _about(out, config, data, origin or Origin(), training)
    about.check()  # before hours of training, not after
    network = make_pose_network(config.architecture, torch.Generator().manual_seed(seed))
    if start is not None:
        start_from(network, start)
    files = data.mask_files or training_folder(out) / _FILES
    masked = masked_views([*training, *validation], data.masks, files, tell_masks)
    pictures = [
        PosePictures(part, about, config.memory_mb // 2)
        for part in (masked[: len(training)], masked[len(training) :])
    ]
    program = PoseProgram(network, pictures[0], pictures[1], config, seed)
    options = _loop(config.training, len(training))
    found = train(program, options, training_folder(out), seed, tell, same)
    if is_first():
        device = next(network.parameters()).device
        save_model(out, network, replace(about, spread=program.spread(device)))
    return found


def _loop(options: PoseLoopConfig, images: int) -> PoseLoopConfig:
    """The options with as many iterations as epochs ask for; ConfigError for parts of one image,
    which batch normalization cannot learn from."""
    if options.batch < 2 * options.devices * options.accumulate:
        wanted = "two images or more in each part of training.accumulate"
        raise ConfigError(expected("training.batch", wanted, options.batch))
    if not options.epochs:
        return options
    return replace(options, iterations=math.ceil(options.epochs * images / options.batch))


def read_pose_split(
    data: PoseData, config: PoseTrainingConfig, seed: int
) -> tuple[list[PoseView], list[PoseView]]:
    """Images to train on and images to validate with, without masks."""
    training = read_pose_views(data.folders)
    if not data.validation:
        rng = np.random.default_rng(seed)
        return split_pose_views(training, config.validation_share, config.blocks, rng)
    validation = read_pose_views(data.validation, queries=True)
    check_one_map((*data.folders, *data.validation))
    held = {view.where for view in validation}
    kept = [view for view in training if view.where not in held]
    if not kept:
        raise DatasetError(expected("--validation", "a part of the images", "all of them"))
    return kept, validation


def _about(
    out: Path, config: PoseTrainingConfig, data: PoseData, origin: Origin,
    training: Sequence[PoseView],
) -> PoseAbout:  # fmt: skip
    middle = poses_of(training)[:, :3, 3].mean(0).round(3)
    return PoseAbout(
        out.stem, config.architecture, config.short_side, config.width, config.height,
        tuple(middle.tolist()), _UNKNOWN_SPREAD, bool(data.masks),
        normalization=normalization_of(training), training=origin.command,
        data=origin.data or ", ".join(one.name for one in data.folders), licence=origin.licence,
    )  # fmt: skip
