"""From folders of places to a model file: what `semloc train places` calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from semloc_ros.config.places_learning import PlacesTrainingConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.loop import Tell, is_first, train
from semloc_ros.learning.place_pictures import Pictures, labelled_by
from semloc_ros.learning.place_views import PlaceView, place_of, read_views, split_views
from semloc_ros.learning.places import PlaceProgram
from semloc_ros.learning.programs import Origin, begun_with, sealed, training_folder
from semloc_ros.maps import label_sets
from semloc_ros.maps.label_sets import LabelSet
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.model_files import save_model, start_from
from semloc_ros.networks.place_about import IMAGE_PLANES, LABELS, RGB, PlaceAbout
from semloc_ros.networks.places import make_place_network
from semloc_ros.perception.label_model import Labeller, load_labeller

TRUTH = "truth"  # instead of a model's labels those of the world
TRUE_LABELS = "cityscapes"  # what they are called in the model
_FILES = "labels"  # where label maps lie, in the folder of the training
_TRAIN, _VALIDATE = "train", "val"  # splits of UTM sets

TellLabels = Callable[[], None]  # one more image has its label map


@dataclass(frozen=True, slots=True)
class PlaceData:
    """Where images of places come from, and what of them is looked at.

    `validation` folders are held out; without, stretches of `folders` are. `input` is "rgb" or
    "labels"; `labels` "truth" or a model (`label_model.load_labeller`), whose label maps are
    remembered in `label_files`, None for the folder of the training.
    """

    folders: tuple[Path, ...]
    validation: tuple[Path, ...] = ()
    input: str = RGB
    labels: str = TRUTH
    label_files: Path | None = None


def train_places(
    data: PlaceData, config: PlacesTrainingConfig, out: Path, seed: int,
    start: Path | None = None, origin: Origin | None = None, tell: Tell | None = None,
    tell_labels: TellLabels = lambda: None,
) -> dict[str, float]:  # fmt: skip
    """Train descriptors of places and write the model to `out`; the numbers of `loop.train`.

    `start` as of `programs.train_fgsn`. State and log go to a folder beside `out`. Raises
    SemlocError in one line for folders, labels, weights or options that do not do.
    """
    same = begun_with(config, config.training, seed, start)
    same |= {
        "--input": data.input, "--labels": data.labels if data.input == LABELS else "none",
        "folders": " ".join(folder.name for folder in (*data.folders, *data.validation)),
    }  # fmt: skip
    training, validation = read_split(data, config, seed)
    about = _about(out, config, data, origin or Origin())
    if data.input == LABELS:
        if data.labels == TRUTH:
            about = _with_labels(about, TRUE_LABELS, label_sets.cityscapes())
        else:
            files = data.label_files or training_folder(out) / _FILES
            labeller, views = labelled_views(
                [*training, *validation], data.labels, files, config.labels_width, tell_labels
            )
            training, validation = views[: len(training)], views[len(training) :]
            about = _with_labels(about, labeller.name, labeller.about)
            same["--labels"] = f"{labeller.name} {sealed(_file_of(data.labels))}"
    about.check()  # before hours of training, not after
    network = make_place_network(
        config.architecture, config.pooling, about.planes, config.dimensions,
        torch.Generator().manual_seed(seed),
    )  # fmt: skip
    taken = [] if start is None else start_from(network, start)
    pictures = [Pictures(part, about, config.memory_mb // 2) for part in (training, validation)]
    knows = "project.weight" in taken  # with another last layer it begins as a fresh one
    program = PlaceProgram(network, pictures[0], pictures[1], config, seed, knows)
    found = train(program, config.training, training_folder(out), seed, tell, same)
    if is_first():
        save_model(out, network, about)
    return found


def read_split(
    data: PlaceData, config: PlacesTrainingConfig, seed: int
) -> tuple[list[PlaceView], list[PlaceView]]:
    """Images to train on, and those of other places to validate with."""
    training = read_views(data.folders, split=_TRAIN)
    if not data.validation:
        return split_views(
            training, config.validation_share, config.place_blocks, config.pairing.negative_m,
            np.random.default_rng(seed),
        )  # fmt: skip
    learned = {place_of(folder) for folder in data.folders}
    shared = [str(folder) for folder in data.validation if place_of(folder) in learned]
    if shared:
        wanted = "a folder of a place that is not trained on"
        raise DatasetError(expected("--validation", wanted, shared[0]))
    return training, read_views(data.validation, len(data.folders), _VALIDATE)


def labelled_views(
    views: Sequence[PlaceView], model: str, files: Path, width: int = 0,
    tell: TellLabels = lambda: None,
) -> tuple[Labeller, list[PlaceView]]:  # fmt: skip
    """The labeller of a model, and the views with its label maps, which lie below `files`; of
    images that are narrower than `width` pixels, enlarged to it."""
    labeller = load_labeller(model)
    folder = files / f"{labeller.name}-{sealed(_file_of(model)).split()[-1]}-{width}"
    return labeller, labelled_by(views, labeller, folder, width, tell)


def _about(
    out: Path, config: PlacesTrainingConfig, data: PlaceData, origin: Origin
) -> PlaceAbout:
    contrast = config.contrast if data.input == RGB else "none"
    return PlaceAbout(
        out.stem, config.architecture, config.pooling, IMAGE_PLANES[contrast], config.dimensions,
        data.input, config.width, config.height, contrast,
        training=origin.command, data=origin.data, licence=origin.licence,
    )  # fmt: skip


def _with_labels(about: PlaceAbout, name: str, labels: LabelSet) -> PlaceAbout:
    """Those that move get no plane; where it is not known which do, all get one."""
    stays = np.ones(len(labels), np.bool_) if labels.stationary is None else labels.stationary
    kept = tuple(np.flatnonzero(stays).tolist())
    return replace(about, labels=name, num_labels=len(labels), kept=kept, planes=len(kept))


def _file_of(model: str) -> Path:
    path = Path(model).expanduser()
    return path if path.suffix else find_model(model)
