"""Each fault that a check looks for is found, and nothing else is."""

import numpy as np
import pytest

from semloc_ros.datasets.checking import check_contents
from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.errors import DatasetError
from semloc_ros.types import Camera

LENS = Camera("pinhole", 8, 6, 10.0, 10.0, 3.5, 2.5)


def broken():
    raise DatasetError("b.jpg: expected an image, got no such file")


def image(width=8):
    return lambda: np.zeros((6, width, 3), np.uint8)


def checked(contents):
    return {one.check: (one.passed, one.found) for one in check_contents(contents)}


def test_a_whole_data_set_passes(known_pose):
    poses = np.stack([known_pose.camera_from_map, np.eye(4), np.eye(4)])
    contents = DatasetContents(
        {}, (Sample("a", image(), LENS),), {"mapping": poses}, names={"mapping": ("a", "b")}
    )
    assert checked(contents) == {
        "samples": (True, "1 read, of the camera's size"),
        "names": (True, "2, all different"),
        "poses, mapping": (True, "3 rigid, over 1.0 x 2.0 x 3.0 m, 1 the same as another"),
    }


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        (Sample("b", broken), "1 of 2: b.jpg: expected an image, got no such file"),
        (Sample("c", image(9), LENS), "1 of 2: c: expected 8x6, got 9x6"),
    ],
)
def test_a_broken_sample(sample, found):
    contents = DatasetContents({}, (Sample("a", image(), LENS), sample))
    assert checked(contents) == {"samples": (False, found)}


def test_repeated_names_and_poses_that_are_none():
    bent = np.eye(4)
    bent[0, 0] = 2.0
    lost = np.eye(4)
    lost[0, 3] = np.nan
    contents = DatasetContents(
        {}, (), {"a": np.stack([np.eye(4), bent]), "b": lost[None]}, names={"a": ("x", "y", "x")}
    )
    found = checked(contents)
    assert found["names"] == (False, "1 more than once, such as x")
    assert not found["poses, a"][0]
    assert found["poses, a"][1].startswith("pose 1: expected a rotation matrix")
    assert found["poses, b"] == (False, "pose 0: expected finite numbers, got NaN or infinity")
    assert found["samples"] == (True, "no images")
