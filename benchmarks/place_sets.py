"""The drives that places are looked for in, and what is right: one `PlaceSet` per data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.paired_places import read_paired_places
from semloc_ros.datasets.seven_scenes import read_seven_scenes
from semloc_ros.datasets.stromovka import read_route, read_visits
from semloc_ros.datasets.world_folder import read_world_images, read_world_labels
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.place_recall import PlaceTruth, index_truth, pose_truth
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray, ImagePair, LabelMap, PosedImage

CONDITIONS = ("summer", "autumn", "winter", "rain", "dusk", "night")
STREET_RADIUS_M, STREET_TURN_DEG = 25.0, 45.0
KITCHEN_RADIUS_M, KITCHEN_TURN_DEG = 0.5, 30.0
KITCHEN_SPLIT = 375  # frames before are the database, the others the queries
CORRIDOR_NEIGHBOURS, PARK_NEIGHBOURS = 2, 1

AGAINST_MAP = "against mapping"  # the drive that maps are made of

Pair = tuple[str, str]  # the drive of the queries, that of the database
Labels = Callable[[], LabelMap]


@dataclass(frozen=True)
class Shot:
    """One image of a drive: `name` is unique in its set."""

    name: str
    read: Callable[[], NDArray[np.uint8]]
    true_labels: Labels | None = None
    map_from_camera: FloatArray | None = None
    odom_from_camera: FloatArray | None = None


@dataclass(frozen=True)
class PlaceSet:
    """Drives by name, groups of pairs of them (a table each), and what is right in a pair.

    `at_distances` are the D of the columns, `reach` of the curve, in `unit`. `in_step`: images of
    both drives are taken at the same places, one after the other.
    """

    name: str
    drives: dict[str, list[Shot]]
    groups: dict[str, list[Pair]]
    truth: Callable[[Sequence[Shot], Sequence[Shot]], PlaceTruth]
    about: str
    unit: str
    at_distances: tuple[float, ...]
    reach: float
    in_step: bool = False
    truths: dict[Pair, PlaceTruth] = field(default_factory=dict)

    def truth_of(self, pair: Pair) -> PlaceTruth:
        """What is right for the queries of a pair."""
        if pair not in self.truths:
            self.truths[pair] = self.truth(self.drives[pair[0]], self.drives[pair[1]])
        return self.truths[pair]


def street(world: Path, camera: str) -> PlaceSet:
    """The conditions of a street against each other, and against the drive `mapping` if there."""
    labels = read_world_labels(world)
    drives = {}
    for name, images in read_world_images(world).items():
        true = {one.name: one.read_labels for one in labels.get(name, ())}
        chosen = [one for one in images if one.name.startswith(f"{camera}/")]
        if not chosen:
            raise DatasetError(expected("--camera", f"one of {world}", camera))
        odometry = _odometry(world / "frames" / name, camera, [one.stamp_ns for one in chosen])
        drives[name] = [
            replace(_posed(f"{name}/{one.name}", one, true.get(one.name)), odom_from_camera=odom)
            for one, odom in zip(chosen, odometry, strict=True)
        ]
    here = [name for name in CONDITIONS if name in drives]
    groups = {"all pairs": [(a, b) for a in here for b in here if a != b]}
    if "mapping" in drives:
        groups[AGAINST_MAP] = [(name, "mapping") for name in here]
    radius, turn = STREET_RADIUS_M, STREET_TURN_DEG
    return PlaceSet(
        "street", drives, groups, _by_pose(radius, turn),
        f"same place: within {radius:g} m and {turn:g}°", "m", (5.0, 10.0), 50.0,
    )  # fmt: skip


def redkitchen(folder: Path) -> PlaceSet:
    """The second half of a hand-held sequence against the first."""
    halves = {
        "second half": read_seven_scenes(folder, start=KITCHEN_SPLIT),
        "first half": read_seven_scenes(folder, stop=KITCHEN_SPLIT),
    }
    drives = {name: [_posed(one.name, one) for one in images] for name, images in halves.items()}
    radius, turn = KITCHEN_RADIUS_M, KITCHEN_TURN_DEG
    return PlaceSet(
        "redkitchen", drives, {"": [("second half", "first half")]}, _by_pose(radius, turn),
        f"same place: within {radius:g} m and {turn:g}°", "m", (0.1, 0.25), 1.5,
    )  # fmt: skip


def corridor(folder: Path) -> PlaceSet:
    """Two walks through a corridor."""
    sides = _sides(read_paired_places(folder), ("query", "ref"))
    return PlaceSet(
        "corridor", sides, {"": [("query", "ref")]}, _by_index(CORRIDOR_NEIGHBOURS),
        f"same place: up to {CORRIDOR_NEIGHBOURS} images further", "images", (0.0, 1.0), 20.0, True,
    )  # fmt: skip


def stromovka(folder: Path) -> PlaceSet:
    """A park in the snow against the same in summer."""
    sides = _sides(read_route(folder), ("summer", "winter"))
    return PlaceSet(
        "stromovka", sides, {"": [("winter", "summer")]}, _by_index(PARK_NEIGHBOURS),
        f"same place: up to {PARK_NEIGHBOURS} image further", "images", (0.0,), 20.0, True,
    )  # fmt: skip


def visits(folder: Path) -> PlaceSet:
    """Five places of the park, at twelve visits over a year, every visit against every other."""
    shots: dict[str, Shot] = {}
    for one in read_visits(folder):
        shots[one.name_a] = Shot(one.name_a, one.read_a)
        shots[one.name_b] = Shot(one.name_b, one.read_b)
    drives: dict[str, list[Shot]] = {}
    for name in sorted(shots):
        drives.setdefault(name.split("/")[0].removeprefix("visit"), []).append(shots[name])
    pairs = [(a, b) for a in drives for b in drives if a != b]
    return PlaceSet(
        "visits", drives, {"": pairs}, _by_index(0), "same place: the same", "images", (0.0,), 4.0,
    )  # fmt: skip


def _odometry(drive: Path, camera: str, stamps_ns: Sequence[int]) -> FloatArray:
    """`odom_from_camera` (N, 4, 4) as the robot's wheels had it at the images' stamps."""
    rows = np.loadtxt(drive / "odometry.txt", delimiter=",")
    times = np.loadtxt(drive / "odometry.txt", delimiter=",", usecols=0, dtype=np.int64)
    rigs = [line.split(", ") for line in (drive / "sensors" / "rigs.txt").read_text().splitlines()]
    mounted = next(np.array(row[2:], float) for row in rigs if len(row) == 9 and row[1] == camera)
    camera_from_base = se3.from_quaternion_xyzw(mounted[4:], mounted[[1, 2, 3, 0]])
    odom_from_base = [
        se3.from_quaternion_xyzw(row[5:8], row[[2, 3, 4, 1]]) for row in rows
    ]
    found = []
    for stamp in stamps_ns:
        after = int(np.clip(np.searchsorted(times, stamp), 1, len(times) - 1))
        share = (stamp - times[after - 1]) / (times[after] - times[after - 1])
        found.append(se3.interpolate(odom_from_base[after - 1], odom_from_base[after], share))
    return np.asarray(np.stack(found) @ se3.inverse(camera_from_base))


def _posed(name: str, image: PosedImage, labels: Labels | None = None) -> Shot:
    return Shot(name, image.read, labels, se3.inverse(image.camera_from_map))


def _sides(pairs: Sequence[ImagePair], names: Pair) -> dict[str, list[Shot]]:
    return {
        names[0]: [Shot(one.name_a, one.read_a) for one in pairs],
        names[1]: [Shot(one.name_b, one.read_b) for one in pairs],
    }


def _by_pose(
    radius_m: float, turn_deg: float
) -> Callable[[Sequence[Shot], Sequence[Shot]], PlaceTruth]:
    def truth(queries: Sequence[Shot], references: Sequence[Shot]) -> PlaceTruth:
        sides = [
            np.stack([one.map_from_camera for one in shots if one.map_from_camera is not None])
            for shots in (queries, references)
        ]
        return pose_truth(sides[0], sides[1], radius_m, float(np.radians(turn_deg)))

    return truth


def _by_index(neighbours: int) -> Callable[[Sequence[Shot], Sequence[Shot]], PlaceTruth]:
    return lambda queries, references: index_truth(len(queries), len(references), neighbours)
