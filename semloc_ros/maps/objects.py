"""Objects of interest of a map: planar things that are found again (Weinzaepfel et al., "Visual
Localization by Learning Objects-of-Interest Dense Match Regression", CVPR 2019, section 3.1).

An object has one reference image, in which (u, v) name a place: (0, 0) its top-left corner, (1, 1)
its bottom-right one. Each instance says where in the map that place is, by `map_from_uv` (4, 3):
the homogeneous point is `map_from_uv @ (u, v, 1)`. That is the paper's M_o; of a reference image
that a camera took slantwise it is no affine mapping, but still one between planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Sighting:
    """An instance as the map's view `view` (a row) saw it.

    `image_from_uv` (3, 3): ideal pixel ~ `image_from_uv @ (u, v, 1)`, that is, of the view's camera
    without distortion (`cameras.undistort_points`): lenses bend straight lines. Its last row is
    positive where the object is before the camera. `num_matches` points of the map inside the
    object it was fitted to, `num_inliers` those that agree; 0 where it comes from truth.
    """

    view: int
    image_from_uv: FloatArray
    num_matches: int = 0
    num_inliers: int = 0


@dataclass(frozen=True, slots=True)
class ObjectInstance:
    """Where one object hangs: `map_from_uv` (4, 3), see top, and the views that saw it."""

    map_from_uv: FloatArray
    sightings: tuple[Sighting, ...] = ()

    def points_map(self, points_uv: FloatArray) -> FloatArray:
        """Of places (N, 2) of the reference image those in the map (N, 3), metres."""
        homogeneous = np.c_[points_uv, np.ones(len(points_uv))] @ self.map_from_uv.T
        return np.asarray(homogeneous[:, :3] / homogeneous[:, 3:])


@dataclass(frozen=True, slots=True)
class ObjectOfInterest:
    """One object, at one place or at several.

    `name` is unique in its map; `title`, `text` and `url` are told with every find; `reference`
    (H, W, 3) uint8 RGB; `mask` (H, W) uint8, 255 = the object, 0 = beside it.
    """

    name: str
    reference: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    instances: tuple[ObjectInstance, ...]
    title: str = ""
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class MapObjects:
    """All objects of a map, in the order of their rows."""

    objects: tuple[ObjectOfInterest, ...]

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of rows."""
        return tuple(one.name for one in self.objects)
