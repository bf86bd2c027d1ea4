"""First hits of many rays by embree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros.types import FloatArray

Directions = FloatArray | NDArray[np.float32]


class RayCaster:
    """Triangles (T, 3, 3) in metres, ready to be hit; rays are cast in float32."""

    def __init__(self, triangles: FloatArray) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self._scene = EmbreeScene()
        self._mesh = TriangleMesh(self._scene, triangles.astype(np.float32))

    def first_hits(self, origins: Directions, directions: Directions) -> NDArray[np.int32]:
        """Triangle (N,) that each ray hits first, or -1. `origins` is (3,) or (N, 3)."""
        hits: NDArray[np.int32] = self._scene.run(*_rays(origins, directions), query="INTERSECT")
        return hits

    def blocked(self, origins: Directions, directions: Directions) -> NDArray[np.bool_]:
        """Whether each ray (N,) hits anything. `directions` is (3,) or (N, 3)."""
        ends = np.empty(origins.shape, dtype=np.float32)
        ends[:] = directions
        return np.asarray(self._scene.run(*_rays(origins, ends), query="OCCLUDED") >= 0)

    def distances(
        self, origins: Directions, directions: Directions, farthest: float
    ) -> NDArray[np.float32]:
        """Distance (N,) to the first hit of unit directions, at most `farthest`."""
        reach = np.full(len(directions), farthest, dtype=np.float32)
        found: NDArray[np.float32] = self._scene.run(
            *_rays(origins, directions), reach, query="DISTANCE"
        )
        return np.asarray(np.minimum(found, farthest), dtype=np.float32)


def _rays(
    origins: Directions, directions: Directions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ends = np.ascontiguousarray(directions, dtype=np.float32)
    starts = np.empty_like(ends)
    starts[:] = origins
    return starts, ends
