"""What a localization benchmark holds: images to build the map from, and images to localize."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import CameraImage, PosedImage

Image = TypeVar("Image", PosedImage, CameraImage)


@dataclass(frozen=True, slots=True)
class LocalizationSet:
    """`mapping` images have poses; so do `queries`, as the truth; those of `hidden` are kept back
    by the benchmark, which judges what is submitted. All poses are in the same map. `missing`:
    what the data set names and is not there, of one that was read as a `part`."""

    mapping: list[PosedImage]
    queries: list[PosedImage] = field(default_factory=list)
    hidden: list[CameraImage] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)

    @property
    def images(self) -> list[PosedImage | CameraImage]:
        """All of them, of the map and of the queries."""
        return [*self.mapping, *self.queries, *self.hidden]


def with_files(found: LocalizationSet, folder: Path, part: bool = False) -> LocalizationSet:
    """The set, all of whose images are files at `folder / name`.

    DatasetError names the first file that is missing, and how many are. For a `part` of a data
    set these images are left out and counted in `missing`; not one left is a fault there, too.
    """
    kept = without_missing(found, folder)
    missing = kept.missing[len(found.missing) :]
    if missing and not (part and kept.images):
        others = f", like {len(missing) - 1} others" if len(missing) > 1 else ""
        raise DatasetError(expected(str(missing[0]), "an image", f"no such file{others}"))
    return kept


def without_missing(found: LocalizationSet, folder: Path) -> LocalizationSet:
    """The images that are files at `folder / name`; the others are counted in `missing`."""
    missing = [*found.missing]
    return LocalizationSet(
        _there(found.mapping, folder, missing),
        _there(found.queries, folder, missing),
        _there(found.hidden, folder, missing),
        missing,
    )


def merged(sets: Iterable[LocalizationSet]) -> LocalizationSet:
    """One set with the images of all, in their order."""
    whole = LocalizationSet([])
    for one in sets:
        whole.mapping.extend(one.mapping)
        whole.queries.extend(one.queries)
        whole.hidden.extend(one.hidden)
        whole.missing.extend(one.missing)
    return whole


def _there(images: Sequence[Image], folder: Path, missing: list[Path]) -> list[Image]:
    kept = []
    for image in images:
        path = folder / image.name
        if path.is_file():
            kept.append(image)
        else:
            missing.append(path)
    return kept
