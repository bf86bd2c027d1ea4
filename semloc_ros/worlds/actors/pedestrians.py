"""Pedestrians of a street: along its sidewalks both ways, over its crossings, and standing.

On a sidewalk people go round long, narrow loops within each other: out along the right side and
back along the other, all of a loop at one pace, so that nobody walks through anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.cast import Cast, pick
from semloc_ros.worlds.actors.claims import Claim, claim
from semloc_ros.worlds.actors.paths import Path, nearness, resampled, round_trip, rounded
from semloc_ros.worlds.actors.stage import Actor, Walker
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT

_WIDTH = 0.5
_LANES = (0.3, 0.85)  # metres to the right of the line
_AWAY = 0.3  # metres by which the line is moved from the kerb, which lies to its right
_STANDING = 1.65  # metres to its left: in front of the buildings
_ROAD = 2.2  # metres from the middle of a car's lane, where one does not walk unless to cross
_METRES_PER_WALKER = 80.0  # of sidewalk, at density 1
_METRES_PER_STANDER = 110.0
_KERB = 1.4  # metres from a crossing's ends to the carriageway
_TRIES = 12


class Crew:
    """Draws pedestrians: `actors` and their `rows` (T, 5) of the timetable."""

    def __init__(
        self, cast: Cast, density: float, rng: np.random.Generator, times: FloatArray
    ) -> None:
        self.actors: list[Actor] = []
        self.rows: list[FloatArray] = []
        self.next_instance = 0
        self._cast, self._density, self._rng, self._times = cast, density, rng, times

    def add_all(
        self, walks: Sequence[FloatArray], roads: FloatArray, claims: Sequence[Claim],
        first_instance: int,
    ) -> None:  # fmt: skip
        """On all lines; a line that comes near the points `roads` (N, 2) is a crossing, to be
        used when no claim is in the way."""
        self.next_instance = first_instance
        if not self._cast.people:
            return
        for line in walks:
            path = resampled(line, closed=False)
            if nearness(path, roads).min() < _ROAD:
                self._cross(path, claims)
            elif path.length > 6.0:
                self._stroll(path)
                self._loiter(path)

    def _stroll(self, line: Path) -> None:
        """People and groups along a sidewalk."""
        rng, middle = self._rng, rounded(line.shifted(_AWAY).xy, False, 0.8)
        for aside in _LANES:
            loop = round_trip(middle, aside)
            pace = rng.uniform(1.15, 1.5)
            slots = int(loop.length / 3.0)
            wanted = rng.poisson(self._density * line.length / _METRES_PER_WALKER)
            for slot in rng.permutation(slots)[:wanted]:
                way = slot * loop.length / slots + pace * self._times
                self._add(loop, way, 0.0)
                if rng.uniform() < 0.3:  # somebody goes with them
                    self._add(loop, way - rng.uniform(0.0, 0.25), 0.52)

    def _loiter(self, line: Path) -> None:
        """People who stand in front of the buildings, some in talk."""
        rng = self._rng
        for _ in range(rng.poisson(self._density * line.length / _METRES_PER_STANDER)):
            way = np.array([rng.uniform(2.0, max(2.1, line.length - 2.0))])
            x, y, along = line.poses(way, 0.5)[0]
            left = np.array([-np.sin(along), np.cos(along)])
            spot, ahead = np.array([x, y]) + _STANDING * left, np.array([left[1], -left[0]])
            if rng.uniform() < 0.5:
                self._stand(spot, float(rng.uniform(-np.pi, np.pi)))
                continue
            self._stand(spot, along)
            self._stand(spot + rng.uniform(0.75, 1.0) * ahead, along + np.pi)

    def _cross(self, line: Path, claims: Sequence[Claim]) -> None:
        """People who wait at the kerb until the road is free, cross, and stand there."""
        rng = self._rng
        for k in range(min(4, rng.poisson(0.5 * self._density))):
            path = Path(line.xy[:: 1 if rng.uniform() < 0.5 else -1], line.step, False)
            path = path.shifted(0.7 * (k - 1.5))
            pace, start = rng.uniform(1.2, 1.6), _KERB - 0.5
            for _ in range(_TRIES):
                leave = rng.uniform(0, self._times[-1])
                way = start + pace * np.clip(
                    self._times - leave, 0, (path.length - 2 * start) / pace
                )
                mine = claim(path.poses(way, 0.2), (-0.25, 0.25), 1.2 * _WIDTH)
                if all(mine.clear_of(other) for other in claims):
                    off_kerb = np.minimum(way, path.length - way) - _KERB
                    height = SIDEWALK_HEIGHT * np.clip(0.5 - off_kerb / 0.3, 0, 1)
                    self._put(path.poses(way, 0.2), height, way)
                    break

    def _add(self, loop: Path, way: FloatArray, left: float) -> None:
        poses = loop.poses(way, 0.3)
        sideways = np.stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])], axis=1)
        poses[:, :2] += left * sideways
        self._put(poses, np.full(len(way), SIDEWALK_HEIGHT), way)

    def _stand(self, spot: FloatArray, heading: float) -> None:
        poses = np.tile([*spot, heading], (len(self._times), 1))
        self._put(poses, np.full(len(poses), SIDEWALK_HEIGHT), np.zeros(len(poses)))

    def _put(self, poses: FloatArray, height: FloatArray, way: FloatArray) -> None:
        person = pick(self._rng, self._cast.people)
        self.actors.append(Walker(person, self.next_instance, int(self._rng.integers(5))))
        self.next_instance += 1
        self.rows.append(np.column_stack([poses[:, :2], height, poses[:, 2], way]))
