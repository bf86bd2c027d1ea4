"""Pairs of two traversals as files that training reads (`maps.pair_files`).

They are named `correspondence_<a>_<b>_000000.mat`; `images` is a link to the world's frames.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from semloc_ros.config import WorldPairsConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.pair_files import PairFolder
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
    world, target = Path(world), PairFolder(folder)
    _check(world, a, b)
    pairs = read_pairs(
        world, a, b, distance_m=config.distance_m, angle=np.radians(config.angle_deg),
        step=config.step_px,
    )  # fmt: skip
    if not len(pairs):
        wanted = f"frames of {a} and {b} within {config.distance_m} m, {config.angle_deg} degrees"
        raise DatasetError(expected(str(world), wanted, "none"))
    target.link_images(world / "frames")
    written = 0
    for number in range(len(pairs)):
        pair = pairs[number]
        if len(pair.points_a) >= config.least_points:
            target.add_pair(
                f"{a}_{b}_{written:06d}", f"{a}/sensors/records_data/{pair.name_a}",
                f"{b}/sensors/records_data/{pair.name_b}", pair.points_a, pair.points_b,
            )  # fmt: skip
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
