"""Each fault that a check looks for is found, and nothing else is."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.checking import check_contents, opened
from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.errors import DatasetError
from semloc_ros.maps.image_files import read_image
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
    lost, far = np.eye(4), np.eye(4)
    lost[0, 3], far[1, 3] = np.nan, 1e300
    poses = {"a": np.stack([np.eye(4), bent]), "b": lost[None], "c": np.stack([np.eye(4), far])}
    contents = DatasetContents({}, (), poses, names={"a": ("x", "y", "x")})
    found = checked(contents)
    assert found["names"] == (False, "1 more than once, such as x")
    assert not found["poses, a"][0]
    assert found["poses, a"][1].startswith("pose 1: expected a rotation matrix")
    assert found["poses, b"] == (False, "pose 0: expected finite numbers, got NaN or infinity")
    assert found["poses, c"][1].startswith("pose 1: expected a camera within 1e+08 m")
    assert found["samples"] == (True, "no images")


def test_positions_are_measured_and_those_far_outside_found():
    near = np.array([[5e5, 4e6], [5e5 + 10, 4e6 + 2]])
    contents = DatasetContents({}, (), positions={"a": near, "b": np.array([[0.0, 1e300]])})
    found = checked(contents)
    assert found["positions, a"] == (True, "2 over 10.0 x 2.0 m")
    assert found["positions, b"][0] is False


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_an_image_that_was_cut_is_found_and_the_decoder_is_silent(tmp_path, capfd, ending):
    path = tmp_path / f"a{ending}"
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    contents = DatasetContents({}, (Sample("a", partial(read_image, path)),))
    assert checked(contents)["samples"] == (True, "1 read")
    path.write_bytes(path.read_bytes()[:-300])
    passed, found = checked(contents)["samples"]
    assert not passed and "expected a" in found
    assert capfd.readouterr().err == ""


def test_a_path_that_cannot_be_is_a_fault_of_the_sample():
    found = opened(Sample("a", lambda: Path("a" * 300).stat()))
    assert found == f"{'a' * 300}: expected an image, got File name too long"
