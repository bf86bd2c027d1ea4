"""Trees: a trunk, branches that fork, and a crown of cards painted with leaves.

Wood is the same in all conditions. Leaves are irregular stars on patches of their own; where they
are gone, twigs show. A tree is drawn once as a shape; each one that stands is turned and scaled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import SceneBuilder, Surface
from semloc_ros.worlds.street.clips import sways
from semloc_ros.worlds.street.plan import ClipView, Swaying
from semloc_ros.worlds.street.sides import UP, bar
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import foliage

_GREENS = (
    ((96, 128, 44), (70, 108, 38), (120, 148, 58), (58, 92, 36)),
    ((110, 140, 50), (86, 118, 46), (134, 158, 70), (70, 100, 40)),
    ((62, 98, 46), (82, 116, 52), (50, 84, 42), (100, 130, 60)),
)
_ORANGES = (
    ((206, 128, 34), (222, 156, 48), (180, 96, 28), (190, 150, 60)),
    ((216, 172, 54), (198, 146, 40), (170, 130, 44), (228, 190, 84)),
    ((176, 74, 30), (200, 98, 36), (150, 60, 30), (186, 120, 50)),
)
_SHARE = {"summer": 1.0, "autumn": 0.62, "bare": 0.0}  # of the cards that hang
_CARDS = 400
_SWAY = 0.035  # radians that a crown bends, at most
_TEXTURES = 3  # sprays of leaves of each kind of tree
_TIPS = 5  # corners of a card


@dataclass(frozen=True, slots=True)
class Shape:
    """A tree of unit height: wood as (M, 2, 3) ends and (M, 2) radii, thick first; twigs likewise;
    cards as middles (N, 3), two half axes (N, 2, 3) and outlines (N, K, 2) in shares."""

    wood: FloatArray
    radii: FloatArray
    twigs: FloatArray
    cards: FloatArray
    axes: FloatArray
    outlines: FloatArray


@dataclass(slots=True)
class Forester:
    """Plants trees of a few kinds and shapes."""

    works: Works
    shapes: list[Shape]
    bark: list[Surface]
    sprays: list[list[Surface]]
    swaying_before: tuple[ClipView, ...] = ()
    crowns: list[Swaying] = field(default_factory=list)
    planted: int = 0

    def plant(self, foot: FloatArray, height: float) -> int:
        """A tree at `foot` (3,); gives its instance."""
        rng, instance = self.works.rng("tree", self.planted), self.works.builder.new_instance()
        self.planted += 1
        shape = self.shapes[int(rng.integers(len(self.shapes)))]
        kind, turn = int(rng.integers(len(self.bark))), rng.uniform(0, 2 * np.pi)
        c, s = np.cos(turn), np.sin(turn)
        spin = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]) * height
        pose = (spin, foot)
        _add_wood(self.works, shape, pose, self.bark[kind], instance)
        order = rng.permutation(len(shape.cards))
        picks = rng.integers(_TEXTURES, size=len(order))
        share = _SHARE[self.works.condition.foliage]
        kept = order[: round(share * len(order))]
        if len(kept) and sways(foot, self.swaying_before):
            self._sway(shape, pose, (kept, picks), kind, instance)
        else:
            self.works.later(
                partial(_add_leaves, self.works.builder, shape, pose, kept, picks,
                        self.sprays[kind], instance)
            )  # fmt: skip
        if share == 0.0:
            bark = self.bark[kind]
            self.works.later(partial(_add_twigs, self.works.builder, shape, pose, bark, instance))
        return instance

    def _sway(
        self, shape: Shape, pose: tuple[FloatArray, FloatArray],
        leaves: tuple[np.ndarray, np.ndarray], kind: int, instance: int,
    ) -> None:  # fmt: skip
        """The crown as a mesh that turns about the fork, made beside the still scene."""
        (spin, foot), builder = pose, self.works.builder
        pivot = np.eye(4)
        pivot[:3, 3] = foot + shape.wood[0, 1] @ spin
        still = builder.triangles, builder.triangle_patch, builder.patches
        builder.triangles, builder.triangle_patch, builder.patches = [], [], []
        own = (spin, foot - pivot[:3, 3])
        _add_leaves(builder, shape, own, *leaves, self.sprays[kind], instance)
        mesh = builder.take_mesh()
        builder.triangles, builder.triangle_patch, builder.patches = still
        self.crowns.append(Swaying(mesh, pivot, _SWAY, instance))


def make_forester(works: Works, swaying_before: tuple[ClipView, ...] = ()) -> Forester:
    """Shapes and textures of the trees of this street; crowns before the cameras given sway."""
    today = (works.condition.name, works.day)
    shapes = [grow(works.rng("shape", k), works.rng("cards", k, *today)) for k in range(5)]
    bark, sprays = [], []
    for kind, tone in enumerate(((104, 92, 76), (124, 116, 102), (84, 72, 60))):
        rng = works.rng("bark", kind)
        picture = foliage.bark(works.size(0.8, 2.0), rng, tone)
        bark.append(works.surface(picture, classes.VEGETATION, part=f"tree {kind}"))
        colors = (_ORANGES if works.condition.foliage == "autumn" else _GREENS)[kind]
        looks = works.rng("leaves", kind)
        painted = [foliage.leaves((72, 72), looks, colors) for _ in range(_TEXTURES)]
        sprays.append([works.surface(one, classes.VEGETATION, two_sided=True) for one in painted])
    return Forester(works, shapes, bark, sprays, swaying_before)


def grow(rng: np.random.Generator, leaves: np.random.Generator) -> Shape:
    """A tree of unit height by forking: boughs from the trunk, branches from these, twigs. How
    its leaves hang is drawn from a stream of its own."""
    wood: list[tuple[FloatArray, FloatArray]] = []
    radii: list[tuple[float, float]] = []
    fork = np.array([*rng.normal(0, 0.012, 2), rng.uniform(0.24, 0.32)])
    top = fork + [*rng.normal(0, 0.03, 2), rng.uniform(0.3, 0.4)]
    wood += [(np.zeros(3), fork), (fork, top)]
    radii += [(0.026, 0.019), (0.018, 0.008)]
    tips: list[tuple[FloatArray, FloatArray]] = []
    start = rng.uniform(0, 2 * np.pi)
    for k in range(8):
        share, turn = k / 8, start + 2.4 * k + rng.normal(0, 0.2)
        base = fork + share * (top - fork) * 0.9
        lean = rng.uniform(0.5, 0.9) - 0.3 * share
        way = np.array([np.cos(turn) * np.sin(lean + 0.3), np.sin(turn) * np.sin(lean + 0.3),
                        np.cos(lean + 0.3)])  # fmt: skip
        end = base + way * rng.uniform(0.26, 0.36) * (1 - 0.25 * share)
        wood.append((base, end))
        radii.append((0.011, 0.005))
        for at in (0.5, 0.75, 1.0):
            branch = way + rng.normal(0, 0.45, 3) + [0, 0, 0.15]
            branch *= rng.uniform(0.13, 0.22) / np.linalg.norm(branch)
            root = base + at * (end - base)
            wood.append((root, root + branch))
            radii.append((0.0045, 0.002))
            tips.append((root, root + branch))
    twigs = _twigs(tips, rng)
    cards, axes, outlines = _cards(np.array(tips), leaves)
    return Shape(np.array(wood), np.array(radii), twigs, cards, axes, outlines)


def _twigs(tips: list[tuple[FloatArray, FloatArray]], rng: np.random.Generator) -> FloatArray:
    found = []
    for root, end in tips:
        for _ in range(6):
            start = root + rng.uniform(0.3, 1.0) * (end - root)
            way = (end - root) / np.linalg.norm(end - root) + rng.normal(0, 0.6, 3) + [0, 0, 0.2]
            found.append((start, start + way * rng.uniform(0.05, 0.12) / np.linalg.norm(way)))
    return np.array(found)


def _cards(tips: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cards around the ends of the branches, facing outwards more or less."""
    near = tips[rng.integers(len(tips), size=_CARDS)]
    share = rng.uniform(0.1, 1.2, (_CARDS, 1))
    middles = near[:, 0] + share * (near[:, 1] - near[:, 0]) + rng.normal(0, 0.038, (_CARDS, 3))
    heart = tips.mean(axis=(0, 1))
    facing = middles - heart + rng.normal(0, 0.09, (_CARDS, 3)) + [0, 0, 0.07]
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    across = np.cross(facing, rng.normal(0, 1, (_CARDS, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(facing, across)
    reach = rng.uniform(0.042, 0.078, (_CARDS, 1, 1))
    turn = np.linspace(0, 2 * np.pi, _TIPS + 1)[:-1] + rng.uniform(-0.4, 0.4, (_CARDS, _TIPS))
    radius = rng.uniform(0.26, 0.5, (_CARDS, _TIPS))
    ring = 0.5 + radius[:, :, None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    centre = np.full((_CARDS, 1, 2), 0.5)
    outlines = np.concatenate([centre, ring, ring[:, :1]], axis=1)
    return middles, reach * np.stack([across, along], axis=1), outlines


def _add_wood(
    works: Works, shape: Shape, pose: tuple[FloatArray, FloatArray], bark: Surface, instance: int
) -> None:
    spin, foot = pose
    scale = float(np.linalg.norm(spin[2]))
    for k, (start, end) in enumerate(shape.wood @ spin + foot):
        thick = tuple(max(float(r) * scale, 0.012) for r in shape.radii[k])
        corners = 8 if k < 2 else (5 if thick[0] > 0.06 else 3)
        bar(works.builder, start, end, (thick[0], thick[1]), bark, instance, corners)
        if works.condition.snow and k > 1 and abs(end[2] - start[2]) < 2.5:
            works.later(partial(_snow_along, works, start, end, thick[0], instance))


def _snow_along(
    works: Works, start: FloatArray, end: FloatArray, thick: float, instance: int
) -> None:
    """A white ridge on a branch."""
    way = end - start
    across = np.cross(way, UP)
    across *= 1.5 * thick / max(float(np.linalg.norm(across)), 1e-6)
    lift = UP * thick * 1.15
    works.builder.add_rectangle(start - across / 2 + lift, across, way,
                                works.snow(classes.VEGETATION), instance)  # fmt: skip


def _add_twigs(
    builder: SceneBuilder, shape: Shape, pose: tuple[FloatArray, FloatArray], bark: Surface,
    instance: int,
) -> None:  # fmt: skip
    spin, foot = pose
    for start, end in shape.twigs @ spin + foot:
        bar(builder, start, end, (0.012, 0.005), bark, instance, 3)


def _add_leaves(
    builder: SceneBuilder, shape: Shape, pose: tuple[FloatArray, FloatArray], kept: np.ndarray,
    picks: np.ndarray, sprays: list[Surface], instance: int,
) -> None:  # fmt: skip
    spin, foot = pose
    middles, axes = shape.cards @ spin + foot, shape.axes @ spin
    for k in kept:
        across, along = 2 * axes[k]
        corner = middles[k] - (across + along) / 2
        builder.add_polygon(corner, across, along, shape.outlines[k], sprays[picks[k]], instance)

