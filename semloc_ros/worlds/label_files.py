"""Label maps of all frames of a world as files, for labelling maps and for localization.

    OUT/labels.json                         what the numbers mean: see `maps.label_sets`
    OUT/<traversal>/<camera>/000000.png     uint8, 255 = unknown
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import StreetConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps import label_sets
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.options import from_mapping
from semloc_ros.types import PosedImage
from semloc_ros.worlds import truth
from semloc_ros.worlds.label_errors import check_share, with_errors
from semloc_ros.worlds.recording.folders import read_world
from semloc_ros.worlds.recording.frames import write_whole
from semloc_ros.worlds.street.conditions import CONDITIONS

KINDS = ("classes", "subclasses")

Read = Callable[[Path, PosedImage, str], NDArray[np.uint8]]
Progress = Callable[[int, int], None]


def write_label_maps(
    world: Path, kind: str, out: Path, progress: Progress, *, errors: float = 0.0, seed: int = 0,
    traversals: Sequence[str] = (),
) -> int:
    """Writes the label maps of all frames (or those of some `traversals`); returns how many.

    `kind` is one of `KINDS`; `errors` the share of the known pixels of each that get a wrong
    label, in patches. The same `seed` gives the same patches, frame by frame. Raises DatasetError
    or ConfigError, in one line, for a world without truth, for sub-classes of something else than
    a street, for a traversal or kind that there is not, or if `out` holds anything already.
    """
    about = _checked(world, kind, out, errors, traversals)
    labels, read = _reader(about, kind)
    runs = [one for one in about["traversals"] if not traversals or one["name"] in traversals]
    frames = [
        (world / "frames" / run["name"], image, run)
        for run in runs for image in read_kapture(world / "frames" / run["name"])
    ]  # fmt: skip
    for number, (folder, image, run) in enumerate(frames):
        found = read(folder, image, run["setting"])
        name = f"{run['name']}/{Path(image.name).with_suffix('.png')}"
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        _, data = cv2.imencode(".png", with_errors(found, errors, len(labels), rng))
        write_whole(out / name, data.tobytes())
        progress(number + 1, len(frames))
    write_whole(out / label_sets.FILE_NAME, label_sets.to_json(labels).encode())
    return len(frames)


def _checked(
    world: Path, kind: str, out: Path, errors: float, traversals: Sequence[str]
) -> dict[str, Any]:
    """What world.json says, after checking what can be checked beforehand."""
    if kind not in KINDS:
        raise DatasetError(expected("kind", " or ".join(KINDS), kind))
    check_share(errors)
    if out.is_file() or (out.exists() and any(out.iterdir())):
        raise DatasetError(expected(str(out), "a new folder", "other files"))
    about = read_world(world)
    if "frames" not in about["outputs"] or "traversals" not in about:
        raise DatasetError(expected(str(world), "a world with frames", "none"))
    if kind == "subclasses" and about.get("world") != "street":
        raise DatasetError(expected(f"{world} subclasses", "a street", about.get("world")))
    names = [one["name"] for one in about["traversals"]]
    for name in traversals:
        if name not in names:
            raise DatasetError(expected("traversal", ", ".join(names), name))
    return about


def _reader(about: dict[str, Any], kind: str) -> tuple[label_sets.LabelSet, Read]:
    """The labels of a kind, and what gives those of a frame."""
    if kind == "classes":
        return label_sets.cityscapes(), lambda folder, image, _: truth.read_labels(
            folder, image.name
        )
    from semloc_ros.worlds.subclasses import StreetLabels

    street = StreetLabels(from_mapping(StreetConfig, about["config"]))
    return street.labels, lambda folder, image, setting: street.label_map(
        truth.read_view(folder, image), snow=CONDITIONS[setting].snow
    )
