"""Mined masks on disk: images, masks, and instances in COCO's format, which any trainer reads.

`images/CLIP_000123.jpg`, `masks/CLIP_000123.png` (255 moving, 170 unsure, 0 static) and
`instances.json` (cocodataset.org, "data format"): one category, `dynamic`; each connected component
is an instance as compressed run lengths; what is unsure is one region with `iscrowd` 1, which
trainers and COCO's own evaluation leave out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import MiningConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.mask_mining import UNSURE, MinedMask
from semloc_ros.options import commented_yaml, to_mapping

INSTANCES, OPTIONS = "instances.json", "mining.yaml"
_CATEGORY = {"id": 1, "name": "dynamic", "supercategory": "dynamic"}
_QUALITY = 95


class MaskFolder:
    """A new folder of mined masks: `add` each, then `close`."""

    def __init__(self, folder: Path, config: MiningConfig) -> None:
        """Raises DatasetError if there is something in the folder, or it cannot be written."""
        self._folder = Path(folder)
        if self._folder.exists() and (not self._folder.is_dir() or any(self._folder.iterdir())):
            raise DatasetError(expected(str(folder), "a new folder", "other files"))
        with _written(self._folder):
            for name in ("images", "masks"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            (self._folder / OPTIONS).write_text(commented_yaml(MiningConfig, values=config))
        self._config = config
        self._images: list[dict[str, Any]] = []
        self._instances: list[dict[str, Any]] = []

    def add(self, mined: MinedMask) -> int:
        """Writes one mask and its image; the number of instances. Raises DatasetError if it
        cannot."""
        name = f"{mined.clip}_{mined.index:06d}"
        bgr = cv2.cvtColor(mined.image, cv2.COLOR_RGB2BGR)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        image, mask = (self._folder / one for one in (f"images/{name}.jpg", f"masks/{name}.png"))
        with _written(self._folder):
            if not cv2.imwrite(str(image), bgr, quality) or not cv2.imwrite(
                str(mask), mined.values
            ):
                raise OSError(f"{name} is not written")
        height, width = mined.values.shape
        number = len(self._images) + 1
        self._images.append(
            {"id": number, "file_name": f"{name}.jpg", "width": width, "height": height}
        )
        found = instances(mined)
        for one in found:
            self._instances.append({"id": len(self._instances) + 1, "image_id": number, **one})
        return sum(not one["iscrowd"] for one in found)

    def close(self) -> None:
        """Writes the instances; the folder is whole. Raises DatasetError if it cannot."""
        options = to_mapping(self._config)
        about = {"description": "masks mined from clips of static cameras", "options": options}
        values = {
            "info": about, "images": self._images, "annotations": self._instances,
            "categories": [_CATEGORY],
        }  # fmt: skip
        with _written(self._folder):
            (self._folder / INSTANCES).write_text(json.dumps(values))


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """DatasetError instead of what a full disk or a folder of others raises."""
    try:
        yield
    except OSError as error:
        raise DatasetError(expected(str(folder), "a folder that can be written", error)) from None


def instances(mined: MinedMask) -> list[dict[str, Any]]:
    """COCO annotations of the components that move, and of what is unsure, without numbers."""
    count, numbers = cv2.connectedComponents(mined.moving.astype(np.uint8))
    found = [_annotation(numbers == number, 0) for number in range(1, count)]
    unsure = mined.values == UNSURE
    return [*found, _annotation(unsure, 1)] if unsure.any() else found


def _annotation(mask: NDArray[np.bool_], crowd: int) -> dict[str, Any]:
    from pycocotools import mask as coco

    code = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "category_id": _CATEGORY["id"], "iscrowd": crowd, "area": int(coco.area(code)),
        "bbox": [float(one) for one in coco.toBbox(code)],
        "segmentation": {"size": list(mask.shape), "counts": code["counts"].decode("ascii")},
    }  # fmt: skip
