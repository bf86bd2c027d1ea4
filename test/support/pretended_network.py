"""A network of objects that knows where they are, and errs as it is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from planar import CORNERS

from semloc_ros.geometry import homographies
from semloc_ros.networks.object_about import ObjectAbout
from semloc_ros.networks.object_inputs import ObjectFinds
from semloc_ros.types import FloatArray

_GRID = 56


class PretendedBackend:
    """Finds what lies `image_from_uv` in images of short side `short_side`, the names in order;
    (u, v) are off by `astray`, alike over the whole object, and by noise of `sigma`."""

    computed_by = "knowledge"

    def __init__(
        self, lies: Mapping[str, FloatArray], short_side: int, astray: float = 0.02,
        sigma: float = 0.01, scores: tuple[float, ...] = (), head: str = "dense",
    ) -> None:  # fmt: skip
        self.about = ObjectAbout(
            "hall", "mobile", head=head, short_side=short_side, names=tuple(lies)
        )
        self._lies, self._astray, self._sigma = tuple(lies.values()), astray, sigma
        self._scores = np.array(scores or [0.9] * len(lies), np.float32)
        self.images: list[NDArray[np.float32]] = []

    def find(self, images: NDArray[np.float32]) -> ObjectFinds:
        """See `networks.object_backends.ObjectBackend`."""
        self.images.append(images)
        rng = np.random.default_rng(2)
        boxes, masks, values = [], [], []
        for image_from_uv in self._lies:
            ends = homographies.apply(image_from_uv, CORNERS) + 0.5
            box = np.concatenate([ends.min(0), ends.max(0)])
            steps = (np.arange(_GRID) + 0.5) / _GRID
            x, y = np.meshgrid(*(box[i] + steps * (box[i + 2] - box[i]) for i in (0, 1)))
            cells = np.stack([x, y], axis=-1) - 0.5
            uv = homographies.apply(homographies.inverse(image_from_uv), cells)
            masks.append(((uv > 0) & (uv < 1)).all(-1).astype(np.float32))
            off = self._astray * np.array([1.0, -0.7]) + rng.normal(0.0, self._sigma, uv.shape)
            boxes.append(box)
            values.append(np.moveaxis(np.nan_to_num(uv) + off, -1, 0))
        stacked = np.array(boxes, np.float32)
        return ObjectFinds(
            stacked, np.arange(1, len(self._lies) + 1), self._scores, stacked, np.array(masks),
            np.array(values, np.float32),
            np.full((len(boxes), _GRID, _GRID), self._astray, np.float32),
        )  # fmt: skip
