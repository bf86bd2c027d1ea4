"""What others need to know of a street: where one drives, walks and parks, and what is of interest.

Map frame: x east, y north, z up, metres; the carriageway lies at z = 0, sidewalks at
`SIDEWALK_HEIGHT`. Traffic drives on the right; the drive runs counter-clockwise round the block,
so that its right-hand side is the outer one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.lighting import Lamp
from semloc_ros.worlds.rendering.scene import Mesh

SIDEWALK_HEIGHT = 0.12


@dataclass(frozen=True, slots=True)
class Lane:
    """The middle `xy` (N, 2) of a lane in driving direction; a closed one goes from its last point
    to its first. Corners are sharp: who drives rounds them. `kind`: "car", "tram" or "bike"."""

    xy: FloatArray
    closed: bool
    kind: str


@dataclass(frozen=True, slots=True)
class PlanarObject:
    """A sign, poster or billboard: `corners_map` (4, 3) top left, top right, bottom right, bottom
    left; `texture` (H, W, 3) its picture, texel corners on those corners; ids are those of the
    scene's patches."""

    object_id: int
    instance: int
    corners_map: FloatArray
    texture: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Swaying:
    """What the wind moves: `mesh` in its own frame, which stands at `pivot_map` (4, 4)
    (map_from_mesh at rest) and turns about its origin by at most `amplitude_rad`."""

    mesh: Mesh
    pivot_map: FloatArray
    amplitude_rad: float
    instance: int


@dataclass(frozen=True, slots=True)
class ClipView:
    """Where a static camera stands: `map_from_camera` (4, 4), optical frame."""

    name: str
    map_from_camera: FloatArray


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """`drive_xy` (N, 2) corners of the ego's closed loop in its lane; `walks` lines (N, 2) of
    pedestrians along sidewalks and over crossings; `parking` (K, 3) x, y, heading of kerb slots
    for cars of up to 4.9 m; `lamps` those that are lit; `objects` planar objects of
    interest, numbered from 1; `swaying` is not part of the still scene."""

    drive_xy: FloatArray
    lanes: tuple[Lane, ...]
    walks: tuple[FloatArray, ...]
    parking: FloatArray
    lamps: tuple[Lamp, ...]
    objects: tuple[PlanarObject, ...]
    swaying: tuple[Swaying, ...]
    clip_views: tuple[ClipView, ...]
