"""Images to train and to judge pose networks with: posed images of one map, from whatever folder,
and the masks of what moves in them.

- worlds of `semloc world make`, whole or one traversal of them; kapture folders; a scene of
  Cambridge Landmarks (King's College: the paper's data); kapture and Cambridge have images to learn
  from and queries, which are for validation.
- masks: the true ones of a world, a folder of PNG as `semloc mask` writes, or a model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePath

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig
from semloc_ros.datasets import cambridge, kapture, world_folder
from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.maps.masks import masks_of_folder
from semloc_ros.networks.manifest import file_sha256, find_model
from semloc_ros.types import PosedImage

TRUTH = "truth"  # instead of a model's masks those of the world
ReadMask = Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class PoseView:
    """One image of a known pose. `folder` is the one that was given; of a whole world the image's
    name has the traversal before it. `where` is unique: the folder of the traversal, and the name
    in it. `read_mask` gives its mask (H, W), 0 = static, None where nothing is masked."""

    folder: Path
    image: PosedImage
    where: str
    read_mask: ReadMask | None = None


def read_pose_views(folders: Sequence[Path], queries: bool = False) -> list[PoseView]:
    """The images of all folders; of folders that have queries these, or all the others.

    DatasetError, in one line, for a folder that is none of the known ones, for one that comes
    twice, and for folders of different worlds (`check_one_map`).
    """
    folders = [Path(one) for one in folders]
    check_one_map(folders)
    views = [
        PoseView(folder, image, _where(folder, image))
        for folder in folders for image in _images(folder, queries)
    ]  # fmt: skip
    if len({view.where for view in views}) < len(views) or not views:
        wanted = "folders of images, each once"
        raise DatasetError(expected("folders", wanted, " ".join(map(str, folders)) or "none"))
    return views


def check_one_map(folders: Sequence[Path]) -> None:
    """Raises DatasetError for folders of different worlds, whose coordinates are not the same;
    others are trusted to share theirs."""
    if len({_world_of(Path(one)) for one in folders}) > 1:
        wanted = "folders of one map"
        raise DatasetError(expected("folders", wanted, " and ".join(map(str, folders))))


def _where(folder: Path, image: PosedImage) -> str:
    home = folder.resolve()
    whole = world_folder.recognize(home) and not (home / "sensors").is_dir()
    return str((home / "frames" if whole else home) / image.name)


def _images(folder: Path, queries: bool) -> list[PosedImage]:
    if world_folder.recognize(folder):
        runs = world_folder.read_world_images(folder)
        if (folder / "sensors").is_dir():
            return next(iter(runs.values()))
        return [
            replace(image, name=f"{run}/{image.name}")
            for run, images in runs.items() for image in images
        ]  # fmt: skip
    for known, read in (
        (kapture, kapture.read_kapture_set), (cambridge, cambridge.read_cambridge)
    ):
        if known.recognize(folder):
            return _part(read(folder), queries)
    wanted = "a world, a traversal of it, a kapture folder or a scene of Cambridge Landmarks"
    raise DatasetError(expected(str(folder), wanted, "something else"))


def _part(found: LocalizationSet, queries: bool) -> list[PosedImage]:
    return found.queries if (queries and found.queries) or not found.mapping else found.mapping


def _world_of(folder: Path) -> str:
    """What is the same for folders of one world: its kind and seed."""
    home = folder.resolve()
    for place in (home, home.parents[1]) if len(home.parents) > 1 else (home,):
        path = place / "world.json"
        if path.is_file():
            try:
                told = json.loads(path.read_text())
                return f"{told['world']} {told['config']['seed']}"
            except (OSError, ValueError, KeyError, TypeError) as error:
                wanted = "a world and its seed"
                raise DatasetError(expected(str(path), wanted, repr(error))) from None
    return ""


def split_pose_views(
    views: Sequence[PoseView], share: float, blocks: int, rng: np.random.Generator
) -> tuple[list[PoseView], list[PoseView]]:
    """Views to learn from, and stretches of the way to validate with: of each camera and traversal
    `share` of `blocks` stretches. DatasetError, in one line, if one of both is empty."""
    runs: dict[tuple[Path, str], list[PoseView]] = {}
    for view in views:
        runs.setdefault((view.folder, view.image.name.rpartition("/")[0]), []).append(view)
    training: list[PoseView] = []
    validation: list[PoseView] = []
    for part in runs.values():
        count = min(blocks, len(part))
        chosen = set(rng.permutation(count)[: max(1, round(share * count))].tolist())
        for number, view in enumerate(part):
            kept = number * count // len(part) in chosen
            (validation if kept else training).append(view)
    if not training or not validation:
        wanted = "enough images to train on and to validate with"
        raise DatasetError(expected("images", wanted, len(views)))
    return training, validation


def masked_views(
    views: Sequence[PoseView], masks: str, files: Path, tell: Callable[[], None] = lambda: None
) -> list[PoseView]:
    """The views with the masks that `masks` names: "" none, "truth" those of the world, a folder
    of PNG, or a model (`dynamic_masks.load_dynamic`).

    Masks of a model lie below `files`, and are made where they are not there yet; `tell` is called
    for each. Raises SemlocError, in one line, for masks that are not there.
    """
    if not masks:
        return list(views)
    if masks == TRUTH:
        return _by_truth(views)
    folder = Path(masks).expanduser()
    return _by_files(views, folder) if folder.is_dir() else _by_model(views, masks, files, tell)


def seal_of(masks: str) -> str:
    """What the masks of `masked_views` are known by: a word, and the sha256 of a model's file."""
    folder = Path(masks).expanduser()
    if not masks or masks == TRUTH:
        return masks or "none"
    return folder.name if folder.is_dir() else f"{masks} {_sha256(masks)}"


def _by_files(views: Sequence[PoseView], folder: Path) -> list[PoseView]:
    """FOLDER/a/b.png for an image a/b.jpg."""
    read = masks_of_folder(folder).read
    none = np.zeros((0, 0), np.uint8)  # files need no pixels
    return [replace(one, read_mask=partial(read, one.image, none)) for one in views]


def _by_truth(views: Sequence[PoseView]) -> list[PoseView]:
    readers = {one: _truth_of(one) for one in dict.fromkeys(view.folder for view in views)}
    return [replace(one, read_mask=partial(readers[one.folder], one.image)) for one in views]


def _truth_of(folder: Path) -> Callable[[PosedImage], NDArray[np.uint8]]:
    if not world_folder.recognize(folder):
        raise DatasetError(expected(str(folder), "a world, whose truth is known", "another folder"))
    return world_folder.read_true_masks(folder)


def _by_model(
    views: Sequence[PoseView], model: str, files: Path, tell: Callable[[], None]
) -> list[PoseView]:
    from semloc_ros.perception.dynamic_masks import load_dynamic
    from semloc_ros.perception.mask_shapes import finished

    config = DynamicConfig()
    segmenter = load_dynamic(model, config)
    found = []
    for view in views:
        home = files / f"{segmenter.name}-{_sha256(model)}" / _short(view.folder)
        path = home / f"{PurePath(view.image.name).with_suffix('')}.png"
        if not path.is_file():
            _write(path, finished(segmenter.segment(view.image.read()), config).mask)
        found += _by_files([view], home)
        tell()
    return found


def _sha256(model: str) -> str:
    """Of a model's file, in short; ModelError where it is not there."""
    path = Path(model).expanduser()
    path = path if path.is_file() else find_model(model)
    return file_sha256(path)[:12]


def _short(folder: Path) -> str:
    """A name for a folder that no other folder has."""
    whole = folder.resolve()
    return f"{whole.name}-{sha256(str(whole).encode()).hexdigest()[:8]}"


def _write(path: Path, mask: NDArray[np.uint8]) -> None:
    """In one rename: a killed process leaves no half of a file."""
    part = path.with_name(f"{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(part), mask):
            raise OSError("not written")
        part.replace(path)
    except OSError as error:
        raise ConfigError(expected(str(path), "a file that can be written", error)) from None
