"""Pose networks on test images, with masks and without: their errors, and what they look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.pose_study import SaliencyConfig
from semloc_ros.datasets.pose_views import PoseView
from semloc_ros.errors import DatasetError, InputError, ModelError, expected
from semloc_ros.evaluation.pose_errors import Study, Trial, one_guess
from semloc_ros.evaluation.pose_figures import SaliencyRow
from semloc_ros.geometry import se3
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_inputs import Planes, cut, poses_from, whole_planes
from semloc_ros.networks.row_backends import RowBackend, open_row_backend
from semloc_ros.types import FloatArray

if TYPE_CHECKING:
    from semloc_ros.perception.saliency import Saliency

_AT_ONCE = 32  # images through a network
_MIDDLE = (0.5, 0.5)
_WHITE = 255.0
Tell = Callable[[], None]  # one more image is done
Looks = dict[str, dict[str, "Saliency"]]  # by image and by the words for network and part


def open_models(paths: Sequence[Path]) -> dict[str, RowBackend[PoseAbout]]:
    """The networks by the names of their files. ModelError for files that are none, for two of one
    name, and unless there are some that were trained with masks and some without."""
    models = {path.stem: open_row_backend(path, PoseAbout) for path in paths}
    if len(models) < len(paths):
        wanted = "files of different names"
        raise ModelError(expected("models", wanted, " ".join(path.name for path in paths)))
    masked = {one.about.masked for one in models.values()}
    if masked != {False, True}:
        got = "none" if not masked else f"only some {'with' if True in masked else 'without'}"
        raise ModelError(expected("models", "some trained with masks and some without", got))
    return models


def run_models(
    models: Mapping[str, RowBackend[PoseAbout]], views: Sequence[PoseView],
    tell: Tell = lambda: None,
) -> Study:  # fmt: skip
    """The errors of all networks on the middles of images, masked and not. DatasetError for images
    whose masks do not fit, or that have none."""
    found: dict[tuple[str, bool], list[FloatArray]] = {
        (name, masked): [] for name in models for masked in (False, True)
    }
    shares = []
    for first in range(0, len(views), _AT_ONCE):
        part = views[first : first + _AT_ONCE]
        inputs = _inputs([one.about for one in models.values()], part, tell)
        shares += [1.0 - float(planes[3].mean()) for planes in next(iter(inputs.values()))[True]]
        for (name, masked), poses in found.items():
            about = models[name].about
            planes = np.stack(inputs[_seen_as(about)][masked])[:, :3]
            poses.append(poses_from(models[name].rows(planes), about.position_offset))
    truth = se3.inverse(np.stack([view.image.camera_from_map for view in views]))
    trials = [
        _trial(name, models[name].about.masked, masked, np.concatenate(poses), truth)
        for (name, masked), poses in found.items()
    ]
    names = tuple(view.image.name for view in views)
    return Study(names, np.array(shares), tuple(trials), one_guess(truth))


def pictures_of(masked_share: FloatArray, count: int) -> list[int]:
    """Rows of images to look at, from the one most covered to the least, evenly by their order."""
    order = np.argsort(-masked_share, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [int(order[place]) for place in places]


def look(
    paths: Sequence[Path], views: Sequence[PoseView], config: SaliencyConfig,
    device: str = "auto", tell: Tell = lambda: None,
) -> tuple[list[SaliencyRow], Looks]:  # fmt: skip
    """What makes the poses that networks (.safetensors) tell, image by image: rows of a figure, and
    the same in numbers. Networks that were trained with masks get masked images.

    The mask of a row is that of the first network's input, nothing for an image that has none,
    which only networks without masks take; networks of other inputs are refused with a ModelError.
    """
    from semloc_ros.networks.model_files import load_pose_network
    from semloc_ros.networks.torch_backend import chosen_device
    from semloc_ros.perception.saliency import PARTS, saliency

    where = chosen_device(device)
    networks = {path.stem: load_pose_network(path) for path in paths}
    abouts = [about for _, about in networks.values()]
    if len(networks) < len(paths) or len({_seen_as(about)[2:] for about in abouts}) != 1:
        wanted = "networks of different names and one size of input"
        raise ModelError(expected("models", wanted, " ".join(path.name for path in paths)))
    rows, looks = [], Looks()
    for view in views:
        if view.read_mask is None and not any(about.masked for about in abouts):
            view = replace(view, read_mask=partial(_nothing, view))
        inputs = _inputs(abouts, [view])
        found: dict[str, Saliency] = {}
        for name, (network, about) in networks.items():
            planes = inputs[_seen_as(about)][about.masked][0][:3]
            ready = network.to(where).eval()
            for part in PARTS:
                words = f"{name}, {part}"
                found[words] = saliency(
                    ready, planes, part, about.normalization, config, str(where)
                )
                tell()
        maps = {words: one.contributions for words, one in found.items()}
        first = inputs[_seen_as(abouts[0])]
        picture = _picture(first[False][0][:3], abouts[0])
        mask = np.where(first[True][0][3] < 1.0, 255, 0).astype(np.uint8)
        rows.append(SaliencyRow(view.image.name, picture, mask, maps))
        looks[view.image.name] = found
    return rows, looks


def _nothing(view: PoseView) -> NDArray[np.uint8]:
    """The mask (H, W) of an image of which nothing is masked."""
    return np.zeros(view.image.read().shape[:2], np.uint8)


def _seen_as(about: PoseAbout) -> tuple[object, ...]:
    """What makes a network's input."""
    return (
        about.normalization.mean, about.normalization.std, about.short_side, about.width,
        about.height,
    )  # fmt: skip


def _inputs(
    abouts: Sequence[PoseAbout], views: Sequence[PoseView], tell: Tell = lambda: None
) -> dict[tuple[object, ...], dict[bool, list[Planes]]]:
    """By what networks see, and by whether it is masked: the middles of `whole_planes`."""
    kinds = {_seen_as(about): about for about in abouts}
    found: dict[tuple[object, ...], dict[bool, list[Planes]]] = {
        seen: {False: [], True: []} for seen in kinds
    }
    for view in views:
        if view.read_mask is None:
            raise DatasetError(expected(view.image.name, "a mask", "none"))
        image, mask = view.image.read(), view.read_mask()
        for seen, about in kinds.items():
            for masked, one in ((False, None), (True, mask)):
                try:
                    whole = whole_planes(image, one, about)
                except InputError as error:
                    raise DatasetError(f"{view.image.name}: {error}") from None
                found[seen][masked].append(cut(whole, about, _MIDDLE))
        tell()
    return found


def _trial(
    name: str, trained: bool, tested: bool, found: FloatArray, truth: FloatArray
) -> Trial:
    metres, angles = se3.pose_error(found, truth)
    return Trial(name, trained, tested, metres, np.degrees(angles))


def _picture(planes: Planes, about: PoseAbout) -> NDArray[np.uint8]:
    """Planes (3, h, w) of an image as it looks, (h, w, 3) RGB."""
    std, mean = np.array(about.normalization.std), np.array(about.normalization.mean)
    values = planes.transpose(1, 2, 0) * std + mean
    return np.asarray((values * _WHITE).round().clip(0, _WHITE), np.uint8)
