"""Marks of objects as people make them: read, and refused in one line."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hung_pictures import hang

from semloc_ros.errors import DatasetError
from semloc_ros.geometry import cameras
from semloc_ros.learning.annotation_files import read_marks
from semloc_ros.learning.object_annotation import cropped


@pytest.fixture(scope="module")
def wall():
    return hang()


def entry(wall, **more):
    return {"image": "left/002.png", "polygon": wall.polygon(0, 2).tolist()} | more


def read(wall, tmp_path, content, **more):
    path = tmp_path / "objects.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_marks(path, wall.semantic_map, **more)


def test_polygons_and_words_are_read(wall, tmp_path):
    one, two = read(wall, tmp_path, {"objects": {
        "a": entry(wall, title="A", text="of the wall", url="https://a.example"),
        "b": entry(wall, **{"image": "003.png", "class": "poster"}),
    }})  # fmt: skip
    assert (one.entry, one.name, one.view, one.title) == ("a", "a", 2, "A")
    assert (one.text, one.url) == ("of the wall", "https://a.example")
    assert (two.entry, two.name, two.view, two.title) == ("b", "poster", 3, "")
    ideal = cameras.undistort_points(wall.camera, wall.polygon(0, 2))
    assert np.abs(ideal.min(axis=0) - one.corner).max() <= 0.5
    assert np.abs(np.ptp(ideal, axis=0) + 1 - one.mask.shape[::-1]).max() <= 1
    x, y = ideal.T
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert abs((one.mask > 0).sum() - area) < 0.05 * area


def test_a_png_mask_is_the_same_as_its_polygon(wall, tmp_path):
    white = np.zeros((240, 320), np.uint8)
    cv2.fillPoly(white, [np.rint(wall.polygon(0, 2) * 16).astype(np.int32)], 7, shift=4)
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), white)
    content = {"objects": {"a": {"image": "left/002.png", "mask": "a.png"}, "b": entry(wall)}}
    a, b = read(wall, tmp_path, content, masks=tmp_path / "masks")
    assert np.abs(np.subtract(a.corner, b.corner)).max() <= 1
    assert abs(int((a.mask > 0).sum()) - int((b.mask > 0).sum())) < 0.05 * (b.mask > 0).sum()


def test_the_reference_is_what_a_camera_without_distortion_sees(wall, tmp_path):
    (mark,) = read(wall, tmp_path, {"objects": {"a": entry(wall)}})
    reference = cropped(wall.image(2), wall.camera, mark)
    x, y = 30, 20
    ideal = np.array([[x + mark.corner[0], y + mark.corner[1], 1.0]])
    ray = ideal @ np.linalg.inv(cameras.intrinsic_matrix(wall.camera)).T
    at = np.rint(cameras.project(wall.camera, ray)[0][0]).astype(int)
    assert np.abs(reference[y, x].astype(int) - wall.image(2)[at[1], at[0]]).max() < 60
    grey = cropped(wall.image(2)[..., 0], wall.camera, mark)
    assert grey.shape == reference.shape and np.array_equal(grey[..., 2], reference[..., 0])


@pytest.mark.parametrize(("change", "line"), [
    ({"image": "left/099.png"}, "a image: expected the name of a view of the map, got left/099"),
    ({"image": 3}, "a entry: expected an image and a polygon or a mask"),
    ({"polygon": [[0, 0], [1, 1]]}, "a polygon: expected three points [x, y] or more"),
    ({"polygon": [["x", 0]]}, "a polygon: expected three points"),
    ({"polygon": [[10, 10], [400, 10], [10, 90]]}, "points in the image of 320x240, got [400.0,"),
    ({"polygon": [[10, 10], [float("nan"), 10], [10, 90]]}, "points in the image of 320x240"),
    ({"polygon": [[10, 10], [13, 10], [10, 90]]}, "expected an object of 8 pixels or more on each"),
    ({"mask": "b.png"}, "expected a polygon or a mask, got both"),
    ({"colour": "red"}, "got colour"),
])  # fmt: skip
def test_what_is_no_mark_is_one_line(wall, tmp_path, change, line):
    with pytest.raises(DatasetError) as caught:
        read(wall, tmp_path, {"objects": {"a": entry(wall, **change)}})
    assert line in str(caught.value) and "objects.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "line"), [
    ("{", 'expected {"objects": {NAME: …}}'),
    ("[]", 'expected {"objects": {NAME: …}}'),
    ('{"objects": {}}', "objects: expected entries by name, got none"),
    ('{"objects": {"a": {}, "a": {}}}', "a twice"),
    ('{"objects": {"a": 1}, "pixel_convention": "corner"}', "pixel_convention: expected that"),
    ('{"objects": {"a": {"image": "left/002.png"}}}', "a polygon or a mask, got neither"),
])  # fmt: skip
def test_broken_files_are_one_line(wall, tmp_path, content, line):
    with pytest.raises(DatasetError) as caught:
        read(wall, tmp_path, content)
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("mask", "line"), [
    (None, "no such file"),
    (np.zeros((240, 320), np.uint8), "got 320x240, all 0"),
    (np.ones((240, 319), np.uint8), "expected 320x240 pixels, some of them not 0, got 319x240"),
])  # fmt: skip
def test_broken_masks_are_one_line(wall, tmp_path, mask, line):
    if mask is not None:
        cv2.imwrite(str(tmp_path / "a.png"), mask)
    with pytest.raises(DatasetError) as caught:
        read(wall, tmp_path, {"objects": {"a": {"image": "left/002.png", "mask": "a.png"}}})
    assert line in str(caught.value) and "\n" not in str(caught.value)
