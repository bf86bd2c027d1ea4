"""Names of the parts of a street, and what they are split into."""

from __future__ import annotations

import numpy as np

from semloc_ros import classes
from semloc_ros.worlds.rendering.scene import SceneBuilder
from semloc_ros.worlds.street.part_names import ROAD, STOREYS, parent_of, patch_names, suffixes


def names_of(*surfaces: tuple[tuple[int, int, int], int, str]) -> list[str]:
    builder = SceneBuilder()
    for color, label, part in surfaces:
        image = np.full((4, 4, 3), color, np.uint8)
        surface = builder.add_surface(image, label=label, part=part)
        builder.add_rectangle((0, 0, 0), (1, 0, 0), (0, 0, -1), surface, 1)
    return patch_names(builder)


def test_walls_of_like_colours_share_a_name() -> None:
    found = names_of(
        ((150, 80, 60), classes.BUILDING, "brick wall"),
        ((60, 60, 200), classes.BUILDING, "brick wall"),
        ((155, 84, 58), classes.BUILDING, "brick wall"),
        ((150, 80, 60), classes.BUILDING, "plaster wall"),
    )
    assert found == ["building/brick wall 0", "building/brick wall 1", "building/brick wall 0",
                     "building/plaster wall 0"]


def test_colours_of_other_parts_do_not_count() -> None:
    found = names_of(
        ((0, 0, 0), classes.POLE, "lamp"), ((250, 250, 250), classes.POLE, "lamp"),
        ((0, 0, 0), classes.UNKNOWN, "bin"), ((9, 9, 9), classes.FENCE, ""),
    )
    assert found == ["pole/lamp", "pole/lamp", "street/bin", "fence/other"]


def test_what_is_split_by_place() -> None:
    assert suffixes("building/sash window") == STOREYS
    assert suffixes("building/brick wall 2") == STOREYS
    assert suffixes("building/dormer window") == ("",)
    assert suffixes("wall/brick wall 0") == ("",)
    assert suffixes("road/carriageway") == ROAD


def test_parents() -> None:
    assert parent_of("traffic sign/back") == classes.NAMES.index("traffic sign")
    assert parent_of("sky") == classes.SKY
    assert parent_of("street/bin") == classes.UNKNOWN
