"""Where two frames of a world, of any two traversals, show the same still surface.

A pixel of frame a is lifted by its depth, projected into frame b with b's lens, and kept if b sees
it there: the four pixels of b around it show the same instance with the same label, all of it
still, and the depth between them is that of the point. Depth is interpolated as its inverse, which
is linear over the image of a plane, so the test is strict on slanted ground too, and a point beside
an edge of occlusion fails.

The point in a is the centre of a pixel; that in b is as exact as the depth of a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.pairing import pair_poses
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.types import FloatArray, ImagePair, PosedImage
from semloc_ros.worlds.recording.frames import DEPTH_STEP
from semloc_ros.worlds.rendering.scene import Motion
from semloc_ros.worlds.truth import (
    FrameTruth,
    View,
    read_hung_objects,
    read_view,
    rehung_instances,
)

# What looks the same from afar but is not the same surface from day to day.
UNSTEADY = (classes.VEGETATION,)
_RELATIVE = 0.003  # of the depth
_SLOPE = 0.02  # of the change of inverse depth among the four pixels: lenses bend planes
_ON_PIXEL = 1e-6  # pixels: rounding of a point on the outermost pixels' centres
_SAME_UV = 1e-3  # of the reference image, and the same share of its change among the four


@dataclass(frozen=True, slots=True)
class SamePoints:
    """Row by row the same point: pixels `points_a`, `points_b` (N, 2), metres `points_map`
    (N, 3)."""

    points_a: FloatArray
    points_b: FloatArray
    points_map: FloatArray

    def __len__(self) -> int:
        return len(self.points_a)


def correspondences(
    a: View,
    b: View,
    step: int = 1,
    without_labels: Sequence[int] = UNSTEADY,
    without_instances: Sequence[int] = (),
) -> SamePoints:
    """The pixels of a, one in `step` each way, that b sees too.

    Surfaces of `without_labels` and `without_instances` (objects that hang elsewhere in b, see
    `truth.rehung_instances`) are left out, like everything that moves, could move or sways.
    """
    rows, columns = (
        index.ravel()
        for index in np.mgrid[step // 2 : a.camera.height : step, step // 2 : a.camera.width : step]
    )
    usable = _still(a.truth, rows, columns, without_labels, without_instances)
    rows, columns = rows[usable], columns[usable]
    pixels = np.stack([columns, rows], axis=1).astype(np.float64)
    points = lift(a, pixels, a.truth.depth[rows, columns])
    in_b = se3.transform(b.camera_from_map, points)
    seen_at, seen = cameras.project(b.camera, in_b)
    high = np.array([b.camera.width - 1, b.camera.height - 1])
    between = (seen_at >= -_ON_PIXEL) & (seen_at <= high + _ON_PIXEL)
    seen &= between.all(axis=1) & (in_b[:, 2] > 0)
    chosen = np.flatnonzero(seen)
    kept = chosen[
        _same_surface(
            a.truth, rows[chosen], columns[chosen], b.truth, seen_at[chosen], in_b[chosen, 2]
        )
    ]
    return SamePoints(pixels[kept], seen_at[kept], points[kept])


def lift(view: View, pixels: FloatArray, depth: FloatArray) -> FloatArray:
    """Map points (N, 3) of pixels (N, 2) at a depth (N,) along the optical axis."""
    rays = cameras.unproject(view.camera, pixels)
    return se3.transform(se3.inverse(view.camera_from_map), rays * (depth / rays[:, 2])[:, None])


@dataclass(frozen=True, slots=True)
class TraversalPairs(Sequence[ImagePair]):
    """Image pairs of two traversals of a world; points are computed when a pair is asked for.

    `folder_a`, `folder_b` their dataset folders; `images` of each pair; `step` pixels between
    points; `without` instances that hang elsewhere in b. Raises DatasetError if a frame has no
    truth.
    """

    folder_a: Path
    folder_b: Path
    images: Sequence[tuple[PosedImage, PosedImage]]
    step: int
    without: Sequence[int]

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> ImagePair: ...

    @overload
    def __getitem__(self, index: slice) -> TraversalPairs: ...

    def __getitem__(self, index: int | slice) -> ImagePair | TraversalPairs:
        """One pair, or some of them."""
        if isinstance(index, slice):
            return replace(self, images=self.images[index])
        a, b = self.images[index]
        view_a, view_b = read_view(self.folder_a, a), read_view(self.folder_b, b)
        same = correspondences(view_a, view_b, self.step, without_instances=self.without)
        return ImagePair(a.name, b.name, a.read, b.read, same.points_a, same.points_b)


def read_pairs(
    world: Path, a: str, b: str, *, distance_m: float, angle: float, step: int
) -> TraversalPairs:
    """The pairs of the traversals `a` and `b` of a recorded world with truth.

    `distance_m` and `angle` (rad) as in `pair_poses`, `step` as in `correspondences`. Raises
    MapError or DatasetError, in one line, if the world has no such traversals.
    """
    folder_a, folder_b = (Path(world) / "frames" / name for name in (a, b))
    images_a, images_b = read_kapture(folder_a), read_kapture(folder_b)
    without = rehung_instances(read_hung_objects(folder_a), read_hung_objects(folder_b))
    poses_a, poses_b = (
        np.array([image.camera_from_map for image in images]) for images in (images_a, images_b)
    )
    numbers = pair_poses(poses_a, poses_b, distance_m, angle)
    images = [(images_a[i], images_b[j]) for i, j in numbers]
    return TraversalPairs(folder_a, folder_b, images, step, without)


def _still(
    truth: FrameTruth, rows: NDArray[np.int64], columns: NDArray[np.int64],
    without_labels: Sequence[int], without_instances: Sequence[int],
) -> NDArray[np.bool_]:  # fmt: skip
    """Which pixels (N,) show a surface that stays."""
    still: NDArray[np.bool_] = np.isfinite(truth.depth[rows, columns])
    still &= truth.motions[rows, columns] == Motion.STATIC
    still &= ~np.isin(truth.labels[rows, columns], without_labels)
    still &= ~np.isin(truth.instances[rows, columns], without_instances)
    return still


def _same_surface(
    a: FrameTruth, rows: NDArray[np.int64], columns: NDArray[np.int64],
    b: FrameTruth, pixels: FloatArray, depth: FloatArray,
) -> NDArray[np.bool_]:  # fmt: skip
    """Whether the pixels (N,) of a are what b shows at `pixels` (N, 2), `depth` (N,) away."""
    last = np.array([b.depth.shape[1] - 2, b.depth.shape[0] - 2])
    corner = np.clip(np.floor(pixels).astype(np.int64), 0, last)
    share = pixels - corner
    around = (corner[:, 1, None] + [0, 0, 1, 1], corner[:, 0, None] + [0, 1, 0, 1])
    across = np.stack([1 - share[:, 0], share[:, 0]] * 2, axis=1)
    along = np.stack([1 - share[:, 1]] * 2 + [share[:, 1]] * 2, axis=1)
    weights = across * along
    same: NDArray[np.bool_] = (b.motions[around] == Motion.STATIC).all(axis=1)
    for kind in ("instances", "labels", "objects"):
        here, there = getattr(a, kind)[rows, columns], getattr(b, kind)[around]
        same &= (there == here[:, None]).all(axis=1)
    near = 1 / b.depth[around]
    slope = _SLOPE * np.ptp(near, axis=1)
    error = np.abs((near * weights).sum(axis=1) - 1 / depth)
    same &= (error <= _RELATIVE / depth + slope + DEPTH_STEP) & (near > 0).all(axis=1)
    uv = b.object_uv[around]
    apart = np.abs((uv * weights[:, :, None]).sum(axis=1) - a.object_uv[rows, columns])
    on_object = a.objects[rows, columns] > 0
    same &= ~on_object | (apart <= _SAME_UV + _SLOPE * np.ptp(uv, axis=1)).all(axis=1)
    return same
