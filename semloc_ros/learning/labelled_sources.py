"""Images with a class per pixel, from whatever folder holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semloc_ros.datasets import camvid, cityscapes, world_folder
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import LabelledImage

_TRAIN, _VALIDATE = "train", "val"
_BLOCKS = 10  # stretches of a run: neighbouring frames are not split
_KEPT_BLOCKS = 2


def read_labelled(
    folder: Path, runs: Sequence[str], seed: int
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Images to train on and images to validate with.

    CamVid and Cityscapes have splits. Of a world the traversals `runs` (all, if none is named) are
    taken, and stretches of the way are kept for validation, the same in each. Raises DatasetError
    in one line.
    """
    folder = Path(folder)
    if world_folder.recognize(folder):
        return _of_world(folder, runs, seed)
    for known in (camvid, cityscapes):
        if known.recognize(folder):
            read = camvid.read_camvid if known is camvid else cityscapes.read_cityscapes
            return read(folder, _TRAIN), read(folder, _VALIDATE)
    raise DatasetError(expected(str(folder), "a world, CamVid or Cityscapes", "something else"))


def _of_world(
    folder: Path, runs: Sequence[str], seed: int
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    found = world_folder.read_world_labels(folder)
    for run in runs:
        if run not in found:
            raise DatasetError(expected("--run", " or ".join(found) or "frames with truth", run))
    chosen = [found[run] for run in runs or found]
    kept = set(np.random.default_rng(seed).permutation(_BLOCKS)[:_KEPT_BLOCKS].tolist())
    training: list[LabelledImage] = []
    validation: list[LabelledImage] = []
    for images in chosen:
        for number, image in enumerate(images):
            block = number * _BLOCKS // len(images)
            (validation if block in kept else training).append(image)
    if not training or not validation:
        raise DatasetError(expected(str(folder), f"at least {_BLOCKS} frames with truth", "fewer"))
    return training, validation
