"""How exact are correspondences found through a map? Pairs of a world's bags, by its true depth.

`semloc learn correspondences` wrote them, from bags named as the traversals of the world. A pixel
of image a is lifted by the depth of its nearest pixel and projected into b: `px` is how far from
that the point of b is, where nothing stands in front of it and nothing moves. So a point that is
itself hidden in a, or lies on an edge of depth, counts with the error of the wrong surface.
`hidden` is the share of points that b cannot see, `moving` of those on what moves, `no depth` of
those on the sky.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.datasets.cross_season import read_cross_season
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.types import FloatArray, ImagePair, PosedImage
from semloc_ros.worlds.correspondences import lift
from semloc_ros.worlds.rendering.scene import Motion
from semloc_ros.worlds.truth import View, read_view

COLUMNS = (
    "folder", "pairs", "points", "median px", "90 % px", "95 % px", "within 3 px %", "hidden %",
    "moving %", "no depth %",
)
BEHIND, BEHIND_M = 0.05, 0.2  # of the depth, and metres: farther behind a surface is hidden


def main() -> None:
    """Judge all points of each folder, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("world", type=Path, help="a world with bags, frames and their truth")
    parser.add_argument("pairs", nargs="+", type=Path, help="folders of pairs of its bags")
    options = parser.parse_args()
    rows = []
    for folder in options.pairs:
        pairs = read_cross_season(folder)
        judged = [judge(options.world / "frames", pair) for pair in pairs]
        columns = [np.concatenate(one) for one in zip(*judged, strict=True)]
        rows.append(row(folder.name, len(pairs), columns))
    report("correspondences through a map", COLUMNS, rows, options.json)


def judge(frames: Path, pair: ImagePair) -> tuple[FloatArray, ...]:
    """Of each point (N,): its error in pixels, and whether it is hidden, moving, without depth."""
    a, b = view(frames, pair.name_a), view(frames, pair.name_b)
    depth = sampled(a.truth.depth, pair.points_a)
    known = np.isfinite(depth) & (depth > 0)
    in_b = se3.transform(b.camera_from_map, lift(a, pair.points_a, np.where(known, depth, 1.0)))
    there, seen = cameras.project(b.camera, in_b)
    surface = sampled(b.truth.depth, pair.points_b)
    hidden = known & ~(seen & (in_b[:, 2] < surface * (1 + BEHIND) + BEHIND_M))
    moving = sampled(a.truth.motions, pair.points_a) != Motion.STATIC
    moving |= sampled(b.truth.motions, pair.points_b) != Motion.STATIC
    return np.linalg.norm(there - pair.points_b, axis=1), hidden, moving & ~hidden, ~known


def sampled(values: NDArray[Any], pixels: FloatArray) -> NDArray[Any]:
    """The values (N,) of an image (H, W) at the pixels nearest to (N, 2)."""
    high = np.array(values.shape[::-1]) - 1
    x, y = np.clip(np.rint(pixels).astype(np.int64), 0, high).T
    return values[y, x]


def view(frames: Path, name: str) -> View:
    """The truth of the image TRAVERSAL/TOPIC/STAMP.jpg of a bag."""
    traversal, topic, stamp = PurePosixPath(name).with_suffix("").parts
    images = [one for one in of_traversal(frames / traversal) if one.stamp_ns == int(stamp)]
    (image,) = [one for one in images if topic.startswith(PurePosixPath(one.name).parent.name)]
    return read_view(frames / traversal, image)


@lru_cache(maxsize=8)
def of_traversal(folder: Path) -> list[PosedImage]:
    """All its images."""
    return read_kapture(folder)


def row(name: str, pairs: int, judged: list[NDArray[Any]]) -> tuple[object, ...]:
    """One row of the table."""
    errors, *faults = judged
    clean = errors[~np.any(faults, axis=0)]
    levels = np.percentile(clean, (50, 90, 95)).tolist()
    shares = [100 * float(one.mean()) for one in faults]
    return name, pairs, len(errors), *levels, 100 * float((clean < 3).mean()), *shares


if __name__ == "__main__":
    main()
