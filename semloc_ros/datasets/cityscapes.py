"""Cityscapes (Cordts et al., CVPR 2016): street images with a class per pixel.

From cityscapes-dataset.com after registration: leftImg8bit_trainvaltest.zip with
gtFine_trainvaltest.zip, or leftImg8bit_trainextra.zip with gtCoarse.zip. Non-commercial; the images
may not be passed on. Files: `leftImg8bit/<split>/<city>/<name>_leftImg8bit.png` and
`gtFine/<split>/<city>/<name>_gtFine_labelIds.png` (or `_labelTrainIds.png`, which the authors'
scripts write). Label ids 0 to 33 become train ids 0 to 18; what has none, the -1 of a number plate
(255 in a file) included, becomes 255. The truth of `test` is a dummy: every pixel is unknown.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.datasets.label_files import lookup_table, read_table_labels
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import LabelledImage

IMAGES, FINE, COARSE = "leftImg8bit", "gtFine", "gtCoarse"

_HIGHEST_ID = 33
_TRAIN_ID_OF_ID = lookup_table(
    {number: classes.UNKNOWN for number in range(_HIGHEST_ID + 1)}
    | {number: train_id for train_id, number in enumerate(classes.LABEL_IDS)}
)
_SAME = lookup_table({train_id: train_id for train_id in range(len(classes.NAMES))})


def recognize(folder: Path) -> bool:
    """Whether the folders of images and of truth are there."""
    folder = Path(folder)
    return (folder / IMAGES).is_dir() and any((folder / truth).is_dir() for truth in (FINE, COARSE))


def splits(folder: Path) -> list[str]:
    """The names of the splits that lie in the folder: train, val, test, train_extra."""
    return sorted(path.name for path in (Path(folder) / IMAGES).glob("*") if path.is_dir())


def read_cityscapes(folder: Path, split: str, truth: str = FINE) -> list[LabelledImage]:
    """All images of a split by name, each `<city>/<name>`, with their truth (gtFine or gtCoarse).

    Raises DatasetError, in one line, if there are no images, or the truth of one is missing.
    """
    images = Path(folder) / IMAGES / split
    paths = sorted(images.glob(f"*/*_{IMAGES}.png"))
    if not paths:
        raise DatasetError(expected(str(images), f"<city>/*_{IMAGES}.png", "none"))
    return [_labelled(Path(folder) / truth / split, truth, path) for path in paths]


def _labelled(truth_folder: Path, truth: str, path: Path) -> LabelledImage:
    name = f"{path.parent.name}/{path.name.removesuffix(f'_{IMAGES}.png')}"
    return LabelledImage(
        name, partial(read_image, path), _label_reader(truth_folder / f"{name}_{truth}")
    )


def _label_reader(start: Path) -> partial[NDArray[np.uint8]]:
    by_id = start.with_name(f"{start.name}_labelIds.png")
    by_train_id = start.with_name(f"{start.name}_labelTrainIds.png")
    if by_id.is_file():
        return partial(read_table_labels, by_id, _TRAIN_ID_OF_ID, f"label ids 0-{_HIGHEST_ID}")
    if by_train_id.is_file():
        return partial(read_table_labels, by_train_id, _SAME, "train ids 0-18")
    raise DatasetError(expected(str(by_id), "a label image", "no such file"))
