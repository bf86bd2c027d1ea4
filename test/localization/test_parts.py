"""A robot's parts, made of a map: with labels in it they know labels, without they do without."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from semloc_ros.config import FilterConfig, LabelsConfig, LocalizerNodeConfig
from semloc_ros.errors import ConfigError
from semloc_ros.localization.outcomes import Outcome, Sighting
from semloc_ros.localization.parts import make_localizer, make_session
from semloc_ros.localization.serving import serve
from semloc_ros.maps import labelling
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Frame

LABELS = 3
CONFIG = LocalizerNodeConfig(filter=FilterConfig(labels=LabelsConfig(max_entropy_bits=16.0)))


def stripes(height: int, width: int) -> np.ndarray:
    rows = np.arange(height, dtype=np.uint8) // 8 % LABELS
    return np.repeat(rows[:, None], width, axis=1)


def labelled(semantic_map: SemanticMap) -> SemanticMap:
    def read(name: str) -> np.ndarray:
        camera = semantic_map.camera_of(semantic_map.view_names.index(name))
        return stripes(camera.height, camera.width)

    def all_stay(in_matches: np.ndarray, in_pixels: np.ndarray) -> np.ndarray:
        return np.ones(len(in_pixels), bool)

    return labelling.label_map(semantic_map, read, LABELS, choose_stationary=all_stay)


def black_frame(semantic_map: SemanticMap, config: LocalizerNodeConfig) -> Outcome:
    """What a new robot of the map makes of an image in which there is nothing but labels, where
    it was told to be."""
    localizer = make_localizer(semantic_map, config)
    session = make_session(localizer, config)
    session.set_pose(np.linalg.inv(semantic_map.camera_from_map[0]), np.eye(6) * 1e-4)
    camera = semantic_map.camera_of(0)
    image = np.zeros((camera.height, camera.width), np.uint8)
    frame = Frame(1, image, camera, labels=stripes(*image.shape))
    return serve(localizer, session, frame, Sighting(1, np.eye(4), np.eye(4)), {}).outcome


def test_labels_of_a_map_are_asked_by_the_methods_that_use_them(corner_map: SemanticMap) -> None:
    with_labels = labelled(corner_map)
    found = black_frame(with_labels, CONFIG)
    assert found.tracked is not None and len(found.tracked.particles) > 100
    assert black_frame(corner_map, CONFIG).tracked is None
    features_only = LocalizerNodeConfig(filter=CONFIG.filter, method="pnp")
    assert black_frame(with_labels, features_only).tracked is None


def has_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_before_the_first_frame(corner_map: SemanticMap) -> None:
    config = LocalizerNodeConfig(filter=FilterConfig(device="cuda"))
    assert make_localizer(corner_map, config).semantics is None  # nothing is weighed
    with pytest.raises(ConfigError, match="filter.device: expected a GPU"):
        make_localizer(labelled(corner_map), config)


@pytest.mark.parametrize("method", ["ssmc", "gsmc", "pfsl"])
def test_a_method_by_labels_wants_a_map_that_has_some(method: str, corner_map) -> None:
    with pytest.raises(ConfigError, match=f"map: expected points with labels .* method {method}"):
        make_localizer(corner_map, LocalizerNodeConfig(method=method))
