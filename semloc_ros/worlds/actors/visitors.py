"""Visitors of a gallery: before paintings, on their way to the next one, strolling along.

They stand where the robot never comes. They walk only while the robot and all others are far
enough, along straight lines within a room and through the middle of its doorways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors.cast import Cast, pick
from semloc_ros.worlds.actors.following import extended
from semloc_ros.worlds.actors.paths import Path, cruise, lap_time, rounded, run
from semloc_ros.worlds.actors.stage import FIRST_INSTANCE, STEP_S, Actor, Stage, Walker, time_grid
from semloc_ros.worlds.gallery.building import Room
from semloc_ros.worlds.recording.driving import Trajectory
from semloc_ros.worlds.rendering.scene import Part

_PER_ROOM = (0.0, 0.8, 2.2, 4.5)  # visitors by density
_STROLLERS = (0, 0, 2, 4)
_FROM_ROBOT = 0.8  # metres between middles, at least
_FROM_OTHERS = 0.55
_FROM_THINGS = 0.38
_PACE = 0.95  # m/s
_DWELL_S = (6.0, 30.0)
_TURN_S = 0.3  # smooths headings
_STOPS = 3  # places of a visitor who goes about; others stay
_GO_ABOUT = (1.0, 1.0, 0.8, 0.5)  # share of them by density: places are taken while nobody is there
_LOOKS = 3  # times a place before each painting is looked for


@dataclass(frozen=True, slots=True)
class Hall:
    """What visitors know of a gallery: `rooms`; `loop_xy` (N, 2) corners of the robot's ring;
    `obstacles` (M, 4) x, y, x, y on the floor; `paintings` (K, 4, 3) corners from the top left,
    clockwise."""

    rooms: Sequence[Room]
    loop_xy: FloatArray
    obstacles: FloatArray
    paintings: FloatArray

    def room_of(self, point: FloatArray) -> int:
        """Number of the room in which a person may stand at `point` (2,), or -1."""
        for number, room in enumerate(self.rooms):
            low, high = np.array(room.low) + _FROM_THINGS, np.array(room.high) - _FROM_THINGS
            if (point > low).all() and (point < high).all():
                return number
        return -1

    def blocked(self, points: FloatArray) -> bool:
        """Whether an obstacle is in the way of any of the points (N, 2)."""
        if not len(self.obstacles):
            return False
        low, high = self.obstacles[:, :2] - _FROM_THINGS, self.obstacles[:, 2:] + _FROM_THINGS
        inside = (points[:, None] > low).all(axis=2) & (points[:, None] < high).all(axis=2)
        return bool(inside.any())

    def doorway(self, first: int, second: int) -> FloatArray | None:
        """Points (2, 2) in the middle of the doorway between two rooms, one in each."""
        for wall in self.rooms[first].walls:
            if wall.door is None:
                continue
            middle = wall.point(sum(wall.door) / 2, wall.height)[:2]
            inner, outer = middle + 0.6 * wall.out[:2], middle - 0.8 * wall.out[:2]
            if self.room_of(outer) == second:
                return np.stack([inner, outer])
        return None


class Visitors:
    """`density` 0 (none) to 3 (crowded); `ego` None: nobody to avoid; for `duration` seconds.
    Instances count from 20000."""

    def __init__(
        self, cast: Cast, hall: Hall, density: int, ego: Trajectory | None,
        rng: np.random.Generator, duration: float,
    ) -> None:  # fmt: skip
        crowd = _Crowd(cast, hall, ego, rng, duration)
        if cast.people:
            crowd.add_strollers(_STROLLERS[density])
            for _ in range(round(_PER_ROOM[density] * len(hall.rooms))):
                crowd.add_visitor(_GO_ABOUT[density])
        self.stage = Stage(
            crowd.actors, np.array(crowd.rows) if crowd.rows else np.zeros((0, 1, 5))
        )

    def parts(self, time_s: float, around: FloatArray | None = None) -> list[Part]:
        """All parts at a time in seconds, or those within reach of `around` (2,)."""
        return self.stage.parts(time_s, around)


class _Crowd:
    """Draws visitors one after the other, each around those before."""

    def __init__(
        self, cast: Cast, hall: Hall, ego: Trajectory | None, rng: np.random.Generator,
        duration: float,
    ) -> None:  # fmt: skip
        self.actors: list[Actor] = []
        self.rows: list[FloatArray] = []
        self._cast, self._hall, self._rng, self._ego = cast, hall, rng, ego
        self._times = time_grid(duration)
        self._robot = None if ego is None else ego.planar(self._times)[:, :2]
        self._lane = rounded(hall.loop_xy, True, 0.8)
        self._taken: list[FloatArray] = []

    def add_strollers(self, number: int) -> None:
        """People who go the robot's way at its pace, ahead and behind, or round the loop."""
        for k in range(number):
            if self._ego is None:
                phase = k * lap_time(self._lane, _PACE) / number
                path, way = self._lane, cruise(self._lane, _PACE, self._times, phase)
            else:
                path, shift = extended(self._ego, self._lane, 12.0)
                sign, rank = (1 if k % 2 == 0 else -1), 1 + k // 2
                moment = self._times + sign * 3.0 * rank
                at = np.interp(moment, self._ego.times, self._ego.way)
                way = shift + at + sign * (1.2 + 1.0 * rank)
            x, y, heading = path.poses(way, 0.3).T
            self._put(np.column_stack([x, y, 0 * x, heading, way]), self._somebody())

    def add_visitor(self, goes_about: float) -> None:
        """Somebody, perhaps with a companion at a fixed distance beside, who goes about with this
        probability."""
        spots = self._spots(_STOPS if self._rng.uniform() < goes_about else 1)
        if not spots:
            return
        rng = self._rng
        beside = None
        if rng.uniform() < 0.35:
            angle = spots[0][2] + np.pi / 2
            beside = 0.68 * np.array([np.cos(angle), np.sin(angle)])
            spots = [spot for spot in spots if self._may_stand(spot[:2] + beside)]
            if not spots:
                return
            self._taken += [spot[:2] + beside for spot in spots]
        self._taken += [spot[:2] for spot in spots]
        row = self._day(spots, beside)
        self._put(row, self._somebody())
        if beside is not None:
            company = row.copy()
            company[:, :2] += beside
            company[:, 3] += rng.normal(0, 0.12)
            self._put(company, self._somebody(child=rng.uniform() < 0.35))

    def _spots(self, most: int) -> list[FloatArray]:
        """Free places x, y, heading before paintings, in one room and its neighbours."""
        rng, found = self._rng, list[FloatArray]()
        home = int(rng.integers(len(self._hall.rooms)))
        for corners in rng.permutation(np.repeat(self._hall.paintings, _LOOKS, axis=0)):
            right = corners[1] - corners[0]
            right = right / np.linalg.norm(right)
            out = np.cross([0, 0, -1.0], right)[:2]
            middle = corners.mean(axis=0)[:2]
            spot = middle + rng.uniform(0.9, 2.3) * out + rng.normal(0, 0.3) * right[:2]
            room = self._hall.room_of(spot)
            near = room == home or (
                room >= 0 and found and self._hall.doorway(home, room) is not None
            )
            if near and self._may_stand(spot):
                found.append(np.append(spot, np.arctan2(-out[1], -out[0])))
            if len(found) == most:
                break
        return found

    def _may_stand(self, spot: FloatArray) -> bool:
        hall = self._hall
        if hall.room_of(spot) < 0 or hall.blocked(spot[None]):
            return False
        if any(np.hypot(*(spot - other)) < 0.7 for other in self._taken):
            return False
        lane = self._lane.xy if self._robot is None else self._robot
        return float(np.hypot(*(lane - spot).T).min()) > _FROM_ROBOT

    def _day(self, spots: list[FloatArray], beside: FloatArray | None) -> FloatArray:
        """The row (T, 5) of somebody who goes from spot to spot."""
        rng, number = self._rng, len(self._times)
        row = np.zeros((number, 5))
        row[:, [0, 1, 3]] = spots[0]
        here, now = 0, int(rng.uniform(0.0, _DWELL_S[1]) / STEP_S)
        while now < number and len(spots) > 1:
            goal = int(rng.choice([k for k in range(len(spots)) if k != here]))
            trip = self._trip(spots[here], spots[goal], number - now)
            if trip is None or not self._free(trip, now, beside):
                now += int(rng.uniform(1.0, 4.0) / STEP_S)
                continue
            trip[:, 4] += row[now, 4]
            row[now : now + len(trip)] = trip
            now += len(trip)
            row[now:] = [*spots[goal][:2], 0.0, spots[goal][2], trip[-1, 4]]
            here, now = goal, now + int(rng.uniform(*_DWELL_S) / STEP_S)
        heading = np.unwrap(row[:, 3])
        row[:, 3] = gaussian_filter1d(heading, _TURN_S / STEP_S, mode="nearest")
        return row

    def _trip(self, start: FloatArray, end: FloatArray, most: int) -> FloatArray | None:
        """Rows (N, 5) from spot to spot, or None if something stands between."""
        hall, corners = self._hall, np.stack([start[:2], end[:2]])
        first, second = hall.room_of(corners[0]), hall.room_of(corners[1])
        if first != second:
            door = hall.doorway(first, second)
            if door is None:
                return None
            corners = np.stack([corners[0], *door, corners[1]])
        path = _anchored(rounded(corners, False, 0.2), corners)
        if hall.blocked(path.xy):
            return None
        times = STEP_S * np.arange(most, dtype=np.float64)
        way = run(path, _PACE, times, 0.0, (0.0, path.length))
        arrived = int(np.searchsorted(way, way[-1])) + 1
        x, y, heading = path.poses(way[:arrived], 0.2).T
        return np.column_stack([x, y, 0 * x, heading, way[:arrived]])

    def _free(self, trip: FloatArray, now: int, beside: FloatArray | None) -> bool:
        """Whether nobody comes near on the way, nor near the companion."""
        span = slice(now, now + len(trip))
        for shift in (np.zeros(2), beside):
            if shift is None:
                continue
            walk = trip[:, :2] + shift
            if self._hall.blocked(walk):
                return False
            # two abreast do not fit through a doorway
            if beside is not None and any(self._hall.room_of(point) < 0 for point in walk):
                return False
            if self._robot is not None and _near(walk, self._robot[span], _FROM_ROBOT):
                return False
            if any(_near(walk, row[span, :2], _FROM_OTHERS) for row in self.rows):
                return False
        return True

    def _somebody(self, child: bool = False) -> Walker:
        people = [one for one in self._cast.people if one.looks.child == child]
        person = pick(self._rng, tuple(people) or self._cast.people)
        instance = FIRST_INSTANCE + len(self.actors)
        return Walker(person, instance, int(self._rng.integers(5)))

    def _put(self, row: FloatArray, actor: Actor) -> None:
        self.rows.append(row)
        self.actors.append(actor)


def _near(first: FloatArray, second: FloatArray, distance: float) -> bool:
    gap = first - second
    return bool((np.hypot(gap[:, 0], gap[:, 1]) < distance).any())


def _anchored(path: Path, corners: FloatArray) -> Path:
    """The path with its ends where the corners end, which rounding pulls in."""
    share = np.linspace(0, 1, len(path.xy))[:, None]
    shift = (1 - share) * (corners[0] - path.xy[0]) + share * (corners[-1] - path.xy[-1])
    return Path(path.xy + shift, path.step, False)
