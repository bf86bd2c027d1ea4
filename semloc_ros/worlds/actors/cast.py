"""The cast of a world: models of all that moves, made before the scene is built.

A cast is that of one traversal: by night its lamps are lit, in winter snow lies on what is parked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.actors.bicycles import Cyclist, make_bicycle
from semloc_ros.worlds.actors.cars import BODIES, make_car
from semloc_ros.worlds.actors.large import make_bus, make_tram, make_truck
from semloc_ros.worlds.actors.people import Person, draw_looks, make_person
from semloc_ros.worlds.actors.vehicle import Vehicle, lit, snowed, unlit
from semloc_ros.worlds.rendering.scene import SceneBuilder
from semloc_ros.worlds.textures.vehicles import CAR_COLORS

_LAMPS = 1.6  # glow of head- and tail lights
_KINDS = ("car", "van", "truck", "bus", "bicycle")
_SHARES = (0.76, 0.08, 0.05, 0.05, 0.06)  # of them in traffic
Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many different models a cast has; vans count as cars, a fifth of them."""

    cars: int
    trucks: int
    buses: int
    trams: int
    cyclists: int
    people: int


STREET = Counts(cars=20, trucks=2, buses=2, trams=1, cyclists=4, people=24)
GALLERY = Counts(cars=0, trucks=0, buses=0, trams=0, cyclists=0, people=20)


@dataclass(frozen=True, slots=True)
class Cast:
    """Models by kind; `parked` are the cars as they stand at the kerb, `people` grown-ups and
    children, `trams` their sections from the leading one."""

    cars: tuple[Vehicle, ...]
    parked: tuple[Vehicle, ...]
    trucks: tuple[Vehicle, ...]
    buses: tuple[Vehicle, ...]
    trams: tuple[tuple[Vehicle, ...], ...]
    cyclists: tuple[Cyclist, ...]
    people: tuple[Person, ...]

    def draw_vehicle(self, rng: np.random.Generator) -> Vehicle | Cyclist:
        """One of those in traffic, as often as such are."""
        groups = (self.cars, self.cars, self.trucks, self.buses, self.cyclists)
        shares = np.array([s if g else 0.0 for s, g in zip(_SHARES, groups, strict=True)])
        kind = _KINDS[int(rng.choice(len(_KINDS), p=shares / shares.sum()))]
        if kind == "bicycle":
            return pick(rng, self.cyclists)
        if kind in ("truck", "bus"):
            return pick(rng, self.trucks if kind == "truck" else self.buses)
        cars = [car for car in self.cars if (car.name == "van") == (kind == "van")]
        return pick(rng, tuple(cars) or self.cars)


def make_cast(
    builder: SceneBuilder, rng: np.random.Generator, counts: Counts, *, night: bool = False,
    winter: bool = False,
) -> Cast:  # fmt: skip
    """The cast; its textures go into `builder`, whose scene is not yet built."""
    colors = rng.permutation(len(CAR_COLORS))
    cars = [
        make_car(builder, BODIES[k % len(BODIES)], CAR_COLORS[colors[k % len(colors)]], rng)
        for k in range(counts.cars)
    ]
    parked = [unlit(car) for car in cars]
    if winter:
        parked = [snowed(car, builder, rng) for car in parked]
    shine = _shining(night)
    trams = [make_tram(builder, rng, night) for _ in range(counts.trams)]
    return Cast(
        cars=tuple(shine(car) for car in cars),
        parked=tuple(parked),
        trucks=tuple(shine(make_truck(builder, rng)) for _ in range(counts.trucks)),
        buses=tuple(shine(make_bus(builder, rng, night)) for _ in range(counts.buses)),
        trams=tuple(tuple(shine(section) for section in tram) for tram in trams),
        cyclists=tuple(_cyclist(builder, rng, winter) for _ in range(counts.cyclists)),
        people=tuple(
            make_person(builder, draw_looks(rng, k % 7 == 6, winter), rng)
            for k in range(counts.people)
        ),
    )


def pick(rng: np.random.Generator, models: tuple[Model, ...]) -> Model:
    """One of them."""
    return models[int(rng.integers(len(models)))]


def _cyclist(builder: SceneBuilder, rng: np.random.Generator, winter: bool) -> Cyclist:
    looks = dataclasses.replace(draw_looks(rng, False, winter), skirt=False)
    return Cyclist(make_bicycle(builder, rng), make_person(builder, looks, rng, classes.RIDER))


def _shining(night: bool) -> Callable[[Vehicle], Vehicle]:
    return (lambda vehicle: lit(vehicle, _LAMPS)) if night else unlit
