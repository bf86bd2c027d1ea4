"""What a data set holds, in the one form that checks and contact sheets are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.datasets.pictures import labels_over, pair_picture, truth_over
from semloc_ros.types import (
    Camera,
    CameraImage,
    FloatArray,
    ImagePair,
    LabelledImage,
    PlaceImage,
    PosedImage,
    StaticClip,
)

MOST_SAMPLES = 12
_MOST_FOLDERS = 5  # named for what they lack

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture to look at; `camera`, if there is one, says how large it must be.

    `read()` returns (H, W, 3) uint8 RGB or (H, W) uint8, with what is known drawn over it.
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class DatasetContents:
    """`counts` by kind, in the order to be shown; at most `MOST_SAMPLES` `samples`.

    `poses`: `camera_from_map` (N, 4, 4) by group of images. `positions`: (N, 2) metres by group,
    where directions are not known. `names` of all images, by group: unique within each.
    """

    counts: Mapping[str, int]
    samples: tuple[Sample, ...]
    poses: Mapping[str, FloatArray] = field(default_factory=dict)
    positions: Mapping[str, FloatArray] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, evenly spread from the first to the last."""
    if len(items) <= count:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, count).round().astype(int)]


def shares(sizes: Sequence[int], total: int = MOST_SAMPLES) -> list[int]:
    """How many samples each group gives: the same from each, the rest from the larger ones."""
    given = [0] * len(sizes)
    while sum(given) < min(total, sum(sizes)):
        open_ = [k for k, size in enumerate(sizes) if given[k] < size]
        given[min(open_, key=lambda k: (given[k], -sizes[k]))] += 1
    return given


def localization_contents(found: LocalizationSet) -> DatasetContents:
    """Mapping images, queries with poses, and queries whose poses are kept back."""
    groups: dict[str, Sequence[PosedImage | CameraImage]] = {
        "mapping images": found.mapping,
        "queries with poses": found.queries,
        "queries, poses kept back": found.hidden,
    }
    groups = {name: images for name, images in groups.items() if images}
    samples = [
        Sample(image.name, image.read, image.camera)
        for images, share in zip(groups.values(), _shares(groups), strict=True)
        for image in spread(images, share)
    ]
    poses = {
        name: np.stack([image.camera_from_map for image in images])
        for name, images in (("mapping", found.mapping), ("queries", found.queries))
        if images
    }
    counts = {name: len(images) for name, images in groups.items()}
    counts["cameras"] = len({image.camera for images in groups.values() for image in images})
    names = {name: tuple(image.name for image in images) for name, images in groups.items()}
    if found.missing:
        counts["files missing"] = len(found.missing)
    return DatasetContents(
        counts, tuple(samples), poses, names=names, warnings=_missing(found.missing)
    )


def _missing(paths: Sequence[Path]) -> tuple[str, ...]:
    """A line per folder, for those that lack most."""
    folders = Counter(path.parent for path in paths)
    first = {path.parent: path.name for path in reversed(paths)}
    lines = [
        f"{folder}: {count} missing, such as {first[folder]}"
        for folder, count in folders.most_common(_MOST_FOLDERS)
    ]
    others = sum(folders.values()) - sum(count for _, count in folders.most_common(_MOST_FOLDERS))
    return (*lines, f"{others} missing elsewhere") if others else tuple(lines)


def run_contents(
    runs: Mapping[str, Sequence[PosedImage]], labelled: Mapping[str, Sequence[LabelledImage]]
) -> DatasetContents:
    """Runs through one map, with the labels of the images that have some."""
    samples = [
        Sample(f"{name}/{image.name}", drawn.get(image.name, image.read), image.camera)
        for (name, images), share in zip(runs.items(), _shares(runs), strict=True)
        for drawn in [{one.name: _labelled_reader(one) for one in labelled.get(name, ())}]
        for image in spread(images, share)
    ]
    counts = {f"images, {name}": len(images) for name, images in runs.items()}
    counts |= {f"labelled, {name}": len(images) for name, images in labelled.items()}
    poses = {name: np.stack([one.camera_from_map for one in runs[name]]) for name in runs}
    names = {name: tuple(image.name for image in images) for name, images in runs.items()}
    return DatasetContents(counts, tuple(samples), poses, names=names)


def labelled_contents(
    splits: Mapping[str, Sequence[LabelledImage]], bare: Sequence[str] = ()
) -> DatasetContents:
    """Images with a class per pixel, by split; `bare` are those of which there is no truth."""
    samples = [
        Sample(image.name, _labelled_reader(image))
        for images, share in zip(splits.values(), _shares(splits), strict=True)
        for image in spread(images, share)
    ]
    counts = {f"labelled images, {name}": len(images) for name, images in splits.items()}
    names = {name: tuple(image.name for image in images) for name, images in splits.items()}
    warnings = tuple(f"{name}: images without labels, not read" for name in bare)
    return DatasetContents(counts, tuple(samples), names=names, warnings=warnings)


def pair_contents(pairs: Sequence[ImagePair]) -> DatasetContents:
    """Pairs of images with the points they share."""
    chosen = spread(pairs, MOST_SAMPLES)
    samples = tuple(Sample(f"{pair.name_a} | {pair.name_b}", _pair_reader(pair)) for pair in chosen)
    counts = {
        "image pairs": len(pairs),
        f"points in {len(chosen)} of them": sum(len(pair.points_a) for pair in chosen),
    }
    return DatasetContents(counts, samples)


def clip_contents(clips: Sequence[StaticClip]) -> DatasetContents:
    """Clips of static cameras, with the truth where there is some."""
    samples = [
        Sample(f"{clip.name} {frame}", _clip_reader(clip, frame))
        for clip, share in zip(clips, shares([clip.num_frames for clip in clips]), strict=True)
        for frame in spread(range(clip.num_frames), share)
    ]
    counts = {"clips": len(clips)} | {f"frames of {c.name}": c.num_frames for c in clips}
    return DatasetContents(counts, tuple(samples))


def place_contents(parts: Mapping[str, Sequence[PlaceImage]]) -> DatasetContents:
    """Images with positions, and headings where there are some, by part."""
    samples = [
        Sample(image.name, image.read)
        for images, share in zip(parts.values(), _shares(parts), strict=True)
        for image in spread(images, share)
    ]
    poses, positions = {}, {}
    for name, images in parts.items():
        known = [
            _place_pose(one.position_xy, one.heading) for one in images if one.heading is not None
        ]
        others = [one.position_xy for one in images if one.heading is None]
        if known:
            poses[name] = np.stack(known)
        if others:
            positions[name] = np.stack(others)
    counts = {f"images, {name}": len(images) for name, images in parts.items()}
    names = {name: tuple(image.name for image in images) for name, images in parts.items()}
    return DatasetContents(counts, tuple(samples), poses, positions, names)


def _shares(groups: Mapping[str, Sequence[object]]) -> list[int]:
    return shares([len(images) for images in groups.values()])


def _place_pose(position_xy: FloatArray, heading: float) -> FloatArray:
    """`camera_from_map` of an upright camera; the map is east, north, up."""
    sine, cosine = np.sin(heading), np.cos(heading)
    rotation = np.array([[cosine, -sine, 0.0], [0.0, 0.0, -1.0], [sine, cosine, 0.0]])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ [*position_xy, 0.0]
    return pose


def _labelled_reader(image: LabelledImage) -> Callable[[], NDArray[np.uint8]]:
    return lambda: labels_over(image.name, image.read(), image.read_labels())


def _pair_reader(pair: ImagePair) -> Callable[[], NDArray[np.uint8]]:
    return lambda: pair_picture(pair.read_a(), pair.read_b(), pair.points_a, pair.points_b)


def _clip_reader(clip: StaticClip, frame: int) -> Callable[[], NDArray[np.uint8]]:
    return lambda: truth_over(clip.name, clip.read(frame), clip.read_truth(frame))
