"""How the localizer itself finds places: votes of features for the views of its map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from place_methods import Values
from place_sets import AGAINST_MAP, Pair, PlaceSet, Shot
from reporting import progress

from semloc_ros.config import LocalizerConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.perception.features import RootSift

NAME = "votes of features"
_SAME_M, _SAME_RAD = 0.2, 0.1


def vote_scores(one: PlaceSet, folder: Path) -> dict[Pair, Values]:
    """Scores of the pairs against the drive that the map in `folder` was made of, whose images are
    known by their poses; views of another camera are left out."""
    config, semantic_map = LocalizerConfig(), load_map(folder)
    extract = RootSift(config.features).extract
    matcher = PointMatcher(semantic_map, config.matching, seed=0)
    found = {}
    for queries, database in one.groups[AGAINST_MAP]:
        views = views_of(semantic_map, one.drives[database])
        with progress() as bar:
            tracked = bar.track(one.drives[queries], description=f"{queries}: {NAME}")
            rows = [matcher.view_scores(extract(shot.read()))[views] for shot in tracked]
        found[queries, database] = np.stack(rows)
    return found


def views_of(semantic_map: SemanticMap, shots: Sequence[Shot]) -> Values:
    """The row of the map's view (N,) that each shot is; DatasetError if one is none."""
    poses = se3.inverse(semantic_map.camera_from_map)
    rows = []
    for shot in shots:
        assert shot.map_from_camera is not None
        away, turned = se3.pose_error(poses, shot.map_from_camera)
        row = int((away + turned).argmin())
        if away[row] > _SAME_M or turned[row] > _SAME_RAD:
            raise DatasetError(expected("--map", f"a view where {shot.name} was taken", "none"))
        rows.append(row)
    return np.array(rows)
