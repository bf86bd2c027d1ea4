"""A street of made-up houses for tests of place descriptors: pictures of one long wall, by day and
by night, from places that are ten metres apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.learning.place_views import PlaceView

WIDTH, HEIGHT = 64, 48
LABELS = 6  # of the wall, of which the last is taken to move
_STEP_M, _STEP_PX = 10.0, 40


def wall(world: int, places: int) -> NDArray[np.uint8]:
    """Labels (H, W) of the wall: blocks of one label."""
    rng = np.random.default_rng([world, 7])
    columns = (places * _STEP_PX + 2 * WIDTH) // 8
    blocks = rng.integers(0, LABELS, (HEIGHT // 8, columns), np.uint8)
    return np.kron(blocks, np.ones((8, 8), np.uint8))


def street(
    world: int, places: int = 12, runs: tuple[str, ...] = ("day", "night")
) -> list[PlaceView]:
    """Each place seen in each run, from up to 2 m farther along; all look across the street."""
    labels = wall(world, places)
    views = []
    for number, run in enumerate(runs):
        rng = np.random.default_rng([world, number])
        for place in range(places):
            along = rng.uniform(0.0, 2.0)
            left = round(place * _STEP_PX + along * _STEP_PX / _STEP_M)
            seen = labels[:, left : left + WIDTH]
            views.append(PlaceView(
                f"left/{place:06d}.jpg", world, f"street{world}/{run}",
                np.array([place * _STEP_M + along, 0.0, 1.5]), np.array([0.0, 1.0, 0.0]),
                lambda seen=seen, number=number: picture(seen, number), lambda seen=seen: seen,
            ))  # fmt: skip
    return views


def picture(labels: NDArray[np.uint8], run: int) -> NDArray[np.uint8]:
    """Colours by label; the second run is darker and bluer."""
    colors = np.random.default_rng(5).integers(40, 255, (LABELS, 3))
    light = np.array([(1.0, 1.0, 1.0), (0.35, 0.4, 0.6)])[run % 2]
    return np.asarray(colors[labels] * light, np.uint8)
