"""Sides: straight lines along which things stand, and boxes in their coordinates.

Side coordinates, as a viewer on the street sees the side: u to the right along it, z up from the
carriageway, `out` from the line towards the street; metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import SceneBuilder, Surface

UP = np.array([0.0, 0.0, 1.0])
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Side:
    """A line of `length` from `origin` (3,) along unit `right` (3,). `convex` tells for its left
    and its right end whether the street goes round the corner there."""

    origin: FloatArray
    right: FloatArray
    length: float
    convex: tuple[bool, bool] = (False, False)

    @property
    def out(self) -> FloatArray:
        """Unit vector towards the street."""
        return np.array([self.right[1], -self.right[0], 0.0])

    @property
    def heading(self) -> float:
        """Direction of the traffic next to this side, radians from map +x."""
        return float(np.arctan2(-self.right[1], -self.right[0]))

    def point(self, u: float, z: float = 0.0, out: float = 0.0) -> FloatArray:
        """Map point (3,) of side coordinates."""
        where: FloatArray = self.origin + u * self.right + z * UP + out * self.out
        return where

    def moved(self, u: float = 0.0, out: float = 0.0, length: float | None = None) -> Side:
        """A parallel side that begins at (u, out)."""
        reach = self.length - u if length is None else length
        return Side(self.point(u, 0.0, out), self.right, reach, self.convex)

    def turned(self, u: float, out: float, length: float, *, left: bool) -> Side:
        """A side at right angles that begins at (u, out): what a viewer sees who looks towards
        +u (`left`, the left flank of a box) or -u (its right flank)."""
        right = -self.out if not left else self.out
        return Side(self.point(u, 0.0, out), right, length)


def rectangle(
    builder: SceneBuilder, side: Side, u: Span, z: Span, out: float, surface: Surface, instance: int
) -> None:
    """An upright rectangle parallel to the side, seen from the street."""
    builder.add_rectangle(
        side.point(u[0], z[1], out), (u[1] - u[0]) * side.right, (z[0] - z[1]) * UP, surface,
        instance,
    )  # fmt: skip


def level(
    builder: SceneBuilder, side: Side, u: Span, out: Span, z: float, surface: Surface, instance: int
) -> None:
    """A level rectangle, seen from above."""
    builder.add_rectangle(
        side.point(u[0], z, out[0]), (u[1] - u[0]) * side.right, (out[1] - out[0]) * side.out,
        surface, instance,
    )  # fmt: skip


def box(
    builder: SceneBuilder, side: Side, u: Span, out: Span, z: Span, surface: Surface, instance: int,
    *, top: Surface | None = None, faces: str = "flrtb",
) -> None:  # fmt: skip
    """A box; `faces`: front, left, right, top, bottom, k = back."""
    right, towards = side.right, side.out
    wide, deep, high = (u[1] - u[0]) * right, (out[1] - out[0]) * towards, (z[1] - z[0]) * UP
    rims = {
        "f": (side.point(u[0], z[1], out[1]), wide, -high, surface),
        "k": (side.point(u[1], z[1], out[0]), -wide, -high, surface),
        "l": (side.point(u[0], z[1], out[0]), deep, -high, surface),
        "r": (side.point(u[1], z[1], out[1]), -deep, -high, surface),
        "t": (side.point(u[0], z[1], out[0]), wide, deep, top or surface),
        "b": (side.point(u[0], z[0], out[1]), wide, -deep, surface),
    }
    for face in faces:
        corner, across, along, stuff = rims[face]
        builder.add_rectangle(corner, across, along, stuff, instance)


def bar(
    builder: SceneBuilder, start: FloatArray, end: FloatArray, radii: Span, surface: Surface,
    instance: int, corners: int = 6,
) -> None:  # fmt: skip
    """A tapered prism from `start` to `end` (3,) with radii at both, open at its ends."""
    axis = (end - start) / np.linalg.norm(end - start)
    helper = UP if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    a = np.cross(axis, helper)
    a /= np.linalg.norm(a)
    b = np.cross(axis, a)
    turns = np.linspace(0, 2 * np.pi, corners + 1)
    ring = np.outer(np.cos(turns), a) + np.outer(np.sin(turns), b)
    for one, two in zip(ring, ring[1:], strict=False):
        low_left, low_right = start + radii[0] * two, start + radii[0] * one
        _trapezoid(builder, low_left, low_right, end + radii[1] * two, end + radii[1] * one,
                   surface, instance)  # fmt: skip


def _trapezoid(
    builder: SceneBuilder, low_left: FloatArray, low_right: FloatArray, high_left: FloatArray,
    high_right: FloatArray, surface: Surface, instance: int,
) -> None:  # fmt: skip
    """A symmetric trapezoid on the patch of the rectangle that bounds it."""
    across = low_right - low_left
    wide = float(np.linalg.norm(across))
    top = float(np.linalg.norm(high_right - high_left))
    share = min(top / wide, 1.0)
    rise = (high_left + high_right - low_left - low_right) / 2
    cut = (1 - share) / 2
    outline = [(0.0, 1.0), (cut, 0.0), (1 - cut, 0.0), (1.0, 1.0)]
    builder.add_polygon(low_left + rise, across, -rise, outline, surface, instance)
