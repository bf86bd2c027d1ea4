"""Where the pixels of objects are in the room: what a network that regresses points of the map
learns, the rival of Weinzaepfel et al., CVPR 2019, section 5.1 (OOIs-2D-3D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from semloc_ros.errors import ConfigError, expected
from semloc_ros.maps.objects import MapObjects, ObjectInstance

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_MOVED_M = 1e-3  # corners in two sources that differ by more are another place


@dataclass(frozen=True, slots=True)
class PointsOf:
    """(u, v) of objects as points of the map, less `offset` (3,) metres, over `scale` metres.

    `map_from_uv` (|O| + 1, 4, 3) by label; nothing of label 0.
    """

    map_from_uv: torch.Tensor
    offset: tuple[float, ...]
    scale: float

    def __call__(self, uv: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(3, H, W) of (u, v) (2, H, W) of objects of labels (H, W), 0 where there is none."""
        table = self.map_from_uv.to(uv.device)
        found = torch.zeros((3, *labels.shape), device=uv.device)
        rows, columns = torch.nonzero(labels, as_tuple=True)
        places = torch.cat([uv[:, rows, columns], torch.ones_like(uv[:1, rows, columns])]).double()
        points = torch.einsum("nij,jn->in", table[labels[rows, columns].long()], places)
        metres = points[:3] / points[3:] - uv.new_tensor(self.offset).double()[:, None]
        found[:, rows, columns] = (metres / self.scale).to(found.dtype)
        return found


def points_of(sources: Sequence[MapObjects], names: Sequence[str]) -> PointsOf:
    """What the named objects, in the order of labels, are in the room; it fits into a cube from -1
    to 1. ConfigError for an object that hangs at several places, or at none."""
    places: dict[str, list[ObjectInstance]] = {name: [] for name in names}
    for source in sources:
        for one in source.objects:
            places.setdefault(one.name, []).extend(one.instances)
    table = np.zeros((len(names) + 1, 4, 3))
    corners = []
    for label, name in enumerate(names, 1):
        every = [one.points_map(_CORNERS) for one in places[name]]
        if not every or max(float(abs(one - every[0]).max()) for one in every) > _MOVED_M:
            wanted = f"{name} at one place, for the head points3d"
            raise ConfigError(expected("objects", wanted, f"{len(every)} places"))
        table[label] = places[name][0].map_from_uv
        corners.append(every[0])
    low, high = np.concatenate(corners).min(0), np.concatenate(corners).max(0)
    scale = float((high - low).max() / 2)
    return PointsOf(torch.from_numpy(table), tuple(((low + high) / 2).tolist()), scale)
