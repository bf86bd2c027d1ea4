"""Pairs of two traversals as files that training reads: the layout of the cross-season data sets.

    FOLDER/correspondence_data/correspondence_<a>_<b>_000000.mat     HDF5, one file per pair
    FOLDER/images                                                    link to the world's frames

`datasets.cross_season` reads them back and says what a file holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.config import WorldPairsConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import ImagePair
from semloc_ros.worlds.correspondences import read_pairs
from semloc_ros.worlds.recording.folders import read_world

Progress = Callable[[int, int], None]


def write_pairs(
    world: Path, a: str, b: str, folder: Path, config: WorldPairsConfig, progress: Progress
) -> int:
    """Writes all pairs of the traversals `a` and `b` with enough points; returns how many.

    Raises MapError or DatasetError, in one line, if the world has no such traversals or no truth,
    if no frames are near enough to each other, or if `folder` holds anything already.
    """
    world, folder = Path(world), Path(folder)
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise DatasetError(expected(str(folder), "a new folder", "other files"))
    _check(world, a, b)
    pairs = read_pairs(
        world, a, b, distance_m=config.distance_m, angle=np.radians(config.angle_deg),
        step=config.step_px,
    )  # fmt: skip
    if not len(pairs):
        wanted = f"frames of {a} and {b} within {config.distance_m} m, {config.angle_deg} degrees"
        raise DatasetError(expected(str(world), wanted, "none"))
    data = _new_folder(world, folder)
    written = 0
    for number in range(len(pairs)):
        pair = pairs[number]
        if len(pair.points_a) >= config.least_points:
            _write(data / f"correspondence_{a}_{b}_{written:06d}.mat", pair, a, b)
            written += 1
        progress(number + 1, len(pairs))
    return written


def _check(world: Path, a: str, b: str) -> None:
    """DatasetError unless both are traversals of a world with frames."""
    about = read_world(world)
    names = [one["name"] for one in about.get("traversals", ())]
    if "frames" not in about["outputs"]:
        raise DatasetError(expected(str(world), "a world with frames", ", ".join(about["outputs"])))
    for option, name in (("a", a), ("b", b)):
        if name not in names:
            raise DatasetError(expected(option, " or ".join(names), name))


def _new_folder(world: Path, folder: Path) -> Path:
    """The folder of the files of points, beside a link to the images."""
    data = folder / "correspondence_data"
    try:
        data.mkdir(parents=True)
        (folder / "images").symlink_to(os.path.relpath(world / "frames", folder))
    except OSError as error:
        wanted = "a folder that can be written"
        raise DatasetError(expected(str(folder), wanted, error.strerror or error)) from None
    return data


def _write(path: Path, pair: ImagePair, a: str, b: str) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["im_i_path"] = _codes(f"{a}/sensors/records_data/{pair.name_a}")
        file["im_j_path"] = _codes(f"{b}/sensors/records_data/{pair.name_b}")
        file["pt_i"], file["pt_j"] = pair.points_a, pair.points_b


def _codes(text: str) -> Any:
    """A char array as MATLAB keeps it."""
    return np.array([[ord(letter)] for letter in text], dtype=np.uint16)
