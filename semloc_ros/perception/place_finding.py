"""One door to everything that tells where in a map an image may have been taken: models that find
its views again, and networks that regress the pose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import RetrieverConfig
from semloc_ros.config.backends import BackendConfig
from semloc_ros.geometry import se3
from semloc_ros.maps.storage import load_map
from semloc_ros.networks.backends import said_of
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.perception.gradient_places import NAME as GRADIENTS
from semloc_ros.perception.hybrids import find_hybrid
from semloc_ros.perception.place_retriever import PlaceRetriever
from semloc_ros.perception.pose_prior import PoseRegressor, load_pose_regressor
from semloc_ros.types import FloatArray, LabelMap, Places


class PlaceFinder(Protocol):
    """`place_retriever.PlaceRetriever` or `pose_prior.PoseRegressor`."""

    @property
    def needs(self) -> Collection[str]: ...

    @property
    def stage_ms(self) -> Mapping[str, float]: ...

    def retrieve(
        self,
        stamp_ns: int,
        image: NDArray[np.uint8],
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
        odom_from_camera: FloatArray | None = None,
    ) -> Places: ...


def open_finder(map_folder: Path, config: RetrieverConfig) -> PlaceFinder:
    """What finds places by `config.models` in a map: a regressor, where that is one model of poses
    (of the options it takes those of the `describer` that say what computes), else a retriever.

    Raises the errors of `PlaceRetriever.open` and `open_regressor`.
    """
    if not _is_of_poses(config.models):
        return PlaceRetriever.open(map_folder, config)
    return open_regressor(map_folder, config.models, config.describer)


def open_regressor(map_folder: Path, model: str, config: BackendConfig) -> PoseRegressor:
    """A model of poses for a map, of which only the views are looked at. Raises MapError for a map
    that is none, or not the one that it was trained in; the errors of `load_pose_regressor`."""
    regressor = load_pose_regressor(model, config)
    semantic_map = load_map(map_folder, verify=False)
    regressor.check_in_map(se3.inverse(np.asarray(semantic_map.camera_from_map)))
    return regressor


def _is_of_poses(models: str) -> bool:
    if "," in models or models in ("", GRADIENTS) or find_hybrid(models) is not None:
        return False
    return isinstance(said_of(find_model(Path(models).expanduser())), PoseAbout)
