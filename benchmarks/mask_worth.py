"""What masks are worth to the localizer: images by themselves, with no, a model's and true masks.

    semloc mask out/street/frames/summer --model MODEL --out out/masks/MODEL
    python benchmarks/mask_worth.py --frames out/street/frames/summer --map out/street_map \\
        --masks MODEL=out/masks/MODEL

Each image of a place that was mapped is localized without a prior and without labels. True masks
are the world's people and vehicles, moving or not. Beside all images stands the quarter of them of
which most is covered.
`--map` may be repeated, to compare maps that were built with other masks (`semloc map build
--masks`); with `--mapped`, the frames that they were built from, points are counted whose
observations lie on people and vehicles, more than half of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mask_gains import NONE, TRUE, MaskOf, masks_by_name, part_of, share_under, under, won_back
from numpy.typing import NDArray
from reporting import arguments, pose_error, progress, report

from semloc_ros.config import FeaturesConfig, LocalizerConfig
from semloc_ros.datasets.world_folder import read_true_masks
from semloc_ros.geometry import se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.types import FloatArray, Frame, PosedImage, PoseEstimate

RECALLS = ((0.01, 0.1), (0.05, 0.5), (0.25, 2.0))  # metres, degrees
ALIKE = np.cos(np.radians(40.0))  # of the directions of two images
WORST_M = 1.0  # so far off counts what has no pose, in means
COLUMNS = (
    "map", "masks", "images", "pose %", *(f"{m} m {d}° %" for m, d in RECALLS), "median cm",
    "95 % cm", "median deg", "inliers", "inliers %", "on moving %",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answers:
    """Of N images: errors (N,) in metres and degrees, infinite without a pose; inliers, their share
    of the matches, and the share of them on what is truly dynamic (NaN without any)."""

    position: FloatArray
    rotation: FloatArray
    inliers: FloatArray
    ratio: FloatArray
    on_moving: FloatArray

    def row(self, chosen: NDArray[np.bool_]) -> tuple[Any, ...]:
        """The row of the chosen images: see COLUMNS."""
        position, rotation = self.position[chosen], self.rotation[chosen]
        hits = [percent((position <= m) & (rotation <= d)) for m, d in RECALLS]
        return (
            int(chosen.sum()), percent(np.isfinite(position)), *hits,
            100 * float(np.median(position)), 100 * quantile(position, 0.95),
            float(np.median(rotation)), int(np.median(self.inliers[chosen])),
            100 * float(self.ratio[chosen].mean()), 100 * mean(self.on_moving[chosen]),
        )  # fmt: skip

    def losses(self, chosen: NDArray[np.bool_]) -> dict[str, FloatArray]:
        """What masks could lower, image by image."""
        missed = ~((self.position <= RECALLS[1][0]) & (self.rotation <= RECALLS[1][1]))
        return {
            f"missed at {RECALLS[1][0]} m {RECALLS[1][1]}°": missed[chosen].astype(float),
            "position error, m": np.minimum(self.position, WORST_M)[chosen],
            "outliers among the matches": 1.0 - self.ratio[chosen],
        }


def percent(chosen: NDArray[np.bool_]) -> float:
    """Share of true rows, in percent."""
    return 100 * float(np.mean(chosen))


def quantile(values: FloatArray, share: float) -> float:
    """The quantile, not interpolated: some errors are infinite."""
    return float(np.quantile(values, share, method="higher"))


def mean(values: FloatArray) -> float:
    """The mean of what is no NaN."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def answers(
    localizer: Localizer, images: Sequence[PosedImage], mask_of: MaskOf, true_of: MaskOf, name: str
) -> Answers:
    """Each image by itself."""
    rows = []
    with progress() as bar:
        for image in bar.track(images, description=name):
            pixels = image.read()
            frame = Frame(image.stamp_ns, pixels, image.camera, mask_of(image, pixels))
            found = localizer.localize(frame)
            if not isinstance(found, PoseEstimate):
                rows.append((np.inf, np.inf, 0, 0.0, np.nan))
                continue
            position, rotation = pose_error(found.camera_from_map, image.camera_from_map)
            moving = share_under(true_of(image, pixels), found.inliers.points_image)
            count = len(found.inliers)
            rows.append((position, np.degrees(rotation), count, found.score, moving))
    return Answers(*np.array(rows, np.float64).T)


def mapped_images(
    images: Sequence[PosedImage], semantic_map: SemanticMap, metres: float
) -> list[PosedImage]:
    """The images that look as a view of the map does: so near, and less than 40° turned."""
    views = se3.inverse(np.asarray(semantic_map.camera_from_map))
    found = []
    for image in images:
        map_from_camera = se3.inverse(image.camera_from_map)
        apart = np.linalg.norm(views[:, :3, 3] - map_from_camera[:3, 3], axis=1)
        alike = views[:, :3, 2] @ map_from_camera[:3, 2] > ALIKE
        if (alike & (apart < metres)).any():
            found.append(image)
    return found


def covered(images: Sequence[PosedImage], true_of: MaskOf) -> FloatArray:
    """The share of each image (N,) under its true mask."""
    return np.array([(true_of(image, np.empty(0, np.uint8)) > 0).mean() for image in images])


def facts_of(semantic_map: SemanticMap, mapped: Path | None) -> str:
    """How large a map is, and how many of its points lie on people and vehicles."""
    size = sum(array.nbytes for array in vars_of(semantic_map))
    about = f"{semantic_map.num_points} points, {size / 1e6:.1f} MB"
    if mapped is None:
        return about
    moving = dynamic_points(semantic_map, mapped)
    return f"{about}, {moving.sum()} points on people and vehicles ({percent(moving):.2f} %)"


def vars_of(semantic_map: SemanticMap) -> list[NDArray[Any]]:
    """All arrays of a map."""
    values = (getattr(semantic_map, name) for name in semantic_map.__dataclass_fields__)
    return [one for one in values if isinstance(one, np.ndarray)]


def dynamic_points(semantic_map: SemanticMap, mapped: Path) -> NDArray[np.bool_]:
    """Which points (P,) more than half of the observations put on what is dynamic by the truth of
    the frames that the map was built from."""
    true = read_true_masks(mapped)
    by_name = {image.name: image for image in read_kapture(mapped)}
    seen, moving = np.zeros((2, semantic_map.num_points))
    for view, name in enumerate(semantic_map.view_names):
        points, features = semantic_map.points_of(view), semantic_map.features_of(view)
        rows = np.flatnonzero(points >= 0)
        np.add.at(seen, points[rows], 1)
        np.add.at(moving, points[rows], under(true(by_name[name]), features.keypoints[rows]))
    return np.asarray(moving > 0.5 * np.maximum(seen, 1))


def named_maps(words: Sequence[str]) -> dict[str, Path]:
    """NAME=FOLDER or FOLDER of maps."""
    pairs = [word.rpartition("=") for word in words]
    return {name or Path(folder).name: Path(folder) for name, _, folder in pairs}


def main() -> None:
    parser = arguments(str(__doc__).splitlines()[0])
    parser.add_argument("--frames", type=Path, required=True, help="kapture folder with truth")
    parser.add_argument("--map", action="append", required=True, metavar="[NAME=]FOLDER")
    parser.add_argument("--masks", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--only", nargs="+", help="these masks only, e.g. none")
    parser.add_argument("--mapped", type=Path, help="frames that the maps were built from")
    parser.add_argument("--part", default="", metavar="FIRST:LAST", help="these images only")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    parser.add_argument("--near", type=float, default=5.0, help="metres from a view of the map")
    parser.add_argument("--features", type=int, default=2000, help="the most of an image")
    given = parser.parse_args()
    maps = {name: load_map(folder) for name, folder in named_maps(given.map).items()}
    images = part_of(read_kapture(given.frames), given.part)
    images = mapped_images(images, next(iter(maps.values())), given.near)[:: given.every]
    masks = masks_by_name(given.masks, given.frames)
    shares = covered(images, masks[TRUE])
    subsets = {"all": np.ones(len(images), bool), "quarter": shares >= np.quantile(shares, 0.75)}
    config = LocalizerConfig(features=FeaturesConfig(max_features=given.features))
    rows: list[tuple[Any, ...]] = []
    facts: dict[str, Any] = {
        f"covered, {name}": f"{100 * shares[chosen].mean():.1f} %"
        for name, chosen in subsets.items()
    }
    for map_name, semantic_map in maps.items():
        facts[f"map {map_name}"] = facts_of(semantic_map, given.mapped)
        localizer = Localizer(semantic_map, config)
        found = {
            name: answers(localizer, images, mask_of, masks[TRUE], f"{map_name} {name}")
            for name, mask_of in masks.items() if not given.only or name in given.only
        }  # fmt: skip
        for subset, chosen in subsets.items():
            rows += [
                (f"{map_name}, {subset}", name, *one.row(chosen)) for name, one in found.items()
            ]
            if NONE in found and TRUE in found:
                facts |= gains(f"{map_name}, {subset}", found, chosen)
    report(f"Masks, {given.frames.name}", COLUMNS, rows, given.json, 150, **facts)


def gains(title: str, found: dict[str, Answers], chosen: NDArray[np.bool_]) -> dict[str, str]:
    """What masks win, a line by loss."""
    losses = {name: one.losses(chosen) for name, one in found.items()}
    lines = {}
    for loss in losses[NONE]:
        words = won_back({name: one[loss] for name, one in losses.items()})
        lines[f"{title}, {loss}"] = "; ".join(f"{name}: {text}" for name, text in words.items())
    return lines


if __name__ == "__main__":
    main()
