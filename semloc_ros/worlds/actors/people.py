"""People: rounded limbs on joints, posed by a gait or standing.

Frame of a person: x forward, y left, z up, on the ground below the hips. Limbs hang along -z from
their joint. Lengths are shares of the height (Drillis and Contini, "Body segment parameters",
1966), rounded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.gait import (
    FOREARM,
    SHIN,
    THIGH,
    UPPER_ARM,
    Joints,
    limb_frames,
)
from semloc_ros.worlds.actors.shaping import (
    Shape,
    Sides,
    View,
    all_round,
    block,
    ring,
    tube,
    views_of,
)
from semloc_ros.worlds.rendering.scene import Mesh, Part, SceneBuilder, Surface, place
from semloc_ros.worlds.textures import clothes
from semloc_ros.worlds.textures.canvas import Image

_FINE = (8, 6)  # sides of torso and head, and of limbs
_COARSE = (5, 3)


@dataclass(frozen=True, slots=True)
class Looks:
    """`height` metres; `girth` factor on widths; `skirt`: a dress or coat to the knees; `bag`:
    "none", "backpack", "shoulder" or "shopping"; `hat`; `long_hair`; `child` has a larger head."""

    height: float
    girth: float
    skirt: bool
    bag: str
    hat: bool
    long_hair: bool
    child: bool


@dataclass(frozen=True, eq=False)
class Person:
    """Limb meshes in their own frames by name; `coarse` ones for far away."""

    looks: Looks
    limbs: dict[str, Mesh]
    coarse: dict[str, Mesh]

    def posed(self, joints: Joints, fine: bool = True) -> Mesh:
        """The whole person in this pose, its lowest point on the ground unless it sits."""
        return _posed(self, joints, fine)


@lru_cache(maxsize=640)
def _posed(person: Person, joints: Joints, fine: bool) -> Mesh:
    frames = limb_frames(joints, person.looks.height)
    limbs = person.limbs if fine else person.coarse
    parts = [Part(mesh, frames[name], 1) for name, mesh in limbs.items()]
    mesh = place(parts)
    if joints.seat is None:
        sink = mesh.triangles[:, :, 2].min()
        down = np.eye(4)
        down[2, 3] = -sink
        mesh = place([Part(mesh, down, 1)])
    return mesh


def draw_looks(rng: np.random.Generator, child: bool, winter: bool) -> Looks:
    """Someone."""
    height = rng.uniform(1.1, 1.4) if child else rng.normal(1.72, 0.08)
    bags = ("none", "none", "backpack", "shoulder", "shopping")
    return Looks(
        height=float(np.clip(height, 1.05, 1.95)),
        girth=float(rng.uniform(0.92, 1.22)),
        skirt=bool(rng.uniform() < (0.5 if winter else 0.3)),
        bag=str(rng.choice(bags[:3] if child else bags)),
        hat=bool(rng.uniform() < (0.6 if winter else 0.15)),
        long_hair=bool(rng.uniform() < 0.45),
        child=child,
    )


def make_person(
    builder: SceneBuilder, looks: Looks, rng: np.random.Generator, label: int = classes.PERSON
) -> Person:
    """The person of these looks, in clothes of its own."""
    wardrobe = _Wardrobe(builder, looks, rng, label)
    return Person(looks, wardrobe.limbs(_FINE), wardrobe.limbs(_COARSE))


class _Wardrobe:
    """Builds the limbs of one person."""

    def __init__(
        self, builder: SceneBuilder, looks: Looks, rng: np.random.Generator, label: int
    ) -> None:
        self._builder, self._looks, self._label = builder, looks, label
        self._skin = _pick(rng, clothes.SKINS)
        self._hair = _pick(rng, clothes.HAIRS)
        first, second = (clothes.UPPER_COLORS[i] for i in rng.permutation(12)[:2])
        kind = str(rng.choice(clothes.FABRICS, p=[0.4, 0.2, 0.14, 0.16, 0.1]))
        cloth = clothes.fabric(kind, first, second, rng)
        opening = str(rng.choice(["zip", "buttons", "open", "print", "plain"]))
        self._front = self._surface(clothes.coat_front(cloth, opening))
        self._cloth = self._surface(cloth)
        self._lower = self._surface(clothes.trousers(_pick(rng, clothes.LOWER_COLORS), rng))
        self._bare = self._plain(self._skin)
        self._shoe = self._plain(_pick(rng, clothes.SHOES))
        self._accent = self._plain(second)
        self._sleeve = self._cloth if rng.uniform() < 0.7 else self._bare
        stockings = self._bare if rng.uniform() < 0.4 else self._plain((40, 38, 42))
        self._leg = stockings if looks.skirt else self._lower
        beard = not looks.long_hair and not looks.child and rng.uniform() < 0.3
        face = self._surface(clothes.face(self._skin, self._hair, beard, rng))
        self._strands = self._surface(clothes.hair(self._hair, rng))
        profile = self._surface(clothes.head_side(self._skin, self._hair))
        self._head_sides = Sides(
            face, self._strands, profile, profile, self._strands, self._bare
        )
        self._round, self._limb = _FINE

    def limbs(self, sides: tuple[int, int]) -> dict[str, Mesh]:
        """Meshes by the names of `gait.limb_frames`, with so many sides."""
        self._round, self._limb = sides
        leg = self._leg
        upper, fore = self._arm(UPPER_ARM, 0.03, 0.024, self._cloth), self._forearm()
        thigh = self._arm(THIGH, 0.052, 0.036, leg)
        shin, foot = self._arm(SHIN, 0.036, 0.022, leg), self._foot()
        limbs = {"torso": self._torso(), "head": self._head()}
        for side in ("left", "right"):
            limbs |= {f"{side}_upper_arm": upper, f"{side}_forearm": fore, f"{side}_thigh": thigh,
                      f"{side}_shin": shin, f"{side}_foot": foot}  # fmt: skip
        if self._looks.bag == "shopping":
            limbs["left_forearm"] = self._forearm(bag=True)
        return limbs

    def _torso(self) -> Mesh:
        """From the hips, its origin, to the neck; bags and coat tails hang on it."""
        looks, tall = self._looks, self._looks.height
        rows = [(0.335, 0.034, 0.04, -0.004), (0.312, 0.05, 0.098, -0.004),
                (0.285, 0.062, 0.116, 0), (0.2, 0.07, 0.1, 0.004), (0.1, 0.062, 0.084, 0.002),
                (0.02, 0.07, 0.098, 0), (-0.045, 0.06, 0.085, 0)]  # fmt: skip
        shape = Shape(self._builder)
        sides = dataclasses.replace(all_round(self._cloth), front=self._front)
        shape.add(tube(self._rings(rows, self._round)), self._views(-0.045, 0.335, sides))
        if looks.skirt:
            tail = [(0.08, 0.064, 0.088, 0), (0.0, 0.078, 0.106, 0), (-0.2, 0.105, 0.135, 0)]
            shape.add(tube(self._rings(tail, self._round)), self._views(-0.2, 0.2, sides))
        else:
            trunks = [(0.02, 0.071, 0.099, 0), (-0.06, 0.066, 0.095, 0)]
            shape.add(tube(self._rings(trunks, self._round)),
                      self._views(-0.1, 0.2, all_round(self._lower)))  # fmt: skip
        neck = [(0.375, 0.03, 0.03, 0.004), (0.32, 0.034, 0.036, 0)]
        shape.add(tube(self._rings(neck, self._limb, size=1.0), foot=False),
                  self._views(0.3, 0.4, all_round(self._bare)))  # fmt: skip
        if looks.bag == "backpack":
            low, high = [-0.15, -0.085, 0.07], [-0.055, 0.085, 0.29]
            self._box(shape, np.multiply(low, tall), np.multiply(high, tall))
        elif looks.bag == "shoulder":
            low, high = [-0.07, -0.165, -0.02], [0.07, -0.11, 0.1]
            self._box(shape, np.multiply(low, tall), np.multiply(high, tall))
        return shape.mesh()

    def _box(self, shape: Shape, low: FloatArray, high: FloatArray) -> None:
        shape.add(block(low, high), views_of(low, high, all_round(self._accent)))

    def _head(self) -> Mesh:
        """From the chin, its origin, upwards."""
        looks = self._looks
        size = 1.22 if looks.child else 1.0
        rows = [(0.148, 0.016, 0.014, -0.006), (0.14, 0.036, 0.031, -0.006),
                (0.118, 0.05, 0.041, -0.004), (0.08, 0.054, 0.044, -0.002),
                (0.045, 0.049, 0.041, 0.002), (0.015, 0.04, 0.033, 0.008),
                (-0.004, 0.02, 0.018, 0.014)]  # fmt: skip
        shape = Shape(self._builder)
        tall = looks.height * size
        low, high = np.array([-0.056, -0.044, -0.004]) * tall, np.array([0.05, 0.044, 0.148]) * tall
        views = views_of(low, high, self._head_sides)
        shape.add(tube(self._rings(rows, self._round, size=size)), views)
        if looks.long_hair:
            fall = [(0.12, 0.03, 0.046, -0.03), (0.06, 0.034, 0.052, -0.032),
                    (-0.05, 0.026, 0.05, -0.036), (-0.08, 0.012, 0.036, -0.034)]  # fmt: skip
            strands = views_of(low, high, all_round(self._strands))
            shape.add(tube(self._rings(fall, self._limb, size=size)), strands)
        if looks.hat:
            cap = [(0.168, 0.02, 0.018, -0.006), (0.15, 0.046, 0.04, -0.005),
                   (0.105, 0.056, 0.048, -0.005)]  # fmt: skip
            shape.add(tube(self._rings(cap, self._round, size=size)),
                      views_of(low, high, all_round(self._accent)))  # fmt: skip
        return shape.mesh()

    def _arm(self, length: float, thick: float, thin: float, surface: Surface) -> Mesh:
        """A limb that hangs from its joint."""
        rows = [(0.018, 0.4 * thick, 0.4 * thick, 0), (-0.02, thick, thick, 0),
                (-length - 0.004, thin, thin, 0)]  # fmt: skip
        shape = Shape(self._builder)
        shape.add(
            tube(self._rings(rows, self._limb), foot=False),
            self._views(-length, 0.0, all_round(surface)),
        )
        return shape.mesh()

    def _forearm(self, bag: bool = False) -> Mesh:
        """The forearm with its hand, and the bag that hangs from it."""
        rows = [(0.008, 0.02, 0.02, 0), (-0.03, 0.025, 0.024, 0), (-FOREARM, 0.016, 0.017, 0)]
        hand = [(-FOREARM + 0.004, 0.013, 0.012, 0), (-FOREARM - 0.045, 0.022, 0.013, 0.004),
                (-FOREARM - 0.1, 0.012, 0.008, 0.01)]  # fmt: skip
        shape = Shape(self._builder)
        sleeve = self._views(-FOREARM, 0.0, all_round(self._sleeve))
        shape.add(tube(self._rings(rows, self._limb), foot=False), sleeve)
        if (self._round, self._limb) == _FINE:
            bare = self._views(-0.3, 0.0, all_round(self._bare))
            shape.add(tube(self._rings(hand, self._limb, size=1.0)), bare)
        if bag:
            tall = self._looks.height
            low, high = [-0.1, -0.03, -0.42], [0.1, 0.03, -0.23]
            self._box(shape, np.multiply(low, tall), np.multiply(high, tall))
        return shape.mesh()

    def _foot(self) -> Mesh:
        """From the ankle, its origin, to the sole 0.039 below."""
        tall = self._looks.height
        rows = [(0.012, 0.026, 0.024, 0.0), (-0.012, 0.05, 0.027, 0.03),
                (-0.03, 0.076, 0.03, 0.042), (-0.039, 0.074, 0.029, 0.042)]  # fmt: skip
        shape = Shape(self._builder)
        low, high = np.array([-0.1, -0.05, -0.04]) * tall, np.array([0.15, 0.05, 0.02]) * tall
        shoe = views_of(low, high, all_round(self._shoe))
        shape.add(tube(self._rings(rows, self._limb, size=1.0)), shoe)
        return shape.mesh()

    def _rings(
        self, rows: Sequence[tuple[float, ...]], sides: int, size: float | None = None
    ) -> FloatArray:
        """Rings of (z, half depth, half width, shift ahead), shares of the height, top first;
        as wide as the person, or all of it `size` times as large."""
        wide = self._looks.girth if size is None else 1.0
        tall = self._looks.height * (size or 1.0)
        if sides < _FINE[1] and len(rows) > 3:  # from far away every other ring will do
            rows = [*rows[:-1:2], rows[-1]]
        return np.array(
            [tall * ring([x, 0, z], wide * a, wide * b, sides) for z, a, b, x in rows]
        )

    def _views(self, low: float, high: float, sides: Sides) -> tuple[View, ...]:
        tall = self._looks.height
        half = 0.11 * self._looks.girth
        return views_of(
            np.array([-half, -half, low]) * tall, np.array([half, half, high]) * tall, sides
        )

    def _surface(self, image: Image) -> Surface:
        return self._builder.add_surface(image, label=self._label)

    def _plain(self, color: tuple[int, int, int]) -> Surface:
        return self._surface(np.full((4, 4, 3), color, dtype=np.uint8))


def _pick(
    rng: np.random.Generator, options: tuple[tuple[int, int, int], ...]
) -> tuple[int, int, int]:
    return options[int(rng.integers(len(options)))]

