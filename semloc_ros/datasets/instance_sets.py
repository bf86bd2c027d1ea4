"""Images with their dynamic objects, from whatever holds them: worlds, mined masks, COCO's format,
Cityscapes."""

from __future__ import annotations

from pathlib import Path

from semloc_ros.datasets import cityscapes, coco_instances, world_folder
from semloc_ros.datasets.cityscapes_instances import read_cityscapes_instances
from semloc_ros.datasets.coco_instances import read_coco_instances
from semloc_ros.datasets.world_instances import read_world_instances
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import InstanceImage

_TRAIN = "train"


def read_instance_images(source: Path, split: str = _TRAIN) -> list[InstanceImage]:
    """The images of a folder, or of a json file; `split` is one of Cityscapes.

    Names are `<traversal>/<camera>/<frame>`, `<clip>/<frame>`, `<city>/<frame>`. Raises
    DatasetError, in one line, for another source, one that is broken, or one without images.
    """
    source = Path(source)
    if coco_instances.recognize(source):
        found = read_coco_instances(source)
    elif world_folder.recognize(source):
        found = read_world_instances(source)
    elif cityscapes.recognize(source):
        found = read_cityscapes_instances(source, split)
    else:
        wanted = "a world, masks of `semloc learn masks`, COCO's json or Cityscapes"
        got = "something else" if source.exists() else "no such folder"
        raise DatasetError(expected(str(source), wanted, got))
    if not found:
        raise DatasetError(expected(str(source), "images with true instances", "none"))
    return found
