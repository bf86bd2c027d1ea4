"""Which parts matter to an image, and where in it they may be seen.

The image is cut into tiles. Around a part is a box; where it is, and where its shadow falls or a
wet ground mirrors it, lies within the rectangle around the projected corners. A part whose
rectangle meets no tile, or only tiles where all that stands still is nearer, is left out: behind
the houses of a street are most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros.types import Camera, FloatArray
from semloc_ros.worlds.rendering.light import Light
from semloc_ros.worlds.rendering.scene import Mesh, Part
from semloc_ros.worlds.rendering.vectors import dot, reach, three, turned

_TILE = 16  # pixels
_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)])
_FAR = 250.0  # metres: parts farther away are left out
_LONGEST = 80.0  # metres: shadows are cut off here
_LOWEST = -1.0  # metres: no ground is lower
_MOST_MESHES = 4096  # whose boxes are kept
_NEAR = 1e-3  # metres: boxes are cut off here before the camera
_SLACK = 0.1  # metres that a part may be farther than what hides it
# Ripples move what is mirrored by so much (slope), and it is mirrored no nearer than this share of
# its distance, seen from a car.
_RIPPLE, _MIRRORED_AT = 0.06, 0.25


@dataclass(frozen=True, slots=True)
class Tiles:
    """`of_pixel` (N,) tile of each pixel; `slopes` (K, 4) smallest x / z and y / z and largest of a
    tile's rays in camera axes, infinite where one looks aside."""

    of_pixel: NDArray[np.int64]
    slopes: FloatArray


@dataclass(slots=True)
class Eyesight:
    """One camera's, in one light; boxes around meshes are kept for the next frame."""

    tiles: Tiles
    light: Light
    _boxes: dict[int, tuple[Mesh, FloatArray]] = field(default_factory=dict)

    def boxes(self, parts: Sequence[Part]) -> FloatArray:
        """Corners (K, 8, 3) map of the boxes around parts."""
        corners = np.array([self._box(part.mesh) for part in parts]).reshape(-1, 8, 3)
        poses = np.array([part.map_from_mesh for part in parts]).reshape(-1, 4, 4)
        corners = corners @ poses[:, :3, :3].transpose(0, 2, 1) + poses[:, None, :3, 3]
        return np.asarray(corners)

    def pick(
        self, boxes: FloatArray, eye: FloatArray, turn: FloatArray, farthest: FloatArray
    ) -> NDArray[np.intp]:
        """The parts that matter, of those in `boxes` (K, 8, 3), seen from `eye` (3,) with
        camera axes `turn` (3, 3); `farthest` (tiles,) depth of all that stands still."""
        places, about = [boxes], np.array([0.0, 1.0])
        if any(self.light.sun):
            towards = self.light.towards_sun
            height = np.maximum(boxes[:, :, 2:].max(axis=1, keepdims=True) - _LOWEST, 0.0)
            length = np.minimum(height / max(towards[2], 1e-3), _LONGEST)
            places.append(boxes - length * towards)
        if self.light.wetness > 0:
            places.append(boxes * (1, 1, -1))
            about = np.array([_RIPPLE, _MIRRORED_AT])
        kept = np.zeros(len(boxes), dtype=bool)
        _pick(self.tiles.slopes, farthest, np.hstack(places), eye, turn, about, kept)
        near = np.linalg.norm(boxes - eye, axis=2).min(axis=1, initial=_FAR) < _FAR
        return np.flatnonzero(kept & near)

    def beside(self, boxes: FloatArray, eye: FloatArray, turn: FloatArray) -> NDArray[np.bool_]:
        """Pixels (N,) whose tile a box (K, 8, 3) may touch, or that look aside."""
        near = np.zeros(len(self.tiles.slopes), dtype=bool)
        _mark(self.tiles.slopes, boxes, eye, turn, near)
        return np.asarray(near[self.tiles.of_pixel])

    def _box(self, mesh: Mesh) -> FloatArray:
        """Corners (8, 3) around a mesh in its own frame."""
        known = self._boxes.get(id(mesh))
        if known is not None and known[0] is mesh:
            return known[1]
        corners = mesh.triangles.reshape(-1, 3)
        ends = np.stack([corners.min(axis=0), corners.max(axis=0)])
        if len(self._boxes) >= _MOST_MESHES:
            self._boxes.clear()
        box: FloatArray = ends[_CORNERS, np.arange(3)]
        self._boxes[id(mesh)] = mesh, box
        return box


def cut(camera: Camera, pixels: tuple[FloatArray, FloatArray, FloatArray]) -> Tiles:
    """The tiles of an image with these rays: see `lens.pixel_rays`."""
    rays, by_x, by_y = pixels
    v, u = np.divmod(np.arange(len(rays)), camera.width)
    tile = (v // _TILE) * -(-camera.width // _TILE) + u // _TILE
    slopes = np.full((tile.max() + 1, 4), np.inf) * [1, 1, -1, -1]
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        corner = rays + x * by_x + y * by_y
        ahead = corner[:, 2] > 0.05
        slope = corner[:, :2] / np.where(ahead, corner[:, 2], 1.0)[:, None]
        aside = np.where(ahead, 0.0, np.inf)[:, None]
        for c, edge in enumerate(((slope - aside), (slope + aside))):
            for axis in range(2):
                (np.minimum, np.maximum)[c].at(slopes[:, 2 * c + axis], tile, edge[:, axis])
    return Tiles(tile, slopes)


@njit(cache=True, nogil=True, error_model="numpy")
def farthest(
    eye: Any, turn: Any, rays: Any, patches: Any, table: Any, tiles: Any, out: Any
) -> None:
    """Raises `out` (K,) to the greatest depth that a ray (N, 3) of each tile meets on `patches`
    (N,), inf where one meets nothing."""
    for i in range(len(patches)):
        tile, patch = tiles[i], patches[i]
        if patch < 0:
            out[tile] = np.inf
        elif out[tile] < np.inf:
            front = three(table, patch, 3)
            facing = dot(front, turned(turn, three(rays, i, 0)))
            depth = rays[i, 2] * reach(three(table, patch, 0), front, eye, facing)
            out[tile] = max(out[tile], depth)


@njit(cache=True, nogil=True)
def _bounds(corners: Any, eye: Any, turn: Any) -> Any:
    """Smallest x / z and y / z, largest ones, and least depth z of what lies between corners (C, 3)
    and before the camera."""
    number = len(corners)
    x, y, depths = np.empty(number), np.empty(number), np.empty(number)
    for k in range(number):
        away = corners[k] - eye
        x[k], y[k] = (turn[:, 0] * away).sum(), (turn[:, 1] * away).sum()
        depths[k] = (turn[:, 2] * away).sum()
    low_x, low_y, high_x, high_y, nearest = np.inf, np.inf, -np.inf, -np.inf, np.inf
    for k in range(number):
        if depths[k] < _NEAR:
            nearest = 0.0
            continue
        nearest = min(nearest, depths[k])
        for m in range(number):
            # The corner itself, or where the way to a corner behind the camera leaves the view.
            share = 0.0
            if m != k:
                if depths[m] >= _NEAR:
                    continue
                share = (depths[k] - _NEAR) / (depths[k] - depths[m])
            z = depths[k] + share * (depths[m] - depths[k])
            across, along = x[k] + share * (x[m] - x[k]), y[k] + share * (y[m] - y[k])
            low_x, high_x = min(low_x, across / z), max(high_x, across / z)
            low_y, high_y = min(low_y, along / z), max(high_y, along / z)
    return low_x, low_y, high_x, high_y, nearest


@njit(cache=True, nogil=True)
def _meets(slopes: Any, k: int, bounds: Any, margin: float) -> bool:
    """Whether a tile touches the rectangle, or looks aside."""
    if np.isinf(slopes[k]).any():
        return True
    across: bool = slopes[k, 0] <= bounds[2] + margin and slopes[k, 2] >= bounds[0] - margin
    along: bool = slopes[k, 1] <= bounds[3] + margin and slopes[k, 3] >= bounds[1] - margin
    return across and along


@njit(cache=True, nogil=True)
def _mark(slopes: Any, boxes: Any, eye: Any, turn: Any, near: Any) -> None:
    for b in range(len(boxes)):
        bounds = _bounds(boxes[b], eye, turn)
        for k in range(len(slopes)):
            near[k] |= _meets(slopes, k, bounds, 0.0)


@njit(cache=True, nogil=True)
def _pick(
    slopes: Any, farthest: Any, places: Any, eye: Any, turn: Any, about: Any, kept: Any
) -> None:
    for b in range(len(places)):
        bounds = _bounds(places[b], eye, turn)
        nearest = bounds[4] * about[1] - _SLACK
        for k in range(len(slopes)):
            if farthest[k] >= nearest and _meets(slopes, k, bounds, about[0]):
                kept[b] = True
                break
