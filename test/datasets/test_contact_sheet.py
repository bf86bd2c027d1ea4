"""What is up, that the view from above is no mirror image, and that arrows point ahead."""

import warnings

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.contact_sheet import draw_contact_sheet, upward, view_from_above
from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3


def cameras(tilt, headings):
    """Cameras that look along `headings` (from x to y of a z-up map) and down by `tilt`."""
    poses = []
    for heading in headings:
        right = [np.sin(heading), -np.cos(heading), 0.0]
        level = np.array([np.cos(heading), np.sin(heading), 0.0])
        ahead = level * np.cos(tilt) - np.array([0, 0, np.sin(tilt)])
        poses.append(se3.make_pose(np.stack([right, np.cross(ahead, right), ahead]), np.zeros(3)))
    return np.stack(poses)


@pytest.mark.parametrize("tilt", [0.0, 0.5, -0.5])
def test_up_is_found_from_cameras_that_turn_whatever_they_look_at(tilt):
    poses = cameras(tilt, np.linspace(0.0, 1.0, 7))
    assert np.allclose(upward(poses), [0, 0, 1], atol=1e-9)
    turned = se3.exp(np.array([0, 0, 0, 0.3, -0.2, 0.1]))
    assert np.allclose(upward(poses @ se3.inverse(turned)), turned[:3, 2], atol=1e-9)


def test_cameras_that_never_turn_have_their_own_up():
    assert np.allclose(upward(cameras(0.0, [0.4, 0.4])), [0, 0, 1])


@pytest.mark.parametrize("up", [[0, 0, 1], [0, -1, 0], [1, 0, 0], [0.6, 0.0, 0.8], [0, 0.6, -0.8]])
def test_the_view_from_above_is_no_mirror_image(up):
    up = np.array(up, float)
    plane, _ = view_from_above(up)
    assert np.allclose(plane @ plane.T, np.eye(2))
    assert np.allclose(np.cross(*plane), up, atol=0.1)


def test_axes_of_the_map_are_named():
    plane, names = view_from_above(np.array([0.0, -1.0, 0.0]))  # a map whose y is down
    assert names == ("x (m)", "z (m)")
    assert plane.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_arrows_point_where_cameras_look(tmp_path, known_pose):
    """One camera, which looks along +x: blue is right of the middle, not left of it."""
    contents = DatasetContents({"images": 1}, (), {"mapping": known_pose.camera_from_map[None]})
    draw_contact_sheet("one", contents, tmp_path / "sheet.png")
    picture = cv2.imread(str(tmp_path / "sheet.png")).astype(int)
    blue = picture[..., 0] - picture[..., 2] > 60
    height, width = blue.shape
    rows, columns = np.nonzero(blue)
    near = np.abs(rows - height / 2) < height / 6  # without the legend
    dot = np.median(columns[near & (columns < columns[near].min() + 4)])
    assert columns[near].max() - dot > 15
    assert abs(dot - width / 2) < width / 10


def test_poses_far_outside_and_names_that_look_like_formulas_do_no_harm(tmp_path):
    far = np.eye(4)
    far[0, 3] = 1e300
    sample = Sample("a$_b$^{ 空.jpg", lambda: np.zeros((6, 8), np.uint8))
    contents = DatasetContents({"images": 1}, (sample,), {"mapping": far[None]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_contact_sheet("空$x^", contents, tmp_path / "sheet.png")
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


def test_samples_that_cannot_be_read_say_why(tmp_path):
    def fail():
        raise DatasetError("a.jpg: expected an image, got no such file")

    good = Sample("b", lambda: np.full((60, 80, 3), (10, 200, 10), np.uint8))
    path = tmp_path / "sheet.png"
    draw_contact_sheet("x", DatasetContents({"images": 2}, (Sample("a", fail), good)), path)
    picture = cv2.imread(str(path))
    assert (picture == (10, 200, 10)).all(axis=2).mean() > 0.05
    positions = {"database": np.array([[0.0, 0.0], [5.0, 5.0]])}
    draw_contact_sheet("x", DatasetContents({}, (good,), positions=positions), path)
    assert cv2.imread(str(path)).shape[1] > picture.shape[1]
