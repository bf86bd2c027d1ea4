"""Who is where at each time: a timetable, and the parts made of it.

A timetable has rows x, y, z, heading, way on an even grid of time, NaN where an actor is off
stage; between its samples everything is linear. So the parts are a pure function of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from semloc_ros.types import FloatArray
from semloc_ros.worlds.actors import gait
from semloc_ros.worlds.actors.bicycles import Cyclist
from semloc_ros.worlds.actors.people import Person
from semloc_ros.worlds.actors.vehicle import Vehicle
from semloc_ros.worlds.rendering.scene import Motion, Part

STEP_S = 0.1  # of timetables
FIRST_INSTANCE = 20_000
_STILL = 0.05  # m/s: who is slower stands
_FAR = 150.0  # metres: whoever is farther away is left out
_COARSE_VEHICLE, _COARSE_PERSON = 35.0, 22.0  # metres: beyond, fewer triangles will do


class Actor(Protocol):
    """Somebody or something with a place in the timetable."""

    def parts(self, pose: FloatArray, way: float, motion: Motion, far: float) -> list[Part]:
        """What it looks like at map_from_actor `pose` (4, 4), `far` metres from the camera."""
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """A vehicle on its way, or parked."""

    vehicle: Vehicle
    instance: int

    def parts(self, pose: FloatArray, way: float, motion: Motion, far: float) -> list[Part]:
        """The vehicle."""
        mesh = self.vehicle.mesh if far < _COARSE_VEHICLE else self.vehicle.coarse
        return [Part(mesh, pose, self.instance, motion)]


@dataclass(frozen=True, slots=True)
class Walker:
    """A person on foot; `stance`: which of `gait.STANDING` it takes when it stands."""

    person: Person
    instance: int
    stance: int = 0

    def parts(self, pose: FloatArray, way: float, motion: Motion, far: float) -> list[Part]:
        """The person in its pose."""
        if motion is Motion.MOVING:
            joints = gait.walking(way, self.person.looks.height)
        else:
            # who carries a shopping bag lets that arm hang
            stance = 0 if self.person.looks.bag == "shopping" else self.stance
            joints = gait.STANDING[stance % len(gait.STANDING)]
        return [Part(self.person.posed(joints, far < _COARSE_PERSON), pose, self.instance, motion)]


@dataclass(frozen=True, slots=True)
class Rider:
    """Somebody on a bicycle: instances `instance` (bicycle) and the next (rider)."""

    cyclist: Cyclist
    instance: int

    def parts(self, pose: FloatArray, way: float, motion: Motion, far: float) -> list[Part]:
        """The bicycle and its rider."""
        rider = self.cyclist.rider
        joints = gait.cycling(way, rider.looks.height)
        return [
            Part(self.cyclist.bicycle, pose, self.instance, motion),
            Part(rider.posed(joints, far < _COARSE_PERSON), pose, self.instance + 1, motion),
        ]


class Stage:
    """`actors` and their `table` (A, T, 5): x, y, z, heading (unwrapped), way every `STEP_S`."""

    def __init__(self, actors: Sequence[Actor], table: FloatArray) -> None:
        self.actors, self.table = tuple(actors), table

    def states(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """Rows (A, 5) at a time, which the timetable's ends bound, and speeds (A,)."""
        last = self.table.shape[1] - 1
        if last == 0:
            return self.table[:, 0], np.zeros(len(self.table))
        at = min(max(time_s / STEP_S, 0.0), float(last))
        low = min(int(at), last - 1)
        before, after = self.table[:, low], self.table[:, low + 1]
        rows: FloatArray = before + (at - low) * (after - before)
        return rows, np.abs(after[:, 4] - before[:, 4]) / STEP_S

    def parts(self, time_s: float, around: FloatArray | None = None) -> list[Part]:
        """The parts of all on stage, or of those within 150 m of `around` (2,)."""
        rows, speeds = self.states(time_s)
        far = np.zeros(len(rows))
        if around is not None:
            far = np.hypot(rows[:, 0] - around[0], rows[:, 1] - around[1])
        poses = _poses(rows)
        found: list[Part] = []
        for k in np.flatnonzero(far < _FAR):  # NaN is not on stage
            if np.isnan(rows[k, 0]):
                continue
            motion = Motion.MOVING if speeds[k] > _STILL else Motion.MOVABLE
            found += self.actors[k].parts(poses[k], float(rows[k, 4]), motion, float(far[k]))
        return found


def time_grid(duration: float) -> FloatArray:
    """Times (T,) of a timetable that lasts for `duration` seconds."""
    return STEP_S * np.arange(np.ceil(duration / STEP_S) + 2, dtype=np.float64)


def _poses(rows: FloatArray) -> FloatArray:
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    cosine, sine = np.cos(rows[:, 3]), np.sin(rows[:, 3])
    poses[:, 0, 0], poses[:, 0, 1], poses[:, 1, 0], poses[:, 1, 1] = cosine, -sine, sine, cosine
    poses[:, :3, 3] = rows[:, :3]
    return poses
