"""Samples are spread, and what is drawn over them is where it belongs."""

from pathlib import Path

import numpy as np
import pytest

from semloc_ros.datasets.contents import (
    labelled_contents,
    localization_contents,
    pair_contents,
    place_contents,
    shares,
    spread,
)
from semloc_ros.datasets.localization_set import LocalizationSet
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.types import (
    Camera,
    CameraImage,
    ImagePair,
    LabelledImage,
    PlaceImage,
    PosedImage,
)

LENS = Camera("pinhole", 8, 6, 10.0, 10.0, 3.5, 2.5)


def grey():
    return np.full((6, 8), 100, np.uint8)


def test_samples_are_spread_from_the_first_to_the_last():
    assert spread(range(101), 3) == [0, 50, 100]
    assert spread([4, 5], 3) == [4, 5]
    assert shares([100, 2, 50], 12) == [5, 2, 5]
    assert shares([1, 1], 12) == [1, 1]
    assert shares([], 12) == []


def test_localization_sets_are_counted(known_pose):
    posed = [PosedImage(f"m{k}", k, LENS, known_pose.camera_from_map, grey) for k in range(20)]
    found = LocalizationSet(posed, [], [CameraImage("h", 0, LENS, grey)])
    contents = localization_contents(found)
    assert dict(contents.counts) == {
        "mapping images": 20, "queries, poses kept back": 1, "cameras": 1,
    }  # fmt: skip
    assert [one.name for one in contents.samples][-2:] == ["m19", "h"]
    assert len(contents.samples) == 12
    assert contents.poses["mapping"].shape == (20, 4, 4)
    assert "queries" not in contents.poses


def test_missing_files_are_counted_by_folder(known_pose):
    posed = PosedImage("m", 0, LENS, known_pose.camera_from_map, grey)
    missing = [Path(f"{folder}/{k}.jpg") for folder in "abcdefg" for k in range(3 + (folder > "f"))]
    contents = localization_contents(LocalizationSet([posed], missing=missing))
    assert contents.counts["files missing"] == 22
    assert contents.warnings[0] == "g: 4 missing, such as 0.jpg"
    assert contents.warnings[-1] == "6 missing elsewhere"


def test_labels_are_drawn_over_the_image():
    labels = np.full((6, 8), 255, np.uint8)
    labels[0, 0] = 10  # sky
    image = LabelledImage("a", grey, lambda: labels)
    (sample,) = labelled_contents({"train": [image]}).samples
    picture = sample.read()
    assert picture[5, 7].tolist() == [100, 100, 100]
    assert picture[0, 0, 2] > picture[0, 0, 0] + 50  # of the sky's blue
    wrong = LabelledImage("a", grey, lambda: labels[:3])
    (sample,) = labelled_contents({"train": [wrong]}).samples
    with pytest.raises(DatasetError, match="a: expected labels of the image's size"):
        sample.read()


def test_pairs_stand_side_by_side_with_their_points():
    points = np.array([[2.0, 3.0]])
    pair = ImagePair("a", "b", grey, grey, points, points + 1)
    contents = pair_contents([pair])
    assert list(contents.counts.values()) == [1, 1]
    picture = contents.samples[0].read().astype(int)
    assert picture.shape == (6, 16, 3)
    assert np.ptp(picture[3, 2]) > 100
    assert np.ptp(picture[4, 8 + 3]) > 100
    assert np.ptp(picture[0, 7]) == 0


def test_places_look_along_their_heading():
    east = PlaceImage("e", np.array([5.0, 7.0]), np.pi / 2, grey)
    unknown = PlaceImage("u", np.array([1.0, 2.0]), None, grey)
    contents = place_contents({"database": [east, unknown]})
    (pose,) = contents.poses["database"]
    map_from_camera = se3.check_pose("place", se3.inverse(pose))
    assert np.allclose(map_from_camera[:3, 3], [5, 7, 0])
    assert np.allclose(map_from_camera[:3, 2], [1, 0, 0])  # ahead is east
    assert np.allclose(map_from_camera[:3, 1], [0, 0, -1])  # down
    assert contents.positions["database"].tolist() == [[1, 2]]
