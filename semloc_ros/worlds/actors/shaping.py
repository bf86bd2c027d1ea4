"""Shapes of triangles, dressed by flat views.

A view is a picture projected straight onto a shape, like a slide onto a screen; each triangle
takes the view that faces it best. Frames of vehicles and people: x forward, y left, z up, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import Mesh, Patches, SceneBuilder, Surface

_LEAST_AREA = 1e-8  # m²; a smaller triangle is none


@dataclass(frozen=True, slots=True)
class View:
    """`surface` seen from direction `facing` (3,): `corner` (3,) is the top left of its picture,
    `right` and `down` (3,) its full edges, at right angles to each other and to `facing`."""

    surface: Surface
    facing: FloatArray
    corner: FloatArray
    right: FloatArray
    down: FloatArray


@dataclass(frozen=True, slots=True)
class Sides:
    """The surfaces of the six views of a shape."""

    front: Surface
    rear: Surface
    left: Surface
    right: Surface
    top: Surface
    bottom: Surface


def all_round(surface: Surface) -> Sides:
    """One surface on all sides."""
    return Sides(*[surface] * 6)


def views_of(low: ArrayLike, high: ArrayLike, sides: Sides) -> tuple[View, ...]:
    """Views that fill the box from `low` to `high` (3,).

    Left and right show the front end at the picture's left, so both may take one picture;
    the views from above and below show the front at the left, too.
    """
    (x0, y0, z0), (x1, y1, z1) = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    x, y, z = np.diag([x1 - x0, y1 - y0, z1 - z0])
    ex, ey, ez = np.eye(3)

    def view(surface: Surface, facing: FloatArray, corner: Sequence[float], right: FloatArray,
             down: FloatArray) -> View:  # fmt: skip
        return View(surface, facing, np.array(corner), right, down)

    return (
        view(sides.front, ex, [x1, y0, z1], y, -z),
        view(sides.rear, -ex, [x0, y1, z1], -y, -z),
        view(sides.left, ey, [x1, y1, z1], -x, -z),
        view(sides.right, -ey, [x1, y0, z1], -x, -z),
        view(sides.top, ez, [x1, y0, z1], -x, y),
        view(sides.bottom, -ez, [x1, y0, z0], -x, y),
    )


class Shape:
    """Collects dressed triangles; `mesh` makes them one mesh with a patch per triangle."""

    def __init__(self, builder: SceneBuilder) -> None:
        self._builder = builder
        self._triangles: list[FloatArray] = []
        self._views: list[View] = []

    def add(self, triangles: FloatArray, views: Sequence[View]) -> None:
        """Triangles (T, 3, 3), counter-clockwise as seen from outside."""
        normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        areas = 0.5 * np.linalg.norm(normals, axis=1)
        kept = areas > _LEAST_AREA
        best = np.argmax(normals @ np.array([view.facing for view in views]).T, axis=1)
        self._triangles.append(triangles[kept])
        self._views += [views[k] for k in best[kept]]

    def mesh(self) -> Mesh:
        """All that was added."""
        triangles = np.concatenate(self._triangles)
        normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        rows = np.arange(len(triangles), dtype=np.int32)
        return Mesh(triangles, rows, self._patches(triangles, normals))

    def _patches(self, triangles: FloatArray, normals: FloatArray) -> Patches:
        views, surfaces = self._views, [view.surface for view in self._views]
        facing, corner = (np.array([getattr(v, n) for v in views]) for n in ("facing", "corner"))
        edges = np.array([(view.right, view.down) for view in views])
        extents = np.linalg.norm(edges, axis=2)
        images = self._builder.images
        sizes = np.array([images[one.texture].shape[1::-1] for one in surfaces], dtype=np.float64)
        # the origin slides along the view until it lies in the triangle's plane
        gap = np.einsum("ij,ij->i", triangles[:, 0] - corner, normals)
        slide = gap / np.einsum("ij,ij->i", facing, normals)
        return Patches(
            origins=corner + slide[:, None] * facing,
            normals=normals,
            texel_axes=edges * (sizes / extents**2)[:, :, None],
            extents=extents,
            textures=np.array([one.texture for one in surfaces], dtype=np.int64),
            instances=np.ones(len(views), dtype=np.uint16),
            labels=np.array([one.label for one in surfaces], dtype=np.uint8),
            objects=np.array([one.object_id for one in surfaces], dtype=np.uint16),
            motions=np.array([one.motion for one in surfaces], dtype=np.uint8),
            glow=np.array([one.glow for one in surfaces]),
            gloss=np.array([one.gloss for one in surfaces]),
            two_sided=np.array([one.two_sided for one in surfaces]),
        )


def hull(sections: FloatArray) -> FloatArray:
    """Triangles of a body that is its own mirror image, with flat ends.

    `sections` (S, K, 3): left halves of cross-sections, front first, each from its foot up to
    the middle line (y = 0).
    """
    left = np.concatenate([_skin(sections), _lid(sections[0]), _lid(sections[-1])[:, ::-1]])
    return np.concatenate([left, (left * [1, -1, 1])[:, ::-1]])


def tube(rings: FloatArray, foot: bool = True) -> FloatArray:
    """Triangles of a closed tube (S, K, 3): rings counter-clockwise as seen from above, the
    topmost first, with flat ends; without `foot` open below."""
    closed = np.concatenate([rings, rings[:, :1]], axis=1)
    ends = [_fan(rings[0]), _fan(rings[-1])[:, ::-1]]
    return np.concatenate([_skin(closed), *ends[: 1 + foot]])


def hoop(centre: ArrayLike, radius: float, thick: float, segments: int) -> FloatArray:
    """Triangles of an upright tyre that rolls along x: a ring with a triangle for a section."""
    turn = np.arange(segments + 1) * 2 * np.pi / segments
    outward = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
    profile = [(radius, 0.0), (radius - 2 * thick, thick), (radius - 2 * thick, -thick),
               (radius, 0.0)]  # fmt: skip
    sections = np.stack([r * outward + [0, y, 0] for r, y in profile], axis=1)
    return np.asarray(centre, dtype=np.float64) + _skin(sections)


def ring(centre: ArrayLike, half_depth: float, half_width: float, sides: int) -> FloatArray:
    """A level ellipse (sides, 3) about `centre`: `half_depth` along x, `half_width` along y."""
    angle = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    flat = np.stack([half_depth * np.cos(angle), half_width * np.sin(angle), 0 * angle], axis=1)
    return np.asarray(centre, dtype=np.float64) + flat


def beam(start: ArrayLike, end: ArrayLike, radii: tuple[float, float], sides: int) -> FloatArray:
    """Triangles of a straight, tapered rod."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = (a - b) / np.linalg.norm(a - b)
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    across = np.cross(helper, axis)
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(axis, across)])
    circle = ring([0, 0, 0], 1.0, 1.0, sides)[:, :2] @ frame
    return tube(np.stack([a + radii[0] * circle, b + radii[1] * circle]))


def block(low: ArrayLike, high: ArrayLike) -> FloatArray:
    """Triangles of a box."""
    (x0, y0, z0), (x1, y1, z1) = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    foot = np.array([[x1, y1], [x0, y1], [x0, y0], [x1, y0]])
    rings = [np.column_stack([foot, np.full(4, z)]) for z in (z1, z0)]
    return tube(np.array(rings))


def wheel(centre: ArrayLike, radius: float, width: float, sides: int) -> FloatArray:
    """Triangles of an upright wheel that rolls along x, standing on a corner's circle."""
    angle = (np.arange(sides) - 0.5) * 2 * np.pi / sides - np.pi / 2
    x, z = radius * np.cos(angle), radius * np.sin(angle) / np.cos(np.pi / sides)
    # the lowest edge, not a corner, touches the ground
    left, right = (np.stack([x, 0 * x + y, z], axis=1) for y in (width / 2, -width / 2))
    return np.asarray(centre, dtype=np.float64) + tube(np.stack([left, right])[:, ::-1])


def _skin(sections: FloatArray) -> FloatArray:
    a, b = sections[:-1, :-1], sections[1:, :-1]
    c, d = sections[1:, 1:], sections[:-1, 1:]
    pairs = [np.stack([a, b, c], axis=-2), np.stack([a, c, d], axis=-2)]
    return np.concatenate([pair.reshape(-1, 3, 3) for pair in pairs])


def _fan(outline: FloatArray) -> FloatArray:
    middle = np.broadcast_to(outline.mean(axis=0), outline.shape)
    return np.stack([middle, outline, np.roll(outline, -1, axis=0)], axis=1)


def _lid(section: FloatArray) -> FloatArray:
    """The front end of a half section: strips towards its middle line."""
    inner = section * [1, 0, 1]
    return _skin(np.stack([inner, section]))
