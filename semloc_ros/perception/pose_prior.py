"""From one image to a coarse pose of its camera in the map, by a pose network trained in that map
(`semloc train pose`), and how far off it may be.

A place as `place_retriever` finds them, but of no view of the map: the localizer looks there first,
and believes nothing that features or labels do not confirm.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.backends import BackendConfig
from semloc_ros.errors import ConfigError, InputError, MapError, expected
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_inputs import pose_planes, poses_from
from semloc_ros.networks.row_backends import RowBackend, open_row_backend
from semloc_ros.perception.features import check_contrast, check_image
from semloc_ros.types import FloatArray, LabelMap, Places

_NO_VIEW = -1
_SURE = 3.0  # sigma, beyond the views of a map, within which a model's place is the map's
_LEAST_SHARE = 0.5  # of the network's input: of a smaller image most of it would be made up


class PoseRegressor:
    """Poses of images in the map of one model. Not thread-safe.

    `covariance` (6, 6), of `map_from_camera` as in `types`, is that of the model's errors on its
    validation images, the same for every image: the network does not know when it errs. `needs`
    and `stage_ms` are as of `place_retriever.PlaceRetriever`.
    """

    needs: Collection[str] = ("image",)

    def __init__(self, backend: RowBackend[PoseAbout]) -> None:
        self._backend, self.about = backend, backend.about
        self.name, self.computed_by = backend.about.name, backend.computed_by
        self.covariance: FloatArray = np.diag(np.square(backend.about.spread))
        self.stage_ms: dict[str, float] = {}
        self._bounds: FloatArray | None = None

    def estimate(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """`map_from_camera` (4, 4) and its covariance (6, 6), of an image (H, W, 3) RGB or (H, W).

        `mask` (H, W), 0 = static, is for models that were trained on masked images; others see the
        image as it is. InputError for an image or a mask that is none, an image of one colour, and
        one that is too small to show anything to the network.
        """
        self._check_image(image)
        started = time.perf_counter()
        planes = pose_planes(image, mask if self.about.masked else None, self.about)
        prepared = time.perf_counter()
        found = self._backend.rows(planes[None])
        pose = poses_from(found, self.about.position_offset)[0]
        ended = time.perf_counter()
        self.stage_ms = {"planes": 1e3 * (prepared - started), "network": 1e3 * (ended - prepared)}
        return pose, self.covariance

    def retrieve(
        self,
        stamp_ns: int,
        image: NDArray[np.uint8],
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
        odom_from_camera: FloatArray | None = None,
    ) -> Places:
        """`estimate` as the one place of an image; labels and odometry are not looked at."""
        return as_places(stamp_ns, *self.estimate(image, mask))

    def check_in_map(self, map_from_view: FloatArray) -> None:
        """MapError unless the middle of the model's training images lies among the views (V, 4, 4),
        or beside them by no more than its errors, and than the views lie apart: a model that errs
        by more than the whole map would fit every map. `outside_m` is of these bounds then.

        More is not known: a map of other coordinates around the same numbers passes.
        """
        centres, middle = map_from_view[:, :3, 3], np.array(self.about.position_offset)
        sigma = math.hypot(*self.about.spread[:2])
        extent = float(np.linalg.norm(np.ptp(centres, axis=0)))
        margin = min(_SURE * sigma, max(extent, sigma))
        bounds = np.stack([centres.min(0) - margin, centres.max(0) + margin])
        if _beyond(middle, bounds) > 0:
            where, *corners = (", ".join(f"{one:.1f}" for one in end) for end in (middle, *bounds))
            wanted = f"views around {where}, where {self.name} was trained"
            raise MapError(expected("map", wanted, " to ".join(corners)))
        self._bounds = bounds

    def outside_m(self, map_from_camera: FloatArray) -> float:
        """Metres that a pose (4, 4) lies outside of the bounds of the map of `check_in_map`, its
        margin included; 0 inside, and where no map was looked at."""
        return 0.0 if self._bounds is None else _beyond(map_from_camera[:3, 3], self._bounds)

    def _check_image(self, image: NDArray[np.uint8]) -> None:
        check_image(image)
        height, width = image.shape[:2]
        least = [math.ceil(_LEAST_SHARE * side) for side in (self.about.width, self.about.height)]
        if width < least[0] or height < least[1]:
            wanted = f"at least {least[0]}x{least[1]} pixels, half of what {self.name} sees"
            raise InputError(expected("image", wanted, f"{width}x{height}"))
        check_contrast(image)


def _beyond(point: FloatArray, bounds: FloatArray) -> float:
    """Metres from a point (3,) to a box (2, 3), its lower and upper corner; 0 inside."""
    return float(np.linalg.norm(np.maximum(np.maximum(bounds[0] - point, point - bounds[1]), 0.0)))


def as_places(stamp_ns: int, map_from_camera: FloatArray, covariance: FloatArray) -> Places:
    """One place of no view, from a pose (4, 4) and its covariance (6, 6)."""
    sigmas = np.sqrt(np.diag(covariance))
    spread = [np.sqrt((sigmas[0] ** 2 + sigmas[1] ** 2) / 2), sigmas[5]]
    views = np.array([_NO_VIEW], np.int64)
    return Places(stamp_ns, map_from_camera[None], np.ones(1), views, np.array([spread]))


def load_pose_regressor(model: str | Path, config: BackendConfig | None = None) -> PoseRegressor:
    """The regressor of a model by name (models/) or file (.safetensors or .onnx).

    Raises ModelError for a model that is not there, damaged or of another kind, ConfigError for
    options that do not fit it, EnvironmentFault for what the machine lacks.
    """
    config = config or BackendConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model of poses", "''"))
    path = find_model(Path(model).expanduser())
    return PoseRegressor(
        open_row_backend(path, PoseAbout, config.backend, config.device, config.threads)
    )
