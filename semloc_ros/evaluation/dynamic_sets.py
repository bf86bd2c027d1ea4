"""Data sets that dynamic masks are judged with, whatever their form.

- folders of `semloc world`: what moves or could, object by object;
- Cityscapes, a split of its fine annotations, city by city;
- folders of `semloc learn masks`, or any in COCO's format: what a camera that stood still saw move;
- clips in CDnet's form with truth: what moves just now; what is parked or stands is static there;
- CamVid: all of the classes that can move.

The last two tell no object from another: their `has_objects` is False, and each connected part of
what is dynamic has a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.datasets import camvid, coco_instances, static_clips
from semloc_ros.datasets.contents import spread
from semloc_ros.datasets.instance_sets import read_instance_images
from semloc_ros.datasets.static_clips import MOVING, OUTSIDE, UNKNOWN
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.dynamic_quality import group_of
from semloc_ros.perception.mask_shapes import parts_of
from semloc_ros.types import UNSURE, InstanceImage, LabelledImage, StaticClip


@dataclass(frozen=True, slots=True)
class DynamicSet:
    """Images with truth, named `<group>/…`: a city, clip or traversal. `has_objects` is whether
    the truth tells objects from each other."""

    name: str
    images: list[InstanceImage]
    has_objects: bool

    def spread(self, count: int) -> DynamicSet:
        """At most `count` images of each group, evenly spread; all for 0."""
        groups: dict[str, list[InstanceImage]] = {}
        for image in self.images:
            groups.setdefault(group_of(image.name), []).append(image)
        chosen = [one for images in groups.values() for one in spread(images, count or len(images))]
        return DynamicSet(self.name, chosen, self.has_objects)


def read_dynamic_set(folder: Path, split: str = "val", first: int = 0) -> DynamicSet:
    """The images of a folder (or `instances.json`) with truth; see the top.

    `split` is for data sets that have some. Of clips, frames before number `first` are left out:
    those that a model learned from. Raises DatasetError, in one line, for a folder without truth
    that is known.
    """
    folder = Path(folder)
    name = folder.resolve().stem
    if camvid.recognize(folder):
        labelled = camvid.read_camvid(folder, split if camvid.splits(folder) else None)
        return DynamicSet(name, class_images(labelled, split), has_objects=False)
    if static_clips.recognize(folder) and not coco_instances.recognize(folder):
        return DynamicSet(name, _clips_images(folder, first), has_objects=False)
    return DynamicSet(name, read_instance_images(folder, split), has_objects=True)


def clip_images(clip: StaticClip, first: int = 0) -> list[InstanceImage]:
    """The frames of a clip that have truth, from number `first` on, named `<clip>/<number>`."""
    return [
        InstanceImage(
            f"{clip.name}/{index:06d}", partial(clip.read, index), partial(_moving, clip, index)
        )
        for index in range(first, clip.num_frames)
        if clip.read_truth(index) is not None
    ]


def class_images(images: list[LabelledImage], group: str) -> list[InstanceImage]:
    """Images with classes, of which `classes.MOVABLE` are dynamic; the unknown one is unsure."""
    return [
        InstanceImage(f"{group}/{one.name}", one.read, partial(_movable, one)) for one in images
    ]


def _clips_images(folder: Path, first: int) -> list[InstanceImage]:
    clips = static_clips.read_static_clips(folder)
    images = [image for clip in clips for image in clip_images(clip, first)]
    if not images:
        wanted = f"frames with truth from number {first} on"
        raise DatasetError(expected(str(folder), wanted, "none"))
    return images


def _moving(clip: StaticClip, index: int) -> NDArray[np.uint16]:
    truth = clip.read_truth(index)
    assert truth is not None  # else it would not be among the images
    return _numbered(truth == MOVING, np.isin(truth, (UNKNOWN, OUTSIDE)))


def _movable(image: LabelledImage) -> NDArray[np.uint16]:
    labels = image.read_labels()
    return _numbered(np.isin(labels, classes.MOVABLE), labels == classes.UNKNOWN)


def _numbered(dynamic: NDArray[np.bool_], unsure: NDArray[np.bool_]) -> NDArray[np.uint16]:
    numbers = parts_of(dynamic).numbers
    numbers[unsure] = UNSURE
    return numbers
