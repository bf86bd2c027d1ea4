"""Images with instances in COCO's format (cocodataset.org, "data format"), of any trainer or tool.

- `semloc learn masks` writes it: `DIR/instances.json`, `DIR/images/CLIP_000123.jpg`.
- COCO's own: `annotations/instances_val2017.json` and `val2017/`; annotations CC BY 4.0, images
  under the licences of Flickr.

Polygons, run lengths and compressed run lengths are read; `iscrowd` regions are unsure. A category
is dynamic unless it is one of COCO's that are neither a vehicle, nor an animal, nor carried by
people (`networks.coco.DYNAMIC`). Where objects overlap the smaller one is on top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.instance_numbers import consecutive
from semloc_ros.errors import DatasetError, InputError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.networks import coco
from semloc_ros.types import UNSURE, InstanceImage

INSTANCES = "instances.json"
# the table of `coco.DYNAMIC` has only what was found; its text takes all animals. A train moves too
_ALSO = ("train", "cat", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
_STATIC = frozenset(coco.NAMES_80) - {*coco.DYNAMIC, *_ALSO}
_NUMBERED = re.compile(r"(.+)_(\d+)")


def recognize(source: Path) -> bool:
    """Whether it is a json file, or a folder of mined masks."""
    return source.suffix == ".json" or (source / INSTANCES).is_file()


def read_coco_instances(source: Path) -> list[InstanceImage]:
    """All images of a json file or of a folder with `instances.json`, in its order.

    `clip_000123.jpg` is named `clip/000123`. DatasetError, in one line, for a file of another form
    or an image that is not there.
    """
    path = source if source.suffix == ".json" else source / INSTANCES
    content = _content(path)
    try:
        names = {int(one["id"]): str(one["name"]) for one in content["categories"]}
        dynamic = {number for number, name in names.items() if name not in _STATIC}
        of_image: dict[int, list[Mapping[str, Any]]] = {}
        for one in content["annotations"]:
            if int(one["category_id"]) in dynamic:
                of_image.setdefault(int(one["image_id"]), []).append(one)
        return [_image(path, one, of_image.get(int(one["id"]), [])) for one in content["images"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _other_form(path, error) from None


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise DatasetError(expected(str(path), "instances in COCO's format", reason)) from None


def _other_form(path: Path, error: Exception) -> DatasetError:
    reason = f"{type(error).__name__} {error}"
    return DatasetError(expected(str(path), "instances in COCO's format", reason))


def _image(
    path: Path, image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]
) -> InstanceImage:
    file = str(image["file_name"])
    shape = int(image["height"]), int(image["width"])
    stem = Path(file).with_suffix("").as_posix()
    numbered = _NUMBERED.fullmatch(stem)
    name = f"{numbered[1]}/{numbered[2]}" if numbered else stem
    return InstanceImage(
        name, partial(_read, _find(path, file), shape), partial(_painted, path, shape, annotations)
    )


def _find(path: Path, file: str) -> Path:
    """The image: beside the json file, below `images`, or where COCO has it."""
    here, above = path.parent, path.parent.parent
    split = path.stem.removeprefix("instances_")
    folders = (here / "images", here, above / split, above / "images" / split, above / "images")
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    raise DatasetError(expected(str(path), f"the image {file} in {folders[0]} or near", "none"))


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = read_image(path)
    if image.shape[:2] != shape:
        wanted, got = (f"{one[1]}x{one[0]}" for one in (shape, image.shape))
        raise DatasetError(expected(str(path), f"{wanted}, as its instances", got))
    return image


def _painted(
    path: Path, shape: tuple[int, int], annotations: Sequence[Mapping[str, Any]]
) -> NDArray[np.uint16]:
    """(H, W) as `types.Instances.numbers`: unsure regions, over them objects, large ones first."""
    numbers = np.zeros(shape, np.int32)
    objects = []
    for one in annotations:
        mask = _mask(path, shape, one.get("segmentation"))
        if one.get("iscrowd"):
            numbers[mask] = UNSURE
        else:
            objects.append(mask)
    objects.sort(key=np.count_nonzero, reverse=True)
    for number, mask in enumerate(objects, 1):
        numbers[mask] = number
    return consecutive(numbers)


def _mask(path: Path, shape: tuple[int, int], segmentation: Any) -> NDArray[np.bool_]:
    try:
        from pycocotools import mask as masks
    except ImportError:
        wanted = "pip install 'semloc_ros[masks]' to read it"
        raise InputError(expected(str(path), wanted, "no pycocotools")) from None
    try:
        code = segmentation
        if isinstance(segmentation, list):
            code = masks.merge(masks.frPyObjects(segmentation, *shape))
        elif isinstance(segmentation["counts"], list):
            code = masks.frPyObjects(segmentation, *shape)
        mask = np.asarray(masks.decode(code), np.bool_)
    except Exception as error:  # it raises what its parts do, bare Exception among them
        raise _other_form(path, error) from None
    if mask.shape != shape:
        raise DatasetError(expected(f"{path}: segmentation", f"size {shape}", mask.shape))
    return mask
