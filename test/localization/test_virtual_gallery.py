"""Rendered museum with exact poses: queries with people and lenses of their own."""

import numpy as np

from semloc_ros.config import LocalizerConfig, MapBuilderConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Frame, PoseEstimate


def test_both_queries_are_localized_to_a_centimetre(shared_data, tmp_path):
    folder = shared_data("virtual_gallery")
    building, config = MapBuilderConfig(), LocalizerConfig()
    mapping, queries = read_kapture(folder / "mapping"), read_kapture(folder / "query")
    assert (len(mapping), len(queries)) == (12, 2)
    extract = RootSift(building.features).extract
    localizer = Localizer(build_map(mapping, extract, building, tmp_path / "map"), config)
    for query in queries:
        result = localizer.localize(Frame(query.stamp_ns, query.read(), query.camera))
        assert isinstance(result, PoseEstimate), result
        found, truth = se3.inverse(np.stack([result.camera_from_map, query.camera_from_map]))
        distance, angle = se3.pose_error(found, truth)
        assert distance <= 0.010, query.name
        assert np.degrees(angle) <= 0.15, query.name
