"""How exact the worlds' truth is, as it is written to disk: in both worlds, at 640x480.

Of each traversal some frames are rendered with the frames after them, and with the nearest frames
of the mapping traversal; nothing is written. A pixel goes there by the depth of its frame and comes
back by that of the other, interpolated: how far it lands from where it began is the error of
reprojection. Points of two traversals are judged in space, and on objects in their images.

python3 benchmarks/world_truth.py [--world gallery|street] [--frames 8] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from reporting import report

from semloc_ros.config import GalleryConfig, StreetConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.pairing import pair_poses
from semloc_ros.types import FloatArray
from semloc_ros.worlds.agreement import disagreements
from semloc_ros.worlds.correspondences import SamePoints, correspondences, lift
from semloc_ros.worlds.gallery.lights import LIGHTS
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.gallery import GalleryWorld
from semloc_ros.worlds.recording.shots import Studio
from semloc_ros.worlds.recording.street import StreetWorld
from semloc_ros.worlds.recording.traversal import Traversal, World
from semloc_ros.worlds.rendering.renderer import Rendering
from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.truth import FrameTruth, HungObject, View, rehung_instances

COLUMNS = (
    "run", "frames", "disagree: pixels", "next frame: pixels", "next: median px", "next: 95 % px",
    "mapping: points", "mapping: median px", "mapping: 95 % px", "mapping: 95 % mm",
    "mapping: 95 % (u, v)/1000",
)  # fmt: skip


def main() -> None:
    """Render, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=("gallery", "street"), help="only this one")
    parser.add_argument("--frames", type=int, default=8, help="of each traversal")
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="of the street")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[tuple[Any, ...]] = []
    if options.world != "street":
        rows += gallery_rows(options.frames)
    if options.world != "gallery":
        rows += street_rows(options.frames, options.conditions.split(","))
    report("Truth of the worlds", COLUMNS, rows, options.json)


def gallery_rows(number: int) -> Iterator[tuple[Any, ...]]:
    """The mapping run, and a query run in each light; paintings have moved and posters are many."""
    start: Run | None = None
    for light in LIGHTS:
        config = GalleryConfig(
            light=light, duplicated_posters=2, moved_paintings=6, swapped_paintings=3
        )
        world = GalleryWorld(config)
        if start is None:
            start = Run(world, world.traversals[0])
            yield ("gallery, mapping by day", *start.judged(number, None))
        run = Run(world, world.traversals[1])
        yield (f"gallery, {light}", *run.judged(number, start))


def street_rows(number: int, conditions: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The mapping run in summer, and one run in each condition."""
    world = StreetWorld(StreetConfig(), conditions)
    start = Run(world, world.traversals[0])
    yield ("street, mapping in summer", *start.judged(number, None))
    for traversal in world.traversals[1:]:
        yield (f"street, {traversal.name}", *Run(world, traversal).judged(number, start))


@dataclass
class Errors:
    """Of reprojection (px), in space (m) and in reference images (1)."""

    pixels: list[FloatArray] = field(default_factory=list)
    metres: list[FloatArray] = field(default_factory=list)
    uv: list[FloatArray] = field(default_factory=list)

    def add(self, a: View, b: View, same: SamePoints) -> None:
        """The errors of the correspondences of two views."""
        inverse = sample(1 / b.truth.depth, same.points_b)
        points = lift(b, same.points_b, 1 / inverse)
        back, _ = cameras.project(a.camera, se3.transform(a.camera_from_map, points))
        self.pixels.append(np.linalg.norm(back - same.points_a, axis=1))
        self.metres.append(np.linalg.norm(points - same.points_map, axis=1))
        columns, rows = same.points_a.astype(np.int64).T
        on_object = a.truth.objects[rows, columns] > 0
        there = sample(b.truth.object_uv, same.points_b)
        self.uv.append(np.abs(there - a.truth.object_uv[rows, columns])[on_object].ravel())


class Run:
    """A traversal, rendered frame by frame when asked, its truth rounded as in files."""

    def __init__(self, world: World, traversal: Traversal) -> None:
        self.stage = world.stage(traversal)
        self.traversal = traversal
        self.studio = Studio(world.config, world.cameras, traversal, self.stage)
        self.hung = [
            HungObject(one.object_id, one.instance, "", one.corners_map)
            for one in self.stage.objects
        ]
        self.instance_of: dict[int, set[int]] = {}
        for one in self.hung:
            self.instance_of.setdefault(one.object_id, set()).add(one.instance)

    def poses(self, camera: int) -> FloatArray:
        """All of one camera, (N, 4, 4)."""
        mounted = self.studio.cameras[camera]
        return self.traversal.camera_from_map(mounted, self.traversal.image_times)

    def view(self, index: int, camera: int) -> View:
        """A frame as one reads it back."""
        truth = rounded(self.studio.render((index, camera)))
        return View(self.studio.cameras[camera].camera, self.poses(camera)[index], truth)

    def judged(self, number: int, start: Run | None) -> tuple[Any, ...]:
        """A row of the table; `start` is the mapping run."""
        last = len(self.traversal.image_times) - 2
        wrong, near, far = Counter[str](), Errors(), Errors()
        without = rehung_instances(start.hung, self.hung) if start else []
        for count, index in enumerate(np.linspace(0, last, number).astype(int).tolist()):
            camera = count % len(self.studio.cameras)
            here, after = self.view(index, camera), self.view(index + 1, camera)
            wrong.update(disagreements(here.truth, self.instance_of))
            near.add(here, after, correspondences(here, after, 2))
            poses = self.poses(camera)[index : index + 1]
            pairs = pair_poses(poses, start.poses(camera), 3.0, 0.4) if start else []
            for _, other in pairs if start else []:
                there = start.view(other, camera)
                same = correspondences(there, here, 2, without_instances=without)
                far.add(there, here, same)
        told = ", ".join(f"{name}: {pixels}" for name, pixels in wrong.items() if pixels)
        return (
            number, told or 0, *figures(near.pixels), *figures(far.pixels),
            round(1e3 * percentile(far.metres), 2), round(1e3 * percentile(far.uv), 3),
        )  # fmt: skip


def rounded(rendering: Rendering) -> FrameTruth:
    """The truth of a rendering as it is in files."""
    images: dict[str, Any] = frames.truth_images(rendering)
    objects, object_uv = frames.objects_of(images["objects"])
    return FrameTruth(
        frames.depth_of(images["depth"]), images["labels"], images["instances"],
        images["motions"], objects, object_uv,
    )  # fmt: skip


def figures(errors: Sequence[FloatArray]) -> tuple[int, float, float]:
    """Number, median and 95 % of all errors."""
    return sum(map(len, errors)), *(round(percentile(errors, s), 4) for s in (50, 95))


def percentile(errors: Sequence[FloatArray], share: float = 95) -> float:
    """Of all errors together; not a number if there are none."""
    every = np.concatenate(errors) if errors else np.empty(0)
    return float(np.percentile(every, share)) if len(every) else float("nan")


def sample(values: Any, pixels: FloatArray) -> Any:
    """Bilinear, at pixels (N, 2) of the image."""
    # Not by OpenCV, which rounds the fractions of a pixel to 1/32.
    low = np.clip(np.floor(pixels).astype(np.int64), 0, np.array(values.shape[1::-1]) - 2)
    x, y = (pixels - low).T.reshape(2, -1, *(1,) * (values.ndim - 2))
    column, row = low.T
    top = (1 - x) * values[row, column] + x * values[row, column + 1]
    bottom = (1 - x) * values[row + 1, column] + x * values[row + 1, column + 1]
    return (1 - y) * top + y * bottom


if __name__ == "__main__":
    main()
