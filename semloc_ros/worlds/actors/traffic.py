"""Traffic of a street: what drives, parks and walks there during one traversal.

Vehicles in the ego's own lane keep a distance and a time gap to it; all others are drawn and
kept only if they never come into the way of the ego or of who was drawn before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors import pedestrians
from semloc_ros.worlds.actors.bicycles import WHEELBASE, Cyclist
from semloc_ros.worlds.actors.cast import Cast, pick
from semloc_ros.worlds.actors.claims import Claim, claim
from semloc_ros.worlds.actors.following import extended
from semloc_ros.worlds.actors.large import SECTION_LENGTH
from semloc_ros.worlds.actors.paths import Path, cruise, lap_time, rounded, run
from semloc_ros.worlds.actors.stage import FIRST_INSTANCE, Actor, Driver, Rider, Stage, time_grid
from semloc_ros.worlds.actors.vehicle import Vehicle
from semloc_ros.worlds.recording.driving import Trajectory
from semloc_ros.worlds.rendering.scene import Part
from semloc_ros.worlds.street.plan import Lane, StreetPlan

_CORNER = 3.5  # metres about which cars round corners
_SPEED = 6.8  # m/s
_BICYCLE_REACH, _BICYCLE_WIDTH = (-0.9, 0.9), 0.6
_EGO_REACH, _EGO_WIDTH = (-2.4, 2.4), 1.9
_ASIDE = 1.0  # metres: how far to the right cyclists keep in a lane
_HEADWAY_S = 4.0  # least gap between vehicles of a lane
_QUEUE = 90.0  # metres that the ego's path goes on at both ends
_METRES_PER_CAR = 60.0  # of a lane, at density 1
_TRAM_EVERY_S = 40.0
_TRAM_PATH = 14.0  # metres a tram starts before its lane and goes beyond it


class Traffic:
    """`ego` None: nobody to avoid; for `duration` seconds. `density` factor on all that moves,
    `parked` share of taken slots. Instances count from 20000."""

    def __init__(
        self, cast: Cast, plan: StreetPlan, ego: Trajectory | None, density: float,
        rng: np.random.Generator, duration: float, *, parked: float,
    ) -> None:  # fmt: skip
        scheduler = _Scheduler(cast, ego, density, rng, duration)
        lanes = [(lane, _path(lane)) for lane in plan.lanes]
        own = [path for lane, path in lanes if ego and lane.closed and _is_own(path, ego)]
        for lane, path in lanes:
            if lane.kind == "tram":
                scheduler.add_trams(path)
        if ego and own:
            scheduler.add_queue(ego, own[0])
        for lane, path in lanes:
            if lane.kind != "tram" and not any(path is one for one in own):
                scheduler.add_lane(lane, path)
        roads = np.concatenate([path.xy[::8] for lane, path in lanes if lane.kind != "bike"])
        crew = pedestrians.Crew(cast, density, rng, scheduler.times)
        crew.add_all(plan.walks, roads, scheduler.claims, scheduler.next_instance)
        self.stage = Stage([*scheduler.actors, *crew.actors], _table(scheduler.rows + crew.rows))
        self._parked = _parked(cast, plan, parked, rng, crew.next_instance)

    def parts(self, time_s: float, around: FloatArray | None = None) -> list[Part]:
        """All parts at a time in seconds, or those within 150 m of `around` (2,)."""
        return self._parked.parts(time_s, around) + self.stage.parts(time_s, around)


class _Scheduler:
    """Draws vehicles and finds when they may drive."""

    def __init__(
        self, cast: Cast, ego: Trajectory | None, density: float, rng: np.random.Generator,
        duration: float,
    ) -> None:  # fmt: skip
        self.times = time_grid(duration)
        self.actors: list[Actor] = []
        self.rows: list[FloatArray] = []
        self.claims: list[Claim] = []
        self.next_instance = FIRST_INSTANCE
        self._cast, self._density, self._rng = cast, density, rng
        if ego is not None:
            self.claims.append(claim(ego.planar(self.times), _EGO_REACH, _EGO_WIDTH))

    def add_queue(self, ego: Trajectory, lane: Path) -> None:
        """Vehicles ahead of the ego and behind it, which drive as it does, a little earlier or
        later."""
        path, shift = extended(ego, lane, _QUEUE)
        for sign in (1, -1):
            gap_s, gap_m = 0.0, 5.0 if sign > 0 else 4.0
            for _ in range(self._rng.poisson(1.6 * self._density)):
                model = self._cast.draw_vehicle(self._rng)
                reach = _size(model)[0]
                gap_s += self._rng.uniform(1.5, 4.5)
                near_end, far_end = (-reach[0], reach[1]) if sign > 0 else (reach[1], -reach[0])
                gap_m += near_end + self._rng.uniform(1.5, 6.0)
                if gap_m + far_end > _QUEUE - 5:
                    break
                at = np.interp(self.times + sign * gap_s, ego.times, ego.way)
                self._add(model, path, shift + at + sign * gap_m)
                gap_m += far_end

    def add_lane(self, lane: Lane, path: Path) -> None:
        """Traffic all round a closed lane, or a few who wait at an open one's start and end."""
        if not lane.closed:
            self._add_open(lane, path)
            return
        speed = _SPEED * (0.75 if lane.kind == "bike" else 1.0)
        lap = lap_time(path, speed)
        sparse = 3.0 if lane.kind == "bike" else 1.0
        wanted = int(round(self._density * path.length / _METRES_PER_CAR / sparse))
        slots = self._rng.permutation(int(lap / _HEADWAY_S))[:wanted]
        for slot in slots:
            phase = slot * lap / int(lap / _HEADWAY_S)
            self._add(self._draw(lane), path, cruise(path, speed, self.times, phase))

    def add_trams(self, path: Path) -> None:
        """Trams now and then; off stage before and after."""
        for tram in self._cast.trams[:1]:
            wait = self._rng.uniform(0.0, 0.5) * _TRAM_EVERY_S
            while wait < self.times[-1]:
                self._add_tram(tram, path, wait)
                wait += self._rng.uniform(0.8, 1.6) * _TRAM_EVERY_S / max(self._density, 0.2)

    def _add_tram(self, tram: Sequence[Vehicle], path: Path, leave: float) -> None:
        ends = (-_TRAM_PATH, path.length + _TRAM_PATH)
        way = run(path, _SPEED, self.times, leave, ends)
        way[(way <= ends[0]) | (way >= ends[1] - 0.5)] = np.nan
        rows = []
        for k, section in enumerate(tram):
            place = way + (1 - k) * SECTION_LENGTH
            inside = np.isfinite(place)
            row = np.full((len(way), 5), np.nan)
            if inside.any():
                row[inside] = _row(path.poses(place[inside], section.wheelbase), place[inside])
            rows.append(row)
        claims = [
            claim(row[:, [0, 1, 3]], section.reach, section.width)
            for row, section in zip(rows, tram, strict=True)
        ]
        if all(one.clear_of(other) for one in claims for other in self.claims):
            self.claims += claims
            self.rows += rows
            self.actors += [Driver(section, self.next_instance) for section in tram]
            self.next_instance += 1

    def _add_open(self, lane: Lane, path: Path) -> None:
        """They wait in a row at the start, go one after the other, and queue up at the end."""
        number = min(3, self._rng.poisson(self._density))
        for k in range(number):
            ends = (9.0 * (number - 1 - k) + 3.0, path.length - 3.0 - 9.0 * k)
            model = self._draw(lane)
            for _ in range(8):
                leave = self._rng.uniform(0, self.times[-1]) * (k + 1) / number
                if self._add(model, path, run(path, _SPEED, self.times, leave, ends)):
                    break

    def _draw(self, lane: Lane) -> Vehicle | Cyclist:
        if lane.kind == "bike" and self._cast.cyclists:
            return pick(self._rng, self._cast.cyclists)
        return self._cast.draw_vehicle(self._rng)

    def _add(self, model: Vehicle | Cyclist, path: Path, way: FloatArray) -> bool:
        """Puts the model there if nobody is in its way."""
        reach, width, wheelbase = _size(model)
        poses = path.poses(way, wheelbase)
        if isinstance(model, Cyclist):
            right = np.stack([np.sin(poses[:, 2]), -np.cos(poses[:, 2])], axis=1)
            poses[:, :2] += _ASIDE * right
        mine = claim(poses, reach, width)
        if not all(mine.clear_of(other) for other in self.claims):
            return False
        self.claims.append(mine)
        self.rows.append(_row(poses, way))
        if isinstance(model, Cyclist):
            self.actors.append(Rider(model, self.next_instance))
            self.next_instance += 1  # bicycle and rider are two
        else:
            self.actors.append(Driver(model, self.next_instance))
        self.next_instance += 1
        return True


def _size(model: Vehicle | Cyclist) -> tuple[tuple[float, float], float, float]:
    """Reach, width and wheelbase."""
    if isinstance(model, Cyclist):
        return _BICYCLE_REACH, _BICYCLE_WIDTH, WHEELBASE
    return model.reach, model.width, model.wheelbase


def _path(lane: Lane) -> Path:
    return rounded(lane.xy, lane.closed, _CORNER)


def _is_own(path: Path, ego: Trajectory) -> bool:
    """Whether the ego drives in this lane."""
    few = ego.xy[:: max(1, len(ego.xy) // 200)]
    gaps = np.linalg.norm(few[:, None] - path.xy[None, ::2], axis=2).min(axis=1)
    return bool(np.median(gaps) < 1.0)


def _row(poses: FloatArray, way: FloatArray) -> FloatArray:
    """A row (T, 5) of the timetable, on the carriageway."""
    x, y, heading = poses.T
    return np.column_stack([x, y, 0 * x, heading, way])


def _table(rows: list[FloatArray]) -> FloatArray:
    return np.array(rows) if rows else np.zeros((0, 1, 5))


def _parked(
    cast: Cast, plan: StreetPlan, share: float, rng: np.random.Generator, instance: int
) -> Stage:
    """Cars at the kerb, never quite in the middle of their slots."""
    rows, actors = [], []
    cars = tuple(car for car in cast.parked if car.reach[1] - car.reach[0] < 4.95)
    for x, y, heading in plan.parking if cars else ():
        if rng.uniform() > share:
            continue
        car = pick(rng, cars)
        turn = heading + rng.normal(0, 0.015)
        ahead = np.array([np.cos(turn), np.sin(turn)])
        middle = np.array([x, y]) + rng.normal(0, 0.2) * ahead - ahead * sum(car.reach) / 2
        rows.append([[*(middle + rng.uniform(-0.1, 0.1, 2)), 0.0, turn, 0.0]])
        actors.append(Driver(car, instance))
        instance += 1
    return Stage(actors, np.array(rows) if rows else np.zeros((0, 1, 5)))

